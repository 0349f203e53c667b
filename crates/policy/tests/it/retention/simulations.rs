//! Simulations equal a life lived step by step.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use strongroom_policy::forecast::{Growth, forecast};
use strongroom_policy::{Point, Policy, Rule, Scenario, decide, simulate};

use super::model::{retentions, schedules};
use super::{at, daily, daily_schedule, policy};

/// Expires at every instant at which something could change, and adds what succeeds.
fn step_by_step(policy: &Policy, scenario: &Scenario) -> Vec<DateTime<Utc>> {
    let runs = policy.runs(scenario.from, scenario.until);
    let runs = runs.filter(|due| !scenario.failed_at.contains(&due.at));
    let mut coming: Vec<_> = runs
        .map(|due| Point::scheduled((), due.at, due.slots))
        .chain(scenario.adhoc_at.iter().map(|at| Point::adhoc((), *at)))
        .filter(|point| point.taken_at <= scenario.until)
        .collect();
    coming.sort_by_key(|point| (point.taken_at, point.kind));
    let mut previous = scenario.from - TimeDelta::nanoseconds(1);
    let mut instants = BTreeSet::from([scenario.until]);
    for point in &mut coming {
        point.follows = Some(previous);
        previous = point.taken_at;
        instants.insert(point.taken_at);
        let verdict = decide(std::slice::from_ref(point), policy, point.taken_at);
        instants.extend(verdict[0].expires_at());
        // One rule after the other ends.
        let dated = verdict[0]
            .reasons
            .iter()
            .filter_map(|reason| match reason.until {
                strongroom_policy::Until::At(at) => Some(at),
                strongroom_policy::Until::Open => None,
            });
        instants.extend(dated);
    }
    let mut coming = coming.into_iter().peekable();
    let mut living: Vec<Point<()>> = Vec::new();
    for now in instants.into_iter().filter(|now| *now <= scenario.until) {
        let expire = |living: &mut Vec<Point<()>>| {
            let verdicts = decide(living, policy, now);
            let mut verdicts = verdicts.iter();
            living.retain(|_| verdicts.next().unwrap().is_kept());
        };
        expire(&mut living);
        while let Some(point) = coming.next_if(|point| point.taken_at == now) {
            living.push(point);
        }
        expire(&mut living);
    }
    living.iter().map(|point| point.taken_at).collect()
}

fn scenarios() -> impl Strategy<Value = (Policy, Scenario)> {
    let failures = proptest::collection::vec(0_usize..40, 0..25);
    let adhoc = proptest::collection::vec(0_i64..60 * 1440, 0..4);
    let parts = (schedules(), retentions(), failures, adhoc, 1_i64..90 * 1440);
    parts.prop_map(|(schedule, retention, failures, adhoc, minutes)| {
        let policy = Policy::new(chrono_tz::Europe::Paris, schedule, retention);
        let from = at("2026-03-01T00:00:00Z");
        let mut scenario = Scenario::new(from, from + TimeDelta::minutes(minutes));
        for (index, due) in policy.runs(from, scenario.until).enumerate() {
            if failures.contains(&index) {
                scenario.failed_at.insert(due.at);
            }
        }
        scenario.adhoc_at = adhoc
            .iter()
            .map(|at| from + TimeDelta::minutes(*at))
            .collect();
        (policy, scenario)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_simulation_equals_a_life_lived_step_by_step((policy, scenario) in scenarios()) {
        let end = simulate::<()>(&policy, &[], &scenario);
        let taken: Vec<_> = end.points.iter().map(|point| point.verdict.taken_at).collect();
        prop_assert_eq!(taken, step_by_step(&policy, &scenario));
    }
}

#[test]
fn history_goes_on() {
    let policy = policy(daily_schedule(&["02:00"]), |retention| {
        retention.daily = Some(daily(7));
    });
    let history: Vec<_> = (1..=9)
        .map(|day| Point::scheduled(day, at(&format!("2026-01-0{day}T02:00:07Z")), Vec::new()))
        .collect();
    let scenario = Scenario::new(at("2026-01-10T00:00:00Z"), at("2026-01-12T12:00:00Z"));
    let end = simulate(&policy, &history, &scenario);
    let ids: Vec<_> = end.points.iter().map(|point| point.verdict.id).collect();
    assert_eq!(ids, [Some(6), Some(7), Some(8), Some(9), None, None, None]);
    assert_eq!(
        (end.runs_count, end.failed_count, end.expired_count),
        (3, 0, 5)
    );
}

#[test]
fn failures_at_instants_without_a_run_are_told() {
    let policy = policy(daily_schedule(&["02:00"]), |retention| {
        retention.daily = Some(daily(7));
    });
    let scenario = Scenario::new(at("2026-01-10T00:00:00Z"), at("2026-01-12T12:00:00Z"))
        .failing(at("2026-01-11T02:00:00Z"))
        .failing(at("2026-01-11T02:00:01Z"));
    let end = simulate::<()>(&policy, &[], &scenario);
    assert_eq!(end.failed_count, 1);
    assert_eq!(end.unmatched_failures, [at("2026-01-11T02:00:01Z")]);
    assert_eq!(end.by_rule[&Rule::Daily], 2);
}

#[test]
fn a_forecast_has_an_ordered_band_that_narrows_with_samples() {
    let policy = policy(daily_schedule(&["02:00"]), |retention| {
        retention.daily = Some(daily(7));
    });
    let scenario = Scenario::new(at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"));
    let few = Growth::new(1_000_000, vec![10_000]);
    let many = Growth::new(
        1_000_000,
        vec![9_000, 11_000, 10_000, 10_000, 9_500, 10_500],
    );
    let coarse = forecast::<()>(&policy, &[], &scenario, &few, 4);
    let fine = forecast::<()>(&policy, &[], &scenario, &many, 4);
    assert_eq!(fine.len(), 4);
    for point in coarse.iter().chain(&fine) {
        assert_eq!(point.points_count, 7);
        let band = point.stored;
        assert!(band.low_bytes <= band.likely_bytes && band.likely_bytes <= band.high_bytes);
    }
    // One state and six days of change.
    assert_eq!(fine[3].stored.likely_bytes, 1_060_000);
    let width = |point: &strongroom_policy::forecast::ForecastPoint| {
        point.stored.high_bytes - point.stored.low_bytes
    };
    assert!(width(&fine[3]) < width(&coarse[3]));
}

#[test]
fn thinned_out_points_add_up_to_what_was_replaced_between_them() {
    let policy = policy(daily_schedule(&["02:00"]), |retention| {
        retention.weekly = Some(super::weekly(
            chrono::Weekday::Sat,
            strongroom_policy::retention::Times::Every,
            4,
        ));
    });
    let scenario = Scenario::new(at("2026-01-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
    let end = forecast::<()>(
        &policy,
        &[],
        &scenario,
        &Growth::new(1000, vec![100, 100]),
        1,
    );
    // Four points, seven runs apart: 3 × (1 − 0.9⁷) = 1.565 beside one state; the same places 1.3; others 3.1.
    let band = end[0].stored;
    assert_eq!(
        (band.low_bytes, band.likely_bytes, band.high_bytes),
        (1300, 2565, 3100)
    );
}
