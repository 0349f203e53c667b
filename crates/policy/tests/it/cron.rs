//! Cron lines: what they mean, what is wrong with them, and any text at all.

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use proptest::prelude::*;
use strongroom_policy::CronLine;

#[path = "../../../../fuzz/bodies/cron.rs"]
mod body;

fn next(line: &str, after: &str) -> String {
    let line: CronLine = line.parse().unwrap();
    let after = NaiveDateTime::parse_from_str(after, "%Y-%m-%d %H:%M").unwrap();
    let next = line.next_civil(after).unwrap();
    next.format("%a %Y-%m-%d %H:%M:%S").to_string()
}

#[test]
fn five_fields_begin_with_minutes_and_six_with_seconds() {
    assert_eq!(
        next("30 2 * * *", "2026-03-02 02:30"),
        "Tue 2026-03-03 02:30:00"
    );
    assert_eq!(
        next("15 30 2 * * *", "2026-03-02 02:30"),
        "Mon 2026-03-02 02:30:15"
    );
    assert_eq!(
        next("  30\t2  * * * ", "2026-03-02 02:29"),
        "Mon 2026-03-02 02:30:00"
    );
}

#[test]
fn zero_and_seven_are_both_sunday_in_both_dialects() {
    for weekday in ["0", "7", "sun", "SUN", "0,7", "7-7"] {
        assert_eq!(
            next(&format!("0 9 * * {weekday}"), "2026-03-02 00:00"),
            "Sun 2026-03-08 09:00:00"
        );
        assert_eq!(
            next(&format!("0 0 9 * * {weekday}"), "2026-03-02 00:00"),
            "Sun 2026-03-08 09:00:00"
        );
    }
    assert_eq!(
        next("0 9 * * 1", "2026-03-01 00:00"),
        "Mon 2026-03-02 09:00:00"
    );
    assert_eq!(
        next("0 9 * * 6", "2026-03-01 00:00"),
        "Sat 2026-03-07 09:00:00"
    );
}

#[test]
fn lines_mean_the_same_as_their_sets() {
    let same = [
        ("0 9 * * 5-7", "0 9 * * 0,5,6"),
        ("0 9 * * 0-7", "0 9 * * 0-6"),
        ("0 9 * * fri-mon", "0 9 * * 5,6,0,1"),
        ("0 9 * * 6-1", "0 9 * * 6,0,1"),
        ("0 9 * * 7-2", "0 9 * * 0,1,2"),
        ("0 9 * * sat-sun", "0 9 * * 0,6"),
        ("0 22-2 * * *", "0 22,23,0,1,2 * * *"),
        ("0 22-4/2 * * *", "0 22,0,2,4 * * *"),
        ("0 0 28-2 * *", "0 0 28,29,30,31,1,2 * *"),
        ("0 0 1 nov-feb *", "0 0 1 11,12,1,2 *"),
        ("0 0 1 JAN,jul *", "0 0 1 1,7 *"),
        ("*/15 9 * * *", "0,15,30,45 9 * * *"),
        ("10/20 9 * * *", "10,30,50 9 * * *"),
        ("5-20/5 9 * * *", "5,10,15,20 9 * * *"),
        ("0 9 * * mon-fri/2", "0 9 * * 1,3,5"),
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 0 * * *"),
        ("@weekly", "0 0 * * sun"),
        ("@Monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 jan *"),
    ];
    for (a, b) in same {
        assert_eq!(
            a.parse::<CronLine>().unwrap(),
            b.parse::<CronLine>().unwrap(),
            "{a} and {b}"
        );
    }
    // Restricting to all days is still a restriction, as is a list of all hours.
    assert_ne!(
        "0 9 1-31 * 1".parse::<CronLine>(),
        "0 9 * * 1".parse::<CronLine>()
    );
    assert_ne!(
        "0 0-23 * * *".parse::<CronLine>(),
        "0 * * * *".parse::<CronLine>()
    );
}

#[test]
fn either_day_matches_where_both_are_restricted() {
    // Friday the 13th of March 2026; the 13th or any Friday.
    assert_eq!(
        next("0 0 13 * 5", "2026-03-01 00:00"),
        "Fri 2026-03-06 00:00:00"
    );
    assert_eq!(
        next("0 0 13 * 5", "2026-04-10 00:00"),
        "Mon 2026-04-13 00:00:00"
    );
    // A field that begins with `*` restricts the other: odd days that are Mondays.
    assert_eq!(
        next("0 0 */2 * 1", "2026-03-01 00:00"),
        "Mon 2026-03-09 00:00:00"
    );
    assert_eq!(
        next("0 0 13 * */5", "2026-03-01 00:00"),
        "Fri 2026-03-13 00:00:00"
    );
    // The 31st of February never comes, Mondays in February do.
    assert_eq!(
        next("0 0 31 2 1", "2026-01-01 00:00"),
        "Mon 2026-02-02 00:00:00"
    );
}

