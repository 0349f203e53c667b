//! Every kind of wrong text: where, which rule, and what to do.

use strongroom_policy::PolicyFile;

/// All problems as `line:column key: rule | suggestion`.
fn problems(text: &str) -> Vec<String> {
    let problems = PolicyFile::parse(text).unwrap_err();
    problems
        .iter()
        .map(|p| {
            format!(
                "{}:{} {}: {} | {}",
                p.line, p.column, p.key, p.rule, p.suggestion
            )
        })
        .collect()
}

#[track_caller]
fn one(text: &str, expected: &str) {
    assert_eq!(problems(text), [expected]);
}

#[test]
fn retention_bounds_and_security_minimums() {
    let daily = "[schedule]\ndaily = { times = [\"00:00\"] }\n[retention]\n";
    let file = |rule: &str, minimums: bool| {
        let text = format!("{daily}{rule}\n[security]\nminimums = {minimums}\n");
        PolicyFile::parse(&text).map_err(|problems| problems.to_string())
    };
    let rules: [(&str, [u32; 4]); 4] = [
        ("daily = { keep_days = N }", [6, 7, 9_999, 10_000]),
        (
            "weekly = { days = [\"sat\"], keep_weeks = N }",
            [3, 4, 5_163, 5_164],
        ),
        (
            "monthly = { on = \"last\", keep_months = N }",
            [2, 3, 1_188, 1_189],
        ),
        (
            "yearly = { months = [\"jan\"], on = \"1\", keep_years = N }",
            [0, 1, 99, 100],
        ),
    ];
    for (rule, [under, least, most, over]) in rules {
        let with = |number: u32| rule.replace('N', &number.to_string());
        assert!(file(&with(under), true).is_err(), "{rule} {under}");
        assert!(file(&with(least), true).is_ok(), "{rule} {least}");
        assert!(file(&with(most), true).is_ok(), "{rule} {most}");
        assert!(file(&with(over), true).is_err(), "{rule} {over}");
        assert!(file(&with(over), false).is_err(), "{rule} {over}");
        assert!(file(&with(1), false).is_ok(), "{rule} without minimums");
        assert!(file(&with(0), false).is_err(), "{rule} 0");
    }
    // Minimums are on when nothing is said.
    one(
        "[schedule]\ndaily = { times = [\"00:00\"] }\n[retention]\ndaily = { keep_days = 6 }\n",
        "4:23 retention.daily.keep_days: is 6, but must be from 7 to 9999 while security.minimums is on | write \
         keep_days = 7",
    );
}

#[test]
fn syntax_types_and_unknown_keys() {
    let syntax = problems("[schedule\n");
    assert!(syntax[0].starts_with("1:10 : is not TOML: "), "{syntax:?}");
    let twice = problems("time_zone = \"UTC\"\ntime_zone = \"UTC\"\n");
    assert!(
        twice[0].starts_with("2:1 : is not TOML: duplicate key"),
        "{twice:?}"
    );
    one(
        "[retension]\n",
        "1:2 retension: is not a key of a policy | did you mean `retention`?",
    );
    one(
        "[retention]\ndaily = { keep_day = 7, keep_days = 7 }\n[schedule]\ndaily = { times = [\"00:00\"] }",
        "2:11 retention.daily.keep_day: is not a key of retention.daily | did you mean `keep_days`?",
    );
    one(
        "retention = 7",
        "1:13 retention: must be a table, not an integer | write retention = { daily = { keep_days = 7 } }",
    );
    one(
        "[retention]\ndaily = { keep_days = \"7\" }",
        "2:23 retention.daily.keep_days: must be a whole number, not a string | write keep_days = 7",
    );
    one(
        "[retention]\nkeep_last = 99999999999999999999999999999999999999999",
        "2:13 retention.keep_last: is too large, but must be from 1 to 9999 | write keep_last = 9999",
    );
    one(
        "[security]\nminimums = \"no\"",
        "2:12 security.minimums: must be true or false, not a string | write minimums = true",
    );
    one(
        "[security]\nsoft_delete_days = 13",
        "2:20 security.soft_delete_days: is 13, but must be from 14 to 180 | write soft_delete_days = 14",
    );
    one(
        "[schedule]\ndaily = { times = [18:00:00] }",
        "2:20 schedule.daily.times[0]: must be text in quotes, not a datetime | write times = \"18:00\"",
    );
}

