//! What is due, jobs from start to end, alerts, and the daemon.
//!
//! The plan is pure: it says what to start, and when to look again.
//!
//! ```
//! use strongroom_jobs::catalog::SourceName;
//! use strongroom_jobs::plan::{DutyStanding, next};
//! use strongroom_jobs::{Duty, Rules, Scheduled, Standing};
//! use strongroom_policy::{LastRuns, Schedule, Timetable};
//!
//! let duty = Duty::backup(SourceName::local("tank/home"));
//! let schedule = Schedule::Cron("30 2 * * *".parse()?);
//! let timetable = Timetable::new(schedule, chrono_tz::Europe::Paris);
//! let rules = Rules::new(vec![Scheduled { duty: duty.clone(), timetable }]);
//!
//! let mut standing = Standing::default();
//! let runs = LastRuns::since("2026-03-28T12:00:00Z".parse()?);
//! standing.duties.insert(duty, DutyStanding::new(runs));
//!
//! // In the night of the change of the clock there is no half past two.
//! let evening = next(&standing, &rules, "2026-03-28T20:00:00Z".parse()?);
//! assert_eq!(evening.look_at, Some("2026-03-29T01:00:00Z".parse()?));
//! let night = next(&standing, &rules, "2026-03-29T01:00:00Z".parse()?);
//! assert_eq!(night.start[0].due.slots[0].to_string(), "2026-03-29T02:30");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | is |
//! |---|---|
//! | [`plan`] | what to start when: pure |
//! | [`alerts`] | what a person should know: pure |
//! | `halts` | what is paused or stopped |
//! | `journal` | jobs that run, seen from every process; [`Journal`], [`RunningJob`] |
//! | [`daemon`] | the loop that starts what is due, and the traits of those who embed it |
//! | [`socket`] | talking to a daemon |

pub mod alerts;
pub mod daemon;
mod duty;
mod error;
mod halts;
mod journal;
mod outcome;
pub mod plan;
mod points;
pub mod socket;

pub use alerts::{AlertChange, alerts_after};
pub use daemon::{Daemon, DaemonClock, Event, Host, Message, Order};
pub use duty::Duty;
pub use error::{Error, Result};
pub use halts::{Halt, Halts, Kept, Pause, SourceHalt, Stop};
pub use journal::{Ending, JobMonitor, Journal, NewPoints, RunningJob};
pub use outcome::Outcome;
pub use plan::{Next, Retry, Rules, Scheduled, Standing, Start};
pub use points::catalog_point;
pub use strongroom_catalog as catalog;
