//! Schedules: the examples of the original, checks, and what is asked about slots and dates.

use chrono::{DateTime, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;
use proptest::prelude::*;
use strongroom_policy::{Daily, Due, Error, Schedule, SlotId, Weekly};

fn at(text: &str) -> DateTime<Utc> {
    format!("{text}Z").parse().unwrap()
}

fn daily(times: &[&str]) -> Schedule {
    let times = times.iter().map(|time| time.parse().unwrap()).collect();
    Schedule::Daily(Daily { times })
}

fn weekly(every_weeks: u32, days: &[Weekday], times: &[&str], starting: Option<&str>) -> Schedule {
    Schedule::Weekly(Weekly {
        every_weeks,
        days: days.iter().copied().collect(),
        times: times.iter().map(|time| time.parse().unwrap()).collect(),
        starting: starting.map(|date| date.parse().unwrap()),
    })
}

fn cron(line: &str) -> Schedule {
    Schedule::Cron(line.parse().unwrap())
}

fn slots(schedule: &Schedule, after: &str, count: usize, zone: Tz) -> Vec<String> {
    let mut after = at(after);
    let mut slots = Vec::new();
    for _ in 0..count {
        let due = schedule.next_after(after, zone).unwrap();
        let names: Vec<String> = due.slots.iter().map(SlotId::to_string).collect();
        slots.push(names.join(" "));
        after = due.at;
    }
    slots
}

#[test]
fn daily_at_midnight_and_eighteen() {
    let schedule = daily(&["18:00", "00:00"]);
    let expected = ["2026-03-02T18:00", "2026-03-03T00:00", "2026-03-03T18:00"];
    assert_eq!(
        slots(&schedule, "2026-03-02T00:00:00", 3, Tz::UTC),
        expected
    );
}

#[test]
fn alternate_sundays_and_wednesdays_at_half_past_nine_and_one() {
    let days = [Weekday::Sun, Weekday::Wed];
    let schedule = weekly(2, &days, &["09:30", "01:00"], Some("2026-01-04")); // a Sunday
    let expected = [
        "2026-01-04T01:00",
        "2026-01-04T09:30",
        "2026-01-07T01:00",
        "2026-01-07T09:30",
        "2026-01-18T01:00",
        "2026-01-18T09:30",
        "2026-01-21T01:00",
    ];
    assert_eq!(
        slots(&schedule, "2025-06-01T00:00:00", 7, Tz::UTC),
        expected
    );
}

#[test]
fn weeks_are_seven_days_from_the_starting_date_whatever_its_weekday() {
    // From Thursday 1 January on: Wednesday the 7th is still of the first week.
    let schedule = weekly(
        2,
        &[Weekday::Wed, Weekday::Thu],
        &["12:00"],
        Some("2026-01-01"),
    );
    let expected = [
        "2026-01-01T12:00",
        "2026-01-07T12:00",
        "2026-01-15T12:00",
        "2026-01-21T12:00",
    ];
    assert_eq!(
        slots(&schedule, "2025-12-01T00:00:00", 4, Tz::UTC),
        expected
    );
}

#[test]
fn saturday_and_sunday_at_sixteen() {
    let schedule = weekly(1, &[Weekday::Sat, Weekday::Sun], &["16:00"], None);
    let expected = ["2026-03-07T16:00", "2026-03-08T16:00", "2026-03-14T16:00"];
    assert_eq!(
        slots(&schedule, "2026-03-02T00:00:00", 3, Tz::UTC),
        expected
    );
}

#[test]
fn sunday_at_twenty_one_where_nothing_is_said() {
    let expected = ["2026-03-08T21:00", "2026-03-15T21:00"];
    assert_eq!(
        slots(&Schedule::default(), "2026-03-02T00:00:00", 2, Tz::UTC),
        expected
    );
    assert_eq!(Schedule::default().validate(), Ok(()));
}

#[test]
fn a_skipped_hour_runs_at_the_first_instant_after_it() {
    let schedule = daily(&["02:00", "02:30", "03:00", "04:00"]);
    let due = schedule
        .next_after(at("2026-03-28T12:00:00"), Tz::Europe__Paris)
        .unwrap();
    assert_eq!(
        due.to_string(),
        "2026-03-29T01:00:00Z for 2026-03-29T02:00 2026-03-29T02:30 2026-03-29T03:00"
    );
    let due = schedule.next_after(due.at, Tz::Europe__Paris).unwrap();
    assert_eq!(due.to_string(), "2026-03-29T02:00:00Z for 2026-03-29T04:00");
}

#[test]
fn a_skipped_day_is_one_run_with_the_day_after_it() {
    let schedule = daily(&["00:00", "12:00"]);
    let expected = [
        "2011-12-29T12:00",
        "2011-12-30T00:00 2011-12-30T12:00 2011-12-31T00:00",
        "2011-12-31T12:00",
    ];
    assert_eq!(
        slots(&schedule, "2011-12-29T12:00:00", 3, Tz::Pacific__Apia),
        expected
    );
}

#[test]
fn intervals_follow_the_wall() {
    let expected = [
        "2026-10-25T02:00",
        "2026-10-25T02:30",
        "2026-10-25T02:00#2",
        "2026-10-25T02:30#2",
        "2026-10-25T03:00",
    ];
    assert_eq!(
        slots(
            &cron("*/30 * * * *"),
            "2026-10-24T23:30:00",
            5,
            Tz::Europe__Paris
        ),
        expected
    );
    let expected = ["2026-03-29T01:30", "2026-03-29T03:00", "2026-03-29T03:30"];
    assert_eq!(
        slots(
            &cron("*/30 * * * *"),
            "2026-03-29T00:00:00",
            3,
            Tz::Europe__Paris
        ),
        expected
    );
    // Half an hour, in which the clock jumps from 02:00 to 02:30 and from 02:00 back to 01:30.
    let expected = ["2026-10-04T01:30", "2026-10-04T02:30", "2026-10-04T03:00"];
    assert_eq!(
        slots(
            &cron("*/30 * * * *"),
            "2026-10-03T14:30:00",
            3,
            Tz::Australia__Lord_Howe
        ),
        expected
    );
    let expected = ["2026-04-05T01:30", "2026-04-05T01:30#2", "2026-04-05T02:00"];
    assert_eq!(
        slots(
            &cron("*/30 * * * *"),
            "2026-04-04T14:00:00",
            3,
            Tz::Australia__Lord_Howe
        ),
        expected
    );
}

#[test]
fn faults_are_named() {
    let sunday = &[Weekday::Sun];
    let faults = [
        (daily(&[]), "a schedule needs at least one time of day"),
        (
            weekly(1, sunday, &[], None),
            "a schedule needs at least one time of day",
        ),
        (
            weekly(1, &[], &["01:00"], None),
            "a weekly schedule needs at least one day of the week",
        ),
        (
            weekly(0, sunday, &["01:00"], None),
            "every_weeks is 0, which is not within 1 and 52",
        ),
        (
            weekly(53, sunday, &["01:00"], None),
            "every_weeks is 53, which is not within 1 and 52",
        ),
        (
            weekly(2, sunday, &["01:00"], None),
            "a schedule of every 2 weeks needs a starting date to count from",
        ),
        (
            weekly(2, sunday, &["01:00"], Some("1969-12-31")),
            "starting date 1969-12-31 is not within the years 1970 and 2100",
        ),
    ];
    for (schedule, message) in faults {
        assert_eq!(schedule.validate().unwrap_err().to_string(), message);
        // Wrong schedules do no harm, either.
        drop(schedule.next_after(at("2026-03-02T00:00:00"), Tz::Europe__Paris));
    }
    assert_eq!(
        weekly(52, sunday, &["01:00"], Some("2026-01-04")).validate(),
        Ok(())
    );
    assert_eq!(cron("0 0 * * *").validate(), Ok(()));
}

#[test]
fn the_limit_of_the_original_is_asked_for() {
    let four = daily(&["00:00", "06:00", "12:00", "18:00"]);
    assert_eq!(four.validate(), Ok(()));
    assert_eq!(
        four.validate_original_limits(),
        Err(Error::TooManyTimes { count: 4, most: 3 })
    );
    assert_eq!(
        daily(&["00:00", "08:00", "16:00"]).validate_original_limits(),
        Ok(())
    );
}

#[test]
fn the_ends_of_time_are_reached_without_panic() {
    let schedules = [
        daily(&["00:00"]),
        Schedule::default(),
        cron("* * * * * *"),
        cron("0 0 29 2 *"),
    ];
    for schedule in schedules {
        for now in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            for zone in [Tz::Europe__Paris, Tz::Pacific__Apia, Tz::America__New_York] {
                drop(schedule.next_after(now, zone));
                drop(schedule.last_between(now, now, zone));
                drop(schedule.slots_on(now.date_naive(), zone));
                let _ = schedule.due_at(SlotId::new(now.naive_utc()), zone);
                let _ = schedule.has_slot(SlotId::new(now.naive_utc()), zone);
            }
        }
    }
}