#[test]
fn schedules() {
    one(
        "[schedule]\ncatch_up = \"once\"\n",
        "1:1 schedule: needs exactly one of daily, weekly and cron; there is none | write for example daily = { \
         times = [\"18:00\"] }",
    );
    let two = problems("[schedule]\ncron = \"0 0 * * *\"\ndaily = { times = [\"18:00\"] }\n");
    assert!(two[0].contains("there are 2"), "{two:?}");
    one(
        "[schedule]\ndaily = { times = [\"18:00\", \"25:00\"] }",
        "2:29 schedule.daily.times[1]: `25:00` is not a time of day such as 18:00 | write hours and minutes with two \
         digits each, 00:00 to 23:59",
    );
    one(
        "[schedule]\ndaily = { times = [\"18:00\", \"18:00\"] }",
        "2:29 schedule.daily.times[1]: 18:00 stands there twice | remove one of the two",
    );
    one(
        "[schedule]\ndaily = { times = [] }",
        "2:19 schedule.daily.times: names no time of day | write for example [\"18:00\"]",
    );
    one(
        "[schedule]\nweekly = { days = [\"satt\"], times = [\"18:00\"] }",
        "2:20 schedule.weekly.days[0]: `satt` is no day of the week | did you mean `sat`?",
    );
    let starting =
        problems("[schedule]\nweekly = { every_weeks = 2, days = [\"sat\"], times = [\"18:00\"] }");
    assert!(
        starting[0].contains("needs a starting date"),
        "{starting:?}"
    );
    one(
        "[schedule]\nweekly = { days = [\"sat\"], times = [\"18:00\"], starting = \"4.1.2026\" }",
        "2:58 schedule.weekly.starting: `4.1.2026` is no date | write year, month and day, such as \"2026-01-04\"",
    );
    let cron = problems("[schedule]\ncron = \"61 * * * *\"");
    assert!(
        cron[0].starts_with("2:8 schedule.cron: cron line, column 1: minute"),
        "{cron:?}"
    );
    one(
        "[schedule]\ndaily = { times = [\"18:00\"] }\ncatch_up = \"onse\"",
        "3:12 schedule.catch_up: `onse` is neither once nor skip | did you mean `once`?",
    );
    one(
        "time_zone = \"Europe/Pariss\"",
        "1:13 time_zone: `Europe/Pariss` is no time zone | did you mean `Europe/Paris`?",
    );
}

#[test]
fn rules_mark_slots_of_the_schedule_only() {
    let schedule = "[schedule]\ndaily = { times = [\"00:00\", \"18:00\"] }\n[retention]\n";
    one(
        &format!("{schedule}weekly = {{ days = [\"sat\"], times = [\"17:00\"], keep_weeks = 4 }}"),
        "4:36 retention.weekly.times: 17:00 is no time of the schedule, so no point could be marked | write times of \
         the schedule: 00:00, 18:00",
    );
    one(
        "[schedule]\nweekly = { days = [\"sun\"], times = [\"01:00\"] }\n[retention]\n\
         weekly = { days = [\"sat\"], keep_weeks = 4 }",
        "4:19 retention.weekly.days: the schedule has no slot on sat | write days of the schedule: sun",
    );
    one(
        "[schedule]\ncron = \"30 2 * * 1-5\"\n[retention]\ndaily = { times = [\"02:31\"], keep_days = 7 }",
        "4:19 retention.daily.times: the schedule has no slot at 02:31, so no point could be marked | write times at \
         which the cron line runs, or leave times out",
    );
    let good = "[schedule]\ncron = \"30 2 * * 1-5\"\n[retention]\ndaily = { times = [\"02:30\"], keep_days = 7 }";
    assert!(PolicyFile::parse(good).is_ok());
}

