//! Documented examples of the original, each by name.

use chrono::Weekday::{Sat, Sun, Thu, Wed};
use strongroom_policy::retention::{MonthDay, Nth, Times};
use strongroom_policy::{Policy, Rule, Scenario, Simulation, simulate};

use super::{
    at, daily, daily_schedule, monthly, policy, some_times, weekly, weekly_schedule, yearly,
};

const LAST_SAT: MonthDay = MonthDay::Weekday(Nth::Last, Sat);

/// Twice a day: all a week, Saturdays four weeks, last Saturdays twelve months, one a year for ten years.
fn twice_a_day() -> Policy {
    policy(daily_schedule(&["00:00", "18:00"]), |retention| {
        let both = some_times(&["00:00", "18:00"]);
        retention.daily = Some(daily(7));
        retention.weekly = Some(weekly(Sat, both.clone(), 4));
        retention.monthly = Some(monthly(&[LAST_SAT], both, 12));
        retention.yearly = Some(yearly(&[3], LAST_SAT, some_times(&["00:00"]), 10));
    })
}

fn run(policy: &Policy, from: &str, until: &str) -> Simulation<()> {
    simulate(policy, &[], &Scenario::new(at(from), at(until)))
}

fn counts<const N: usize>(end: &Simulation<()>, rules: [Rule; N]) -> [usize; N] {
    rules.map(|rule| end.by_rule.get(&rule).copied().unwrap_or_default())
}

/// What is kept of the points taken at this instant: why, and until when.
fn kept(end: &Simulation<()>, taken_at: &str) -> Option<(Vec<&'static str>, String)> {
    let point = end
        .points
        .iter()
        .find(|point| point.verdict.taken_at == at(taken_at))?;
    let until = point.verdict.expires_at().unwrap();
    let until = until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    Some((point.verdict.kept_because().collect(), until))
}

#[test]
fn daily_weekly_monthly_and_yearly_layers_add_up_to_56_points() {
    let end = run(
        &twice_a_day(),
        "2015-01-01T00:00:00Z",
        "2026-06-30T12:00:00Z",
    );
    let layers = [Rule::Daily, Rule::Weekly, Rule::Monthly, Rule::Yearly];
    assert_eq!(counts(&end, layers), [14, 8, 24, 10]);
    assert_eq!(end.by_rule.values().sum::<usize>(), 56);
    // The last Saturday of June is daily, weekly and monthly at both times; that of March monthly and yearly at one.
    let distinct = end.points.len();
    let many = end
        .points
        .iter()
        .map(|point| point.verdict.reasons.len() - 1);
    assert_eq!(distinct + many.sum::<usize>(), 56);
    assert_eq!(distinct, 51);
}

#[test]
fn ninety_days_and_one_a_quarter_for_ten_years_add_up_to_130_points() {
    let policy = policy(daily_schedule(&["02:00"]), |retention| {
        retention.daily = Some(daily(90));
        retention.yearly = Some(yearly(&[1, 4, 7, 10], MonthDay::Day(1), Times::Every, 10));
    });
    let end = run(&policy, "2010-01-01T00:00:00Z", "2026-02-15T12:00:00Z");
    assert_eq!(counts(&end, [Rule::Daily, Rule::Yearly]), [90, 40]);
    assert_eq!(end.by_rule.values().sum::<usize>(), 130);
}

#[test]
fn quarterly_layer_counts_like_four_months_of_a_year() {
    let policy = policy(daily_schedule(&["02:00"]), |retention| {
        retention.quarterly = Some(strongroom_policy::retention::QuarterlyRule {
            on: [MonthDay::Day(1)].into(),
            times: Times::Every,
            keep_quarters: 40,
        });
    });
    let end = run(&policy, "2010-01-01T00:00:00Z", "2026-02-15T12:00:00Z");
    assert_eq!(counts(&end, [Rule::Quarterly]), [40]);
    assert_eq!(end.points.len(), 40);
}

/// Thursday 8 January 2026 08:00 is weekly, monthly and yearly.
fn once_a_day() -> Policy {
    policy(daily_schedule(&["08:00"]), |retention| {
        retention.daily = Some(daily(7));
        retention.weekly = Some(weekly(Thu, Times::Every, 4));
        retention.monthly = Some(monthly(&[MonthDay::Day(8)], Times::Every, 12));
        retention.yearly = Some(yearly(&[1], MonthDay::Day(8), Times::Every, 10));
    })
}

fn thursday_failed() -> Scenario {
    let scenario = Scenario::new(at("2026-01-01T00:00:00Z"), at("2026-01-09T12:00:00Z"));
    scenario.failing(at("2026-01-08T08:00:00Z"))
}

