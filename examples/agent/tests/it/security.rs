//! What nobody can do unseen.

use std::fs;

use serde_json::{Value, json};

use crate::daemon::{OFTEN, Running, machine as machine_by, policy_text};
use crate::machine::{Machine, PASSPHRASE};

/// A machine whose settings want to hear of nothing; what is told all the same stands in `told`, a notice a line.
fn machine() -> Machine {
    let machine = Machine::with_vault();
    mute(&machine);
    for number in 0..3 {
        machine.write("home/note", format!("{number}"));
        machine.run(&["backup", "home"]).ends_with(0);
    }
    machine
}

fn mute(machine: &Machine) {
    machine.write("tell", "#!/bin/sh\ncat >> \"$0d\"; echo >> \"$0d\"\n");
    fs::rename(machine.path("tell"), machine.path("tol")).expect("renamed");
    let run = machine.at("tol");
    machine.write(
        "state/config.toml",
        format!(
            "[notices]\nfrequency = \"hourly\"\nresolutions = false\n[notices.journal]\nseverities = []\n\
             [[notices.command]]\nname = \"pager\"\nrun = [\"sh\", \"{run}\"]\nseverities = []\n"
        ),
    );
}

/// The codes of the alerts that somebody was told of.
fn told(machine: &Machine) -> Vec<String> {
    let text = fs::read_to_string(machine.path("told")).unwrap_or_default();
    let notices = text.lines().filter(|line| !line.is_empty());
    let notices = notices.map(|line| serde_json::from_str::<Value>(line).expect("a notice"));
    let alerts = notices.flat_map(|notice| notice["alerts"].as_array().expect("a list").clone());
    alerts
        .map(|alert| alert["code"].as_str().expect("a code").to_owned())
        .collect()
}

/// Exactly these are open and told, and are about security.
#[track_caller]
fn alerts_are(machine: &Machine, codes: &[&str]) {
    let alerts = machine.json(&["alerts"]);
    let alerts = alerts.as_array().expect("a list");
    let mut open: Vec<&str> = alerts
        .iter()
        .filter(|alert| alert["class"] == "security")
        .map(|alert| alert["code"].as_str().expect("a code"))
        .collect();
    open.sort_unstable();
    let mut told = told(machine);
    told.sort_unstable();
    let mut codes = codes.to_vec();
    codes.sort_unstable();
    assert_eq!(open, codes);
    assert_eq!(told, codes);
}

#[test]
fn deletions_are_told_whoever_wants_to_hear_of_nothing() {
    let machine = machine();
    alerts_are(&machine, &[]);
    machine.run(&["delete", "latest", "--dry-run"]).ends_with(0);
    alerts_are(&machine, &[]);
    machine.run(&["delete", "latest"]).ends_with(0);
    alerts_are(&machine, &["points_deleted"]);
    let alert = machine.json(&["alerts"])[0].clone();
    assert_eq!(alert["severity"], "error");
    assert_eq!(
        alert["message"],
        "deletion of 1 recovery point of home was begun by hand"
    );
    // Whoever takes it up does not hide it, and cannot keep what comes after quiet.
    let id = alert["alert"].as_str().expect("an id");
    machine.run(&["alerts", "ack", id]).ends_with(0);
    assert_eq!(machine.json(&["alerts"])[0]["state"], "acknowledged");
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    let now = ["delete", "latest", "--now", "--passphrase-file", &file];
    machine.run(&now).ends_with(0);
    let alert = machine.json(&["alerts"])[0].clone();
    assert_eq!(
        (&alert["state"], &alert["severity"]),
        (&json!("active"), &json!("critical"))
    );
    assert_eq!(told(&machine), ["points_deleted", "points_deleted"]);
}

#[test]
fn keys_and_passphrases_are_told() {
    let machine = machine();
    let old = machine.passphrase_file("passphrase", PASSPHRASE);
    let new = machine.passphrase_file("new", "a quite different passphrase");
    let other = machine.passphrase_file("other", "yet another good passphrase");
    let key = |words: &[&str], file: &str| {
        let flags = ["--passphrase-file", file];
        machine.json(&[&["vault", "key"], words, &flags].concat())
    };
    let added = key(&["add", "--new-passphrase-file", &other], &old);
    alerts_are(&machine, &["key_slot_added"]);
    let slot = added["slot"].as_str().expect("an id");
    key(&["remove", slot], &old);
    key(&["change", "--new-passphrase-file", &new], &old);
    alerts_are(
        &machine,
        &["key_slot_added", "key_slot_removed", "passphrase_changed"],
    );
    let slots = machine.json(&["vault", "key", "list"]);
    let own = |slot: &&Value| slot["is_this_machine"] == true && slot["role"] == "agent";
    let own = slots.as_array().expect("a list").iter().find(own);
    let own = own.expect("there")["slot"].as_str().expect("an id");
    key(&["remove", own], &new);
    assert!(told(&machine).contains(&"local_credential_removed".to_owned()));
}