#[test]
fn intervals_are_lines_with_a_star_in_their_hours() {
    for (line, is_interval) in [
        ("*/15 * * * *", true),
        ("0 */6 * * *", true),
        ("@hourly", true),
        ("*/15 2 * * *", false),
        ("0 0-23 * * *", false),
        ("0 0 2 * * *", false),
    ] {
        assert_eq!(
            line.parse::<CronLine>().unwrap().is_interval(),
            is_interval,
            "{line}"
        );
    }
}

#[test]
fn rare_dates_are_found_up_to_the_last_year() {
    assert_eq!(
        next("0 0 29 2 *", "2026-01-01 00:00"),
        "Tue 2028-02-29 00:00:00"
    );
    let line: CronLine = "0 0 29 2 *".parse().unwrap();
    let last = NaiveDate::from_ymd_opt(2096, 2, 29)
        .unwrap()
        .and_hms_opt(0, 0, 0)
        .unwrap();
    assert_eq!(
        line.next_civil(last),
        None,
        "2100 is not a leap year, and the last"
    );
    assert_eq!(line.next_civil(NaiveDateTime::MAX), None);
    assert_eq!(
        next("59 23 * * *", "1900-01-01 00:00"),
        "Thu 1970-01-01 23:59:00"
    );
}

/// A line, the column of its fault, what is said of it, and part of what to do instead.
const FAULTS: &[(&str, usize, &str, &str)] = &[
    (
        "",
        1,
        "0 fields, where five or six are needed",
        "as in `30 2 * * 1-5`",
    ),
    (
        "* * * *",
        1,
        "4 fields, where five or six are needed",
        "minute, hour",
    ),
    (
        "0 0 0 1 1 * 2026",
        1,
        "7 fields, where five or six are needed",
        "leave the year away",
    ),
    (
        "60 * * * *",
        1,
        "minute `60` is not within 0 and 59",
        "goes from 0 to 59",
    ),
    (
        "0 24 * * *",
        3,
        "hour `24` is not within 0 and 23",
        "goes from 0 to 23",
    ),
    (
        "0 0 0 * *",
        5,
        "day of the month `0` is not within 1 and 31",
        "goes from 1 to 31",
    ),
    (
        "0 0 1,32 * *",
        7,
        "day of the month `32` is not within 1 and 31",
        "goes from 1 to 31",
    ),
    (
        "0 0 * 13 *",
        7,
        "month `13` is not within 1 and 12",
        "goes from 1 to 12",
    ),
    (
        "0 0 * * 8",
        9,
        "day of the week `8` is not within 0 and 7",
        "both Sunday",
    ),
    (
        "0 0 * * monday",
        9,
        "day of the week `monday` is not a value",
        "write `mon`",
    ),
    (
        "0 0 * * mo",
        9,
        "day of the week `mo` is not a value",
        "0 to 7, or sun to sat",
    ),
    (
        "0 0 * * 5L",
        9,
        "day of the week `5L` is not a value",
        "0 to 7, or sun to sat",
    ),
    (
        "0 0 L * *",
        5,
        "day of the month `L` is not a value",
        "are not known",
    ),
    (
        "0 0 15W * *",
        5,
        "day of the month `15W` is not a value",
        "are not known",
    ),
    (
        "0 0 ? * 1",
        5,
        "day of the month `?` is not a value",
        "write `*`",
    ),
    ("0 -1 * * *", 3, "hour `` is not a value", "on either side"),
    ("0 1- * * *", 5, "hour `` is not a value", "on either side"),
    (
        "0 1,,2 * * *",
        5,
        "hour has an empty item in its list",
        "comma",
    ),
    (
        "0 ,1 * * *",
        3,
        "hour has an empty item in its list",
        "comma",
    ),
    (
        "*/0 * * * *",
        3,
        "minute has a step that is not within 1 and 60",
        "1 to 60",
    ),
    (
        "*/61 * * * *",
        3,
        "minute has a step that is not within 1 and 60",
        "1 to 60",
    ),
    (
        "*/x * * * *",
        3,
        "minute has a step that is not within 1 and 60",
        "1 to 60",
    ),
    (
        "*/ * * * *",
        3,
        "minute has a step that is not within 1 and 60",
        "1 to 60",
    ),
    (
        "*/+5 * * * *",
        3,
        "minute has a step that is not within 1 and 60",
        "1 to 60",
    ),
    (
        "1-5/6 * * * *",
        5,
        "minute has a step that is not within 1 and 5",
        "1 to 5",
    ),
    (
        "0 0 * * ä",
        9,
        "day of the week `ä` is not a value",
        "0 to 7, or sun to sat",
    ),
    ("ä 99 * * *", 1, "minute `ä` is not a value", "0 to 59"),
    (
        "1 99 * * *",
        3,
        "hour `99` is not within 0 and 23",
        "0 to 23",
    ),
    (
        "0 99999999999999999999 * * *",
        3,
        "hour `99999999999999999999` is not within 0 and 23",
        "0 to 23",
    ),
    (
        "0 0 30 2 *",
        1,
        "no date ever matches",
        "no month of those given",
    ),
    (
        "0 0 31 4,6,9,11 *",
        1,
        "no date ever matches",
        "no month of those given",
    ),
    (
        "@reboot",
        1,
        "`@reboot` is not a known name",
        "starts of the machine",
    ),
    (
        "@fortnightly",
        1,
        "`@fortnightly` is not a known name",
        "@hourly",
    ),
    (" @nightly", 2, "`@nightly` is not a known name", "@hourly"),
];

