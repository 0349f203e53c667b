//! What is kept, and for how long: the rules of a policy as values.

mod decide;
mod edit;
mod marks;
mod period;
mod point;
mod rule;
mod safeguard;

use std::collections::BTreeSet;

use chrono::{NaiveDateTime, WeekdaySet};

use crate::TimeOfDay;

pub(crate) use decide::reasons;
pub use decide::{decide, decide_since_edit};
pub use edit::{Cut, EditEffect, PolicyEdit, SETTLING_HOURS, cuts, effect_of_edit};
pub(crate) use marks::{Lookback, mark_points};
pub use period::{Period, PeriodUnit};
pub use point::{Hold, Point, PointKind};
pub use rule::{MonthDay, Nth, Rule, RuleSet};
pub(crate) use safeguard::is_silent;
pub use safeguard::{
    ClockState, PLAUSIBLE_DAYS, clock_state, most_bytes_at_once, most_points_at_once,
};

/// Which slots of a day a rule applies to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Times {
    /// Every slot of the day.
    #[default]
    Every,
    /// The slots at these civil times of day.
    At(BTreeSet<TimeOfDay>),
}

impl Times {
    /// True when a slot at this civil time is meant.
    #[must_use]
    pub fn contains(&self, time: TimeOfDay) -> bool {
        match self {
            Self::Every => true,
            Self::At(times) => times.contains(&time),
        }
    }
}

/// The daily layer: every scheduled point, or those of some times of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyRule {
    /// Slots that the rule applies to.
    pub times: Times,
    /// How long each is kept, days: 7 (1 without minimums) to 9,999.
    pub keep_days: u32,
}

/// The weekly layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeeklyRule {
    /// Days of the week.
    pub days: WeekdaySet,
    /// Slots of those days.
    pub times: Times,
    /// How long each is kept, weeks: 4 (1 without minimums) to 5,163.
    pub keep_weeks: u32,
}

/// The monthly layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthlyRule {
    /// Days of the month.
    pub on: BTreeSet<MonthDay>,
    /// Slots of those days.
    pub times: Times,
    /// How long each is kept, calendar months: 3 (1 without minimums) to 1,188.
    pub keep_months: u32,
}

/// The quarterly layer: days of January, April, July and October.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarterlyRule {
    /// Days of the first month of a quarter.
    pub on: BTreeSet<MonthDay>,
    /// Slots of those days.
    pub times: Times,
    /// How long each is kept, quarters of three calendar months: 1 to 396.
    pub keep_quarters: u32,
}

/// The yearly layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YearlyRule {
    /// Months, 1 for January.
    pub months: BTreeSet<u32>,
    /// Days of those months.
    pub on: BTreeSet<MonthDay>,
    /// Slots of those days.
    pub times: Times,
    /// How long each is kept, years: 1 to 99.
    pub keep_years: u32,
}

/// Points that bear a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedRule {
    /// The tag, as the caller writes tags: a word, or `key=value`.
    pub tag: String,
    /// How long a point that bears it is kept.
    pub keep: Period,
}

/// Rules that decide how long recovery points are kept. A point is kept until its longest rule ends.
///
/// # Defaults
/// No rule at all: scheduled points are kept for ever.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Retention {
    /// The newest so many points are kept, whatever their age: a rule like the others.
    pub keep_last: Option<u32>,
    /// The newest so many points are never expired: a floor that also binds immediate deletion.
    pub minimum_points: Option<u32>,
    /// Every point is kept this long, hours or days.
    pub within: Option<Period>,
    /// The first slot of each clock hour is kept so many elapsed hours: 1 to 239,976.
    pub hourly: Option<u32>,
    /// The daily layer.
    pub daily: Option<DailyRule>,
    /// The weekly layer.
    pub weekly: Option<WeeklyRule>,
    /// The monthly layer.
    pub monthly: Option<MonthlyRule>,
    /// The quarterly layer.
    pub quarterly: Option<QuarterlyRule>,
    /// The yearly layer.
    pub yearly: Option<YearlyRule>,
    /// Points that bear a tag are kept this long.
    pub tagged: Vec<TaggedRule>,
    /// How long points made outside of the schedule are kept, days: 1 to 9,999.
    ///
    /// When absent: the days of `daily`; one day under a weekly schedule or without `daily`.
    pub adhoc_days: Option<u32>,
}

