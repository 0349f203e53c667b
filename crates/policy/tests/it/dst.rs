//! Seventy years of schedules in zones with every kind of change, against a slow model.
//!
//! The model asks the zone only what the clock shows at an instant, and never which instant a civil time is. It walks
//! minute by minute from two days before to two days after each change of the zone; between these walks the offset
//! does not change, and each slot of a day is due where it stands.

mod model;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use strongroom_policy::{Daily, Due, Schedule, TimeOfDay, Weekly};

use model::{Model, Stretch, stretches};

const ZONES: [Tz; 26] = [
    Tz::Europe__Paris,
    Tz::Europe__London,   // British Standard Time until 1971
    Tz::Europe__Dublin,   // winter is the exception
    Tz::Europe__Lisbon,   // changed its zone twice
    Tz::Europe__Istanbul, // abolished
    Tz::Europe__Moscow,   // permanent summer, then permanent winter
    Tz::America__New_York,
    Tz::America__St_Johns,  // changes at 00:01, and by two hours in 1988
    Tz::America__Sao_Paulo, // changes at midnight, abolished
    Tz::America__Santiago,
    Tz::America__Asuncion,
    Tz::America__Havana,
    Tz::America__Caracas,   // half an hour to and fro
    Tz::Africa__Casablanca, // out of it for every Ramadan
    Tz::Africa__Cairo,      // ends in Ramadan, abolished, back again
    Tz::Africa__Monrovia,   // 44 minutes and 30 seconds until 1972
    Tz::Asia__Tehran,
    Tz::Asia__Kathmandu, // a quarter of an hour forward in 1986
    Tz::Asia__Pyongyang,
    Tz::Asia__Gaza,
    Tz::Australia__Lord_Howe, // by half an hour
    Tz::Pacific__Apia,        // skipped 30 December 2011
    Tz::Pacific__Kwajalein,   // skipped 21 August 1993
    Tz::Pacific__Kiritimati,
    Tz::Antarctica__Troll, // by two hours
    Tz::Asia__Manila,
];

const YEARS: std::ops::Range<i32> = 1970..2040;

fn times(texts: &[&str]) -> Vec<NaiveTime> {
    let times = texts.iter().map(|text| text.parse::<TimeOfDay>().unwrap());
    times.map(TimeOfDay::time).collect()
}

fn every(minutes: usize, hours: std::ops::Range<u32>) -> Vec<NaiveTime> {
    let hour_times = |hour| {
        let minutes = (0..60u32).step_by(minutes);
        minutes.map(move |minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap())
    };
    hours.flat_map(hour_times).collect()
}

fn daily() -> (Schedule, Model) {
    let texts = ["00:00", "00:30", "02:30", "03:00", "18:00", "23:59"];
    let set = texts.iter().map(|text| text.parse().unwrap()).collect();
    (
        Schedule::Daily(Daily { times: set }),
        Model::fixed(times(&texts), |_| true),
    )
}

fn weekly() -> (Schedule, Model) {
    let starting = NaiveDate::from_ymd_opt(1970, 1, 7).unwrap(); // a Wednesday
    let weekly = Weekly {
        every_weeks: 2,
        days: [Weekday::Sun, Weekday::Wed].into_iter().collect(),
        times: ["09:30".parse().unwrap(), "01:00".parse().unwrap()].into(),
        starting: Some(starting),
    };
    let model = Model::fixed(times(&["01:00", "09:30"]), move |date| {
        // Wednesday is the first day of its block, and Sunday the fifth.
        let day = (date - starting).num_days();
        day >= 0 && matches!(day % 14, 0 | 4)
    });
    (Schedule::Weekly(weekly), model)
}

fn cron(line: &str) -> Schedule {
    Schedule::Cron(line.parse().unwrap())
}

fn workdays() -> (Schedule, Model) {
    let model = Model::fixed(times(&["02:30"]), |date| !matches!(weekday(date), 6 | 7));
    (cron("30 2 * * 1-5"), model)
}

fn either_day() -> (Schedule, Model) {
    let model = Model::fixed(every(20, 0..4), |date| {
        use chrono::Datelike;
        matches!(date.day(), 1 | 13 | 30 | 31) || matches!(weekday(date), 6 | 7)
    });
    (cron("*/20 0-3 1,13,30,31 * sat-sun"), model)
}

fn quarter_hours() -> (Schedule, Model) {
    (
        cron("*/15 * * * *"),
        Model::interval(every(15, 0..24), |_| true),
    )
}

fn every_second_hour() -> (Schedule, Model) {
    let hours = every(60, 0..24).into_iter().step_by(2).collect();
    (cron("0 */2 * * *"), Model::interval(hours, |_| true))
}

