//! `backup --due`: what the policy says, when it says so, and once.

use std::fs::{self, File};
use std::time::Duration;

use serde_json::json;

use crate::machine::Machine;

/// A slot every minute.
fn policy(machine: &Machine, more: &str) {
    let (home, music) = (machine.at("home"), machine.at("music"));
    machine.write(
        "policy.toml",
        format!(
            r#"
            time_zone = "UTC"
            sources = [
                {{ name = "home", paths = ["{home}"], exclude = ["*.tmp"] }},
                {{ name = "music", paths = ["{music}"] }},
            ]
            schedule.cron = "* * * * *"
            retention.daily = {{ keep_days = 7 }}
            {more}
            "#
        ),
    );
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
}

/// As if the policy had been set an hour ago.
fn an_hour_later(machine: &Machine) {
    let path = machine.path("state/policy.toml");
    let set_at = fs::metadata(&path).and_then(|file| file.modified());
    File::options()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_modified(set_at? - Duration::from_secs(3600)))
        .expect("set");
}

fn machine() -> Machine {
    let machine = Machine::with_vault();
    machine.write("home/note", "note");
    machine.write("home/x.tmp", "junk");
    machine.write("music/song", "la");
    machine
}

#[test]
fn due_runs_are_made_once_and_carry_their_slots() {
    let machine = machine();
    policy(&machine, "");
    an_hour_later(&machine);
    let made = machine.json(&["backup", "--due"]);
    for (number, files) in [(0, 1), (1, 1)] {
        assert_eq!(made[number]["due"], true, "{made}");
        assert_eq!(made[number]["files_count"], files, "{made}");
        assert_eq!(made[number]["slots"].as_array().expect("slots").len(), 1);
        assert!(made[number]["missed_count"].as_u64().expect("a number") > 50);
    }
    // They are scheduled points, kept by the daily layer and not as ad-hoc ones.
    let points = machine.json(&["points"]);
    assert_eq!(points[0]["kept_because"], json!(["daily"]));
    machine.run(&["backup", "home"]).ends_with(0);
    let points = machine.json(&["points", "--source", "home"]);
    assert_eq!(points[0]["kept_because"], json!(["adhoc"]));

    // Nothing is due twice; a minute may have passed.
    let again = machine.json(&["backup", "--due", "--source", "home"]);
    let is_next = again["slots"][0].as_str() > made[0]["slots"][0].as_str();
    assert!(again["due"] == false || is_next, "{again}");
}

#[test]
fn what_was_due_before_the_policy_is_not_made_up_for() {
    let machine = machine();
    machine.write("daily.toml", "schedule.daily = { times = [\"00:00\"] }\n");
    machine.run(&["policy", "set", "daily.toml"]).ends_with(0);
    let made = machine.json(&["backup", "--due", "home"]);
    assert_eq!(made["due"], false);
    assert!(made["next_due_at"].is_string());
    machine
        .run(&["backup", "--due"])
        .fails_with(2, "what to back up");
    machine
        .run(&["backup", "--due", "--source", "x"])
        .fails_with(2, "no source \"x\"");
    Machine::with_vault()
        .run(&["backup", "--due", "home"])
        .fails_with(2, "no policy");
}

#[test]
fn one_source_that_fails_keeps_no_other_from_its_run() {
    let machine = machine();
    policy(&machine, "");
    an_hour_later(&machine);
    fs::remove_dir_all(machine.path("home")).expect("removed");
    let ended = machine.run(&["backup", "--due", "--json"]);
    ended.ends_with(1);
    let made = ended.document();
    assert_eq!(made[0]["source"], "home");
    assert!(made[0]["error"]["message"].is_string(), "{made}");
    assert_eq!(made[1]["state"], "complete");
    // It is tried again.
    machine.write("home/note", "note");
    let again = machine.json(&["backup", "--due", "--source", "home"]);
    assert_eq!(again["due"], true);
}

#[test]
fn hooks_run_around_it() {
    let machine = machine();
    let log = machine.at("log");
    let hooks = format!(
        r#"
            [hooks]
            before_backup = ["echo before $STRONGROOM_SOURCE >> {log}"]
            after_backup = ["echo after >> {log}; test $STRONGROOM_SOURCE = home"]
        "#
    );
    policy(&machine, &hooks);
    an_hour_later(&machine);
    let ended = machine.run(&["backup", "--due", "--json"]);
    ended.ends_with(3);
    assert!(ended.stderr.contains("hook"), "{}", ended.stderr);
    let text = fs::read_to_string(machine.path("log")).expect("there");
    assert_eq!(text, "before home\nafter\nbefore music\nafter\n");
    machine.write("home/more", "more");
    policy(&machine, "[hooks]\nbefore_backup = [\"exit 3\"]");
    let before = machine.objects("points").len();
    let stopped = machine.run(&["backup", "--due", "--source", "home"]);
    // A minute may not have passed yet.
    if stopped.code != Some(0) {
        stopped.fails_with(1, "hook \"exit 3\"");
    }
    assert_eq!(machine.objects("points").len(), before);
}