#[test]
fn daily_policy_first_adhoc_before_the_next_run_takes_the_tags_of_a_failed_slot() {
    let scenario = thursday_failed()
        .with_adhoc(at("2026-01-08T20:00:00Z"))
        .with_adhoc(at("2026-01-08T21:00:00Z"));
    let end = simulate::<()>(&once_a_day(), &[], &scenario);
    let (why, until) = kept(&end, "2026-01-08T20:00:00Z").unwrap();
    assert_eq!(why, ["weekly", "monthly", "yearly", "adhoc"]);
    assert_eq!(until, "2036-01-08T20:00:00Z");
    // The second one and the next run take nothing.
    let (why, until) = kept(&end, "2026-01-08T21:00:00Z").unwrap();
    assert_eq!(
        (why, until.as_str()),
        (vec!["adhoc"], "2026-01-15T21:00:00Z")
    );
    let (why, _) = kept(&end, "2026-01-09T08:00:00Z").unwrap();
    assert_eq!(why, ["daily"]);
}

#[test]
fn daily_policy_without_an_adhoc_the_next_run_takes_the_tags() {
    let end = simulate::<()>(&once_a_day(), &[], &thursday_failed());
    let (why, until) = kept(&end, "2026-01-09T08:00:00Z").unwrap();
    assert_eq!(why, ["daily", "weekly", "monthly", "yearly"]);
    assert_eq!(until, "2036-01-09T08:00:00Z");
}

#[test]
fn tags_wait_for_the_first_success_over_any_number_of_failures() {
    let mut scenario = thursday_failed();
    scenario.until = at("2026-01-12T12:00:00Z");
    for day in ["09", "10", "11"] {
        scenario = scenario.failing(at(&format!("2026-01-{day}T08:00:00Z")));
    }
    let end = simulate::<()>(&once_a_day(), &[], &scenario);
    let (why, _) = kept(&end, "2026-01-12T08:00:00Z").unwrap();
    assert_eq!(why, ["daily", "weekly", "monthly", "yearly"]);
    let adhoc = scenario.with_adhoc(at("2026-01-10T10:00:00Z"));
    let end = simulate::<()>(&once_a_day(), &[], &adhoc);
    let (why, _) = kept(&end, "2026-01-10T10:00:00Z").unwrap();
    assert_eq!(why, ["weekly", "monthly", "yearly", "adhoc"]);
    let (why, _) = kept(&end, "2026-01-12T08:00:00Z").unwrap();
    assert_eq!(why, ["daily"]);
}

#[test]
fn daily_policy_adhoc_with_nothing_failed_is_kept_for_the_days_of_daily() {
    let scenario = Scenario::new(at("2026-01-01T00:00:00Z"), at("2026-01-12T19:59:59Z"));
    let scenario = scenario.with_adhoc(at("2026-01-05T20:00:00Z"));
    let end = simulate::<()>(&once_a_day(), &[], &scenario);
    let (why, until) = kept(&end, "2026-01-05T20:00:00Z").unwrap();
    assert_eq!(
        (why, until.as_str()),
        (vec!["adhoc"], "2026-01-12T20:00:00Z")
    );
    let later = Scenario {
        until: at("2026-01-12T20:00:00Z"),
        ..scenario
    };
    let end = simulate::<()>(&once_a_day(), &[], &later);
    assert_eq!(kept(&end, "2026-01-05T20:00:00Z"), None);
}

fn every_week() -> Policy {
    policy(weekly_schedule(&[Sat], &["10:00"]), |retention| {
        retention.weekly = Some(weekly(Sat, Times::Every, 4));
        retention.monthly = Some(monthly(&[LAST_SAT], Times::Every, 12));
        retention.yearly = Some(yearly(&[1], LAST_SAT, Times::Every, 10));
    })
}

#[test]
fn weekly_policy_adhoc_with_nothing_failed_is_removed_the_next_day_though_newest() {
    let scenario = |until| {
        let scenario = Scenario::new(at("2026-01-01T00:00:00Z"), at(until));
        scenario.with_adhoc(at("2026-01-13T09:00:00Z"))
    };
    let end = simulate::<()>(&every_week(), &[], &scenario("2026-01-14T08:59:59Z"));
    let (why, until) = kept(&end, "2026-01-13T09:00:00Z").unwrap();
    assert_eq!(
        (why, until.as_str()),
        (vec!["adhoc"], "2026-01-14T09:00:00Z")
    );
    let end = simulate::<()>(&every_week(), &[], &scenario("2026-01-14T09:00:00Z"));
    assert_eq!(kept(&end, "2026-01-13T09:00:00Z"), None);
    assert_eq!(
        end.points.last().unwrap().verdict.taken_at,
        at("2026-01-10T10:00:00Z")
    );
}

