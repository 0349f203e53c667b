//! Laws over random policies and histories.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use strongroom_policy::retention::{ClockState, Hold, clock_state};
use strongroom_policy::{Point, Retention, Rule, Until, Verdict, decide};

use super::model::{Life, lives, reference, retentions};

const CASES: u32 = 500;
const SOAK_CASES: u32 = 100_000;

fn check<S: Strategy>(
    cases: u32,
    strategy: S,
    law: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        max_global_rejects: cases,
        ..Config::default()
    };
    if let Err(error) = TestRunner::new(config).run(&strategy, law) {
        panic!("{error}");
    }
}

fn verdicts(life: &Life) -> Vec<Verdict<usize>> {
    decide(&life.existing(), &life.policy, life.now)
}

fn kept_ids(verdicts: &[Verdict<usize>]) -> Vec<usize> {
    let kept = verdicts.iter().filter(|verdict| verdict.is_kept());
    kept.map(|verdict| verdict.id).collect()
}

fn equals_the_reference(life: Life) -> Result<(), TestCaseError> {
    prop_assert_eq!(kept_ids(&verdicts(&life)), reference(&life));
    Ok(())
}

#[test]
fn decisions_equal_a_slow_reference() {
    check(CASES, lives(), equals_the_reference);
}

#[test]
#[ignore = "long"]
fn soak_decisions_equal_a_slow_reference() {
    check(SOAK_CASES, lives(), equals_the_reference);
}

/// The first with every rule of the second that it has not.
fn with_more(retention: &Retention, more: &Retention) -> Retention {
    let mut both = retention.clone();
    both.daily = both.daily.or_else(|| more.daily.clone());
    both.weekly = both.weekly.or_else(|| more.weekly.clone());
    both.monthly = both.monthly.or_else(|| more.monthly.clone());
    both.quarterly = both.quarterly.or_else(|| more.quarterly.clone());
    both.yearly = both.yearly.or_else(|| more.yearly.clone());
    both.hourly = both.hourly.or(more.hourly);
    both.within = both.within.or(more.within);
    both.keep_last = both.keep_last.or(more.keep_last);
    both.minimum_points = both.minimum_points.or(more.minimum_points);
    both.tagged.extend(more.tagged.iter().cloned());
    both
}

fn a_rule_more_keeps_no_less((life, more): (Life, Retention)) -> Result<(), TestCaseError> {
    // The first rule of all begins to expire what was kept for ever.
    prop_assume!(!life.policy.retention.keeps_for_ever());
    let before = kept_ids(&verdicts(&life));
    let mut richer = life.clone();
    richer.policy.retention = with_more(&life.policy.retention, &more);
    let after = kept_ids(&verdicts(&richer));
    prop_assert!(
        before.iter().all(|id| after.contains(id)),
        "{:?} {:?}",
        before,
        after
    );
    Ok(())
}

fn deciding_again_changes_nothing(life: Life) -> Result<(), TestCaseError> {
    let points = life.existing();
    let first = decide(&points, &life.policy, life.now);
    let kept: Vec<Point<usize>> = points
        .into_iter()
        .zip(&first)
        .filter(|(_, verdict)| verdict.is_kept())
        .map(|(point, _)| point)
        .collect();
    let again = decide(&kept, &life.policy, life.now);
    let first: Vec<_> = first.into_iter().filter(Verdict::is_kept).collect();
    prop_assert_eq!(again, first);
    Ok(())
}

fn the_order_of_points_does_not_matter(life: Life) -> Result<(), TestCaseError> {
    let mut points = life.existing();
    let forward = decide(&points, &life.policy, life.now);
    points.reverse();
    let mut backward = decide(&points, &life.policy, life.now);
    backward.reverse();
    prop_assert_eq!(forward, backward);
    Ok(())
}

fn held_points_and_the_newest_of_a_silent_source_stay(life: Life) -> Result<(), TestCaseError> {
    let points = life.existing();
    let verdicts = decide(&points, &life.policy, life.now);
    for (point, verdict) in points.iter().zip(&verdicts) {
        let is_held = match point.hold {
            Some(Hold::Open) => true,
            Some(Hold::Until(until)) => life.now < until,
            None => false,
        };
        prop_assert!(!is_held || verdict.is_kept(), "{:?}", verdict);
    }
    let mut past = points
        .iter()
        .zip(&verdicts)
        .filter(|(point, _)| point.taken_at <= life.now);
    if let Some((newest, verdict)) = past.next_back() {
        let overdue = life.policy.runs(newest.taken_at, life.now);
        let overdue = overdue
            .filter(|due| due.at > newest.taken_at)
            .take(2)
            .count();
        prop_assert!(overdue < 2 || verdict.is_kept(), "{:?}", verdict);
    }
    Ok(())
}

/// Every reason that was found at one time holds at all earlier times, but that a source is silent; and a clock that
/// goes back is noticed, so that nothing is expired by it.
fn time_that_goes_back_loses_nothing((life, minutes): (Life, i64)) -> Result<(), TestCaseError> {
    let mut earlier = life.clone();
    earlier.now = life.now - chrono::TimeDelta::minutes(minutes);
    let (late, early) = (verdicts(&life), verdicts(&earlier));
    for (late, early) in late.iter().zip(&early) {
        let is_by_rule = late
            .reasons
            .iter()
            .any(|reason| reason.rule != Rule::Silent);
        prop_assert!(!is_by_rule || early.is_kept(), "{:?} {:?}", late, early);
    }
    prop_assert_eq!(clock_state(earlier.now, life.now), ClockState::Backwards);
    Ok(())
}

/// A date that is told is true: the point is kept just before it, and not at it, if nothing else happens.
fn the_expiry_that_is_told_comes_true(life: Life) -> Result<(), TestCaseError> {
    let past = |verdict: &Verdict<usize>| verdict.taken_at <= life.now;
    for verdict in verdicts(&life).into_iter().filter(past) {
        let Some(expires_at) = verdict.expires_at() else {
            continue;
        };
        let only = |now| {
            let later = decide(&life.existing(), &life.policy, now);
            later.into_iter().find(|other| other.id == verdict.id)
        };
        let before = only(expires_at - chrono::TimeDelta::seconds(1));
        prop_assert!(before.is_some_and(|verdict| verdict.is_kept()));
        let after = only(expires_at)
            .map(|verdict| verdict.reasons)
            .unwrap_or_default();
        let dated = after.iter().filter(|reason| reason.until != Until::Open);
        prop_assert_eq!(dated.count(), 0);
    }
    Ok(())
}

fn all_laws(cases: u32) {
    check(cases, (lives(), retentions()), a_rule_more_keeps_no_less);
    check(cases, lives(), deciding_again_changes_nothing);
    check(cases, lives(), the_order_of_points_does_not_matter);
    check(
        cases,
        lives(),
        held_points_and_the_newest_of_a_silent_source_stay,
    );
    let back = 1_i64..60 * 1440;
    check(cases, (lives(), back), time_that_goes_back_loses_nothing);
    check(cases / 10, lives(), the_expiry_that_is_told_comes_true);
}

#[test]
fn laws_hold() {
    all_laws(CASES);
}

#[test]
#[ignore = "long"]
fn soak_laws_hold() {
    all_laws(SOAK_CASES);
}
