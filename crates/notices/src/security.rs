//! What is about security: pure functions from what has happened to the alerts that nobody can turn off.

use strongroom_catalog::{
    ALERT_KEY_MAX_BYTES, AlertClass, NAME_MAX_BYTES, NewAlert, Severity, SourceName,
};

/// So many changed files at once are suspicious only beyond this number.
pub const MANY_FILES_COUNT: u64 = 1000;
/// And only when they are more than this share of the files that were there, percent.
pub const MANY_FILES_PERCENT: u64 = 50;
/// And only when they are more than so many times what the runs before have changed, by their median.
pub const MANY_FILES_TIMES: u64 = 5;

/// How much a backup found changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

struct Found {
    code: &'static str,
    severity: Severity,
    /// What the key ends with.
    of: String,
    message: String,
    help: &'static str,
}

impl Found {
    /// No name is so long that the catalog refuses the alert: whoever chooses names must not be able to keep it quiet.
    fn alert(self, source: Option<SourceName>) -> NewAlert {
        let key = match self.of.len() {
            0 => self.code.to_owned(),
            length if self.code.len() + 1 + length <= ALERT_KEY_MAX_BYTES => {
                format!("{}:{}", self.code, self.of)
            }
            _ => format!("{}:{}", self.code, blake3::hash(self.of.as_bytes())),
        };
        let (class, code) = (AlertClass::Security, self.code);
        let mut alert = NewAlert::new(key, class, self.severity, code, self.message);
        alert.help = Some(self.help.to_owned());
        alert.source = source.filter(|source| {
            let is_short = |name: &str| name.len() <= NAME_MAX_BYTES;
            is_short(&source.machine) && is_short(&source.name) && !source.name.is_empty()
        });
        alert
    }
}

fn name(source: Option<&SourceName>) -> String {
    source.map_or_else(String::new, ToString::to_string)
}

fn deleted(source: Option<&SourceName>, points_count: u64, is_final: bool) -> Option<Found> {
    let whose = source.map_or(String::new(), |source| format!(" of {source}"));
    let points = match points_count {
        0 => return None,
        1 => "1 recovery point".to_owned(),
        count => format!("{count} recovery points"),
    };
    let were = if points_count == 1 { "was" } else { "were" };
    let (severity, how, help) = match is_final {
        true => (
            Severity::Critical,
            ", not to be undeleted",
            "if nobody meant it, take this machine off the network and find out who did it",
        ),
        false => (
            Severity::Error,
            "",
            "if nobody meant it, run `strongroom-agent undelete` before soft delete ends",
        ),
    };
    Some(Found {
        code: "points_deleted",
        severity,
        of: name(source),
        message: format!("{points}{whose} {were} deleted by hand{how}"),
        help,
    })
}

fn retention_cut(source: Option<&SourceName>, cuts: &[String]) -> Option<Found> {
    if cuts.is_empty() {
        return None;
    }
    let whose = source.map_or(String::new(), |source| format!(" of {source}"));
    Some(Found {
        code: "retention_cut",
        severity: Severity::Error,
        of: name(source),
        message: format!(
            "the policy{whose} keeps less than before: {}",
            cuts.join("; ")
        ),
        help: "if nobody meant it, set the policy before again: the next expire follows the new one",
    })
}

fn soft_delete(from_days: Option<u32>, to_days: Option<u32>) -> Option<Found> {
    if to_days >= from_days {
        return None;
    }
    let before = from_days.map_or_else(|| "off".to_owned(), |days| format!("{days} days"));
    let message = match to_days {
        None => format!("soft delete was turned off (before: {before})"),
        Some(days) => format!("soft delete was shortened to {days} days (before: {before})"),
    };
    Some(Found {
        code: "soft_delete_reduced",
        severity: Severity::Critical,
        of: String::new(),
        message,
        help: "if nobody meant it, turn it on again: until then deleted points are gone sooner",
    })
}

/// A first run, a small source and one of which most changes every day are no reason to be afraid.
fn many_changed(source: &SourceName, run: Run, history: &[Run]) -> Option<Found> {
    let touched = run.touched_count();
    let is_many = touched > MANY_FILES_COUNT
        && u128::from(touched) * 100
            > u128::from(run.before_count) * u128::from(MANY_FILES_PERCENT)
        && touched > MANY_FILES_TIMES.saturating_mul(median(history)?);
    is_many.then(|| Found {
        code: "many_files_changed",
        severity: Severity::Critical,
        of: source.to_string(),
        message: format!(
            "{touched} of {} files of {source} were changed or removed since the last backup",
            run.before_count
        ),
        help: "if nobody meant it, this may be ransomware: keep the machine off the network, hold older points \
               (`strongroom-agent hold`), and look at `strongroom-agent diff`",
    })
}

fn median(history: &[Run]) -> Option<u64> {
    let mut counts: Vec<u64> = history.iter().map(|run| run.touched_count()).collect();
    counts.sort_unstable();
    counts.get(counts.len() / 2).copied()
}

#[cfg(test)]
mod tests;
