//! What an edit of a policy does to the points that exist.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::{MonthDay, Period, Point, Retention, Rule, Times, decide};
use crate::{Policy, Until, Verdict};

/// How long an edit must stand before points expire because of it, hours, where a policy is guarded.
pub const SETTLING_HOURS: i64 = 24;

/// A policy that was replaced.
#[derive(Debug, Clone, Copy)]
pub struct PolicyEdit<'a> {
    /// The policy before.
    pub before: &'a Policy,
    /// When it was replaced.
    pub edited_at: DateTime<Utc>,
}

impl PolicyEdit<'_> {
    /// When the edit has settled.
    #[must_use]
    pub fn settles_at(&self) -> DateTime<Utc> {
        self.edited_at
            .checked_add_signed(TimeDelta::hours(SETTLING_HOURS))
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

/// One way in which a policy keeps less than the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// A rule is gone.
    Removed {
        /// The rule.
        rule: Rule,
    },
    /// A rule keeps its points for a shorter time.
    Shorter {
        /// The rule.
        rule: Rule,
        /// Before.
        from: Period,
        /// After.
        to: Period,
    },
    /// A rule keeps fewer points.
    Fewer {
        /// The rule.
        rule: Rule,
        /// Before.
        from_count: u32,
        /// After.
        to_count: u32,
    },
    /// A rule no longer marks all the days or times that it did.
    Narrower {
        /// The rule.
        rule: Rule,
    },
    /// There was no rule, and everything was kept.
    FirstRule,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed { rule } => write!(f, "{rule} is removed"),
            Self::Shorter { rule, from, to } => write!(f, "{rule} keeps {to} instead of {from}"),
            Self::Fewer {
                rule,
                from_count,
                to_count,
            } => write!(f, "{rule} keeps {to_count} points instead of {from_count}"),
            Self::Narrower { rule } => write!(f, "{rule} no longer applies to all its slots"),
            Self::FirstRule => f.write_str("everything was kept, now rules decide"),
        }
    }
}

/// Every way in which `after` keeps less than `before`, judged by the rules alone. Empty: no point can lose by it
/// except by a change of the schedule.
#[must_use]
pub fn cuts(before: &Policy, after: &Policy) -> Vec<Cut> {
    let (old, new) = (&before.retention, &after.retention);
    if new.keeps_for_ever() {
        return Vec::new();
    }
    if old.keeps_for_ever() {
        return vec![Cut::FirstRule];
    }
    let mut cuts = Vec::new();
    let layers = [
        Rule::Daily,
        Rule::Weekly,
        Rule::Monthly,
        Rule::Quarterly,
        Rule::Yearly,
        Rule::Hourly,
        Rule::Within,
    ];
    for rule in layers {
        cuts.extend(period_cut(rule, old.period(rule), new.period(rule)));
        if old.period(rule).is_some() && new.period(rule).is_some() && is_narrower(rule, old, new) {
            cuts.push(Cut::Narrower { rule });
        }
    }
    let adhoc = |policy: &Policy| policy.retention.adhoc_period(policy.schedule.is_weekly());
    cuts.extend(period_cut(
        Rule::Adhoc,
        Some(adhoc(before)),
        Some(adhoc(after)),
    ));
    for tagged in &old.tagged {
        let same = new.tagged.iter().filter(|rule| rule.tag == tagged.tag);
        let longest = same
            .map(|rule| rule.keep)
            .max_by_key(|keep| keep.weight_hours());
        cuts.extend(period_cut(Rule::Tagged, Some(tagged.keep), longest));
    }
    cuts.extend(count_cut(Rule::Last, old.keep_last, new.keep_last));
    cuts.extend(count_cut(
        Rule::Minimum,
        old.minimum_points,
        new.minimum_points,
    ));
    cuts
}

