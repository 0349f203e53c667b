//! Schedules, retention, throttling and permissions as pure functions that explain themselves.
//!
//! The crate is pure: no I/O, no clock, no randomness, no async. It knows nothing of vaults and can be used alone.
//!
//! | module | is |
//! |---|---|
//! | `civil` | from civil time to instants and back, over every change of a zone |
//! | `cron` | cron lines in the POSIX dialect, matched in civil time |
//! | `due` | which run is due now: what has run, what was missed, when to ask again |
//! | `error` | what can be wrong with a policy |
//! | `schedule` | daily, weekly and cron schedules, and the slots they make |
//! | `slot` | the identity of one scheduled run: its civil time |
//! | `throttle` | a calendar of rates, and token buckets that keep to them |

mod civil;
mod cron;
mod due;
mod error;
mod schedule;
mod slot;
mod throttle;

pub use civil::{CivilTime, local as civil_time};
pub use cron::{CronError, CronField, CronLine, CronProblem};
pub use due::{CatchUp, Decision, Jitter, LastRuns, Missed, Timetable};
pub use error::{Error, Result};
pub use schedule::{Daily, Schedule, Weekly};
pub use slot::{Due, ParseSlotIdError, SlotId, TimeOfDay};
pub use throttle::{
    Direction, Moment, ParseRateError, Rate, Throttle, ThrottleCalendar, TokenBucket, WorkHours,
};