impl Retention {
    /// True when no rule is set that scheduled points could be kept by.
    #[must_use]
    pub fn keeps_for_ever(&self) -> bool {
        self.keep_last.is_none()
            && self.minimum_points.is_none()
            && self.within.is_none()
            && self.tagged.is_empty()
            && self.configured().is_empty()
    }

    /// The layers that are set and mark slots.
    #[must_use]
    pub fn configured(&self) -> RuleSet {
        let mut rules = RuleSet::default();
        let layers = [
            (Rule::Hourly, self.hourly.is_some()),
            (Rule::Daily, self.daily.is_some()),
            (Rule::Weekly, self.weekly.is_some()),
            (Rule::Monthly, self.monthly.is_some()),
            (Rule::Quarterly, self.quarterly.is_some()),
            (Rule::Yearly, self.yearly.is_some()),
        ];
        for (rule, is_set) in layers {
            if is_set {
                rules.insert(rule);
            }
        }
        rules
    }

    /// How long a layer keeps what it marks; `None` when it is not set or no layer.
    #[must_use]
    pub fn period(&self, rule: Rule) -> Option<Period> {
        match rule {
            Rule::Hourly => self.hourly.map(Period::hours),
            Rule::Daily => self.daily.as_ref().map(|rule| Period::days(rule.keep_days)),
            Rule::Weekly => self
                .weekly
                .as_ref()
                .map(|rule| Period::weeks(rule.keep_weeks)),
            Rule::Monthly => self
                .monthly
                .as_ref()
                .map(|rule| Period::months(rule.keep_months)),
            Rule::Quarterly => self
                .quarterly
                .as_ref()
                .map(|rule| Period::quarters(rule.keep_quarters)),
            Rule::Yearly => self
                .yearly
                .as_ref()
                .map(|rule| Period::years(rule.keep_years)),
            Rule::Within => self.within,
            _ => None,
        }
    }

    /// How long an ad-hoc point is kept when nobody said until when.
    #[must_use]
    pub fn adhoc_period(&self, is_weekly_schedule: bool) -> Period {
        let daily_days = self.daily.as_ref().map(|rule| rule.keep_days);
        let default_days = if is_weekly_schedule {
            1
        } else {
            daily_days.unwrap_or(1)
        };
        Period::days(self.adhoc_days.unwrap_or(default_days))
    }

    /// The layers that mark a slot at this civil time by its date and time of day alone (all but hourly).
    #[must_use]
    pub fn marks_of(&self, slot: NaiveDateTime) -> RuleSet {
        let (date, time) = (slot.date(), TimeOfDay::from(slot.time()));
        let mut marks = self.long_term_marks_of(date);
        for rule in marks.iter() {
            if !self.times(rule).is_some_and(|times| times.contains(time)) {
                marks.remove(rule);
            }
        }
        if self
            .daily
            .as_ref()
            .is_some_and(|rule| rule.times.contains(time))
        {
            marks.insert(Rule::Daily);
        }
        marks
    }

    pub(crate) fn times(&self, rule: Rule) -> Option<&Times> {
        match rule {
            Rule::Daily => self.daily.as_ref().map(|rule| &rule.times),
            Rule::Weekly => self.weekly.as_ref().map(|rule| &rule.times),
            Rule::Monthly => self.monthly.as_ref().map(|rule| &rule.times),
            Rule::Quarterly => self.quarterly.as_ref().map(|rule| &rule.times),
            Rule::Yearly => self.yearly.as_ref().map(|rule| &rule.times),
            _ => None,
        }
    }
}
