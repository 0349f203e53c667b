//! Backups that are cancelled or killed: the next run finds what was uploaded.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use strongroom::vault::InitOptions;

use crate::machine::{Ended, Machine, content, random_bytes};

const PACK_BYTES: usize = 4 << 20;
/// Twelve data packs, so that there is time to stop it.
const BYTES: usize = 48 << 20;

fn with_much_data() -> Machine {
    let mut options = InitOptions::for_tests();
    options.data_pack_bytes = PACK_BYTES as u64;
    let machine = Machine::with_vault_of(&options);
    machine.write("home/first", random_bytes(1, BYTES / 2));
    machine.write("home/second", random_bytes(2, BYTES / 2));
    machine
}

/// Starts a backup and waits until a pack of it stands in the vault.
fn begun(machine: &Machine) -> (Child, BTreeSet<PathBuf>) {
    let mut child = machine.start(&["backup", "home"]);
    loop {
        let packs = machine.objects("d");
        if !packs.is_empty() {
            return (child, packs);
        }
        assert!(
            child.try_wait().expect("a child").is_none(),
            "it ended too early"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.expect("runs").success());
}

fn goes_on(machine: &Machine, uploaded: &BTreeSet<PathBuf>) {
    assert_eq!(machine.json(&["points"]), serde_json::json!([]));
    let report = machine.json(&["backup", "home"]);
    assert_eq!(report["files_count"], 2);
    assert!(machine.objects("d").is_superset(uploaded));
    let stored = report["stored_bytes"].as_u64().expect("a number");
    assert!(
        stored < (BYTES - PACK_BYTES / 2) as u64,
        "all was uploaded again: {stored} bytes"
    );
    machine.run(&["verify", "--read-data"]).ends_with(0);
    machine
        .run(&["restore", "latest", "--target", "back"])
        .ends_with(0);
    let same = Command::new("diff")
        .arg("-r")
        .arg(machine.path("home"))
        .arg(machine.path("back/home"))
        .status();
    assert!(same.expect("runs").success());
}

#[test]
fn ctrl_c_ends_with_130_and_what_was_uploaded_is_reused() {
    let machine = with_much_data();
    let (child, _) = begun(&machine);
    signal(&child, "-INT");
    let ended = Ended::new(&["backup"], child.wait_with_output().expect("ends"));
    ended.ends_with(130);
    let uploaded = machine.objects("d");
    goes_on(&machine, &uploaded);
}

#[test]
fn a_killed_backup_is_taken_up_by_the_next() {
    let machine = with_much_data();
    let (child, uploaded) = begun(&machine);
    signal(&child, "-KILL");
    let ended = child.wait_with_output().expect("ends");
    assert_eq!(ended.status.code(), None);
    goes_on(&machine, &uploaded);
}

#[test]
fn a_restore_that_is_killed_uses_what_is_there() {
    const FILES: u64 = 24;
    const FILE_BYTES: usize = 2 << 20;
    let machine = Machine::with_vault();
    for number in 0..FILES {
        let bytes = random_bytes(number + 1, FILE_BYTES);
        machine.write(&format!("home/{number:02}"), bytes);
    }
    machine.run(&["backup", "home"]).ends_with(0);
    let args = ["restore", "latest", "--target", "back"];
    let mut child = machine.start(&args);
    let restored = |name: &u64| {
        let path = machine.path(&format!("back/home/{name:02}"));
        std::fs::metadata(path).is_ok_and(|file| file.len() == FILE_BYTES as u64)
    };
    while (0..FILES).filter(restored).count() < 3 {
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&child, "-KILL");
    let status = child.wait().expect("ends");
    assert_eq!(status.code(), None, "it ended before it was killed");
    let report = machine.json(&args);
    let bytes = |name: &str| report[name].as_u64().expect("a number");
    assert!(bytes("reused_bytes") >= FILE_BYTES as u64, "{report}");
    let all = bytes("reused_bytes") + bytes("written_bytes");
    assert_eq!(all, FILES * FILE_BYTES as u64, "{report}");
    assert_eq!(report["conflicts_count"], 0, "no copies beside its own");
    let source = content(&machine.path("home"));
    assert!(content(&machine.path("back/home")) == source);
}
