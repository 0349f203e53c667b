//! `jobs`, `alerts`, `pause`, `resume` and `stop-protection`, without a daemon.

use std::fs;
use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::machine::Machine;

#[track_caller]
fn has_fields(document: &Value, fields: &str) {
    for field in fields.split(' ') {
        assert!(document.get(field).is_some(), "no {field} in {document}");
    }
}

fn machine() -> Machine {
    let machine = Machine::with_vault();
    machine.write("home/note", "note");
    machine
}

/// A policy that keeps points for a week, of a source that is due at no time that a test meets.
fn policy(machine: &Machine) {
    let home = machine.at("home");
    let text = format!(
        "sources = [{{ name = \"home\", paths = [\"{home}\"] }}]\n\
         schedule.cron = \"0 0 29 2 *\"\nretention.daily = {{ keep_days = 7 }}\n"
    );
    machine.write("policy.toml", text);
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
}

#[test]
fn whatever_is_run_by_hand_is_a_job() {
    let machine = machine();
    policy(&machine);
    assert_eq!(machine.json(&["jobs"]), json!([]));
    let made = machine.json(&["backup", "home"]);
    for command in [
        &["verify"][..],
        &["restore", "latest", "--target", "back"],
        &["drill"],
        &["expire"],
        &["sweep"],
        &["copy", "--to", "second"],
        &["repair"],
    ] {
        machine.run(command).ends_with(0);
    }
    // What only looks, or would do something, is none.
    for command in [
        &["points"][..],
        &["sweep", "--dry-run"],
        &["backup", "home", "--dry-run"],
    ] {
        machine.run(command).ends_with(0);
    }
    let jobs = machine.json(&["jobs"]);
    let kinds: Vec<&str> = jobs
        .as_array()
        .expect("a list")
        .iter()
        .rev()
        .map(|job| job["kind"].as_str().expect("a kind"))
        .collect();
    let all = [
        "backup", "verify", "restore", "drill", "expire", "sweep", "copy", "repair",
    ];
    assert_eq!(kinds, all);
    for job in jobs.as_array().expect("a list") {
        has_fields(
            job,
            "job kind state source started_at ended_at done_bytes expected_bytes error phase recovery_point",
        );
        assert_eq!(job["state"], "completed", "{job}");
        assert_eq!(job["error"], Value::Null);
    }
    assert_eq!(jobs[7]["source"], "home");
    assert_eq!(jobs[7]["done_bytes"], 4);
    assert_eq!(jobs[7]["recovery_point"], made["recovery_point"]);
    assert_eq!(
        machine
            .json(&["jobs", "--last", "2"])
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let table = machine.run(&["jobs"]);
    assert!(table.stdout.contains("completed"), "{}", table.stdout);
}

#[test]
fn a_failure_is_an_alert_until_the_next_success() {
    let machine = machine();
    machine.run(&["backup", "home"]).ends_with(0);
    // The vault is away.
    fs::rename(machine.path("vault"), machine.path("elsewhere")).expect("renamed");
    assert_ne!(machine.run(&["backup", "home"]).code, Some(0));
    let alerts = machine.json(&["alerts"]);
    has_fields(
        &alerts[0],
        "alert key severity class code message help source job state first_seen_at last_seen_at seen_count",
    );
    assert_eq!(alerts[0]["key"], "backup_failed:home");
    assert_eq!(alerts[0]["severity"], "critical");
    assert_eq!(alerts[0]["state"], "active");
    let jobs = machine.json(&["jobs"]);
    assert_eq!(jobs[0]["state"], "failed");
    assert_eq!(jobs[0]["job"], alerts[0]["job"]);
    assert!(jobs[0]["error"]["message"].is_string(), "{jobs}");

    let id = alerts[0]["alert"].as_str().expect("an id");
    let taken = machine.json(&["alerts", "ack", id]);
    assert_eq!(taken["state"], "acknowledged");
    assert_ne!(machine.run(&["backup", "home"]).code, Some(0));
    let again = machine.json(&["alerts"]);
    assert_eq!(
        (&again[0]["alert"], &again[0]["seen_count"]),
        (&alerts[0]["alert"], &json!(2))
    );
    assert_eq!(again[0]["state"], "acknowledged");

    fs::rename(machine.path("elsewhere"), machine.path("vault")).expect("renamed");
    machine.run(&["backup", "home"]).ends_with(0);
    assert_eq!(machine.json(&["alerts"]), json!([]));
    let all = machine.json(&["alerts", "--all"]);
    assert_eq!(
        (&all[0]["alert"], &all[0]["state"]),
        (&alerts[0]["alert"], &json!("resolved"))
    );
    machine
        .run(&["alerts", "ack", id])
        .fails_with(1, "is resolved");
    machine
        .run(&["alerts", "ack", "nonsense!"])
        .fails_with(2, "nonsense!");
    machine
        .run(&["alerts", "ack", "zzzz"])
        .fails_with(2, "no alert");
    machine
        .run(&["jobs", "stop", "zzzz"])
        .fails_with(2, "no job");
}

#[test]
fn what_was_mistyped_is_no_alert() {
    let machine = machine();
    machine
        .run(&["restore", "nothing", "--target", "x"])
        .ends_with(1);
    assert_ne!(machine.run(&["backup", "missing"]).code, Some(0));
    let alerts = machine.json(&["alerts"]);
    let keys: Vec<&Value> = alerts
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["key"])
        .collect();
    assert!(!keys.contains(&&json!("backup_failed:missing")), "{alerts}");
}

