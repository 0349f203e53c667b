//! Edits of a policy.

use chrono::Weekday::{Sat, Sun};
use strongroom_policy::retention::{
    Cut, EditEffect, Period, PolicyEdit, Times, cuts, decide_since_edit, effect_of_edit,
};
use strongroom_policy::{Point, Policy, Rule, decide};

use super::{at, daily, daily_schedule, policy, weekly};

fn keeping(days: u32) -> Policy {
    policy(daily_schedule(&["00:00"]), |retention| {
        retention.daily = Some(daily(days));
    })
}

fn points() -> Vec<Point<u32>> {
    (1..=20)
        .map(|day| Point::scheduled(day, at(&format!("2026-01-{day:02}T00:00:00Z")), Vec::new()))
        .collect()
}

const NOW: &str = "2026-01-20T12:00:00Z";

#[test]
fn a_longer_rule_extends_existing_points() {
    let effects = effect_of_edit(&points()[14..], &keeping(7), &keeping(30), at(NOW));
    assert!(
        effects
            .iter()
            .all(|(effect, _)| *effect == EditEffect::Extended)
    );
    assert_eq!(cuts(&keeping(7), &keeping(30)), []);
}

#[test]
fn a_shorter_rule_shortens_some_and_marks_others_for_the_next_expire() {
    let (before, after) = (keeping(20), keeping(7));
    let effects = effect_of_edit(&points(), &before, &after, at(NOW));
    let marked = effects
        .iter()
        .filter(|(effect, _)| *effect == EditEffect::Marked);
    assert_eq!(marked.count(), 13);
    assert_eq!(effects[19].0, EditEffect::Shortened);
    assert_eq!(
        cuts(&before, &after)[0],
        Cut::Shorter {
            rule: Rule::Daily,
            from: Period::days(20),
            to: Period::days(7)
        }
    );
}

#[test]
fn a_shorter_rule_waits_a_day_where_the_policy_is_guarded() {
    let (before, mut after) = (keeping(20), keeping(7));
    let edited_at = at("2026-01-20T00:00:00Z");
    let kept = |after: &Policy, before: &Policy, now: &str| {
        let edit = PolicyEdit { before, edited_at };
        let verdicts = decide_since_edit(&points(), after, &edit, at(now));
        verdicts.iter().filter(|verdict| verdict.is_kept()).count()
    };
    assert_eq!(kept(&after, &before, "2026-01-20T23:59:59Z"), 20);
    assert_eq!(kept(&after, &before, "2026-01-21T00:00:00Z"), 6);
    // Guards that the edit itself turned off still count; the clock going back changes nothing.
    after.is_guarded = false;
    assert_eq!(kept(&after, &before, "2026-01-20T12:00:00Z"), 20);
    assert_eq!(kept(&after, &before, "2026-01-19T12:00:00Z"), 20);
    let mut unguarded = keeping(20);
    unguarded.is_guarded = false;
    assert_eq!(kept(&after, &unguarded, "2026-01-20T12:00:00Z"), 7);
    // What the policy before did not keep is not brought back.
    let edit = PolicyEdit {
        before: &keeping(3),
        edited_at,
    };
    let verdicts = decide_since_edit(&points(), &keeping(2), &edit, at(NOW));
    assert_eq!(
        verdicts.iter().filter(|verdict| verdict.is_kept()).count(),
        3
    );
    assert_eq!(
        decide(&points(), &keeping(2), at(NOW))
            .iter()
            .filter(|v| v.is_kept())
            .count(),
        2
    );
}

#[test]
fn every_kind_of_cut_is_found() {
    let before = policy(daily_schedule(&["00:00", "18:00"]), |retention| {
        retention.daily = Some(daily(7));
        retention.weekly = Some(weekly(Sat, Times::Every, 4));
        retention.keep_last = Some(5);
        retention.minimum_points = Some(2);
    });
    let cut = |edit: &dyn Fn(&mut Policy)| {
        let mut after = before.clone();
        edit(&mut after);
        let cuts = cuts(&before, &after);
        cuts.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(cut(&|_| {}), [""; 0]);
    assert_eq!(
        cut(&|after| after.retention.weekly = None),
        ["weekly is removed"]
    );
    assert_eq!(
        cut(&|after| after.retention.weekly = Some(weekly(Sun, Times::Every, 4))),
        ["weekly no longer applies to all its slots"]
    );
    assert_eq!(
        cut(&|after| after.retention.weekly = Some(weekly(Sat, super::some_times(&["00:00"]), 9))),
        ["weekly no longer applies to all its slots"]
    );
    assert_eq!(
        cut(&|after| after.retention.keep_last = Some(4)),
        ["keep_last keeps 4 points instead of 5"]
    );
    assert_eq!(
        cut(&|after| after.retention.minimum_points = None),
        ["minimum_points is removed"]
    );
    assert_eq!(
        cut(&|after| after.retention.adhoc_days = Some(1)),
        ["adhoc keeps 1 day instead of 7 days"]
    );
    assert_eq!(
        cut(&|after| after.retention = strongroom_policy::Retention::default()),
        [""; 0]
    );
    let mut none = before.clone();
    none.retention = strongroom_policy::Retention::default();
    assert_eq!(cuts(&none, &before), [Cut::FirstRule]);
}