const STRONG: &str = "retention.daily = { keep_days = 30 }\nsecurity.soft_delete_days = 30\n";
const WEAK: &str = "retention.daily = { keep_days = 7 }\n\
                    security = { soft_delete_days = 14, minimums = false }\n";

#[test]
fn a_weaker_policy_is_told_once_whoever_notices() {
    let machine = machine();
    let set = |text: &str| {
        machine.write("policy.toml", text);
        machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    };
    set(&format!(
        "sources = [{{ name = \"home\", paths = [\"{}\"] }}]\n{STRONG}",
        machine.at("home")
    ));
    alerts_are(&machine, &[]);
    let weaker = [
        "minimums_off",
        "retention_cut",
        "soft_delete_reduced",
        "sources_dropped",
    ];
    set(WEAK);
    alerts_are(&machine, &weaker);
    set(WEAK);
    alerts_are(&machine, &weaker);
    // Strength is no news; and whoever edits the file in place is seen by the next timer.
    set(STRONG);
    alerts_are(&machine, &weaker);
    machine.write(
        "state/policy.toml",
        STRONG.replace("keep_days = 30", "keep_days = 20"),
    );
    machine.run(&["expire"]).ends_with(0);
    let cut = machine.json(&["alerts"]);
    let cut = cut.as_array().expect("a list").iter();
    let cut: Vec<&Value> = cut
        .filter(|alert| alert["code"] == "retention_cut")
        .collect();
    assert_eq!(cut[0]["seen_count"], 2, "{cut:?}");
}

#[test]
fn the_daemon_sees_a_policy_that_was_edited_in_place() {
    let machine = machine_by(OFTEN, "");
    mute(&machine);
    let mut daemon = Running::start(&machine, &[]);
    daemon.next_end("home", "done");
    let cut = policy_text(&machine, OFTEN, "").replace("keep_last = 1000", "keep_last = 500");
    machine.write("state/policy.toml", cut);
    machine.run(&["resume"]).ends_with(0);
    daemon.next(|event| event["event"] == "policy_read");
    daemon.next_end("home", "done");
    daemon.next_end("home", "done");
    crate::daemon::wait_until(|| !told(&machine).is_empty());
    assert_eq!(daemon.end_by_term(), Some(0));
    alerts_are(&machine, &["retention_cut"]);
}

#[test]
fn expire_beyond_what_is_usual_is_told_and_so_is_the_yes() {
    let (machine, points) = crate::expire::with_points(8);
    mute(&machine);
    for (_, manifest) in &points[..6] {
        crate::expire::age(manifest, 30);
    }
    machine.run(&["expire"]).ends_with(1);
    alerts_are(&machine, &["expire_held"]);
    machine.run(&["expire", "--yes"]).ends_with(0);
    alerts_are(&machine, &["brake_confirmed", "expire_held"]);
}

#[test]
fn many_files_that_have_changed_at_once_are_told() {
    let machine = Machine::with_vault();
    mute(&machine);
    let write = |word: &str| {
        for number in 0..1100 {
            machine.write(&format!("home/{number}"), format!("{word} {number}"));
        }
    };
    write("mine");
    for number in 0..3 {
        machine.write("home/0", format!("{number}"));
        machine.run(&["backup", "home"]).ends_with(0);
    }
    alerts_are(&machine, &[]);
    write("encrypted, pay here");
    machine.run(&["backup", "home"]).ends_with(0);
    alerts_are(&machine, &["many_files_changed"]);
    // Renamed as well: they are gone under their names.
    fs::rename(machine.path("home"), machine.path("old")).expect("renamed");
    for number in 0..1100 {
        machine.write(&format!("home/{number}.locked"), "x");
    }
    machine.run(&["backup", "home"]).ends_with(0);
    let alert = machine.json(&["alerts"])[0].clone();
    assert_eq!(alert["seen_count"], 2, "{alert}");
}
