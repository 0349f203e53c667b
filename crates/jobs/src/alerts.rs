//! What a person should know after a job, and when backups stay away: pure functions.

mod settled;
mod silence;

use strongroom_catalog::{
    Alert, AlertClass, Change, Failure, Job, JobKind, JobState, NewAlert, Resolution, Severity,
    SourceName,
};

use chrono::{DateTime, Utc};

pub use settled::{SETTLED_DAYS, is_settled};
pub use silence::{Silence, silences};

/// Fewer entries than this that were left out are a warning, however few others there are.
pub const FEW_SKIPPED_COUNT: u64 = 100;

/// So many entries for each that was left out are few as well.
pub const MANY_PER_SKIPPED_COUNT: u64 = 10_000;

/// The code of a job that did not begin because another one was running.
pub const BUSY: &str = "busy";

/// The code of a job that could not be done as a person asked for it, who was told at once.
pub const REFUSED: &str = "refused";

/// What becomes of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertChange {
    /// This is raised, once more if it stands.
    Raise(Box<NewAlert>),
    /// Those of this key are over.
    Resolve(String),
}

impl AlertChange {
    /// Carries it out; the alert that has changed, if one has.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn apply(
        &self,
        change: &Change,
        now: DateTime<Utc>,
    ) -> strongroom_catalog::Result<Option<Alert>> {
        match self {
            Self::Raise(new) => change.raise_alert(new, now).map(Some),
            Self::Resolve(key) => change.resolve_alert(key, Resolution::CauseGone, now),
        }
    }
}

/// What follows from the end of a job.
///
/// * A failed backup or restore, and damage or a drill that failed, are critical; other failures are errors.
/// * A job that has completed with warnings is a warning, or an error where what was left out is not
///   [few](FEW_SKIPPED_COUNT).
/// * The next success of the same kind and source resolves what was raised; so does one for warnings that is without.
/// * Nothing follows from a job that was cancelled, nor from one that did not begin because another one was running or
///   because a person has asked for what cannot be done.
#[must_use]
pub fn alerts_after(job: &Job) -> Vec<AlertChange> {
    match (job.state, &job.failure) {
        (JobState::Failed, Some(failure)) if [BUSY, REFUSED].contains(&&*failure.code) => {
            Vec::new()
        }
        (JobState::Failed, failure) => vec![raise(failed(job, failure.as_ref()))],
        (JobState::Completed, _) => vec![resolve(job, "failed"), resolve(job, "warnings")]
            .into_iter()
            .chain(breaks_silence(job))
            .collect(),
        (JobState::CompletedWithWarnings, _) => vec![resolve(job, "failed"), raise(warned(job))]
            .into_iter()
            .chain(breaks_silence(job))
            .collect(),
        _ => Vec::new(),
    }
}

fn raise(new: NewAlert) -> AlertChange {
    AlertChange::Raise(Box::new(new))
}

fn resolve(job: &Job, what: &str) -> AlertChange {
    AlertChange::Resolve(key(&job.kind, what, job.source.as_ref()))
}

fn breaks_silence(job: &Job) -> Option<AlertChange> {
    let source = job.source.as_ref().filter(|_| job.kind == JobKind::Backup);
    source.map(|source| AlertChange::Resolve(silence::key(source)))
}

fn key(kind: &JobKind, what: &str, source: Option<&SourceName>) -> String {
    match source {
        Some(source) => format!("{kind}_{what}:{source}"),
        None => format!("{kind}_{what}"),
    }
}

fn of_source(job: &Job) -> String {
    let source = job.source.as_ref();
    source.map_or_else(String::new, |source| format!(" of {source}"))
}

fn failed(job: &Job, failure: Option<&Failure>) -> NewAlert {
    let severity = match job.kind {
        JobKind::Backup | JobKind::Restore | JobKind::Verify | JobKind::Drill => Severity::Critical,
        _ => Severity::Error,
    };
    let code = failure.map_or("failed", |failure| failure.code.as_str());
    let why = failure.map_or(String::new(), |failure| format!(": {}", failure.message));
    let mut alert = about(job, "failed", severity, code);
    alert.message = format!("{}{} has failed{why}", job.kind, of_source(job));
    alert.help = failure.and_then(|failure| failure.help.clone());
    alert
}

fn warned(job: &Job) -> NewAlert {
    let skipped = job.warnings_count;
    let is_few = skipped < FEW_SKIPPED_COUNT
        || skipped.saturating_mul(MANY_PER_SKIPPED_COUNT) <= job.progress.done_count;
    let severity = if is_few {
        Severity::Warning
    } else {
        Severity::Error
    };
    let mut alert = about(job, "warnings", severity, "completed_with_warnings");
    let warnings = if skipped == 1 {
        "1 warning".to_owned()
    } else {
        format!("{skipped} warnings")
    };
    let first = job.warnings.first();
    let first = first.map_or(String::new(), |first| {
        format!("; the first: {}", first.message)
    });
    alert.message = format!(
        "{}{} has completed with {warnings}{first}",
        job.kind,
        of_source(job)
    );
    alert.help = Some("look at what was left out; the rest is safe".to_owned());
    alert
}

fn about(job: &Job, what: &str, severity: Severity, code: &str) -> NewAlert {
    let key = key(&job.kind, what, job.source.as_ref());
    let mut alert = NewAlert::new(key, AlertClass::Job, severity, code, "");
    alert.source.clone_from(&job.source);
    alert.job = Some(job.id);
    alert
}

#[cfg(test)]
mod tests;
