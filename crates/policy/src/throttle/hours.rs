//! Work hours, and the rate at an instant.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, NaiveDateTime, NaiveTime, Utc, WeekdaySet};
use chrono_tz::Tz;

use super::rate::Rate;
use crate::civil;
use crate::error::{Error, Result};
use crate::slot::TimeOfDay;

/// From a time of day up to and not including another, such as `09:00-18:00`.
///
/// `22:00-06:00` goes over midnight, and belongs to the day that it starts on. `09:00-24:00` ends with the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkHours {
    start: TimeOfDay,
    /// Midnight stands for the end of the day.
    end: TimeOfDay,
}

impl WorkHours {
    fn ends_next_day(self) -> bool {
        self.end <= self.start
    }
}

impl FromStr for WorkHours {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fail = || Error::WorkHours(text.to_owned());
        let (start, end) = text.split_once('-').ok_or_else(fail)?;
        let start: TimeOfDay = start.trim().parse().map_err(|_| fail())?;
        let end = match end.trim() {
            "24:00" => TimeOfDay::MIDNIGHT,
            // The end of a day is 24:00; a stretch from midnight to midnight of the same day is empty.
            "00:00" if start == TimeOfDay::MIDNIGHT => return Err(fail()),
            end => end.parse().map_err(|_| fail())?,
        };
        if start == end && start != TimeOfDay::MIDNIGHT {
            return Err(fail());
        }
        Ok(Self { start, end })
    }
}

impl fmt::Display for WorkHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.end == TimeOfDay::MIDNIGHT {
            write!(f, "{}-24:00", self.start)
        } else {
            write!(f, "{}-{}", self.start, self.end)
        }
    }
}

/// Two rates: one for work hours, one for all other time.
///
/// What the clock on the wall shows decides. In an hour that a zone repeats it decides twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottleCalendar {
    work_days: WeekdaySet,
    work_hours: WorkHours,
    work_rate: Rate,
    other_rate: Rate,
}

impl ThrottleCalendar {
    /// Work hours on work days, at the fastest rate that there is.
    #[must_use]
    pub fn new(work_days: WeekdaySet, work_hours: WorkHours) -> Self {
        Self {
            work_days,
            work_hours,
            work_rate: Rate::MOST,
            other_rate: Rate::MOST,
        }
    }

    /// Sets the rate of work hours, then that of all other time.
    #[must_use]
    pub fn with_rates(self, work_rate: Rate, other_rate: Rate) -> Self {
        Self {
            work_rate,
            other_rate,
            ..self
        }
    }

    /// Days on which work hours start.
    #[must_use]
    pub fn work_days(&self) -> WeekdaySet {
        self.work_days
    }

    /// The work hours.
    #[must_use]
    pub fn work_hours(&self) -> WorkHours {
        self.work_hours
    }

    /// The rate of work hours.
    #[must_use]
    pub fn work_rate(&self) -> Rate {
        self.work_rate
    }

    /// The rate of all other time.
    #[must_use]
    pub fn other_rate(&self) -> Rate {
        self.other_rate
    }

    /// Whether an instant lies in work hours.
    #[must_use]
    pub fn is_work(&self, at: DateTime<Utc>, zone: Tz) -> bool {
        self.is_work_civil(civil::local(at, zone))
    }

    /// The rate at an instant.
    #[must_use]
    pub fn rate_at(&self, at: DateTime<Utc>, zone: Tz) -> Rate {
        if self.is_work(at, zone) {
            self.work_rate
        } else {
            self.other_rate
        }
    }

    /// The first instant after `after` at which work hours start or end; nothing where they never do.
    #[must_use]
    pub fn next_change_after(&self, after: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let is_work = self.is_work(after, zone);
        let mut from = after;
        // Two boundaries a day, and now and then a change of the zone, of which two come in one week at most.
        for _ in 0..2 * 8 + 2 {
            let shown = civil::local(from, zone);
            let boundary = self.boundary_after(shown)?;
            let at = from.checked_add_signed(boundary - shown)?;
            from = civil::next_change(from, at, zone).unwrap_or(at);
            if self.is_work(from, zone) != is_work {
                return Some(from);
            }
        }
        None
    }

    fn is_work_civil(&self, local: NaiveDateTime) -> bool {
        let WorkHours { start, end } = self.work_hours;
        let (today, time) = (local.weekday(), local.time());
        let starts_today = self.work_days.contains(today);
        if !self.work_hours.ends_next_day() {
            return starts_today && (start.time()..end.time()).contains(&time);
        }
        let started_yesterday = self.work_days.contains(today.pred());
        starts_today && time >= start.time() || started_yesterday && time < end.time()
    }

    /// The first civil time after `local` at which work hours would start or end on any day.
    fn boundary_after(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let next_day = local.date().checked_add_days(Days::new(1))?;
        let times = [self.work_hours.start, self.work_hours.end].map(TimeOfDay::time);
        let boundaries = [local.date(), next_day]
            .into_iter()
            .flat_map(|date| times.map(|time: NaiveTime| date.and_time(time)));
        boundaries.filter(|boundary| *boundary > local).min()
    }
}
