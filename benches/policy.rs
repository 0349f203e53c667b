//! The hot paths of `strongroom-policy`: the next run, what is due, the throttle, decisions and simulations.
//!
//! To reproduce, from the root of the workspace, on a machine that does nothing else (about a minute):
//!
//! ```text
//! cargo bench -p strongroom-benches --bench policy
//! cargo bench -p strongroom-benches --bench policy -- next        # one group, or any part of a name
//! ```
//!
//! `next` starts at instants all over a year, so that changes of the zone have their share and no more. Nothing is read
//! from outside.

use std::hint::black_box;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use criterion::{Criterion, criterion_group, criterion_main};
use strongroom_policy::retention::{
    DailyRule, MonthDay, MonthlyRule, Nth, Times, WeeklyRule, YearlyRule,
};
use strongroom_policy::{
    Daily, Decision, Direction, LastRuns, Moment, Point, Policy, Retention, Scenario, Schedule,
    Throttle, ThrottleCalendar, TimeOfDay, Timetable, Weekly, decide, simulate,
};

/// 1 January 2026, noon.
const START_SECS: i64 = 1_767_268_800;

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(START_SECS, 0).expect("in range")
}

/// Instants all over the year, in no order.
fn instants() -> impl Iterator<Item = DateTime<Utc>> {
    (0i64..).map(|number| start() + TimeDelta::seconds(number * 7_368_787 % 31_536_000))
}

fn daily(times: &[&str]) -> Schedule {
    let times = times.iter().map(|time| time.parse().expect("a time"));
    Schedule::Daily(Daily {
        times: times.collect(),
    })
}

fn cron(line: &str) -> Schedule {
    Schedule::Cron(line.parse().expect("a line"))
}

fn fortnightly() -> Schedule {
    Schedule::Weekly(Weekly {
        every_weeks: 2,
        days: [chrono::Weekday::Sun, chrono::Weekday::Wed]
            .into_iter()
            .collect(),
        times: ["01:00", "09:30"]
            .map(|time| time.parse().expect("a time"))
            .into(),
        starting: chrono::NaiveDate::from_ymd_opt(2026, 1, 4),
    })
}

fn next(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("next");
    let schedules = [
        ("daily, 2 times", daily(&["00:00", "18:00"])),
        ("every second week, 2 days", fortnightly()),
        ("30 2 * * 1-5", cron("30 2 * * 1-5")),
        ("*/15 * * * *", cron("*/15 * * * *")),
        ("0 3 13 * 5", cron("0 3 13 * 5")),
        ("0 0 29 2 *", cron("0 0 29 2 *")),
    ];
    for (name, schedule) in schedules {
        let mut instants = instants();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let after = instants.next().expect("endless");
                black_box(schedule.next_after(after, Tz::Europe__Paris))
            });
        });
    }
    group.finish();
}

fn due(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("due");
    let timetable = Timetable::new(daily(&["00:00", "18:00"]), Tz::Europe__Paris);
    let mut runs = LastRuns::since(start());
    let mut now = start();
    for _ in 0..LastRuns::MOST_KEPT {
        now += TimeDelta::hours(12);
        if let Decision::Run { due, .. } = timetable.due_now(&runs, now) {
            runs.record(&due, now);
        }
    }
    group.bench_function("waiting", |bencher| {
        bencher.iter(|| timetable.due_now(black_box(&runs), now));
    });
    let month_later = now + TimeDelta::days(30);
    group.bench_function("after a month of sleep", |bencher| {
        bencher.iter(|| timetable.due_now(black_box(&runs), month_later));
    });
    group.finish();
}

fn throttle(criterion: &mut Criterion) {
    let calendar = ThrottleCalendar::new(
        [chrono::Weekday::Mon].into_iter().collect(),
        "09:00-18:00".parse().expect("hours"),
    );
    let mut throttle = Throttle::new(calendar, Tz::Europe__Paris);
    let mut moment = Moment {
        at: start(),
        monotonic: Duration::ZERO,
    };
    criterion.bench_function("throttle/take", |bencher| {
        bencher.iter(|| {
            moment.at += TimeDelta::microseconds(10);
            moment.monotonic += Duration::from_micros(10);
            black_box(throttle.take(Direction::Upload, 65_536, moment))
        });
    });
}

/// Four layers over hourly points: all a week, Saturdays four weeks, last Saturdays twelve months, one a year for ten
/// years.
fn four_layers() -> Policy {
    let last_saturday = MonthDay::Weekday(Nth::Last, chrono::Weekday::Sat);
    let midnight = Times::At([TimeOfDay::MIDNIGHT].into());
    let mut retention = Retention::default();
    retention.daily = Some(DailyRule {
        times: Times::Every,
        keep_days: 7,
    });
    retention.weekly = Some(WeeklyRule {
        days: [chrono::Weekday::Sat].into_iter().collect(),
        times: midnight.clone(),
        keep_weeks: 4,
    });
    retention.monthly = Some(MonthlyRule {
        on: [last_saturday].into(),
        times: midnight.clone(),
        keep_months: 12,
    });
    retention.yearly = Some(YearlyRule {
        months: [3].into(),
        on: [last_saturday].into(),
        times: midnight,
        keep_years: 10,
    });
    Policy::new(Tz::Europe__Paris, cron("0 * * * *"), retention)
}

/// 87,600 hourly points, of which none has been expired yet.
fn decide_ten_years(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    group.sample_size(10);
    let policy = four_layers();
    let until = start() + TimeDelta::hours(87_600 - 1);
    let runs = policy.runs(start(), until);
    let points: Vec<_> = runs
        .map(|due| Point::scheduled(due.at, due.at, due.slots))
        .collect();
    group.bench_function("ten years of hourly points", |bencher| {
        bencher.iter(|| black_box(decide(&points, &policy, until)));
    });
    group.finish();
}

/// Ten years, two runs a day.
fn simulate_ten_years(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulate");
    group.sample_size(10);
    let mut policy = four_layers();
    policy.schedule = daily(&["00:00", "18:00"]);
    let scenario = Scenario::new(start(), start() + TimeDelta::days(3_650));
    group.bench_function("ten years, twice a day", |bencher| {
        bencher.iter(|| black_box(simulate::<()>(&policy, &[], &scenario)));
    });
    group.finish();
}

criterion_group!(
    policy,
    next,
    due,
    throttle,
    decide_ten_years,
    simulate_ten_years
);
criterion_main!(policy);
