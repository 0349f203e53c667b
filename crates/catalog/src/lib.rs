//! Recovery points, jobs, alerts and proofs of restore in one crash-safe file that can be rebuilt.
//!
//! The crate is synchronous and reads no clock. It knows no vault: points come from whoever has them, so that it also
//! keeps the books of ZFS snapshots or of dumps of a database.
//!
//! ```
//! use std::convert::Infallible;
//! use strongroom_catalog::*;
//!
//! // Nightly dumps with pg_dump, without any vault.
//! let catalog = Catalog::in_memory()?; // or Catalog::open("/var/lib/dumps/catalog", Options::default())?
//! let (orders, now) = (SourceName::local("orders"), "2026-03-28T02:30:00Z".parse().expect("a time"));
//!
//! // A job, from its making to its end.
//! let new = NewJob::new(JobKind::Backup, Some(orders.clone())).scheduled(vec!["2026-03-28T02:30".into()]);
//! let job = catalog.change(|change| {
//!     let job = change.create_job(new, now)?;
//!     change.note_job(job.id, &JobEvent::Started, now)
//! })?;
//! let progress = Progress { done_bytes: 4096, ..Progress::default() };
//! catalog.change_lightly(|change| change.note_job(job.id, &JobEvent::Progressed(progress), now))?; // no fsync
//! catalog.change(|change| {
//!     let point = Point::new("orders-0328.sql.zst", orders.clone(), now);
//!     change.put_point(&point)?;
//!     change.note_job(job.id, &JobEvent::Completed { recovery_point: Some(point.id) }, now)?;
//!     change.resolve_alert("late:orders", Resolution::CauseGone, now)
//! })?;
//!
//! // Questions.
//! let snapshot = catalog.snapshot()?;
//! let last = snapshot.last_job(&orders, &JobKind::Backup, |job| job.state.is_success())?;
//! assert!(last.expect("there is one").is_for_slot("2026-03-28T02:30"));
//! assert_eq!(snapshot.points_of(&orders).count(), 1);
//!
//! // The directory of dumps is the truth: what was listed from it replaces what was noted.
//! let files = ["orders-0327.sql.zst", "orders-0328.sql.zst"];
//! let listed = files.map(|file| Ok::<_, Infallible>(Point::new(file, orders.clone(), now)));
//! assert_eq!(catalog.rebuild(listed)?, 2);
//! # Ok::<(), Error>(())
//! ```
//!
//! | what it holds | made from | when the file is lost |
//! |---|---|---|
//! | points, sources | the points that the caller lists | [`Catalog::rebuild`] gives equal tables |
//! | jobs, alerts, what was verified, drills, samples | what was noted here | [`Catalog::import_journals`] gives back what was saved |
//!
//! A damaged file is never trusted: see [`Catalog::open_or_recover`]. How records are encoded, and why: module `record`.
//!
//! | module | is |
//! |---|---|
//! | `alert` | what a person should know, once, until it is over |
//! | `catalog` | opening, reading, changing |
//! | `change` | what one transaction can do |
//! | `error` | what can go wrong |
//! | `job` | states of jobs, and what may happen to them |
//! | `journal` | jobs, alerts and proofs as bytes |
//! | `key` | keys whose order is the one asked for |
//! | `meta` | what a catalog says of itself |
//! | `point`, `source` | recovery points, and what they add up to |
//! | `proof`, `sample` | what was verified and restored; the history of sizes |
//! | `rebuild` | derived tables from points |
//! | `record` | the bytes of a record |
//! | `recover` | a new catalog from what is left of a damaged one |
//! | `snapshot` | what can be asked |
//! | `store` | the database: nothing else names it |
//! | `trim` | how long journals are kept |

mod alert;
mod catalog;
mod change;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
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

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

// The tests below the interface and those above it live the same life.
#[cfg(test)]
extern crate self as strongroom_catalog;
#[cfg(test)]
#[path = "../tests/it/support.rs"]
mod support;
#[cfg(test)]
mod tests;