#[test]
fn days_months_and_periods() {
    let rule = |text: &str| problems(&format!("[retention]\n{text}"));
    let first = |text: &str| rule(text).remove(0);
    for (text, expected) in [
        (
            "monthly = { on = \"lst sat\", keep_months = 3 }",
            "2:18 retention.monthly.on: `lst sat` is no day of a month | did you mean `last sat`?",
        ),
        (
            "monthly = { on = [\"32\"], keep_months = 3 }",
            "2:19 retention.monthly.on[0]: `32` is no day of a month | write a number from 1 to 31, `last`, or a week \
             and a day such as `last sat` or `first mon`",
        ),
        (
            "monthly = { keep_months = 3 }",
            "2:11 retention.monthly: `on` is missing | add on = \"last sat\"",
        ),
        (
            "yearly = { months = [\"mrr\"], on = \"1\", keep_years = 1 }",
            "2:22 retention.yearly.months[0]: `mrr` is no month | did you mean `mar`?",
        ),
        (
            "within = { keep_days = 1, keep_hours = 1 }",
            "2:10 retention.within: needs exactly one of keep_hours, keep_days, keep_weeks, keep_months, \
             keep_quarters, keep_years | write for example keep_days = 7",
        ),
        (
            "tagged = [ { tag = \"\", keep_days = 1 } ]",
            "2:20 retention.tagged[0].tag: is empty | write the tag of the points that are meant",
        ),
    ] {
        assert_eq!(first(text), expected);
    }
    assert_eq!(rule("weekly = { }").len(), 2);
}

#[test]
fn sources_hooks_and_throttle() {
    let cases = [
        (
            "sources = [ { name = \"a/b\", paths = [\"/a\"] } ]",
            "1:22 sources[0].name: must not hold `/` | use letters, digits, spaces, hyphens and dots",
        ),
        (
            "sources = [ { name = \"a\", paths = [\"a\"] } ]",
            "1:35 sources[0].paths: `a` is not an absolute path | write it from the root, such as \"/home\"",
        ),
        (
            "sources = [ { name = \"a\", paths = [\"/a\"] }, { name = \"a\", paths = [\"/b\"] } ]",
            "1:45 sources[1]: there are two sources named `a` | give each source a name of its own",
        ),
        (
            "[hooks]\ntimeout_secs = 0",
            "2:16 hooks.timeout_secs: is 0, but must be from 1 to 86400 | write timeout_secs = 1",
        ),
        (
            "[throttle]\nwork_hours = \"9-18\"\nwork_rate = \"512 Kbps\"",
            "2:14 throttle.work_hours: `9-18` is not a stretch of the day such as 09:00-18:00, 22:00-06:00 or \
             00:00-24:00 | write from and to, such as \"09:00-18:00\"",
        ),
        (
            "[throttle]\nwork_hours = \"09:00-18:00\"\nwork_rate = \"511 Kbps\"",
            "3:13 throttle.work_rate: 511 Kbps is not within 512 Kbps and 1023 MBps | write a number and a unit: Kbps \
             and Mbps count bits, KBps and MBps bytes",
        ),
        (
            "[throttle]\nwork_hours = \"09:00-18:00\"",
            "1:1 throttle: needs work_rate, other_rate or both | add for example work_rate = \"512 Kbps\"",
        ),
    ];
    for (text, expected) in cases {
        one(text, expected);
    }
}

#[test]
fn all_problems_are_told_in_order_and_columns_count_characters() {
    let text = "# äöü\nsources = [ { name = \"ä\", paths = [\"ö\"] } ]\n[retention]\nkeep_last = 0\nhourly = 3\n";
    let places: Vec<_> = PolicyFile::parse(text)
        .unwrap_err()
        .iter()
        .map(|problem| (problem.line, problem.column))
        .collect();
    assert_eq!(places, [(2, 35), (4, 13), (5, 10)]);
}

#[test]
fn keys_of_a_source() {
    let rules = |source: &str| {
        let problems = problems(&format!("sources = [{{ name = \"a\", {source} }}]"));
        problems.join("\n")
    };
    for (source, said) in [
        (
            "paths = [\"/a\"], snapshot = \"zfs\"",
            "`zfs` is no way to take a snapshot",
        ),
        (
            "paths = [\"/a\"], exclude_larger_than = \"1.5G\"",
            "`1.5G` is no size",
        ),
        (
            "paths = [\"/a\"], exclude_larger_than = \"99999999999T\"",
            "is no size",
        ),
        ("paths = [\"/a\"], exclude_larger_than = 5", "must be text"),
        (
            "paths = [\"/a\"], system_state = true",
            "does not go with system_state",
        ),
        (
            "snapshot = \"auto\", system_state = true",
            "does not go with system_state",
        ),
        ("system_state = \"yes\"", "must be true or false"),
        ("exclude_caches = true", "`paths` is missing"),
    ] {
        assert!(rules(source).contains(said), "{source}: {}", rules(source));
    }
}