#[test]
fn weekly_policy_first_adhoc_takes_the_tags_of_a_failed_slot() {
    // 31 January 2026 is the last Saturday.
    let scenario = Scenario::new(at("2026-01-01T00:00:00Z"), at("2026-02-08T00:00:00Z"))
        .failing(at("2026-01-31T10:00:00Z"));
    let end = simulate::<()>(&every_week(), &[], &scenario);
    let (why, _) = kept(&end, "2026-02-07T10:00:00Z").unwrap();
    assert_eq!(why, ["weekly", "monthly", "yearly"]);
    let end = simulate::<()>(
        &every_week(),
        &[],
        &scenario.with_adhoc(at("2026-02-02T12:00:00Z")),
    );
    let (why, until) = kept(&end, "2026-02-02T12:00:00Z").unwrap();
    assert_eq!(why, ["weekly", "monthly", "yearly"]); // its own day is over
    assert_eq!(until, "2036-02-02T12:00:00Z");
    let (why, _) = kept(&end, "2026-02-07T10:00:00Z").unwrap();
    assert_eq!(why, ["weekly"]);
}

#[test]
fn the_30th_of_a_short_month_is_its_last_day() {
    let policy = policy(daily_schedule(&["12:00"]), |retention| {
        retention.monthly = Some(monthly(&[MonthDay::Day(30)], Times::Every, 12));
    });
    let end = run(&policy, "2025-01-01T00:00:00Z", "2026-03-15T00:00:00Z");
    let taken: Vec<_> = end
        .points
        .iter()
        .map(|point| point.verdict.taken_at.format("%m-%d").to_string())
        .collect();
    let expected = [
        "03-30", "04-30", "05-30", "06-30", "07-30", "08-30", "09-30", "10-30", "11-30", "12-30",
        "01-30", "02-28",
    ];
    assert_eq!(taken, expected);
    let (_, until) = kept(&end, "2026-02-28T12:00:00Z").unwrap();
    assert_eq!(until, "2027-02-28T12:00:00Z");
}

#[test]
fn leap_days_end_on_the_last_day_of_february() {
    let policy = policy(daily_schedule(&["12:00"]), |retention| {
        retention.yearly = Some(yearly(&[2], MonthDay::Last, Times::Every, 1));
    });
    let end = run(&policy, "2024-01-01T00:00:00Z", "2024-06-01T00:00:00Z");
    let (_, until) = kept(&end, "2024-02-29T12:00:00Z").unwrap();
    assert_eq!(until, "2025-02-28T12:00:00Z");
}

#[test]
fn rules_mark_existing_slots_only() {
    let policy = policy(weekly_schedule(&[Sun, Wed], &["09:30"]), |retention| {
        retention.daily = Some(daily(7));
        retention.monthly = Some(monthly(&[MonthDay::Day(15)], Times::Every, 12));
    });
    let end = run(&policy, "2026-01-01T00:00:00Z", "2026-08-01T00:00:00Z");
    // Of all the 15ths only those of February, March, April and July are Sundays or Wednesdays.
    let monthly: Vec<_> = end
        .points
        .iter()
        .filter(|point| point.verdict.kept_because().any(|why| why == "monthly"))
        .map(|point| point.verdict.taken_at.format("%m-%d").to_string())
        .collect();
    assert_eq!(monthly, ["02-15", "03-15", "04-15", "07-15"]);
}

#[test]
fn a_short_lived_source_keeps_its_newest_point_when_it_falls_silent() {
    let policy = policy(daily_schedule(&["08:00"]), |retention| {
        retention.daily = Some(daily(7));
    });
    let mut scenario = Scenario::new(at("2026-01-01T00:00:00Z"), at("2026-03-01T00:00:00Z"));
    for due in policy.runs(at("2026-01-11T00:00:00Z"), scenario.until) {
        scenario.failed_at.insert(due.at);
    }
    let end = simulate::<()>(&policy, &[], &scenario);
    let taken: Vec<_> = end
        .points
        .iter()
        .map(|point| point.verdict.taken_at)
        .collect();
    assert_eq!(taken, [at("2026-01-10T08:00:00Z")]);
    let why: Vec<_> = end.points[0].verdict.kept_because().collect();
    assert_eq!(why, ["newest_of_silent_source"]);
    // Fresh points let it go.
    scenario.until = at("2026-03-01T12:00:00Z");
    let end = simulate::<()>(&policy, &[], &scenario);
    let taken: Vec<_> = end
        .points
        .iter()
        .map(|point| point.verdict.taken_at)
        .collect();
    assert_eq!(taken, [at("2026-03-01T08:00:00Z")]);
}
