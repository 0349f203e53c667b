//! The daemon and its jobs, killed at random during every kind of job: the next run completes, and nothing is lost.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::Value;
use strongroom_catalog::{Catalog, Options};

use crate::daemon::{OFTEN, Running, machine};
use crate::machine::{Machine, content, random_bytes};

/// Numbers that follow from a seed.
fn roll(state: &mut u64, sides: u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    (*state >> 33) % sides
}

/// As if this housekeeping had not been done for years: a daemon begins with it.
fn make_due(machine: &Machine, duty: &str) {
    let never = "{\"since\":\"2020-01-01T00:00:00Z\",\"entries\":[]}";
    machine.write(
        &format!("state/housekeeping/{}.json", duty.replace(' ', "%20")),
        never,
    );
}

/// Jobs that a daemon does, and those that only people start.
const KINDS: [&str; 8] = [
    "backup",
    "expire",
    "sweep",
    "verify",
    "drill of home",
    "restore",
    "copy",
    "repair",
];

fn storm(rounds: u64, seed: u64) {
    let machine = machine(OFTEN, "");
    let mut dice = seed;
    machine.run(&["backup", "home"]).ends_with(0);
    machine.run(&["backup", "music"]).ends_with(0);
    for round in 0..rounds {
        let len = usize::try_from(roll(&mut dice, 400_000)).expect("small");
        machine.write(
            &format!("home/{}", roll(&mut dice, 5)),
            random_bytes(round, len),
        );
        let delay = Duration::from_millis(roll(&mut dice, 700));
        let kind = KINDS[usize::try_from(round).expect("small") % KINDS.len()];
        let by_hand: Option<&[&str]> = match kind {
            "restore" => Some(&["restore", "latest", "--target", "back"]),
            "copy" => Some(&["copy", "--to", "second"]),
            "repair" => Some(&["repair"]),
            _ => None,
        };
        match by_hand {
            Some(args) => {
                let mut child = machine.start(args);
                std::thread::sleep(delay);
                child.kill().expect("killed");
                child.wait().expect("ended");
            }
            None => {
                if kind != "backup" {
                    make_due(&machine, kind);
                }
                let mut daemon = Running::start(&machine, &[]);
                daemon.next(|event| event["event"] == "started");
                std::thread::sleep(delay);
                daemon.kill();
            }
        }
    }
    after(&machine);
}

/// What was killed is done by the next ones; no job is left that nobody runs, and the catalog is that of the vault.
fn after(machine: &Machine) {
    for duty in &KINDS[1..5] {
        make_due(machine, duty);
    }
    let mut daemon = Running::start(machine, &[]);
    let mut waiting: BTreeSet<&str> = KINDS[..5].iter().map(|kind| &kind[..5]).collect();
    while !waiting.is_empty() {
        let ended = daemon.next(|event| event["event"] == "ended" && event["outcome"] == "done");
        let kind = ended["kind"].as_str().expect("a kind");
        waiting.remove(&kind[..5]);
    }
    drop(daemon);
    for args in [
        &[
            "restore",
            "latest",
            "--source",
            "home",
            "--strip-root",
            "--target",
            "whole",
        ][..],
        &["copy", "--to", "second"],
        &["repair"],
        &["verify", "--read-data"],
    ] {
        machine.run(args).ends_with(0);
    }
    let whole = content(&machine.path("whole"));
    machine.run(&["backup", "home"]).ends_with(0);
    fs::remove_dir_all(machine.path("whole")).expect("removed");
    let newest = [
        "restore",
        "latest",
        "--source",
        "home",
        "--strip-root",
        "--target",
        "whole",
    ];
    machine.run(&newest).ends_with(0);
    assert_eq!(
        content(&machine.path("whole")),
        content(&machine.path("home"))
    );
    assert_eq!(whole.len(), content(&machine.path("home")).len());

    machine.run(&["sweep"]).ends_with(0);
    let jobs = machine.json(&["jobs", "--last", "9999"]);
    for job in jobs.as_array().expect("a list") {
        let state = job["state"].as_str().expect("a state");
        assert!(
            !["scheduled", "in_progress", "cancelling"].contains(&state),
            "{job}"
        );
    }
    let left = fs::read_dir(machine.path("state/running"))
        .expect("there")
        .count();
    assert_eq!(left, 0, "files of jobs that have ended");
    catalog_is_that_of_the_vault(machine);
}

fn catalog_is_that_of_the_vault(machine: &Machine) {
    let points = machine.json(&["points"]);
    let deleted = machine.json(&["points", "--deleted"]);
    let listed = points
        .as_array()
        .into_iter()
        .chain(deleted.as_array())
        .flatten();
    let listed: BTreeSet<String> = listed.map(|point| told(&point["recovery_point"])).collect();
    let options = Options {
        cache_bytes: 1 << 20,
    };
    let catalog = Catalog::open(machine.path("state/catalog.redb"), options).expect("whole");
    assert!(!catalog.needs_rebuild().expect("readable"));
    let snapshot = catalog.snapshot().expect("readable");
    let kept: BTreeSet<String> = snapshot
        .points()
        .map(|point| point.expect("readable").id.to_string())
        .collect();
    assert_eq!(kept, listed);
    let newest = snapshot.sources().map(|source| source.expect("readable"));
    let counted: u64 = newest.map(|source| source.points_count).sum();
    assert_eq!(
        counted,
        points.as_array().map_or(0, |points| points.len() as u64)
    );
}

fn told(id: &Value) -> String {
    id.as_str().expect("an id").to_owned()
}

#[test]
fn a_daemon_that_is_killed_loses_nothing() {
    storm(20, 7);
}

#[test]
#[ignore = "soak: some minutes"]
fn soak_a_daemon_that_is_killed_loses_nothing() {
    storm(200, 11);
}
