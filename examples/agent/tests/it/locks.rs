//! One job of a source at a time.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::machine::{Ended, Machine};

/// True when a process holds the lock of a source.
fn is_locked(machine: &Machine, source: &str) -> bool {
    let Ok(locks) = fs::read_dir(machine.path("state/locks")) else {
        return false;
    };
    let is_of_source = |path: &Path| path.to_string_lossy().ends_with(&format!(".{source}.lock"));
    locks
        .map(|lock| lock.expect("readable").path())
        .filter(|lock| is_of_source(lock))
        .any(|lock| !fs::read_to_string(lock).unwrap_or_default().is_empty())
}

#[test]
fn a_second_start_of_the_same_source_is_7() {
    let machine = Machine::with_vault();
    machine.write("home/note", "note");
    // The first job stops at its passphrase until the pipe is written to.
    let made = Command::new("mkfifo").arg(machine.path("pipe")).status();
    assert!(made.expect("runs").success());
    let waits = format!("cat '{}'", machine.at("pipe"));
    let first_args = ["backup", "home", "--passphrase-command", &waits];
    let first = machine.start(&first_args);
    while !is_locked(&machine, "home") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let second = machine.run(&["backup", "home"]);
    second.fails_with(7, "another job of \"home\" is running");
    machine
        .run(&["backup", "home", "--source", "other"])
        .ends_with(0);

    // The same name in another vault is another history.
    let other = machine.at("other-vault");
    let elsewhere = [
        "--vault",
        &other,
        "--passphrase-file",
        &machine.at("passphrase"),
    ];
    machine
        .run(&[&["vault", "init"], &elsewhere[..]].concat())
        .ends_with(0);
    machine
        .run(&[&["backup", "home"], &elsewhere[..]].concat())
        .ends_with(0);

    fs::write(machine.path("pipe"), crate::machine::PASSPHRASE).expect("taken");
    Ended::new(&first_args, first.wait_with_output().expect("ends")).ends_with(0);
    machine.run(&["backup", "home"]).ends_with(0);
    assert_eq!(machine.json(&["points"]).as_array().map(Vec::len), Some(3));
}
