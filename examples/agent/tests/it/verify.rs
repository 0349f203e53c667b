//! Damage is found, noted, healed and repaired; drills prove; a vault that was set back is told.

use std::process::Command;

use crate::machine::{Machine, content, hurt, random_bytes};

/// A machine with one point of six files.
fn backed_up() -> Machine {
    let machine = Machine::with_vault();
    for number in 0..6 {
        machine.write(&format!("home/{number}"), random_bytes(number, 400_000));
    }
    machine.json(&["backup", "home"]);
    machine
}

fn names_of(points: &serde_json::Value) -> Vec<String> {
    let points = points.as_array().expect("a list").iter();
    points
        .map(|point| point["recovery_point"].as_str().expect("an id").to_owned())
        .collect()
}

#[test]
fn from_damage_to_a_whole_vault() {
    let machine = backed_up();
    let old = names_of(&machine.json(&["points"])).remove(0);
    let pack = machine.objects("d").into_iter().next().expect("a pack");
    hurt(&pack);
    let found = machine.run(&["verify", "--read-data", "--json"]);
    found.ends_with(4);
    let found = found.document();
    assert_eq!(found["is_noted"], true, "{found}");
    assert_eq!(found["damaged"][0]["points"], serde_json::json!([old]));
    let reason = found["damaged"][0]["reason"].as_str().expect("text");
    assert!(reason.starts_with("block "), "{reason}");
    let lost = machine.run(&["repair", "--dry-run", "--json"]);
    lost.ends_with(4);
    let lost = lost.document();
    assert_eq!(lost["lost"][0]["recovery_point"], old.as_str(), "{lost}");
    assert!(
        !lost["lost"][0]["paths"]
            .as_array()
            .expect("a list")
            .is_empty()
    );
    let stored = machine.json(&["backup", "home"]);
    assert!(stored["unique_bytes"].as_u64().expect("a number") > 0);
    let repaired = machine.json(&["repair"]);
    assert_eq!(repaired["lost"], serde_json::json!([]));
    assert_eq!(repaired["repaired"][0]["action"], "healed", "{repaired}");
    machine
        .run(&["restore", &old, "--target", "back"])
        .ends_with(0);
    assert_eq!(
        content(&machine.path("home")),
        content(&machine.path("back/home"))
    );
    let clean = machine.json(&["verify", "--read-data"]);
    assert_eq!(clean["damaged"], serde_json::json!([]));
    assert_eq!(clean["superseded"].as_array().expect("a list").len(), 1);
    let again = machine.run(&["repair"]);
    again.ends_with(0);
    assert!(
        again.stdout.contains("nothing that can be mended"),
        "{}",
        again.stdout
    );
}

#[test]
fn what_was_read_is_remembered() {
    let machine = backed_up();
    let first = machine.json(&["verify", "--max-age", "7d"]);
    assert!(first["verified_bytes"].as_u64().expect("a number") > 2_000_000);
    let second = machine.json(&["verify", "--max-age", "7d"]);
    assert_eq!(second["verified_bytes"], 0);
    assert_eq!(second["packs_left_count"], second["packs_count"]);
    let status = machine.json(&["status"]);
    assert_eq!(status["verified_packs_count"], second["packs_count"]);
    machine.run(&["verify", "--hashes"]).ends_with(0);
    machine.run(&["verify", "--budget", "1K"]).ends_with(0);
    machine
        .run(&["verify", "--budget", "lots"])
        .fails_with(2, "--budget");
}

#[test]
fn a_drill_proves_and_is_remembered() {
    let machine = backed_up();
    let before = machine.json(&["points"]);
    assert_eq!(before[0]["proven_restorable_at"], serde_json::Value::Null);
    let drill = machine.json(&["drill"]);
    assert_eq!(drill["is_proven"], true, "{drill}");
    assert_eq!(drill["entries_count"], 6);
    let point = &machine.json(&["points"])[0];
    assert!(point["proven_restorable_at"].is_string(), "{point}");
    let status = machine.json(&["status"]);
    assert_eq!(
        status["sources"][0]["proven_point"],
        point["recovery_point"]
    );
    let cache = machine.path(".cache/strongroom");
    if cache.exists() {
        let left = std::fs::read_dir(cache).expect("readable").count();
        assert_eq!(left, 0, "the scratch place is removed");
    }
    hurt(&machine.objects("d").into_iter().next().expect("a pack"));
    let failed = machine.run(&["drill", "--json"]);
    failed.ends_with(4);
    assert_eq!(failed.document()["is_proven"], false);
}

#[test]
fn a_vault_that_was_set_back_is_told_until_it_is_accepted() {
    let machine = backed_up();
    let copy = |from: &str, to: &str| {
        let done = Command::new("cp")
            .args(["-a", &machine.at(from), &machine.at(to)])
            .status();
        assert!(done.expect("cp").success());
    };
    copy("vault", "old");
    machine.write("home/0", random_bytes(77, 400_000));
    machine.json(&["backup", "home"]);
    assert_eq!(machine.json(&["status"])["history"], serde_json::json!([]));
    std::fs::remove_dir_all(machine.path("vault")).expect("removed");
    copy("old", "vault");
    let status = machine.json(&["status"]);
    assert_eq!(status["history"][0]["problem"], "rolled_back", "{status}");
    let verified = machine.run(&["verify", "--json"]);
    verified.ends_with(4);
    assert_eq!(verified.document()["history"][0]["problem"], "rolled_back");
    let backed_up = machine.run(&["backup", "home"]);
    backed_up.ends_with(0);
    assert!(backed_up.stderr.contains("history"), "{}", backed_up.stderr);
    machine.run(&["status", "--accept-history"]).ends_with(0);
    machine.run(&["verify"]).ends_with(0);
    let quiet = machine.run(&["backup", "home"]);
    assert!(!quiet.stderr.contains("history"), "{}", quiet.stderr);
}
