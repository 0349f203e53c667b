//! `policy`: documents, exit codes, and what the policy of a machine is.

use serde_json::{Value, json};

use crate::machine::Machine;

/// Twice a day: all a week, Saturdays four weeks, last Saturdays twelve months, one a year for ten years.
const TWICE_A_DAY: &str = r#"
time_zone = "UTC"
[schedule]
daily  = { times = ["00:00", "18:00"] }
[retention]
daily   = { keep_days = 7 }
weekly  = { days = ["sat"], times = ["00:00", "18:00"], keep_weeks = 4 }
monthly = { on = "last sat", times = ["00:00", "18:00"], keep_months = 12 }
yearly  = { months = ["mar"], on = "last sat", times = ["00:00"], keep_years = 10 }
"#;

fn with_policy(text: &str) -> Machine {
    let machine = Machine::new();
    machine.write("policy.toml", text);
    machine
}

#[test]
fn fifty_six_points_are_simulated_and_explained() {
    let machine = with_policy(TWICE_A_DAY);
    let end = machine.json(&[
        "policy",
        "simulate",
        "--policy",
        "policy.toml",
        "--from",
        "2015-01-01T00:00:00Z",
        "--until",
        "2026-06-30T12:00:00Z",
    ]);
    assert_eq!(
        end["by_rule"],
        json!({"daily": 14, "weekly": 8, "monthly": 24, "yearly": 10})
    );
    assert_eq!(end["distinct_count"], 51);
    let oldest = &end["points"][0];
    assert_eq!(
        oldest,
        &json!({
            "taken_at": "2017-03-25T00:00:00Z",
            "kind": "scheduled",
            "kept_because": ["yearly"],
            "expires_at": "2027-03-25T00:00:00Z",
        })
    );
}

#[test]
fn failures_and_adhoc_points_are_simulated_in_the_zone_of_the_policy() {
    let machine = with_policy(
        r#"
        time_zone = "Europe/Paris"
        schedule.daily = { times = ["08:00"] }
        retention.daily = { keep_days = 7 }
        retention.weekly = { days = ["thu"], keep_weeks = 4 }
        "#,
    );
    let simulate = |more: &[&str]| {
        let base = [
            "policy",
            "simulate",
            "--policy",
            "policy.toml",
            "--from",
            "2026-01-01",
            "--until",
        ];
        machine.json(&[&base[..], &["2026-01-09 12:00"], more].concat())
    };
    // Thursday 8 January 08:00 in Paris fails, told as civil time or as an instant.
    for fail in ["2026-01-08T08:00", "2026-01-08T07:00:00Z"] {
        let end = simulate(&["--fail", fail, "--adhoc", "2026-01-08 20:00"]);
        let points = end["points"].as_array().expect("a list");
        let adhoc: Vec<_> = points
            .iter()
            .filter(|point| point["kind"] == "adhoc")
            .collect();
        assert_eq!(
            adhoc,
            [&json!({
                "taken_at": "2026-01-08T19:00:00Z",
                "kind": "adhoc",
                "kept_because": ["weekly", "adhoc"],
                "expires_at": "2026-02-05T19:00:00Z",
            })]
        );
        assert_eq!(end["failed_count"], 1);
    }
    let ended = machine.run(&[
        "policy",
        "simulate",
        "--policy",
        "policy.toml",
        "--from",
        "2026-01-01",
        "--until",
        "2026-01-09",
        "--fail",
        "2026-01-08T08:01",
    ]);
    ended.fails_with(2, "no run is due at 2026-01-08T08:01:00+01:00");
}

