//! Random policies and histories, and a slow reference for decisions that is written another way: it asks for every
//! slot who covers it, and reckons ends by looking at the clock minute by minute.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc, WeekdaySet};
use chrono_tz::Tz;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use strongroom_policy::retention::{
    DailyRule, Hold, MonthDay, MonthlyRule, Nth, Period, PeriodUnit, QuarterlyRule, TaggedRule,
    Times, WeeklyRule, YearlyRule,
};
use strongroom_policy::{
    Daily, Point, PointKind, Policy, Retention, Schedule, SlotId, TimeOfDay, Weekly, civil_time,
};

use super::time;

/// A source's life: every success there ever was, those that are gone, and the present.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) policy: Policy,
    pub(crate) all: Vec<Point<usize>>,
    pub(crate) gone: Vec<bool>,
    pub(crate) now: DateTime<Utc>,
}

impl Life {
    pub(crate) fn existing(&self) -> Vec<Point<usize>> {
        let points = self.all.iter().zip(&self.gone);
        points
            .filter(|(_, gone)| !**gone)
            .map(|(point, _)| point.clone())
            .collect()
    }
}

const TIMES: [&str; 6] = ["00:00", "02:30", "03:00", "08:15", "18:00", "23:59"];

fn time_sets() -> impl Strategy<Value = Vec<TimeOfDay>> {
    proptest::sample::subsequence(TIMES.map(time).to_vec(), 1..=3)
}

fn weekday_sets() -> impl Strategy<Value = WeekdaySet> {
    (1_u8..128).prop_map(|bits| {
        let days = (0..7).filter(|day| bits & (1 << day) != 0);
        days.map(|day| chrono::Weekday::try_from(day).unwrap())
            .collect()
    })
}

pub(crate) fn schedules() -> impl Strategy<Value = Schedule> {
    let daily = time_sets().prop_map(|times| {
        Schedule::Daily(Daily {
            times: times.into_iter().collect(),
        })
    });
    let weekly = (time_sets(), weekday_sets(), 1_u32..4).prop_map(|(times, days, every_weeks)| {
        Schedule::Weekly(Weekly {
            every_weeks,
            days,
            times: times.into_iter().collect(),
            starting: NaiveDate::from_ymd_opt(2025, 1, 1),
        })
    });
    let lines = [
        "0 */6 * * *",
        "*/40 1-4 * * *",
        "30 2 * * 1-5",
        "15,45 2 28-31 * *",
    ];
    let cron = proptest::sample::select(lines.to_vec())
        .prop_map(|line| Schedule::Cron(line.parse().unwrap()));
    prop_oneof![3 => daily, 2 => weekly, 1 => cron]
}

fn month_days() -> impl Strategy<Value = MonthDay> {
    let nths = [Nth::First, Nth::Second, Nth::Third, Nth::Fourth, Nth::Last];
    let weekday = (0_u8..7).prop_map(|day| chrono::Weekday::try_from(day).unwrap());
    prop_oneof![
        (1_u32..=31).prop_map(MonthDay::Day),
        Just(MonthDay::Last),
        (proptest::sample::select(nths.to_vec()), weekday)
            .prop_map(|(nth, day)| MonthDay::Weekday(nth, day)),
    ]
}

fn rule_times() -> impl Strategy<Value = Times> {
    prop_oneof![
        2 => Just(Times::Every),
        1 => time_sets().prop_map(|times| Times::At(times.into_iter().collect())),
    ]
}

fn periods() -> impl Strategy<Value = Period> {
    prop_oneof![
        (1_u32..200).prop_map(Period::hours),
        (1_u32..40).prop_map(Period::days),
        (1_u32..6).prop_map(Period::months),
    ]
}

