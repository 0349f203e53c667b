//! What a policy file may say but hardly means.

use std::fmt;

use chrono::NaiveDate;

use super::PolicyFile;
use crate::retention::{Rule, RuleSet};
use crate::{Error, Policy, SlotId};

/// Something to think about before a policy is used. It breaks no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// No retention: nothing is ever expired.
    NothingExpires,
    /// Points of some slots are kept by no rule and go as soon as they are there.
    UnkeptSlots {
        /// The first such slot of the year that was looked at.
        example: SlotId,
    },
    /// A rule marks no slot within eight years.
    NeverMarks {
        /// The rule.
        rule: Rule,
    },
    /// The daily layer alone keeps more points than a vault takes of one source.
    TooManyPoints {
        /// How many, about.
        points_count: u64,
    },
    /// More slots a day than the original product allows.
    OriginalLimit {
        /// How many there are.
        count: usize,
        /// How many it allows.
        most: usize,
    },
    /// There is nothing to back up.
    NoSources,
}

/// Points of one source.
const MOST_POINTS: u64 = 9_999;

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingExpires => {
                f.write_str("there is no retention rule: points are kept for ever")
            }
            Self::UnkeptSlots { example } => write!(
                f,
                "no rule keeps points of some slots, such as {example}: they may expire at once"
            ),
            Self::NeverMarks { rule } => {
                write!(
                    f,
                    "{rule} marks no slot of this schedule within eight years"
                )
            }
            Self::TooManyPoints { points_count } => write!(
                f,
                "daily keeps about {points_count} points, more than the {MOST_POINTS} of one source"
            ),
            Self::OriginalLimit { count, most } => {
                write!(
                    f,
                    "{count} slots a day, where the original product allows {most}"
                )
            }
            Self::NoSources => {
                f.write_str("there are no sources: nothing is backed up by schedule")
            }
        }
    }
}

/// Days that are looked at: eight years from one with a leap day.
const FIRST_DAY: (i32, u32, u32) = (2028, 1, 1);
const YEAR_DAYS: usize = 366;
const MANY_DAYS: usize = 8 * 366;

pub(super) fn advice(file: &PolicyFile) -> Vec<Advice> {
    let mut advice = Vec::new();
    let policy = file.policy(chrono_tz::UTC);
    if file.sources.is_empty() {
        advice.push(Advice::NoSources);
    }
    if let Err(Error::TooManyTimes { count, most }) = file.schedule.validate_original_limits() {
        advice.push(Advice::OriginalLimit { count, most });
    }
    if file.retention.keeps_for_ever() {
        advice.push(Advice::NothingExpires);
        return advice;
    }
    advice.extend(unkept_slots(&policy));
    advice.extend(never_marking(&policy));
    advice.extend(too_many_points(&policy));
    advice
}

fn days(count: usize) -> impl Iterator<Item = NaiveDate> {
    let (year, month, day) = FIRST_DAY;
    let first = NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
    first.iter_days().take(count)
}

fn unkept_slots(policy: &Policy) -> Option<Advice> {
    let retention = &policy.retention;
    let keeps_all = retention.keep_last.is_some()
        || retention.minimum_points.is_some()
        || retention.within.is_some()
        || retention.hourly.is_some();
    if keeps_all {
        return None;
    }
    let mut slots = days(YEAR_DAYS).flat_map(|date| policy.slots_on(date));
    let example = slots.find(|slot| retention.marks_of(slot.local()).is_empty())?;
    Some(Advice::UnkeptSlots { example })
}

fn never_marking(policy: &Policy) -> Vec<Advice> {
    let retention = &policy.retention;
    let mut open: RuleSet = retention.configured();
    open.remove(Rule::Hourly);
    for date in days(MANY_DAYS) {
        let by_date = retention.long_term_marks_of(date);
        let may_be_daily = open.contains(Rule::Daily);
        if by_date.intersection(open).is_empty() && !may_be_daily {
            continue;
        }
        for slot in policy.slots_on(date) {
            open = open.without(retention.marks_of(slot.local()));
        }
        if open.is_empty() {
            break;
        }
    }
    open.iter()
        .map(|rule| Advice::NeverMarks { rule })
        .collect()
}

fn too_many_points(policy: &Policy) -> Option<Advice> {
    let daily = policy.retention.daily.as_ref()?;
    let mut marked_count: u64 = 0;
    for date in days(YEAR_DAYS) {
        let times = policy
            .slots_on(date)
            .into_iter()
            .map(|slot| slot.local().time().into());
        let marked = times.filter(|time| daily.times.contains(*time)).count();
        marked_count = marked_count.saturating_add(u64::try_from(marked).unwrap_or(u64::MAX));
    }
    let points_count = marked_count.saturating_mul(u64::from(daily.keep_days)) / 366;
    (points_count > MOST_POINTS).then_some(Advice::TooManyPoints { points_count })
}
