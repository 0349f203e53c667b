//! Names of rules, sets of them, and days of a month.

use std::fmt;

use chrono::{Datelike, NaiveDate, Weekday};

use super::Retention;

/// Why a point is kept.
///
/// The order is that in which reasons are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Rule {
    /// A slot of the daily layer.
    Daily,
    /// A slot of the weekly layer, or the first success after one that failed.
    Weekly,
    /// The same of the monthly layer.
    Monthly,
    /// The same of the quarterly layer.
    Quarterly,
    /// The same of the yearly layer.
    Yearly,
    /// The first slot of a clock hour, or the first success after one that failed.
    Hourly,
    /// Younger than the age up to which everything is kept.
    Within,
    /// Among the newest points.
    Last,
    /// Bears a tag that has a rule.
    Tagged,
    /// Made outside of the schedule, with the default retention of such points.
    Adhoc,
    /// Somebody said until when.
    RetainUntil,
    /// Somebody holds it.
    Hold,
    /// Among the points that are never expired.
    Minimum,
    /// The newest point of a source that has fallen silent.
    Silent,
    /// A policy that was in force until a moment ago keeps it.
    Edited,
    /// Taken later than now: a clock was or is wrong.
    Future,
    /// No rule is set.
    Forever,
}

impl Rule {
    /// All rules, in order.
    pub const ALL: [Self; 17] = [
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Quarterly,
        Self::Yearly,
        Self::Hourly,
        Self::Within,
        Self::Last,
        Self::Tagged,
        Self::Adhoc,
        Self::RetainUntil,
        Self::Hold,
        Self::Minimum,
        Self::Silent,
        Self::Edited,
        Self::Future,
        Self::Forever,
    ];

    /// Layers whose marks go to the first success after a slot that failed or was missed.
    pub const HANDED_OVER: [Self; 5] = [
        Self::Weekly,
        Self::Monthly,
        Self::Quarterly,
        Self::Yearly,
        Self::Hourly,
    ];

    /// The name in documents and policy files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Yearly => "yearly",
            Self::Hourly => "hourly",
            Self::Within => "within",
            Self::Last => "keep_last",
            Self::Tagged => "tagged",
            Self::Adhoc => "adhoc",
            Self::RetainUntil => "retain_until",
            Self::Hold => "hold",
            Self::Minimum => "minimum_points",
            Self::Silent => "newest_of_silent_source",
            Self::Edited => "recent_edit",
            Self::Future => "future",
            Self::Forever => "no_retention",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleSet(u32);

impl RuleSet {
    /// Adds one.
    pub fn insert(&mut self, rule: Rule) {
        self.0 |= 1 << rule as u8;
    }

    /// Removes one.
    pub fn remove(&mut self, rule: Rule) {
        self.0 &= !(1 << rule as u8);
    }

    /// True when it is in.
    #[must_use]
    pub fn contains(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u8) != 0
    }

    /// True when nothing is in.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All that are in the one or the other.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All that are in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// All that are in this one only.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The rules in their order.
    pub fn iter(self) -> impl Iterator<Item = Rule> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = usize::try_from(left.trailing_zeros()).ok()?;
            let rule = Rule::ALL.get(next)?;
            left &= left.wrapping_sub(1);
            Some(*rule)
        })
    }
}

impl FromIterator<Rule> for RuleSet {
    fn from_iter<T: IntoIterator<Item = Rule>>(rules: T) -> Self {
        let mut set = Self::default();
        for rule in rules {
            set.insert(rule);
        }
        set
    }
}

/// Which of the same weekdays of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nth {
    /// Days 1 to 7.
    First,
    /// Days 8 to 14.
    Second,
    /// Days 15 to 21.
    Third,
    /// Days 22 to 28.
    Fourth,
    /// The last seven days.
    Last,
}

impl Nth {
    /// The word in a policy file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Second => "second",
            Self::Third => "third",
            Self::Fourth => "fourth",
            Self::Last => "last",
        }
    }
}

/// A day of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthDay {
    /// By number, 1 to 31; in a shorter month the last day.
    Day(u32),
    /// The last day.
    Last,
    /// By week and weekday.
    Weekday(Nth, Weekday),
}

impl MonthDay {
    /// True when the date is this day of its month.
    #[must_use]
    pub fn is_on(self, date: NaiveDate) -> bool {
        let length = u32::from(date.num_days_in_month());
        match self {
            Self::Day(day) => date.day() == day.min(length),
            Self::Last => date.day() == length,
            Self::Weekday(nth, weekday) => {
                date.weekday() == weekday
                    && match nth {
                        Nth::First => (1..=7).contains(&date.day()),
                        Nth::Second => (8..=14).contains(&date.day()),
                        Nth::Third => (15..=21).contains(&date.day()),
                        Nth::Fourth => (22..=28).contains(&date.day()),
                        Nth::Last => date.day() + 7 > length,
                    }
            }
        }
    }

    fn key(self) -> (u8, u32, Nth) {
        match self {
            Self::Day(day) => (0, day, Nth::First),
            Self::Last => (1, 0, Nth::First),
            Self::Weekday(nth, weekday) => (2, weekday.num_days_from_monday(), nth),
        }
    }
}

impl PartialOrd for MonthDay {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MonthDay {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Last => f.write_str("last"),
            Self::Weekday(nth, weekday) => {
                write!(
                    f,
                    "{} {}",
                    nth.as_str(),
                    weekday.to_string().to_ascii_lowercase()
                )
            }
        }
    }
}

impl Retention {
    /// The weekly, monthly, quarterly and yearly layers that mark slots of this date.
    #[must_use]
    pub fn long_term_marks_of(&self, date: NaiveDate) -> RuleSet {
        let is_on =
            |days: &std::collections::BTreeSet<MonthDay>| days.iter().any(|day| day.is_on(date));
        let mut marks = RuleSet::default();
        if self
            .weekly
            .as_ref()
            .is_some_and(|rule| rule.days.contains(date.weekday()))
        {
            marks.insert(Rule::Weekly);
        }
        if self.monthly.as_ref().is_some_and(|rule| is_on(&rule.on)) {
            marks.insert(Rule::Monthly);
        }
        let is_quarter = date.month0().is_multiple_of(3);
        if is_quarter && self.quarterly.as_ref().is_some_and(|rule| is_on(&rule.on)) {
            marks.insert(Rule::Quarterly);
        }
        let is_yearly =
            |rule: &super::YearlyRule| rule.months.contains(&date.month()) && is_on(&rule.on);
        if self.yearly.as_ref().is_some_and(is_yearly) {
            marks.insert(Rule::Yearly);
        }
        marks
    }
}
