//! What is about security: pure functions from what has happened to the alerts that nobody can turn off.

mod found;

use serde::{Deserialize, Serialize};
use strongroom_catalog::{NewAlert, Severity, SourceName};

use found::{
    Found, brake_confirmed, deleted, expire_held, key_slot, many_changed, minimums_off,
    retention_cut, soft_delete, sources_dropped,
};

/// So many changed files at once are suspicious only beyond this number.
pub const MANY_FILES_COUNT: u64 = 1000;
/// And only when they are more than this share of the files that were there, percent.
pub const MANY_FILES_PERCENT: u64 = 50;
/// And only when they are more than so many times what the runs before have changed, by their median.
pub const MANY_FILES_TIMES: u64 = 5;

/// How much a backup found changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Files that the previous point has.
    pub before_count: u64,
    /// Of these, files whose content is another one now.
    pub changed_count: u64,
    /// Of these, files that are there no more: what is renamed is gone under its old name.
    pub gone_count: u64,
}

impl Run {
    fn touched_count(self) -> u64 {
        self.changed_count.saturating_add(self.gone_count)
    }
}

/// Something that has happened and matters for security.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityEvent {
    /// A person, not the policy, has deleted points.
    PointsDeleted {
        /// Whose points; `None` for several sources.
        source: Option<SourceName>,
        /// How many.
        points_count: u64,
        /// They cannot be undeleted.
        is_final: bool,
    },
    /// The policy keeps less than before.
    RetentionCut {
        /// Whose policy; `None` for that of the whole machine.
        source: Option<SourceName>,
        /// In which ways, in words.
        cuts: Vec<String>,
    },
    /// The policy no longer backs up some sources.
    SourcesDropped {
        /// Their names.
        names: Vec<String>,
    },
    /// The policy may now keep less than is sensible.
    MinimumsOff,
    /// What is deleted can be undeleted for another time.
    SoftDeleteChanged {
        /// Days before; `None` when it was off.
        from_days: Option<u32>,
        /// Days after; `None` when it is off.
        to_days: Option<u32>,
    },
    /// A backup is done.
    BackedUp {
        /// Of which source.
        source: SourceName,
        /// How much had changed.
        run: Run,
        /// How much had changed in the runs before, in any order.
        history: Vec<Run>,
    },
    /// The credential that this machine opens its vault with is gone.
    LocalCredentialRemoved {
        /// Which key slot.
        slot: String,
    },
    /// The passphrase is another one.
    PassphraseChanged {
        /// Which key slot.
        slot: String,
    },
    /// Something more opens the vault.
    KeySlotAdded {
        /// Which key slot.
        slot: String,
        /// What it permits.
        role: String,
    },
    /// Something opens the vault no longer.
    KeySlotRemoved {
        /// Which key slot.
        slot: String,
    },
    /// More than usual would expire, and did not.
    ExpireHeld {
        /// How many points would.
        points_count: u64,
        /// What has stopped it, in words.
        brakes: Vec<String>,
    },
    /// A person has gone on where something had stopped deletions.
    BrakeConfirmed {
        /// What had stopped them, in words; without any there is nothing to tell.
        brakes: Vec<String>,
    },
}

/// The alerts that follow from it; none from what only makes things safer.
#[must_use]
pub fn security_alerts(event: &SecurityEvent) -> Vec<NewAlert> {
    let alert = match event {
        SecurityEvent::PointsDeleted {
            source,
            points_count,
            is_final,
        } => deleted(source.as_ref(), *points_count, *is_final),
        SecurityEvent::RetentionCut { source, cuts } => retention_cut(source.as_ref(), cuts),
        SecurityEvent::SoftDeleteChanged { from_days, to_days } => {
            soft_delete(*from_days, *to_days)
        }
        SecurityEvent::BackedUp {
            source,
            run,
            history,
        } => many_changed(source, *run, history),
        SecurityEvent::LocalCredentialRemoved { slot } => Some(Found {
            code: "local_credential_removed",
            severity: Severity::Error,
            of: slot.clone(),
            message: format!(
                "the local credential {slot} was removed: scheduled backups cannot run"
            ),
            help: "if nobody meant it, attach the vault again with the passphrase and look who was here",
        }),
        SecurityEvent::SourcesDropped { names } => sources_dropped(names),
        SecurityEvent::MinimumsOff => minimums_off(),
        SecurityEvent::KeySlotAdded { slot, role } => {
            let message = format!("key slot {slot} of role {role} was added: more opens the vault");
            key_slot("key_slot_added", slot, message)
        }
        SecurityEvent::KeySlotRemoved { slot } => {
            let message = format!("key slot {slot} was removed: it opens the vault no longer");
            key_slot("key_slot_removed", slot, message)
        }
        SecurityEvent::ExpireHeld {
            points_count,
            brakes,
        } => expire_held(*points_count, brakes),
        SecurityEvent::BrakeConfirmed { brakes } => brake_confirmed(brakes),
        SecurityEvent::PassphraseChanged { slot } => Some(Found {
            code: "passphrase_changed",
            severity: Severity::Warning,
            of: slot.clone(),
            message: format!("the passphrase of key slot {slot} was changed"),
            help: "if nobody meant it, remove the slot with another owner's key; make a new recovery kit",
        }),
    };
    let source = match event {
        SecurityEvent::PointsDeleted { source, .. }
        | SecurityEvent::RetentionCut { source, .. } => source.clone(),
        SecurityEvent::BackedUp { source, .. } => Some(source.clone()),
        _ => None,
    };
    let alert = alert.map(|found| found.alert(source));
    alert.into_iter().collect()
}

#[cfg(test)]
mod tests;
