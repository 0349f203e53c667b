//! Schedules, retention, throttling and permissions as pure functions that explain themselves.
//!
//! The crate is pure: no I/O, no clock, no randomness, no async. It knows nothing of vaults and can be used alone.
//!
//! | module | is |
//! |---|---|
//! | `civil` | from civil time to instants and back, over every change of a zone |
//! | `cron` | cron lines in the POSIX dialect, matched in civil time |
//! | `error` | what can be wrong with a policy |
//! | `schedule` | daily, weekly and cron schedules, and the slots they make |
//! | `slot` | the identity of one scheduled run: its civil time |

mod civil;
mod cron;
mod error;
mod schedule;
mod slot;

pub use civil::{CivilTime, local as civil_time};
pub use cron::{CronError, CronField, CronLine, CronProblem};
pub use error::{Error, Result};
pub use schedule::{Daily, Schedule, Weekly};
pub use slot::{Due, ParseSlotIdError, SlotId, TimeOfDay};