fn period_cut(rule: Rule, from: Option<Period>, to: Option<Period>) -> Option<Cut> {
    match (from, to) {
        (Some(_), None) => Some(Cut::Removed { rule }),
        (Some(from), Some(to)) if to.weight_hours() < from.weight_hours() => {
            Some(Cut::Shorter { rule, from, to })
        }
        _ => None,
    }
}

fn count_cut(rule: Rule, from: Option<u32>, to: Option<u32>) -> Option<Cut> {
    match (from, to) {
        (Some(_), None) => Some(Cut::Removed { rule }),
        (Some(from_count), Some(to_count)) if to_count < from_count => Some(Cut::Fewer {
            rule,
            from_count,
            to_count,
        }),
        _ => None,
    }
}

fn is_narrower(rule: Rule, old: &Retention, new: &Retention) -> bool {
    match (slots_of(rule, old), slots_of(rule, new)) {
        (Some((old_days, old_times)), Some((new_days, new_times))) => {
            !old_days.is_within(&new_days) || !is_within(old_times, new_times)
        }
        _ => false,
    }
}

/// Days of a rule, as sets of what it names.
#[derive(Debug, Clone, Default)]
struct Days {
    weekdays: BTreeSet<u32>,
    months: BTreeSet<u32>,
    on: BTreeSet<MonthDay>,
}

impl Days {
    fn is_within(&self, other: &Self) -> bool {
        self.weekdays.is_subset(&other.weekdays)
            && self.months.is_subset(&other.months)
            && self.on.is_subset(&other.on)
    }
}

fn slots_of(rule: Rule, retention: &Retention) -> Option<(Days, &Times)> {
    let mut days = Days::default();
    let times = match rule {
        Rule::Daily => &retention.daily.as_ref()?.times,
        Rule::Weekly => {
            let weekly = retention.weekly.as_ref()?;
            let numbers = weekly.days.iter(chrono::Weekday::Mon);
            days.weekdays = numbers.map(|day| day.num_days_from_monday()).collect();
            &weekly.times
        }
        Rule::Monthly => {
            let monthly = retention.monthly.as_ref()?;
            days.on.clone_from(&monthly.on);
            &monthly.times
        }
        Rule::Quarterly => {
            let quarterly = retention.quarterly.as_ref()?;
            days.on.clone_from(&quarterly.on);
            &quarterly.times
        }
        Rule::Yearly => {
            let yearly = retention.yearly.as_ref()?;
            days.on.clone_from(&yearly.on);
            days.months.clone_from(&yearly.months);
            &yearly.times
        }
        _ => return None,
    };
    Some((days, times))
}

fn is_within(times: &Times, other: &Times) -> bool {
    match (times, other) {
        (_, Times::Every) => true,
        (Times::Every, Times::At(_)) => false,
        (Times::At(times), Times::At(other)) => times.is_subset(other),
    }
}

/// What an edit does to one point.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EditEffect {
    /// Nothing changes for it.
    Same,
    /// It is kept longer.
    Extended,
    /// It is kept, but not for as long.
    Shortened,
    /// The next expire drops it, once the edit has settled.
    Marked,
}

/// What replacing `before` by `after` does to each point, in the order given, with the new verdict.
#[must_use]
pub fn effect_of_edit<I: Clone>(
    points: &[Point<I>],
    before: &Policy,
    after: &Policy,
    now: DateTime<Utc>,
) -> Vec<(EditEffect, Verdict<I>)> {
    let old = decide(points, before, now);
    let new = decide(points, after, now);
    old.into_iter()
        .zip(new)
        .map(|(old, new)| (effect(&old, &new), new))
        .collect()
}

fn effect<I>(old: &Verdict<I>, new: &Verdict<I>) -> EditEffect {
    let end = |verdict: &Verdict<I>| -> Option<Until> {
        verdict.reasons.iter().map(|reason| reason.until).max()
    };
    match (end(old), end(new)) {
        (Some(_), None) => EditEffect::Marked,
        (old, new) if new > old => EditEffect::Extended,
        (old, new) if new < old => EditEffect::Shortened,
        _ => EditEffect::Same,
    }
}