#[test]
fn what_was_skipped_is_a_warning() {
    let machine = machine();
    machine.run(&["backup", "home", "missing"]).ends_with(3);
    let jobs = machine.json(&["jobs"]);
    assert_eq!(jobs[0]["state"], "completed_with_warnings");
    assert_eq!(jobs[0]["warnings_count"], 1);
    let alerts = machine.json(&["alerts"]);
    assert_eq!(alerts[0]["key"], "backup_warnings:home");
    assert_eq!(alerts[0]["severity"], "warning");
    // One without ends it.
    machine.run(&["backup", "home"]).ends_with(0);
    assert_eq!(machine.json(&["alerts"]), json!([]));
}

#[test]
fn a_job_that_was_killed_is_found() {
    let machine = machine();
    policy(&machine);
    let hook = "[hooks]\nbefore_backup = [\"touch begun; sleep 60\"]\n";
    let text = fs::read_to_string(machine.path("policy.toml")).expect("there");
    let text = text.replace("0 0 29 2 *", "* * * * *");
    machine.write("policy.toml", format!("{text}{hook}"));
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    crate::daemon::an_hour_later(&machine);
    let mut child = machine.start(&["backup", "--due"]);
    crate::daemon::wait_until(|| machine.path("begun").exists());
    let jobs = machine.json(&["jobs"]);
    assert_eq!(jobs[0]["state"], "in_progress", "{jobs}");
    child.kill().expect("killed");
    child.wait().expect("ended");
    let jobs = machine.json(&["jobs"]);
    assert_eq!(jobs[0]["state"], "failed");
    assert_eq!(jobs[0]["error"]["code"], "interrupted");
    assert_eq!(machine.json(&["alerts"])[0]["key"], "backup_failed:home");

    // Another one is stopped in its hook; that was meant, and is no alert of its own.
    fs::remove_file(machine.path("begun")).expect("removed");
    let child = machine.start(&["backup", "--due"]);
    crate::daemon::wait_until(|| machine.path("begun").exists());
    let id = machine.json(&["jobs"])[0]["job"]
        .as_str()
        .expect("an id")
        .to_owned();
    let stopped = machine.json(&["jobs", "stop", &id]);
    has_fields(&stopped, "job state");
    let ended = child.wait_with_output().expect("ended");
    assert_eq!(ended.status.code(), Some(130));
    let jobs = machine.json(&["jobs"]);
    assert_eq!(
        (&jobs[0]["job"], &jobs[0]["state"]),
        (&json!(id), &json!("cancelled"))
    );
    assert_eq!(machine.json(&["alerts"])[0]["seen_count"], 1);
}

