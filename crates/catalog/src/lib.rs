//! Recovery points, jobs, alerts and proofs of restore in one crash-safe file that can be rebuilt.

mod alert;
mod catalog;
mod change;
mod error;
mod job;
mod journal;
mod key;
mod meta;
mod point;
mod proof;
mod rebuild;
mod record;
mod recover;
mod sample;
mod snapshot;
mod source;
mod store;
mod text;
mod ticket;
mod trim;

pub use alert::{
    ALERT_KEY_MAX_BYTES, Alert, AlertClass, AlertId, AlertState, NewAlert, Resolution, Severity,
};
pub use catalog::{Catalog, Options};
pub use change::Change;
pub use error::{Error, Result};
pub use job::{
    Failure, IllegalEvent, Job, JobEvent, JobId, JobKind, JobState, NewJob, Phase, PhaseEntry,
    Progress, WARNINGS_MAX_COUNT, Warning,
};
pub use journal::Imported;
pub use point::{Hold, POINT_ID_MAX_BYTES, Point, PointId, PointState};
pub use proof::{Drill, ObjectKind, Verified, VerifyLevel};
pub use recover::{Opened, Recovery};
pub use sample::Sample;
pub use snapshot::Snapshot;
pub use source::{NAME_MAX_BYTES, NewestPoint, Source, SourceName};
pub use ticket::ParseIdError;
pub use trim::{JournalLimits, Trimmed};

// The tests below the interface and those above it live the same life.
#[cfg(test)]
extern crate self as strongroom_catalog;
#[cfg(test)]
#[path = "../tests/it/support.rs"]
mod support;
#[cfg(test)]
mod tests;
