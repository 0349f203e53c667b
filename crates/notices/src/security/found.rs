//! What is told of each event.

use strongroom_catalog::{
    ALERT_KEY_MAX_BYTES, AlertClass, NAME_MAX_BYTES, NewAlert, Severity, SourceName,
};

use super::{MANY_FILES_COUNT, MANY_FILES_PERCENT, MANY_FILES_TIMES, Run};

/// An alert to be.
pub(super) struct Found {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    /// What the key ends with.
    pub(super) of: String,
    pub(super) message: String,
    pub(super) help: &'static str,
}

impl Found {
    /// No name is so long that the catalog refuses the alert: whoever chooses names must not be able to keep it quiet.
    pub(super) fn alert(self, source: Option<SourceName>) -> NewAlert {
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

pub(super) fn deleted(
    source: Option<&SourceName>,
    points_count: u64,
    is_final: bool,
) -> Option<Found> {
    let whose = source.map_or(String::new(), |source| format!(" of {source}"));
    if points_count == 0 {
        return None;
    }
    let points = points(points_count);
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
        message: format!("deletion of {points}{whose} was begun by hand{how}"),
        help,
    })
}

fn points(count: u64) -> String {
    match count {
        1 => "1 recovery point".to_owned(),
        count => format!("{count} recovery points"),
    }
}

pub(super) fn retention_cut(source: Option<&SourceName>, cuts: &[String]) -> Option<Found> {
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

pub(super) fn soft_delete(from_days: Option<u32>, to_days: Option<u32>) -> Option<Found> {
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
pub(super) fn many_changed(source: &SourceName, run: Run, history: &[Run]) -> Option<Found> {
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

/// Sources that the policy does not name any more are not backed up.
pub(super) fn sources_dropped(names: &[String]) -> Option<Found> {
    (!names.is_empty()).then(|| Found {
        code: "sources_dropped",
        severity: Severity::Error,
        of: String::new(),
        message: format!("the policy no longer backs up {}", names.join(", ")),
        help: "if nobody meant it, set the policy before again: until then there are no backups of them",
    })
}

pub(super) fn minimums_off() -> Option<Found> {
    Some(Found {
        code: "minimums_off",
        severity: Severity::Critical,
        of: String::new(),
        message:
            "security.minimums was turned off: the policy may keep next to nothing, and at once"
                .to_owned(),
        help: "if nobody meant it, turn it on again and look at what else was changed",
    })
}

pub(super) fn key_slot(code: &'static str, slot: &str, message: String) -> Option<Found> {
    Some(Found {
        code,
        severity: Severity::Warning,
        of: slot.to_owned(),
        message,
        help: "if nobody meant it, look at `strongroom-agent vault key list`, remove what is not yours and change the \
               passphrase",
    })
}

pub(super) fn expire_held(points_count: u64, brakes: &[String]) -> Option<Found> {
    (points_count > 0).then(|| Found {
        code: "expire_held",
        severity: Severity::Error,
        of: String::new(),
        message: format!("{} would expire, which is not usual: {}", points(points_count), brakes.join("; ")),
        help: "nothing of it was deleted; look at `strongroom-agent expire --dry-run`, and at the policy and the clock",
    })
}

pub(super) fn brake_confirmed(brakes: &[String]) -> Option<Found> {
    (!brakes.is_empty()).then(|| Found {
        code: "brake_confirmed",
        severity: Severity::Error,
        of: String::new(),
        message: format!(
            "a brake on deletions was released by hand: {}",
            brakes.join("; ")
        ),
        help: "if nobody meant it, run `strongroom-agent undelete` before soft delete ends",
    })
}