#[test]
fn followers_see_jobs_come_and_go() {
    let machine = machine();
    machine.run(&["backup", "home"]).ends_with(0);
    let mut follower = machine.start(&["jobs", "--follow", "--json"]);
    let lines = BufReader::new(follower.stdout.take().expect("piped")).lines();
    let mut events = lines.map(|line| -> Value {
        serde_json::from_str(&line.expect("text")).expect("a document a line")
    });
    assert_eq!(events.next().expect("one")["state"], "completed");
    // Until one of those that come now is seen; a job may come and go between two looks.
    let seen = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !seen.load(Ordering::Relaxed) {
                machine.run(&["verify"]).ends_with(0);
            }
        });
        assert!(events.any(|event| event["kind"] == "verify"));
        seen.store(true, Ordering::Relaxed);
    });
    follower.kill().expect("killed");
    follower.wait().expect("ended");
}

#[test]
fn a_pause_is_kept_and_ended() {
    let machine = machine();
    policy(&machine);
    let paused = machine.json(&["pause", "home", "--until", "2099-01-01"]);
    assert_eq!(
        (&paused["paused"], &paused["source"]),
        (&json!(true), &json!("home"))
    );
    assert!(paused["until"].is_string());
    assert_eq!(machine.json(&["pause"])["until"], Value::Null);
    // By cron, too; by hand everything still works.
    assert_eq!(machine.json(&["backup", "--due"])["halted"], "paused");
    machine.run(&["backup", "home"]).ends_with(0);
    machine
        .run(&["pause", "--until", "2001-01-01"])
        .fails_with(2, "has passed");
    machine
        .run(&["pause", "nowhere"])
        .fails_with(2, "no source");
    assert_eq!(machine.json(&["resume"])["resumed"], true);
    assert_eq!(machine.json(&["backup", "--due"])["halted"], Value::Null);
    assert_eq!(machine.json(&["resume"])["resumed"], false);
}

#[test]
fn a_source_that_is_stopped_keeps_what_was_promised() {
    let machine = machine();
    policy(&machine);
    machine.run(&["backup", "home"]).ends_with(0);
    machine.write("home/more", "more");
    machine.run(&["backup", "home"]).ends_with(0);
    let stop = |how: &[&str]| machine.json(&[&["stop-protection", "home"], how].concat());
    let stopped = stop(&["--retain", "forever"]);
    assert_eq!(
        (&stopped["kept"], &stopped["deleted"]),
        (&json!("forever"), &json!([]))
    );
    let points = machine.json(&["points"]);
    assert_eq!(points[0]["kept_because"], json!(["protection_stopped"]));
    assert_eq!(points[0]["expires_at"], Value::Null);
    let plan = machine.json(&["expire", "--dry-run"]);
    assert_eq!((&plan["expired"], &plan["kept"]), (&json!([]), &json!([])));

    assert_eq!(stop(&["--retain", "until-expiry"])["kept"], "until_expiry");
    let points = machine.json(&["points"]);
    assert_eq!(points[0]["kept_because"], json!(["adhoc"]));
    // Even when the policy does not name the source any more.
    machine.write(
        "policy.toml",
        "sources = [{ name = \"x\", paths = [\"/x\"] }]\nretention.daily = { keep_days = 7 }\n",
    );
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    let plan = machine.json(&["expire", "--dry-run"]);
    assert_eq!(plan["kept"].as_array().map(Vec::len), Some(2), "{plan}");

    // Deleting needs more than the machine's own credential.
    let delete = ["stop-protection", "home", "--delete"];
    machine.run(&delete).fails_with(5, "passphrase");
    assert_eq!(machine.json(&["points"]).as_array().map(Vec::len), Some(2));
    let file = machine.passphrase_file("passphrase", crate::machine::PASSPHRASE);
    let deleted = stop(&["--delete", "--passphrase-file", &file]);
    assert_eq!(deleted["deleted"].as_array().map(Vec::len), Some(2));
    assert_eq!(machine.json(&["points"]), json!([]));
    assert_eq!(
        machine
            .json(&["points", "--deleted"])
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let alerts = machine.json(&["alerts"]);
    assert_eq!(
        (&alerts[0]["class"], &alerts[0]["severity"]),
        (&json!("security"), &json!("error"))
    );

    assert_eq!(machine.json(&["resume", "home"])["resumed"], true);
    machine
        .run(&["stop-protection", "home"])
        .fails_with(2, "--retain");
    machine
        .run(&["stop-protection", "nowhere", "--retain", "forever"])
        .fails_with(2, "no source");
}