#[test]
fn a_history_goes_on() {
    let machine = with_policy(
        "time_zone = \"UTC\"\n[schedule]\ndaily = { times = [\"02:00\"] }\n\
                               [retention]\ndaily = { keep_days = 7 }\n",
    );
    machine.write(
        "history.json",
        r#"[ {"recovery_point": "new", "taken_at": "2026-01-09T02:00:07Z", "tags": {"a": "b"}, "hold_until": null},
             {"recovery_point": "old", "taken_at": "2026-01-01T02:00:07Z", "hold_until": "2027-01-01T00:00:00Z"},
             {"recovery_point": "gone", "taken_at": "2026-01-08T02:00:07Z", "deleted_at": "2026-01-08T12:00:00Z"} ]"#,
    );
    let end = machine.json(&[
        "policy",
        "simulate",
        "--policy",
        "policy.toml",
        "--from",
        "2026-01-10",
        "--until",
        "2026-01-11",
        "--history",
        "history.json",
    ]);
    let kept: Vec<_> = end["points"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|point| {
            (
                point["recovery_point"].clone(),
                point["kept_because"].clone(),
            )
        })
        .collect();
    assert_eq!(
        kept,
        [
            (json!("old"), json!(["hold"])),
            (json!("new"), json!(["daily"])),
            (Value::Null, json!(["daily"])),
        ]
    );
    machine.write("history.json", "{}");
    let ended = machine.run(&[
        "policy",
        "simulate",
        "--policy",
        "policy.toml",
        "--from",
        "2026-01-10",
        "--until",
        "2026-01-11",
        "--history",
        "history.json",
    ]);
    ended.fails_with(2, "holds no history");
}

#[test]
fn next_runs_name_instant_civil_time_and_slot() {
    let machine = with_policy(
        "time_zone = \"Europe/Paris\"\n[schedule]\ndaily = { times = [\"02:30\", \"03:00\"] }\n",
    );
    let next = machine.json(&[
        "policy",
        "next",
        "--policy",
        "policy.toml",
        "--after",
        "2026-03-28T03:00",
        "--count",
        "2",
    ]);
    assert_eq!(
        next,
        json!([
            {
                "due_at": "2026-03-29T01:00:00Z",
                "local": "2026-03-29T03:00:00+02:00",
                "slot": "2026-03-29T02:30",
                "slots": ["2026-03-29T02:30", "2026-03-29T03:00"],
            },
            {
                "due_at": "2026-03-30T00:30:00Z",
                "local": "2026-03-30T02:30:00+02:00",
                "slot": "2026-03-30T02:30",
                "slots": ["2026-03-30T02:30"],
            },
        ])
    );
    let shown = machine.run(&[
        "policy",
        "next",
        "--policy",
        "policy.toml",
        "--after",
        "2026-03-28",
        "--count",
        "1",
    ]);
    shown.ends_with(0);
    assert!(
        shown.stdout.contains("Sat 2026-03-28 02:30 CET"),
        "{}",
        shown.stdout
    );
}

#[test]
fn the_zone_of_the_machine_counts_where_the_policy_names_none() {
    let machine = with_policy("[schedule]\ndaily = { times = [\"12:00\"] }\n");
    let args = [
        "policy",
        "next",
        "--policy",
        "policy.toml",
        "--after",
        "2026-01-01",
        "--count",
        "1",
        "--json",
    ];
    let output = machine
        .command(&args)
        .env("TZ", "Asia/Tokyo")
        .output()
        .expect("runs");
    let next: Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(next[0]["due_at"], "2026-01-01T03:00:00Z");
}

/// Wrong texts, and what is said about them.
const WRONG: [(&str, &str); 9] = [
    ("[schedule\n", "line 1, column "),
    (
        "schedule.daily = { times = [\"24:00\"] }\n",
        "line 1, column 29: schedule.daily.times[0]",
    ),
    (
        "\nschedule.cron = \"0 25 * * *\"\n",
        "line 2, column 17: schedule.cron",
    ),
    (
        "retention.daily = { keep_days = 6 }\n",
        "line 1, column 33: retention.daily.keep_days: is 6",
    ),
    (
        "retention.daily = { keep_days = 10000 }\n",
        "must be from 7 to 9999",
    ),
    (
        "retention.weekly = { days = [\"sun\"], keep_weeks = 3 }\n",
        "must be from 4 to 5163",
    ),
    (
        "retention.monthly = { on = \"1\", keep_months = 2 }\n",
        "must be from 3 to 1188",
    ),
    (
        "retention.yearly = { months = [\"mar\"], on = \"1\", keep_years = 0 }\n",
        "must be from 1 to 99",
    ),
    ("[retension]\n", "is not a key of a policy"),
];