pub(crate) fn retentions() -> impl Strategy<Value = Retention> {
    let layers = (
        option::of((rule_times(), 1_u32..20)),
        option::of((weekday_sets(), rule_times(), 1_u32..8)),
        option::of((vec(month_days(), 1..3), rule_times(), 1_u32..5)),
        option::of((month_days(), rule_times(), 1_u32..4)),
        option::of((vec(1_u32..=12, 1..4), month_days(), rule_times(), 1_u32..3)),
    );
    let others = (
        option::weighted(0.2, 1_u32..100),
        option::weighted(0.1, periods()),
        option::weighted(0.1, 1_u32..6),
        option::weighted(0.1, 1_u32..6),
        option::weighted(0.2, 1_u32..20),
        option::weighted(0.2, periods()),
    );
    (layers, others).prop_map(|((daily, weekly, monthly, quarterly, yearly), others)| {
        let mut retention = Retention::default();
        retention.daily = daily.map(|(times, keep_days)| DailyRule { times, keep_days });
        retention.weekly = weekly.map(|(days, times, keep_weeks)| WeeklyRule {
            days,
            times,
            keep_weeks,
        });
        retention.monthly = monthly.map(|(on, times, keep_months)| MonthlyRule {
            on: on.into_iter().collect(),
            times,
            keep_months,
        });
        retention.quarterly = quarterly.map(|(on, times, keep_quarters)| QuarterlyRule {
            on: [on].into(),
            times,
            keep_quarters,
        });
        retention.yearly = yearly.map(|(months, on, times, keep_years)| YearlyRule {
            months: months.into_iter().collect(),
            on: [on].into(),
            times,
            keep_years,
        });
        retention.hourly = others.0;
        retention.within = others.1;
        retention.keep_last = others.2;
        retention.minimum_points = others.3;
        retention.adhoc_days = others.4;
        retention.tagged = others
            .5
            .map(|keep| TaggedRule {
                tag: "release".to_owned(),
                keep,
            })
            .into_iter()
            .collect();
        retention
    })
}

const ZONES: [Tz; 6] = [
    chrono_tz::UTC,
    chrono_tz::Europe::Paris,
    chrono_tz::America::New_York,
    chrono_tz::Australia::Lord_Howe,
    chrono_tz::Africa::Casablanca,
    chrono_tz::Pacific::Apia,
];

/// What happens to one run, and beside it.
#[derive(Debug, Clone)]
struct Step {
    /// 0 to 5 succeeds, 6 and 7 fail, 8 is late.
    outcome: u8,
    late_minutes: i64,
    adhoc_minutes: Option<i64>,
    is_gone: bool,
    /// 0 hold, 1 hold until, 2 retain until, 3 tag.
    extra: Option<(u8, i64)>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0_u8..9,
        1_i64..600,
        option::weighted(0.15, 0_i64..3000),
        proptest::bool::weighted(0.2),
        option::weighted(0.1, (0_u8..4, -40_i64..400)),
    );
    let step = step.prop_map(
        |(outcome, late_minutes, adhoc_minutes, is_gone, extra)| Step {
            outcome,
            late_minutes,
            adhoc_minutes,
            is_gone,
            extra,
        },
    );
    vec(step, 0..40)
}

pub(crate) fn lives() -> impl Strategy<Value = Life> {
    let zone = proptest::sample::select(ZONES.to_vec());
    let policy = (zone, schedules(), retentions())
        .prop_map(|(zone, schedule, retention)| Policy::new(zone, schedule, retention));
    // Over two years, so that many begin near a change of the clock.
    let start = (0_i64..730 * 24 * 60).prop_map(|minutes| {
        let base: DateTime<Utc> = "2025-01-01T00:00:00Z".parse().unwrap();
        base + TimeDelta::minutes(minutes)
    });
    let rest_minutes = prop_oneof![0_i64..3 * 1440, 0_i64..400 * 1440];
    (policy, start, steps(), rest_minutes)
        .prop_map(|(policy, start, steps, rest)| life(policy, start, &steps, rest))
}

fn life(policy: Policy, start: DateTime<Utc>, steps: &[Step], rest_minutes: i64) -> Life {
    let mut all: Vec<(Point<usize>, bool)> = Vec::new();
    let mut last = start;
    let runs = policy.runs(start, start + TimeDelta::days(4000));
    for (step, due) in steps.iter().zip(runs) {
        last = due.at;
        let taken_at = match step.outcome {
            0..=5 => Some(due.at),
            8 => Some(due.at + TimeDelta::minutes(step.late_minutes)),
            _ => None,
        };
        if let Some(taken_at) = taken_at {
            let point = Point::scheduled(0, taken_at, due.slots.clone());
            all.push((with_extra(point, step), step.is_gone));
        }
        if let Some(minutes) = step.adhoc_minutes {
            let point = Point::adhoc(0, due.at + TimeDelta::minutes(minutes));
            all.push((with_extra(point, step), step.is_gone));
        }
    }
    all.sort_by_key(|(point, _)| key(point));
    let mut previous = start - TimeDelta::seconds(1);
    for (id, (point, _)) in all.iter_mut().enumerate() {
        point.id = id;
        point.follows = Some(previous);
        previous = point.taken_at;
    }
    let (all, gone) = all.into_iter().unzip();
    Life {
        policy,
        all,
        gone,
        now: last + TimeDelta::minutes(rest_minutes),
    }
}

fn with_extra(point: Point<usize>, step: &Step) -> Point<usize> {
    let Some((kind, days)) = step.extra else {
        return point;
    };
    let until = point.taken_at + TimeDelta::days(days);
    match kind {
        0 => point.held(Hold::Open),
        1 => point.held(Hold::Until(until)),
        2 => point.retained_until(until),
        _ => point.tagged("release"),
    }
}

