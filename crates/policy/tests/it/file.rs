//! The policy file.

mod corpus;
mod problems;
mod round_trip;

use chrono::Weekday;
use strongroom_policy::{CatchUp, PolicyFile, Schedule};

/// The whole of what a policy file can say.
const WHOLE: &str = r#"
time_zone = "Europe/Paris"
sources   = [ { name = "home", paths = ["/home"], exclude = ["**/.cache/**"] } ]

[schedule]
weekly = { every_weeks = 2, days = ["sun", "wed"], times = ["09:30", "01:00"], starting = "2026-01-04" }
catch_up = "skip"

[retention]
daily   = { keep_days = 7 }
weekly  = { days = ["sun"], times = ["01:00", "09:30"], keep_weeks = 4 }
monthly = { on = "last sun", times = ["01:00"], keep_months = 12 }
quarterly = { on = ["1", "15", "last"], keep_quarters = 8 }
yearly  = { months = ["mar"], on = "last sun", times = ["01:00"], keep_years = 10 }
hourly  = { keep_hours = 48 }
within  = { keep_days = 3 }
tagged  = [ { tag = "release", keep_months = 24 } ]
keep_last = 5
minimum_points = 2
adhoc   = { keep_days = 7 }

[throttle]
work_days = ["mon", "tue"]
work_hours = "09:00-18:00"
work_rate = "512 Kbps"
other_rate = "2048 Kbps"

[security]
soft_delete_days = 30
minimums = true

[hooks]
before_backup = ["/usr/local/bin/quiesce"]
after_backup  = ["/usr/local/bin/resume"]
timeout_secs  = 60
"#;

#[test]
fn a_whole_file_is_read_and_written_as_the_same() {
    let file = PolicyFile::parse(WHOLE).unwrap();
    assert_eq!(file.time_zone, Some(chrono_tz::Europe::Paris));
    assert_eq!(file.catch_up, CatchUp::Skip);
    assert_eq!(file.retention.keep_last, Some(5));
    assert_eq!(file.security.soft_delete_days, 30);
    assert_eq!(file.hooks.timeout_secs, 60);
    let calendar = file.throttle.as_ref().unwrap();
    assert_eq!(calendar.work_rate().bits_per_sec(), 512_000);
    assert_eq!(calendar.other_rate().bits_per_sec(), 2_048_000);
    assert_eq!(PolicyFile::parse(&file.to_toml()).unwrap(), file);
}

#[test]
fn without_a_schedule_runs_are_due_on_sundays_at_21() {
    let file = PolicyFile::parse("").unwrap();
    let Schedule::Weekly(weekly) = &file.schedule else {
        panic!("{:?}", file.schedule);
    };
    assert_eq!(
        weekly.days.iter(Weekday::Mon).collect::<Vec<_>>(),
        [Weekday::Sun]
    );
    let due = file
        .policy(chrono_tz::UTC)
        .next_after("2026-01-01T00:00:00Z".parse().unwrap())
        .unwrap();
    assert_eq!(due.slots[0].to_string(), "2026-01-04T21:00");
    assert_eq!(
        (file.security.minimums, file.catch_up),
        (true, CatchUp::Once)
    );
    assert!(file.retention.keeps_for_ever());
}

#[test]
fn two_sources_with_excludes_on_saturday_and_sunday_at_16_for_seven_days() {
    let file = PolicyFile::parse(
        r#"
        sources = [
            { name = "c", paths = ["/c"], exclude = ["/c/windows/**", "/c/temp/**"] },
            { name = "d", paths = ["/d"] },
        ]
        schedule.weekly = { days = ["saturday", "SUN"], times = ["16:00"] }
        retention.daily = { keep_days = 7 }
        "#,
    )
    .unwrap();
    assert_eq!(file.sources.len(), 2);
    assert_eq!(
        (file.sources[0].paths.len(), file.sources[0].exclude.len()),
        (1, 2)
    );
    let layers: Vec<_> = file.retention.configured().iter().collect();
    assert_eq!(layers, [strongroom_policy::Rule::Daily]);
}

#[test]
fn advice_names_what_is_hardly_meant() {
    let advice = |text: &str| {
        let file = PolicyFile::parse(text).unwrap();
        let advice = file.advice().into_iter().map(|advice| advice.to_string());
        advice.collect::<Vec<_>>()
    };
    let sources = "sources = [{ name = \"a\", paths = [\"/a\"] }]\n";
    let with = |text: &str| advice(&format!("{sources}{text}"));
    assert_eq!(
        advice(""),
        [
            "there are no sources: nothing is backed up by schedule",
            "there is no retention rule: points are kept for ever"
        ]
    );
    let daily = "schedule.daily = { times = [\"02:00\"] }\n";
    assert_eq!(
        with(&format!("{daily}retention.daily = {{ keep_days = 9999 }}")),
        [""; 0]
    );
    assert_eq!(
        with(&format!(
            "{daily}retention.weekly = {{ days = [\"sat\"], keep_weeks = 4 }}"
        )),
        ["no rule keeps points of some slots, such as 2028-01-02T02:00: they may expire at once"]
    );
    let four = "schedule.daily = { times = [\"01:00\", \"02:00\", \"03:00\", \"04:00\"] }\n";
    assert_eq!(
        with(&format!("{four}retention.daily = {{ keep_days = 9999 }}")),
        [
            "4 slots a day, where the original product allows 3",
            "daily keeps about 39996 points, more than the 9999 of one source"
        ]
    );
    let never = "schedule.cron = \"0 2 1 * *\"\nretention.daily = { keep_days = 31 }\n\
                 retention.monthly = { on = \"2\", keep_months = 3 }";
    assert_eq!(
        with(never),
        ["monthly marks no slot of this schedule within eight years"]
    );
}

#[test]
fn sources_say_what_is_left_out_and_how_they_are_read() {
    let text = r#"
        sources = [
            { name = "a", paths = ["/a"], exclude_larger_than = "3G", exclude_caches = true, one_file_system = true, snapshot = "auto" },
            { name = "system", system_state = true },
        ]
        schedule.daily = { times = ["02:00"] }
        "#;
    let file = PolicyFile::parse(text).unwrap();
    let [a, system] = file.sources.as_slice() else {
        panic!("{:?}", file.sources);
    };
    assert_eq!(a.exclude_larger_than_bytes, Some(3 << 30));
    assert!(a.exclude_caches && a.one_file_system && !a.system_state);
    assert_eq!(a.snapshot, strongroom_policy::Snapshot::Auto);
    assert!(system.system_state && system.paths.is_empty());
    assert_eq!(PolicyFile::parse(&file.to_toml()).unwrap(), file);
}
