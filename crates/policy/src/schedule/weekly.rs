//! Days of the week, every so many weeks.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, WeekdaySet};

use crate::error::{Error, Result};
use crate::slot::TimeOfDay;

/// Times of some days of every N-th week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekly {
    /// Every how many weeks, 1 to [`Weekly::MOST_WEEKS`].
    pub every_weeks: u32,
    /// The days, at least one.
    pub days: WeekdaySet,
    /// The times, at least one.
    pub times: BTreeSet<TimeOfDay>,
    /// The first day. Weeks are blocks of seven days counted from it, whatever day of the week it is. Needed where
    /// `every_weeks` is more than 1.
    pub starting: Option<NaiveDate>,
}

impl Weekly {
    /// The most weeks between one week with runs and the next.
    pub const MOST_WEEKS: u32 = 52;

    pub(super) fn validate(&self) -> Result<()> {
        let most = Self::MOST_WEEKS;
        if self.days.is_empty() {
            return Err(Error::NoDays);
        }
        if self.times.is_empty() {
            return Err(Error::NoTimes);
        }
        if !(1..=most).contains(&self.every_weeks) {
            let weeks = self.every_weeks;
            return Err(Error::EveryWeeks { weeks, most });
        }
        match self.starting {
            Some(date) if !(1970..=2100).contains(&date.year()) => Err(Error::Starting(date)),
            None if self.every_weeks > 1 => Err(Error::NoStarting {
                weeks: self.every_weeks,
            }),
            _ => Ok(()),
        }
    }

    fn covers(&self, date: NaiveDate) -> bool {
        let in_week = match self.starting {
            Some(starting) => {
                let days = date.signed_duration_since(starting).num_days();
                days >= 0 && (days / 7) % i64::from(self.every_weeks.max(1)) == 0
            }
            None => self.every_weeks <= 1,
        };
        in_week && self.days.contains(date.weekday())
    }

    /// The first covered date from `date` on.
    pub(super) fn next_date(&self, date: NaiveDate) -> Option<NaiveDate> {
        let date = self.starting.map_or(date, |starting| date.max(starting));
        let days_count = 7 * (Self::MOST_WEEKS + 1);
        let dates = date.iter_days().take(usize::try_from(days_count).ok()?);
        dates.into_iter().find(|date| self.covers(*date))
    }
}
