//! Single decisions and how they are told.

use chrono::Weekday::Sat;
use strongroom_policy::retention::{Hold, Times};
use strongroom_policy::{Point, PointKind, Rule, Until, decide};

use super::{at, daily, daily_schedule, policy, policy_in, weekly};

#[test]
fn a_verdict_tells_rules_ends_and_what_would_change() {
    let policy = policy(daily_schedule(&["00:00"]), |retention| {
        retention.daily = Some(daily(7));
        retention.weekly = Some(weekly(Sat, Times::Every, 4));
    });
    let slot = "2026-01-10T00:00".parse().unwrap();
    let points = [
        Point::scheduled("dump", at("2026-01-10T00:00:05Z"), vec![slot]).held(Hold::Open),
        Point::scheduled("late", at("2026-01-04T10:00:00Z"), Vec::new())
            .following(at("2026-01-02T00:00:00Z")),
        Point::adhoc("old", at("2025-11-01T00:00:00Z")),
    ];
    let verdicts = decide(&points, &policy, at("2026-01-12T00:00:00Z"));
    assert_eq!(
        verdicts[0].to_string(),
        "dump taken 2026-01-10T00:00:05Z: kept by daily until 2026-01-17T00:00:05Z, weekly until \
         2026-02-07T00:00:05Z, hold"
    );
    let changes: Vec<_> = verdicts[0].what_would_change().collect();
    assert_eq!(changes[2], "released when somebody releases the hold");
    assert_eq!(verdicts[0].expires_at(), None);
    assert_eq!(
        verdicts[1].to_string(),
        "late taken 2026-01-04T10:00:00Z: kept by weekly (for a missed slot) until 2026-02-01T10:00:00Z"
    );
    assert_eq!(
        verdicts[2].to_string(),
        "old taken 2025-11-01T00:00:00Z: expires: adhoc has ended at 2025-11-08T00:00:00Z"
    );
}

#[test]
fn an_explicit_end_takes_the_place_of_the_default_of_adhoc_points_only() {
    let policy = policy(daily_schedule(&["00:00"]), |retention| {
        retention.daily = Some(daily(7));
    });
    let taken = at("2026-01-10T00:00:00Z");
    let until = at("2026-01-12T00:00:00Z");
    let points = [
        Point::adhoc(0, taken).retained_until(until),
        Point::scheduled(1, taken, Vec::new()).retained_until(until),
        Point::adhoc(2, taken).retained_until(at("2027-01-01T00:00:00Z")),
    ];
    let verdicts = decide(&points, &policy, at("2026-01-11T00:00:00Z"));
    let ends: Vec<_> = verdicts
        .iter()
        .map(|verdict| verdict.expires_at().unwrap())
        .collect();
    assert_eq!(
        ends,
        [
            until,
            at("2026-01-17T00:00:00Z"),
            at("2027-01-01T00:00:00Z")
        ]
    );
}

#[test]
fn periods_are_counted_by_the_clock_on_the_wall() {
    let policy = policy_in(
        chrono_tz::Europe::Paris,
        daily_schedule(&["02:30"]),
        |retention| {
            retention.daily = Some(daily(7));
        },
    );
    // 22 March 02:30 in Paris; a week later the clock skips 02:30 and shows 03:00 next.
    let points = [Point::scheduled((), at("2026-03-22T01:30:00Z"), Vec::new())];
    let verdict = &decide(&points, &policy, at("2026-03-23T00:00:00Z"))[0];
    assert_eq!(verdict.expires_at(), Some(at("2026-03-29T01:00:00Z")));
    // 18 October 02:30 in Paris; a week later it is 02:30 twice, and the first counts.
    let points = [Point::scheduled((), at("2026-10-18T00:30:00Z"), Vec::new())];
    let verdict = &decide(&points, &policy, at("2026-10-19T00:00:00Z"))[0];
    assert_eq!(verdict.expires_at(), Some(at("2026-10-25T00:30:00Z")));
}

#[test]
fn without_rules_everything_stays_but_what_has_an_end_of_its_own() {
    let policy = policy(daily_schedule(&["00:00"]), |_| {});
    let taken = at("2020-01-01T00:00:00Z");
    let points = [
        Point::scheduled(0, taken, Vec::new()),
        Point::adhoc(1, taken),
        Point::adhoc(2, taken).retained_until(at("2020-02-01T00:00:00Z")),
    ];
    let verdicts = decide(&points, &policy, at("2020-03-01T00:00:00Z"));
    let kept: Vec<_> = verdicts.iter().map(|verdict| verdict.is_kept()).collect();
    // The last one is the newest in order, and the source is silent: it is kept for that.
    assert_eq!(kept, [true, true, true]);
    assert_eq!(verdicts[0].reasons[0].rule, Rule::Forever);
    assert_eq!(verdicts[2].reasons[0].rule, Rule::Silent);
}

#[test]
fn points_of_the_future_stay_and_push_nothing_out() {
    let policy = policy(daily_schedule(&["00:00"]), |retention| {
        retention.keep_last = Some(1);
    });
    let points = [
        Point::scheduled("honest", at("2026-01-10T00:00:00Z"), Vec::new()),
        Point::adhoc("forged", at("2036-01-01T00:00:00Z")),
    ];
    let verdicts = decide(&points, &policy, at("2026-01-10T12:00:00Z"));
    assert_eq!(verdicts[0].reasons[0].rule, Rule::Last);
    assert!(verdicts[1].is_kept());
}