#[test]
fn wrong_policies_end_with_2_and_say_where_which_rule_and_what_to_do() {
    for (text, expected) in WRONG {
        let machine = with_policy(text);
        for command in [
            &["policy", "check", "policy.toml"][..],
            &["policy", "set", "policy.toml"],
            &["policy", "next", "--policy", "policy.toml"],
            &[
                "policy",
                "simulate",
                "--policy",
                "policy.toml",
                "--from",
                "2026-01-01",
                "--until",
                "2026-01-02",
            ],
        ] {
            machine.run(command).fails_with(2, expected);
        }
        let ended = machine.run(&["policy", "check", "policy.toml", "--json"]);
        ended.ends_with(2);
        let error = &ended.document()["error"];
        assert_eq!(error["code"], 2);
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| message.contains(expected)),
            "{error}"
        );
        assert!(
            error["help"].as_str().is_some_and(|help| !help.is_empty()),
            "{error}"
        );
    }
}

#[test]
fn all_problems_of_a_file_are_told_and_files_that_are_no_text_too() {
    let machine = with_policy("keep = 1\nzone = 2\n");
    let ended = machine.run(&["policy", "check", "policy.toml"]);
    ended.fails_with(2, "line 1, column 1: keep");
    assert!(
        ended.stderr.contains("cause: line 2, column 1: zone"),
        "{}",
        ended.stderr
    );
    machine.write("policy.toml", [0xff, 0xfe]);
    machine
        .run(&["policy", "check", "policy.toml"])
        .fails_with(2, "is not text in UTF-8");
    machine
        .run(&["policy", "check", "nowhere.toml"])
        .fails_with(2, "cannot read");
}

#[test]
fn a_good_policy_is_told_in_words_with_advice() {
    let machine = with_policy(TWICE_A_DAY);
    let ended = machine.run(&["policy", "check", "policy.toml"]);
    ended.ends_with(0);
    for line in [
        "policy.toml is a good policy",
        "runs every day at 00:00, 18:00, UTC time",
        "yearly: scheduled points on last sat of mar at 00:00 are kept 10 years",
        "note: there are no sources",
    ] {
        assert!(
            ended.stdout.contains(line),
            "{line:?} not in {}",
            ended.stdout
        );
    }
    assert_eq!(
        machine.json(&["policy", "check", "policy.toml"])["valid"],
        true
    );
}

#[test]
fn the_policy_of_a_machine_is_set_shown_and_replaced() {
    let machine = with_policy(TWICE_A_DAY);
    machine
        .run(&["policy", "show"])
        .fails_with(2, "has no policy");
    let set = machine.json(&["policy", "set", "policy.toml"]);
    assert_eq!(set["keeps_less"], json!([]));
    let shown = machine.json(&["policy", "show"]);
    assert_eq!(shown["toml"], TWICE_A_DAY);
    assert_eq!(shown["file"], set["file"]);
    let text = machine.run(&["policy", "show"]);
    text.ends_with(0);
    assert!(
        text.stdout.contains("keep_weeks = 4") && text.stdout.contains("weekly: scheduled points")
    );

    // One that keeps less is told, and the one before stays beside it.
    machine.write(
        "shorter.toml",
        TWICE_A_DAY.replace("keep_weeks = 4", "keep_weeks = 5"),
    );
    machine.json(&["policy", "set", "shorter.toml"]);
    assert!(!machine.path("state/policy-before.json").exists());
    let set = machine.json(&["policy", "set", "policy.toml"]);
    assert_eq!(
        set["keeps_less"],
        json!(["weekly keeps 4 weeks instead of 5 weeks"])
    );
    let before = std::fs::read_to_string(machine.path("state/policy-before.json")).expect("there");
    assert!(before.contains("keep_weeks = 5"), "{before}");
    // A wrong one changes nothing.
    machine.write("wrong.toml", "[retension]");
    machine
        .run(&["policy", "set", "wrong.toml"])
        .fails_with(2, "retension");
    assert_eq!(machine.json(&["policy", "show"])["toml"], TWICE_A_DAY);
}