/// Points follow each other by this; those that are equal in it are twins.
fn key(point: &Point<usize>) -> (DateTime<Utc>, PointKind, Vec<SlotId>) {
    (point.taken_at, point.kind, point.slots.clone())
}

/// Which of the existing points are kept, by their ids.
pub(crate) fn reference(life: &Life) -> Vec<usize> {
    let existing = life.existing();
    let past: Vec<_> = existing
        .iter()
        .filter(|point| point.taken_at <= life.now)
        .collect();
    let retention = &life.policy.retention;
    let newer_count = |point: &Point<usize>| {
        let newer = past.iter().filter(|other| key(other) > key(point));
        u32::try_from(newer.count()).unwrap()
    };
    let last = retention.keep_last.max(retention.minimum_points);
    let kept = existing.iter().filter(|point| {
        let newer_count = newer_count(point);
        point.taken_at > life.now
            || last.is_some_and(|last| newer_count < last)
            || (newer_count == 0 && overdue_count(life, point.taken_at) >= 2)
            || is_kept_alone(life, point)
    });
    kept.map(|point| point.id).collect()
}

/// How many different instants have runs in `(after, now]`.
fn overdue_count(life: &Life, after: DateTime<Utc>) -> usize {
    let mut instants: Vec<_> = slots_between(&life.policy, after, life.now)
        .into_iter()
        .map(|(due_at, _)| due_at)
        .collect();
    instants.dedup();
    instants.len()
}

