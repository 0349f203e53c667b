//! Lengths of time as retention rules count them.

use std::fmt;

use chrono::{DateTime, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

/// What a period counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeriodUnit {
    /// Elapsed hours.
    Hours,
    /// Civil days: the same time of day on a later date.
    Days,
    /// Seven civil days.
    Weeks,
    /// Calendar months: the same day and time of a later month, or its last day.
    Months,
    /// Three calendar months.
    Quarters,
    /// Twelve calendar months.
    Years,
}

/// How long a rule keeps a point, counted from when the point was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// How many.
    pub count: u32,
    /// Of what.
    pub unit: PeriodUnit,
}

/// Where the years have four digits for the last time.
const LAST_END: NaiveDateTime = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(date) => date.and_time(NaiveTime::MIN),
    None => NaiveDateTime::MAX,
};

impl Period {
    /// Elapsed hours.
    #[must_use]
    pub fn hours(count: u32) -> Self {
        Self::new(count, PeriodUnit::Hours)
    }

    /// Civil days.
    #[must_use]
    pub fn days(count: u32) -> Self {
        Self::new(count, PeriodUnit::Days)
    }

    /// Weeks of seven civil days.
    #[must_use]
    pub fn weeks(count: u32) -> Self {
        Self::new(count, PeriodUnit::Weeks)
    }

    /// Calendar months.
    #[must_use]
    pub fn months(count: u32) -> Self {
        Self::new(count, PeriodUnit::Months)
    }

    /// Quarters of three calendar months.
    #[must_use]
    pub fn quarters(count: u32) -> Self {
        Self::new(count, PeriodUnit::Quarters)
    }

    /// Years of twelve calendar months.
    #[must_use]
    pub fn years(count: u32) -> Self {
        Self::new(count, PeriodUnit::Years)
    }

    fn new(count: u32, unit: PeriodUnit) -> Self {
        Self { count, unit }
    }

    /// The end of the period in civil time; `None` for hours, which are counted in elapsed time.
    ///
    /// Nothing ends after the year 9999.
    #[must_use]
    pub fn civil_end(self, start: NaiveDateTime) -> Option<NaiveDateTime> {
        let days = |per: u64| start.checked_add_days(Days::new(u64::from(self.count) * per));
        let months = |per: u32| {
            let count = self.count.checked_mul(per)?;
            start.checked_add_months(Months::new(count))
        };
        let end = match self.unit {
            PeriodUnit::Hours => return None,
            PeriodUnit::Days => days(1),
            PeriodUnit::Weeks => days(7),
            PeriodUnit::Months => months(1),
            PeriodUnit::Quarters => months(3),
            PeriodUnit::Years => months(12),
        };
        Some(end.map_or(LAST_END, |end| end.min(LAST_END)))
    }

    /// The end of a period of hours.
    #[must_use]
    pub(crate) fn elapsed_end(self, start: DateTime<Utc>) -> DateTime<Utc> {
        TimeDelta::try_hours(i64::from(self.count))
            .and_then(|delta| start.checked_add_signed(delta))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// A number of days that it is never longer than.
    pub(crate) fn most_days(self) -> i64 {
        let per = match self.unit {
            PeriodUnit::Hours => return i64::from(self.count) / 24 + 1,
            PeriodUnit::Days => 1,
            PeriodUnit::Weeks => 7,
            PeriodUnit::Months => 31,
            PeriodUnit::Quarters => 93,
            PeriodUnit::Years => 366,
        };
        i64::from(self.count) * per
    }

    /// A length for comparing periods of any unit, in hours; months count as 1/12 of 365.2425 days.
    pub(crate) fn weight_hours(self) -> u64 {
        let per_month_minutes = 43_829; // 365.2425 days ÷ 12
        let minutes = match self.unit {
            PeriodUnit::Hours => 60,
            PeriodUnit::Days => 24 * 60,
            PeriodUnit::Weeks => 7 * 24 * 60,
            PeriodUnit::Months => per_month_minutes,
            PeriodUnit::Quarters => 3 * per_month_minutes,
            PeriodUnit::Years => 12 * per_month_minutes,
        };
        u64::from(self.count) * minutes / 60
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            PeriodUnit::Hours => "hour",
            PeriodUnit::Days => "day",
            PeriodUnit::Weeks => "week",
            PeriodUnit::Months => "month",
            PeriodUnit::Quarters => "quarter",
            PeriodUnit::Years => "year",
        };
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} {unit}{plural}", self.count)
    }
}
