//! Schedules, retention, throttling and permissions as pure functions that explain themselves.
//!
//! The crate is pure: no I/O, no clock, no randomness, no async. It knows nothing of vaults and can be used alone.
//!
//! ```
//! use strongroom_policy::{Decision, LastRuns, Point, PolicyFile, Timetable, decide};
//!
//! // Snapshots of a ZFS data set, without any vault.
//! let file = PolicyFile::parse(r#"
//!     schedule.daily = { times = ["02:30"] }
//!     retention.daily = { keep_days = 7 }
//!     retention.monthly = { on = ["last"], keep_months = 12 }
//! "#)?;
//! let policy = file.policy(chrono_tz::Europe::Paris);
//!
//! // Take one when it is due. Clocks in Paris are about to jump from 02:00 to 03:00.
//! let timetable = Timetable::new(policy.schedule.clone(), policy.time_zone);
//! let mut runs = LastRuns::since("2026-03-28T12:00:00Z".parse()?);
//! let now = "2026-03-29T01:00:00Z".parse()?;
//! let Decision::Run { due, .. } = timetable.due_now(&runs, now) else { return Err("not due".into()) };
//! runs.record(&due, now); // and keep it: it is serde
//! let new = format!("tank/home@{}", due.slots[0]);
//! assert_eq!(new, "tank/home@2026-03-29T02:30");
//!
//! // Destroy those that no rule keeps.
//! let snapshots = [
//!     Point::scheduled("tank/home@february", "2026-02-28T01:30:00Z".parse()?, vec!["2026-02-28T02:30".parse()?]),
//!     Point::scheduled("tank/home@march", "2026-03-01T01:30:00Z".parse()?, vec!["2026-03-01T02:30".parse()?]),
//!     Point::scheduled(&new, now, due.slots),
//! ];
//! let verdicts = decide(&snapshots, &policy, now).into_iter().map(|verdict| verdict.to_string());
//! assert_eq!(verdicts.collect::<Vec<_>>(), [
//!     "tank/home@february taken 2026-02-28T01:30:00Z: kept by monthly until 2027-02-28T01:30:00Z",
//!     "tank/home@march taken 2026-03-01T01:30:00Z: expires: daily has ended at 2026-03-08T01:30:00Z",
//!     "tank/home@2026-03-29T02:30 taken 2026-03-29T01:00:00Z: kept by daily until 2026-04-05T01:00:00Z",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | is |
//! |---|---|
//! | `capacity` | how much room and time protection needs |
//! | `civil` | from civil time to instants and back, over every change of a zone |
//! | `cron` | cron lines in the POSIX dialect, matched in civil time |
//! | `due` | which run is due now: what has run, what was missed, when to ask again |
//! | `error` | what can be wrong with a policy |
//! | `file` | the policy file, its rules and its errors |
//! | `forecast` | points and bytes to come, with an error band |
//! | `immutability` | what immutability refuses; PINs and approvals |
//! | `permissions` | which operation is permitted when |
//! | `policy` | schedule and retention in one zone |
//! | `retention` | the rules, and the decision about every point |
//! | `schedule` | daily, weekly and cron schedules, and the slots they make |
//! | `simulate` | what a policy leaves after years |
//! | `slot` | the identity of one scheduled run: its civil time |
//! | `throttle` | a calendar of rates, and token buckets that keep to them |
//! | `verdict` | what was decided about a point, and why |

pub mod capacity;
mod civil;
mod cron;
mod due;
mod error;
mod file;
pub mod forecast;
pub mod immutability;
pub mod permissions;
mod policy;
pub mod retention;
mod schedule;
mod simulate;
mod slot;
mod throttle;
mod verdict;

pub use chrono_tz;
pub use civil::{CivilTime, local as civil_time};
pub use cron::{CronError, CronField, CronLine, CronProblem};
pub use due::{CatchUp, Decision, Jitter, LastRuns, Missed, Timetable};
pub use error::{Error, Result};
pub use file::{Advice, Hooks, PolicyFile, Problem, Problems, Security, Snapshot, SourceSpec};
pub use policy::Policy;
pub use retention::{Point, PointKind, Retention, Rule, decide};
pub use schedule::{Daily, Schedule, Weekly};
pub use simulate::{Scenario, SimulatedPoint, Simulation, simulate};
pub use slot::{Due, ParseSlotIdError, SlotId, TimeOfDay};
pub use throttle::{
    Direction, Moment, ParseRateError, Rate, Throttle, ThrottleCalendar, TokenBucket, WorkHours,
};
pub use verdict::{Reason, Until, Verdict};