fn schedules() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        Just(daily(&["00:00", "01:30", "02:30", "23:59"])),
        Just(weekly(
            3,
            &[Weekday::Sun, Weekday::Thu],
            &["02:30"],
            Some("2010-05-04")
        )),
        Just(cron("*/20 * * * *")),
        Just(cron("0 */2 * * *")),
        Just(cron("30 2 13 * 5")),
        Just(cron("15 0 0 1 * *")),
    ]
}

fn zones() -> impl Strategy<Value = Tz> {
    prop_oneof![
        Just(Tz::Europe__Paris),
        Just(Tz::Australia__Lord_Howe),
        Just(Tz::Pacific__Apia),
        Just(Tz::America__Sao_Paulo),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn slots_of_dates_are_the_slots_of_runs(schedule in schedules(), zone in zones(), day in 0i32..365) {
        let date = NaiveDate::from_ymd_opt(2011, 3, 20).unwrap() + chrono::Days::new(u64::try_from(day).unwrap());
        let slots = schedule.slots_on(date, zone);
        let noon = date.and_hms_opt(12, 0, 0).unwrap().and_utc();
        let (from, until) = (noon - chrono::TimeDelta::days(3), noon + chrono::TimeDelta::days(3));
        let runs: Vec<Due> = schedule.between(from, until, zone).collect();
        let of_runs: Vec<SlotId> =
            runs.iter().flat_map(|due| &due.slots).filter(|slot| slot.date() == date).copied().collect();
        prop_assert_eq!(&slots, &of_runs);
        for due in &runs {
            for slot in &due.slots {
                prop_assert_eq!(schedule.due_at(*slot, zone), due.at);
                prop_assert!(schedule.has_slot(*slot, zone));
            }
        }
        let other: SlotId = format!("{date}T04:44").parse().unwrap();
        prop_assert!(!schedule.has_slot(other, zone));
    }

    #[test]
    fn the_last_run_is_the_last(schedule in schedules(), zone in zones(), minutes in 0i64..2_000_000, back in 1i64..100_000) {
        let until = at("2010-01-01T00:00:00") + chrono::TimeDelta::minutes(minutes);
        let after = until - chrono::TimeDelta::minutes(back);
        let last = schedule.between(after, until, zone).last();
        prop_assert_eq!(schedule.last_between(after, until, zone), last);
    }
}
