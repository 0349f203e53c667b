//! What can be wrong with a policy.

use chrono::NaiveDate;

use crate::cron::CronError;
use crate::slot::ParseSlotIdError;

/// What is wrong with a policy, or with a text that names a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A schedule names no time of day.
    #[error("a schedule needs at least one time of day")]
    NoTimes,
    /// A weekly schedule names no day.
    #[error("a weekly schedule needs at least one day of the week")]
    NoDays,
    /// The number of weeks between the weeks of a schedule is out of range.
    #[error("every_weeks is {weeks}, which is not within 1 and {most}")]
    EveryWeeks {
        /// The number given.
        weeks: u32,
        /// The most allowed.
        most: u32,
    },
    /// A schedule for every second week or less needs to know which week is the first.
    #[error("a schedule of every {weeks} weeks needs a starting date to count from")]
    NoStarting {
        /// The number of weeks.
        weeks: u32,
    },
    /// A starting date from which no slot can be reckoned.
    #[error("starting date {0} is not within the years 1970 and 2100")]
    Starting(NaiveDate),
    /// More than three slots on one day, where the limit of the original is asked for.
    #[error("{count} slots a day are more than {most}")]
    TooManyTimes {
        /// The number of times of day given.
        count: usize,
        /// The most allowed.
        most: usize,
    },
    /// A cron line that cannot be read.
    #[error(transparent)]
    Cron(#[from] CronError),
    /// Text that is not a time of day.
    #[error("`{0}` is not a time of day such as 18:00")]
    TimeOfDay(String),
    /// Text that is not a stretch of a day.
    #[error("`{0}` is not a stretch of the day such as 09:00-18:00, 22:00-06:00 or 00:00-24:00")]
    WorkHours(String),
    /// Text that is not a slot.
    #[error(transparent)]
    Slot(#[from] ParseSlotIdError),
}

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