/// All slots due in `(after, until]`, at most the first thousand days.
fn slots_between(
    policy: &Policy,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<(DateTime<Utc>, SlotId)> {
    let zone = policy.time_zone;
    let first = civil_time(after, zone).date().pred_opt().unwrap();
    let last = civil_time(until, zone).date().succ_opt().unwrap();
    let mut slots: Vec<_> = first
        .iter_days()
        .take_while(|date| *date <= last)
        .take(1000)
        .flat_map(|date| policy.schedule.slots_on(date, zone))
        .map(|slot| (policy.schedule.due_at(slot, zone), slot))
        .filter(|(due_at, _)| *due_at > after && *due_at <= until)
        .collect();
    slots.sort();
    slots
}

fn is_kept_alone(life: &Life, point: &Point<usize>) -> bool {
    let (now, retention) = (life.now, &life.policy.retention);
    let held = match point.hold {
        Some(Hold::Open) => true,
        Some(Hold::Until(until)) => now < until,
        None => false,
    };
    let is_adhoc = point.kind == PointKind::Adhoc;
    if held || point.retain_until.is_some_and(|until| now < until) {
        return true;
    }
    let has_rule = retention.daily.is_some()
        || retention.weekly.is_some()
        || retention.monthly.is_some()
        || retention.quarterly.is_some()
        || retention.yearly.is_some()
        || retention.hourly.is_some()
        || retention.within.is_some()
        || retention.keep_last.is_some()
        || retention.minimum_points.is_some()
        || !retention.tagged.is_empty();
    let has_own_end = is_adhoc && (point.retain_until.is_some() || retention.adhoc_days.is_some());
    if !has_rule && !has_own_end {
        return true;
    }
    let mut periods: Vec<Period> = retention.within.into_iter().collect();
    let tagged = retention
        .tagged
        .iter()
        .filter(|rule| point.tags.contains(&rule.tag));
    periods.extend(tagged.map(|rule| rule.keep));
    if is_adhoc && point.retain_until.is_none() {
        let weekly = matches!(life.policy.schedule, Schedule::Weekly(_));
        let daily_days = retention.daily.as_ref().map_or(1, |rule| rule.keep_days);
        let days = retention
            .adhoc_days
            .unwrap_or(if weekly { 1 } else { daily_days });
        periods.push(Period::days(days));
    }
    for slot in &point.slots {
        periods.extend(layers(life, *slot, true));
    }
    for slot in taken_over(life, point) {
        periods.extend(layers(life, slot, false));
    }
    periods.iter().any(|period| is_within(life, point, *period))
}

/// Slots whose marks the point takes over: those that nobody covers in time, and whose first success it is.
fn taken_over(life: &Life, point: &Point<usize>) -> Vec<SlotId> {
    let after = life.all[0].follows.unwrap();
    let slots = slots_between(&life.policy, after, point.taken_at);
    let first_since =
        |due_at: DateTime<Utc>| life.all.iter().find(|other| other.taken_at >= due_at);
    slots
        .into_iter()
        .filter(|(due_at, slot)| {
            let first = first_since(*due_at);
            first.is_some_and(|first| key(first) == key(point)) && !point.slots.contains(slot)
        })
        .map(|(_, slot)| slot)
        .collect()
}

/// Periods of the layers that mark a slot.
fn layers(life: &Life, slot: SlotId, is_own: bool) -> Vec<Period> {
    let retention = &life.policy.retention;
    let (date, clock) = (slot.local().date(), slot.local().time());
    let has = |times: &Times| match times {
        Times::Every => true,
        Times::At(times) => times.iter().any(|time| time.time() == clock),
    };
    let is_on = |day: &MonthDay| dates_of(*day, date.year(), date.month()) == Some(date);
    let mut periods = Vec::new();
    let daily = retention
        .daily
        .iter()
        .filter(|rule| is_own && has(&rule.times));
    periods.extend(daily.map(|rule| Period::days(rule.keep_days)));
    let weekly = retention.weekly.iter();
    let weekly = weekly.filter(|rule| rule.days.contains(date.weekday()) && has(&rule.times));
    periods.extend(weekly.map(|rule| Period::days(7 * rule.keep_weeks)));
    let monthly = retention.monthly.iter();
    let monthly = monthly.filter(|rule| rule.on.iter().any(is_on) && has(&rule.times));
    periods.extend(monthly.map(|rule| Period::months(rule.keep_months)));
    let quarterly = retention.quarterly.iter().filter(|rule| {
        [1, 4, 7, 10].contains(&date.month()) && rule.on.iter().any(is_on) && has(&rule.times)
    });
    periods.extend(quarterly.map(|rule| Period::months(3 * rule.keep_quarters)));
    let yearly = retention.yearly.iter().filter(|rule| {
        rule.months.contains(&date.month()) && rule.on.iter().any(is_on) && has(&rule.times)
    });
    periods.extend(yearly.map(|rule| Period::months(12 * rule.keep_years)));
    let zone = life.policy.time_zone;
    let mut of_the_hour: Vec<_> = life.policy.schedule.slots_on(date, zone);
    of_the_hour.retain(|other| other.local().hour() == slot.local().hour());
    let is_first = of_the_hour.iter().min() == Some(&slot);
    periods.extend(retention.hourly.filter(|_| is_first).map(Period::hours));
    periods
}

/// The date of a day in a month, found by counting from its first.
fn dates_of(day: MonthDay, year: i32, month: u32) -> Option<NaiveDate> {
    let all: Vec<_> = (1..=31)
        .filter_map(|number| NaiveDate::from_ymd_opt(year, month, number))
        .collect();
    match day {
        MonthDay::Day(number) => all.iter().rev().find(|date| date.day() <= number).copied(),
        MonthDay::Last => all.last().copied(),
        MonthDay::Weekday(nth, weekday) => {
            let same: Vec<_> = all
                .into_iter()
                .filter(|date| date.weekday() == weekday)
                .collect();
            match nth {
                Nth::First => same.first().copied(),
                Nth::Second => same.get(1).copied(),
                Nth::Third => same.get(2).copied(),
                Nth::Fourth => same.get(3).copied(),
                Nth::Last => same.last().copied(),
            }
        }
    }
}

/// `now < taken_at + period`, by the clock on the wall.
fn is_within(life: &Life, point: &Point<usize>, period: Period) -> bool {
    let (zone, now) = (life.policy.time_zone, life.now);
    let local = civil_time(point.taken_at, zone);
    let count = i64::from(period.count);
    let end = match period.unit {
        PeriodUnit::Hours => return (now - point.taken_at) < TimeDelta::hours(count),
        PeriodUnit::Days => local + TimeDelta::days(count),
        PeriodUnit::Weeks => local + TimeDelta::days(7 * count),
        PeriodUnit::Months => months_later(local, period.count),
        PeriodUnit::Quarters => months_later(local, 3 * period.count),
        PeriodUnit::Years => months_later(local, 12 * period.count),
    };
    let shown = civil_time(now, zone);
    if (end - shown).abs() > TimeDelta::days(2) {
        return shown < end;
    }
    // The first minute at which the clock has got there.
    let mut minute = end.and_utc() - TimeDelta::hours(30);
    while civil_time(minute, zone) < end {
        minute += TimeDelta::minutes(1);
    }
    now < minute
}

fn months_later(local: NaiveDateTime, months: u32) -> NaiveDateTime {
    let index = local.year() * 12 + i32::try_from(local.month0() + months).unwrap();
    let (year, month) = (index.div_euclid(12), index.rem_euclid(12));
    let date = dates_of(
        MonthDay::Day(local.day()),
        year,
        u32::try_from(month + 1).unwrap(),
    );
    date.unwrap().and_time(local.time())
}