#[test]
fn faults_are_named_with_their_place_and_a_way_out() {
    for (line, column, message, help) in FAULTS {
        let error = line.parse::<CronLine>().expect_err(line);
        assert_eq!(
            error.to_string(),
            format!("cron line, column {column}: {message}"),
            "{line}"
        );
        assert_eq!(error.column(), *column, "{line}");
        assert!(error.help().contains(help), "{line}: {}", error.help());
    }
    let long = "0 ".repeat(10_000);
    let error = long.parse::<CronLine>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "cron line, column 1: longer than 1024 bytes"
    );
}

/// A field as text and, written down apart, the values that it stands for.
#[derive(Debug, Clone)]
struct Part {
    text: String,
    values: Vec<u32>,
    begins_with_star: bool,
}

fn part(least: u32, most: u32) -> impl Strategy<Value = Part> {
    let all = (least..=most).collect::<Vec<u32>>();
    let star = Just(Part {
        text: "*".to_owned(),
        values: all.clone(),
        begins_with_star: true,
    });
    let step = (2..=6u32).prop_map(move |step| Part {
        text: format!("*/{step}"),
        values: (least..=most)
            .filter(|value| (value - least).is_multiple_of(step))
            .collect(),
        begins_with_star: true,
    });
    let list = proptest::collection::vec(least..=most, 1..4).prop_map(|values| Part {
        text: values
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(","),
        values,
        begins_with_star: false,
    });
    let range = (least..=most, least..=most).prop_map(move |(first, last)| Part {
        text: format!("{first}-{last}"),
        values: all
            .iter()
            .copied()
            .filter(|value| {
                let (after, before) = (first <= *value, *value <= last);
                if first <= last {
                    after && before
                } else {
                    after || before
                }
            })
            .collect(),
        begins_with_star: false,
    });
    prop_oneof![star, step, list, range]
}

fn matches([minute, hour, day, month, weekday]: &[Part; 5], local: NaiveDateTime) -> bool {
    let is_day = day.values.contains(&local.day());
    let is_weekday = weekday
        .values
        .contains(&local.weekday().num_days_from_sunday());
    let days = if day.begins_with_star || weekday.begins_with_star {
        is_day && is_weekday
    } else {
        is_day || is_weekday
    };
    let is_time = minute.values.contains(&local.minute()) && hour.values.contains(&local.hour());
    days && is_time && month.values.contains(&local.month())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn lines_match_what_their_fields_say(
        fields in (part(0, 59), part(0, 23), part(1, 31), part(1, 12), part(0, 6)).prop_map(<[Part; 5]>::from),
        days in 0i64..40_000,
        minute in 0i64..1440,
    ) {
        let line = fields.each_ref().map(|field| field.text.as_str()).join(" ");
        let Ok(line) = line.parse::<CronLine>() else {
            // Only dates that never come are refused.
            let any_year = NaiveDate::from_ymd_opt(2028, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
            let comes = (0..366).map(|day| any_year + TimeDelta::days(day)).any(|date| {
                let [minute, hour, ..] = &fields;
                let time = TimeDelta::minutes(i64::from(hour.values[0] * 60 + minute.values[0]));
                matches(&fields, date + time)
            });
            prop_assert!(!comes, "{line} is refused");
            return Ok(());
        };
        let start = NaiveDate::from_ymd_opt(1971, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
        let mut local = start + TimeDelta::days(days) + TimeDelta::minutes(minute);
        let mut next = line.next_civil(local).unwrap();
        for _ in 0..3 * 1440 {
            local += TimeDelta::minutes(1);
            prop_assert!(local <= next || !matches(&fields, local));
            if local == next {
                prop_assert!(matches(&fields, local), "{line} at {local}");
                next = line.next_civil(local).unwrap();
            }
        }
        prop_assert!(matches(&fields, next), "{line} at {next}");
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-*/,0-9 a-zA-Z@?#\\PC]{0,40}") {
        body::cron_line(text.as_bytes());
    }
}

#[test]
fn the_corpus_is_read_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/cron");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        body::cron_line(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 30, "the corpus is gone: {count} files");
}