const ALL: [fn() -> (Schedule, Model); 6] = [
    daily,
    weekly,
    workdays,
    either_day,
    quarter_hours,
    every_second_hour,
];

fn weekday(date: NaiveDate) -> u32 {
    use chrono::Datelike;
    date.weekday().number_from_monday()
}

/// Compares all runs of the given years.
fn compare(schedule: &Schedule, model: &Model, zone: Tz, years: std::ops::Range<i32>) -> usize {
    let first = Utc.with_ymd_and_hms(years.start, 1, 1, 12, 0, 0).unwrap();
    let last = Utc.with_ymd_and_hms(years.end, 1, 1, 12, 0, 0).unwrap();
    let mut after = first;
    let mut count = 0;
    for expected in stretches(zone, first, last).flat_map(|stretch| model.runs(&stretch, zone)) {
        if expected.at <= first || expected.at > last {
            continue;
        }
        let due = schedule.next_after(after, zone).unwrap();
        assert_eq!(due, expected, "{zone}: {schedule:?} after {after}");
        assert!(due.at > after, "{zone}: not forward of {after}");
        after = due.at;
        count += 1;
    }
    let beyond = schedule.next_after(after, zone).unwrap();
    assert!(beyond.at > last, "{zone}: {beyond} is not in the model");
    count
}

/// Compares the runs within two days of each change of the zone only.
fn compare_changes(schedule: &Schedule, model: &Model, zone: Tz, (skip, every): (usize, usize)) {
    let first = Utc.with_ymd_and_hms(YEARS.start, 1, 3, 12, 0, 0).unwrap();
    let last = Utc.with_ymd_and_hms(YEARS.end, 1, 1, 12, 0, 0).unwrap();
    let changes = stretches(zone, first, last).filter(Stretch::has_change);
    for stretch in changes.skip(skip).step_by(every) {
        let expected = model.runs(&stretch, zone);
        let (after, until): (DateTime<Utc>, _) = stretch.instants();
        let second = chrono::TimeDelta::seconds(1);
        let runs: Vec<Due> = schedule
            .between(after - second, until - second, zone)
            .collect();
        assert_eq!(
            runs, expected,
            "{zone}: {schedule:?} from {after} to {until}"
        );
    }
}

/// Every so many changes of a zone, a different one to begin with in each.
fn compare_some_changes(schedule: &Schedule, model: &Model, every: usize) {
    for (number, zone) in ZONES.into_iter().enumerate() {
        compare_changes(schedule, model, zone, (number % every, every));
    }
}

#[test]
fn changes_are_passed_at_fixed_times() {
    let (schedule, model) = daily();
    compare_some_changes(&schedule, &model, 6);
}

#[test]
fn changes_are_passed_at_intervals() {
    let (schedule, model) = every_second_hour();
    compare_some_changes(&schedule, &model, 12);
}

#[test]
fn no_slot_of_seventy_years_is_lost() {
    let (schedule, model) = weekly();
    let count = compare(&schedule, &model, Tz::Pacific__Apia, YEARS);
    assert_eq!(
        count, 7304,
        "two days of two slots in each of 1826 fortnights"
    );
}

#[test]
#[ignore = "walks 500 zone years minute by minute"]
fn soak_every_change_is_passed() {
    for (schedule, model) in ALL.map(|make| make()) {
        compare_some_changes(&schedule, &model, 1);
    }
}

#[test]
#[ignore = "goes through 80 million runs"]
fn soak_no_slot_of_seventy_years_is_lost() {
    for zone in ZONES {
        for (schedule, model) in ALL.map(|make| make()) {
            compare(&schedule, &model, zone, YEARS);
        }
    }
}

#[test]
fn a_model_that_ignores_changes_is_told_apart() {
    // Were the model blind to changes of the zone, the tests above would show nothing.
    let (schedule, model) = daily();
    let zone = Tz::Europe__Paris;
    let first = Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap();
    let last = Utc.with_ymd_and_hms(2027, 1, 1, 12, 0, 0).unwrap();
    let changes = stretches(zone, first, last).filter(Stretch::has_change);
    assert_eq!(changes.count(), 2);
    let runs: Vec<Due> = stretches(zone, first, last)
        .flat_map(|stretch| model.runs(&stretch, zone))
        .collect();
    let merged: Vec<&Due> = runs.iter().filter(|due| due.slots.len() > 1).collect();
    assert_eq!(merged.len(), 1, "02:30 and 03:00 of 29 March");
    let due = schedule
        .next_after("2026-03-29T00:00:00Z".parse().unwrap(), zone)
        .unwrap();
    assert_eq!(*merged[0], due);
}
