//! The identity of one scheduled run, and what is due at one instant.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A time of day by the clock on the wall: hours and minutes, seconds where they are not zero.
///
/// ```
/// use strongroom_policy::TimeOfDay;
///
/// let time: TimeOfDay = "18:00".parse()?;
/// assert_eq!(time.to_string(), "18:00");
/// assert!("24:00".parse::<TimeOfDay>().is_err());
/// # Ok::<(), strongroom_policy::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TimeOfDay(NaiveTime);

impl TimeOfDay {
    /// The first minute of a day.
    pub const MIDNIGHT: Self = Self(NaiveTime::MIN);

    /// The time as `chrono` has it.
    #[must_use]
    pub fn time(self) -> NaiveTime {
        self.0
    }
}

impl From<NaiveTime> for TimeOfDay {
    /// Drops what is below a second.
    fn from(time: NaiveTime) -> Self {
        Self(time.with_nanosecond(0).unwrap_or(time))
    }
}

impl FromStr for TimeOfDay {
    type Err = Error;

    /// Reads `HH:MM` or `HH:MM:SS`, 00:00 to 23:59:59, two digits each.
    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let mut numbers = text.split(':').map(two_digits);
            let (hour, minute) = (numbers.next()??, numbers.next()??);
            let second = numbers.next().unwrap_or(Some(0))?;
            if numbers.next().is_some() {
                return None;
            }
            NaiveTime::from_hms_opt(hour, minute, second)
        };
        read()
            .map(Self)
            .ok_or_else(|| Error::TimeOfDay(text.to_owned()))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.second() == 0 {
            write!(f, "{}", self.0.format("%H:%M"))
        } else {
            write!(f, "{}", self.0.format("%H:%M:%S"))
        }
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

fn two_digits(text: &str) -> Option<u32> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// The identity of one scheduled run: its civil time, the time that the clock on the wall was meant to show.
///
/// A slot stays the same slot when the clock of the machine is set, when its zone is changed, and when the hour that it
/// names is skipped. It is written as `2026-03-29T02:30`, with seconds where they are not zero. Only slots of an
/// interval (a cron line with `*` in its hours) exist twice in an hour that a zone repeats; the second is written as
/// `2026-10-25T02:30#2`.
///
/// The order is that of civil time, which is the order in which slots come due except within a repeated hour.
///
/// ```
/// use strongroom_policy::SlotId;
///
/// let slot: SlotId = "2026-03-29T02:30".parse()?;
/// assert_eq!(slot.to_string(), "2026-03-29T02:30");
/// assert!(slot < "2026-03-29T18:00".parse()?);
/// # Ok::<(), strongroom_policy::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SlotId {
    local: NaiveDateTime,
    repeated: bool,
}

impl SlotId {
    /// The slot of a civil time; of a repeated one, its first occurrence. Drops what is below a second.
    #[must_use]
    pub fn new(local: NaiveDateTime) -> Self {
        Self {
            local: local.with_nanosecond(0).unwrap_or(local),
            repeated: false,
        }
    }

    /// The slot of an interval at the second occurrence of a repeated civil time.
    #[must_use]
    pub fn second_occurrence(local: NaiveDateTime) -> Self {
        Self {
            repeated: true,
            ..Self::new(local)
        }
    }

    /// The civil time.
    #[must_use]
    pub fn local(self) -> NaiveDateTime {
        self.local
    }

    /// The civil date, by which retention rules choose.
    #[must_use]
    pub fn date(self) -> NaiveDate {
        self.local.date()
    }

    /// The civil time of day.
    #[must_use]
    pub fn time(self) -> TimeOfDay {
        TimeOfDay(self.local.time())
    }

    /// Whether this is the second occurrence of a repeated civil time.
    #[must_use]
    pub fn is_second_occurrence(self) -> bool {
        self.repeated
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}", self.local.format("%Y-%m-%d"), self.time())?;
        if self.repeated {
            f.write_str("#2")?;
        }
        Ok(())
    }
}

/// Text that is not a slot such as `2026-03-29T02:30`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a slot such as 2026-03-29T02:30")]
pub struct ParseSlotIdError(String);

impl FromStr for SlotId {
    type Err = ParseSlotIdError;

    fn from_str(text: &str) -> Result<Self, ParseSlotIdError> {
        let fail = || ParseSlotIdError(text.to_owned());
        let (civil, repeated) = match text.strip_suffix("#2") {
            Some(civil) => (civil, true),
            None => (text, false),
        };
        let (date, time) = civil.split_once('T').ok_or_else(fail)?;
        let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").map_err(|_| fail())?;
        let time: TimeOfDay = time.parse().map_err(|_| fail())?;
        Ok(Self {
            local: date.and_time(time.time()),
            repeated,
        })
    }
}

impl From<SlotId> for String {
    fn from(slot: SlotId) -> Self {
        slot.to_string()
    }
}

impl TryFrom<String> for SlotId {
    type Error = ParseSlotIdError;

    fn try_from(text: String) -> Result<Self, ParseSlotIdError> {
        text.parse()
    }
}

/// One run: the instant at which it is due, and all slots that fall on that instant.
///
/// Slots fall on one instant where a zone skips an hour or a day: all slots of the skipped time are due at the first
/// instant after it, together with the slot of that instant, if there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// When the run is due.
    pub at: DateTime<Utc>,
    /// The slots that the run stands for, in the order of civil time; at least one.
    pub slots: Vec<SlotId>,
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for", self.at.format("%Y-%m-%dT%H:%M:%SZ"))?;
        for slot in &self.slots {
            write!(f, " {slot}")?;
        }
        Ok(())
    }
}
