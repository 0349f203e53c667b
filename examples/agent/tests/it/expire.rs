//! Points expire by the policy of the machine, and not by accident.

use std::fs::{self, File};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use serde_json::json;

use crate::machine::{Machine, random_bytes};

const POLICY: &str = r#"
    time_zone = "UTC"
    schedule.daily = { times = ["00:00", "12:00"] }
    retention.daily = { keep_days = 7 }
"#;

/// A machine with this many points, oldest first, each with its file in the vault. They share nearly all content.
pub(crate) fn with_points(count: u64) -> (Machine, Vec<(String, std::path::PathBuf)>) {
    let machine = Machine::with_vault();
    machine.write("home/data", random_bytes(1, 400_000));
    let mut points = Vec::new();
    for number in 0..count {
        let before = machine.objects("points");
        machine.write("home/note", format!("{number}"));
        let report = machine.json(&["backup", "home"]);
        let id = report["recovery_point"].as_str().expect("an id");
        let mut new = machine.objects("points");
        new.retain(|path| !before.contains(path));
        points.push((id.to_owned(), new.pop_first().expect("a manifest")));
    }
    machine.write("policy.toml", POLICY);
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    (machine, points)
}

/// As if the store had got it so many days ago.
pub(crate) fn age(manifest: &std::path::Path, days: u64) {
    let written_at = fs::metadata(manifest).and_then(|manifest| manifest.modified());
    let at = written_at.expect("a time") - Duration::from_secs(days * 86_400);
    File::options()
        .write(true)
        .open(manifest)
        .and_then(|file| file.set_modified(at))
        .expect("set");
}

#[test]
fn old_points_expire_softly_and_the_reasons_are_told() {
    let (machine, points) = with_points(4);
    age(&points[0].1, 30);
    age(&points[1].1, 8);
    let expected = json!([points[0].0, points[1].0]);
    let told = machine.json(&["expire", "--dry-run"]);
    assert_eq!(told["expired"], expected, "{told}");
    assert_eq!(told["kept"][0]["recovery_point"], points[2].0);
    assert_eq!(told["kept"][0]["kept_because"], json!(["adhoc"]));
    let shown = machine.json(&["points"]);
    assert_eq!(shown.as_array().expect("a list").len(), 4);
    assert_eq!(shown[0]["kept_because"], json!(["adhoc"]));
    assert!(shown[0]["expires_at"].is_string());
    assert_eq!(shown[3]["kept_because"], json!([]));

    let done = machine.json(&["expire"]);
    assert_eq!(done["expired"], expected);
    assert_eq!(done["brakes"], json!([]));
    let shown = machine.json(&["points", "--deleted"]);
    assert_eq!(shown.as_array().expect("a list").len(), 2);
    assert_eq!(machine.json(&["expire"])["expired"], json!([]));
    machine.run(&["undelete", &points[1].0]).ends_with(0);
    machine
        .run(&["restore", &points[0].0, "--target", "back"])
        .ends_with(0);
}

#[test]
fn much_at_once_needs_a_yes() {
    let (machine, points) = with_points(8);
    for (_, manifest) in &points[..6] {
        age(manifest, 30);
    }
    machine
        .run(&["expire"])
        .fails_with(1, "6 of 8 points of \"home\"");
    assert_eq!(machine.objects("chain").len(), 0, "nothing was deleted");
    let told = machine.json(&["expire", "--dry-run"]);
    assert_eq!(told["brakes"].as_array().expect("a list").len(), 1);
    let done = machine.json(&["expire", "--yes"]);
    assert_eq!(done["expired"].as_array().expect("a list").len(), 6);
}

#[test]
fn a_clock_that_jumped_expires_nothing() {
    let (machine, points) = with_points(3);
    for (number, (_, manifest)) in (0..).zip(&points) {
        age(manifest, 40 - number);
    }
    machine.run(&["expire"]).fails_with(1, "clock");
    // The newest of a source whose runs fail stays anyway.
    let done = machine.json(&["expire", "--yes"]);
    assert_eq!(done["expired"], json!([points[0].0, points[1].0]), "{done}");
    assert_eq!(
        done["kept"][0]["kept_because"],
        json!(["newest_of_silent_source"])
    );
}

/// A run that expires nothing must not make a jump of the clock believable for the next one.
#[test]
fn a_clock_that_jumped_is_not_remembered() {
    let (machine, points) = with_points(2);
    for (_, manifest) in &points {
        age(manifest, 10);
    }
    machine.write("longer.toml", POLICY.replace("7", "30"));
    machine.run(&["policy", "set", "longer.toml"]).ends_with(0);
    let told = machine.json(&["expire"]);
    assert_eq!(told["expired"], json!([]));
    assert_eq!(told["brakes"].as_array().expect("a list").len(), 1);
    assert!(!machine.path("state/seen").exists());
    machine.run(&["expire", "--yes"]).ends_with(0);
    assert!(machine.path("state/seen").exists());
    assert_eq!(machine.json(&["expire"])["brakes"], json!([]));
}

#[test]
fn an_edit_that_keeps_less_settles_for_a_day() {
    let (machine, points) = with_points(3);
    age(&points[0].1, 10);
    machine.write("longer.toml", POLICY.replace("7", "14"));
    machine.run(&["policy", "set", "longer.toml"]).ends_with(0);
    assert_eq!(machine.json(&["expire"])["expired"], json!([]));
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    let told = machine.json(&["expire"]);
    assert_eq!(told["expired"], json!([]));
    assert_eq!(told["kept"][0]["kept_because"], json!(["recent_edit"]));
    // As if it had been edited two days ago.
    let path = machine.path("state/policy-before.json");
    let text = fs::read_to_string(&path).expect("there");
    let mut document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let edited_at: DateTime<Utc> = document["edited_at"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("a time");
    document["edited_at"] = json!(edited_at - TimeDelta::days(2));
    fs::write(&path, document.to_string()).expect("written");
    assert_eq!(machine.json(&["expire"])["expired"], json!([points[0].0]));
}

#[test]
fn without_a_policy_nothing_expires() {
    let machine = Machine::with_vault();
    machine.run(&["expire"]).fails_with(2, "no policy");
}

#[test]
fn a_source_that_the_policy_names_no_longer_keeps_the_retention_that_it_had() {
    let (machine, points) = with_points(3);
    let set = |sources: &str, days: u32| {
        let text = format!("{sources}{}", POLICY.replace("= 7", &format!("= {days}")));
        machine.write("policy.toml", text);
        machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    };
    let home = "{ name = \"home\", paths = [\"/home\"] }";
    let other = "{ name = \"other\", paths = [\"/other\"] }";
    set(&format!("sources = [{home}, {other}]"), 20);
    age(&points[0].1, 30);
    age(&points[1].1, 12);
    let expired = || machine.json(&["expire", "--dry-run"])["expired"].clone();
    assert_eq!(expired(), json!([points[0].0]));

    set(&format!("sources = [{other}]"), 9);
    assert_eq!(
        expired(),
        json!([points[0].0]),
        "neither for ever, nor by the days of others"
    );
    set(&format!("sources = [{other}]"), 7);
    assert_eq!(
        expired(),
        json!([points[0].0]),
        "what was frozen stays as it was"
    );
    set(&format!("sources = [{home}, {other}]"), 9);
    let before = machine.path("state/policy-before.json");
    fs::remove_file(before).expect("as if the edit had settled");
    assert_eq!(
        expired(),
        json!([points[0].0, points[1].0]),
        "named again, the policy holds"
    );
}