#[test]
fn the_last_points_and_a_minimum_are_the_newest_ones() {
    let policy = policy(daily_schedule(&["00:00"]), |retention| {
        retention.keep_last = Some(2);
        retention.minimum_points = Some(3);
    });
    let points: Vec<_> = (1..=5)
        .map(|day| Point::scheduled(day, at(&format!("2026-01-0{day}T00:00:00Z")), Vec::new()))
        .collect();
    let verdicts = decide(&points, &policy, at("2026-01-05T01:00:00Z"));
    let why: Vec<_> = verdicts
        .iter()
        .map(|verdict| verdict.kept_because().collect::<Vec<_>>())
        .collect();
    let expected: [&[&str]; 5] = [
        &[],
        &[],
        &["minimum_points"],
        &["keep_last"],
        &["keep_last"],
    ];
    assert_eq!(why, expected);
    assert_eq!(verdicts[4].reasons[0].until, Until::Open);
}

#[test]
fn hourly_keeps_the_first_slot_of_each_hour() {
    let schedule = strongroom_policy::Schedule::Cron("*/20 * * * *".parse().unwrap());
    let policy = policy(schedule, |retention| retention.hourly = Some(3));
    let scenario =
        strongroom_policy::Scenario::new(at("2026-01-01T00:00:00Z"), at("2026-01-01T12:50:00Z"));
    let end = strongroom_policy::simulate::<()>(&policy, &[], &scenario);
    let hours: Vec<_> = end
        .points
        .iter()
        .map(|point| point.verdict.taken_at.format("%H:%M").to_string())
        .collect();
    assert_eq!(hours, ["10:00", "11:00", "12:00"]);
    // The first of 11 o'clock fails: the next one takes its place.
    let end = strongroom_policy::simulate::<()>(
        &policy,
        &[],
        &scenario.failing(at("2026-01-01T11:00:00Z")),
    );
    let hours: Vec<_> = end
        .points
        .iter()
        .map(|point| point.verdict.taken_at.format("%H:%M").to_string())
        .collect();
    assert_eq!(hours, ["10:00", "11:20", "12:00"]);
}

#[test]
fn marks_given_when_a_point_was_taken_outlive_a_change_of_the_schedule() {
    let policy = policy(daily_schedule(&["06:00"]), |retention| {
        retention.weekly = Some(weekly(Sat, super::some_times(&["06:00"]), 4));
    });
    let slot = "2026-01-10T18:00".parse().unwrap(); // of a schedule that is no more
    let mut point = Point::scheduled((), at("2026-01-10T18:00:00Z"), vec![slot])
        .following(at("2026-01-10T17:00:00Z"));
    let now = at("2026-01-11T05:00:00Z");
    assert!(!decide(std::slice::from_ref(&point), &policy, now)[0].is_kept());
    point.marks.insert(Rule::Weekly);
    let verdict = &decide(std::slice::from_ref(&point), &policy, now)[0];
    assert_eq!(verdict.expires_at(), Some(at("2026-02-07T18:00:00Z")));
    assert_eq!(point.kind, PointKind::Scheduled);
}

#[test]
fn extreme_times_do_no_harm() {
    let policy = policy(daily_schedule(&["00:00"]), |retention| {
        retention.daily = Some(daily(9_999));
        retention.weekly = Some(weekly(Sat, Times::Every, 5_163));
        retention.hourly = Some(239_976);
    });
    let extremes = [
        chrono::DateTime::<chrono::Utc>::MIN_UTC,
        chrono::DateTime::<chrono::Utc>::MAX_UTC,
        at("0001-01-01T00:00:00Z"),
        at("9999-12-31T23:59:59Z"),
        at("2026-01-01T00:00:00Z"),
    ];
    for now in extremes {
        let points: Vec<_> = extremes
            .iter()
            .map(|taken_at| Point::scheduled((), *taken_at, Vec::new()))
            .collect();
        assert_eq!(decide(&points, &policy, now).len(), extremes.len());
    }
}

#[test]
fn twins_are_treated_alike_in_any_order() {
    let policy = policy(daily_schedule(&["00:00"]), |retention| {
        retention.keep_last = Some(1);
        retention.weekly = Some(weekly(Sat, Times::Every, 4));
    });
    // The slot of Saturday 10 January was missed.
    let mut points = vec![
        Point::scheduled(0, at("2026-01-09T00:00:00Z"), Vec::new()),
        Point::adhoc(1, at("2026-01-10T12:00:00Z")),
        Point::adhoc(2, at("2026-01-10T12:00:00Z")),
    ];
    for _ in 0..2 {
        for verdict in decide(&points, &policy, at("2026-01-10T18:00:00Z")) {
            let why: Vec<_> = verdict.kept_because().collect();
            let expected: &[&str] = match verdict.id {
                0 => &[],
                _ => &["weekly", "keep_last", "adhoc"],
            };
            assert_eq!(why, expected);
        }
        points.reverse();
    }
}
