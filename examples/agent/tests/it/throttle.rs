//! The throttle of the policy: told by progress, followed while a command runs, left aside on request.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::machine::{Machine, content, random_bytes};

/// At the least rate that is five minutes.
const BYTES: usize = 20 << 20;

fn machine() -> Machine {
    let machine = Machine::with_vault();
    machine.write("home/random", random_bytes(1, BYTES));
    machine
}

fn set_policy(machine: &Machine, throttle: &str) {
    machine.write("policy.toml", format!("time_zone = \"UTC\"\n{throttle}"));
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
}

const SLOW: &str = "[throttle]\nwork_hours = \"00:00-24:00\"\nwork_rate = \"512 Kbps\"\nother_rate = \"512 Kbps\"\n";

/// Starts a command and waits until it tells that it is throttled.
fn throttled(machine: &Machine, args: &[&str]) -> Child {
    let mut command = machine.command(args);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let told = lines.find(|line| {
        let line = line.as_ref().expect("text");
        line.contains("(throttled to 512 Kbps)")
    });
    assert!(told.is_some(), "it ended without a word of the throttle");
    // Nobody reads on, and the command does not mind.
    child
}

#[test]
fn a_policy_that_is_set_while_a_backup_runs_is_followed() {
    let machine = machine();
    set_policy(&machine, SLOW);
    let mut backup = throttled(&machine, &["backup", "home"]);
    assert_eq!(machine.json(&["points"]), json!([]));
    set_policy(&machine, "");
    assert!(backup.wait().expect("ended").success());
    assert_eq!(machine.json(&["points"]).as_array().map(Vec::len), Some(1));
}

#[test]
fn a_restore_keeps_the_throttle_unless_told_otherwise() {
    let machine = machine();
    machine.run(&["backup", "home"]).ends_with(0);
    set_policy(&machine, SLOW);
    let args = ["restore", "latest", "--target", "slow"];
    let mut restore = throttled(&machine, &args);
    let sent = Command::new("kill")
        .args(["-INT", &restore.id().to_string()])
        .status();
    assert!(sent.expect("runs").success());
    assert_eq!(restore.wait().expect("ended").code(), Some(130));
    let args = ["restore", "latest", "--target", "fast", "--no-throttle"];
    machine.run(&args).ends_with(0);
    assert_eq!(
        content(&machine.path("fast/home")),
        content(&machine.path("home"))
    );
}

#[test]
fn a_policy_that_cannot_be_read_throttles_nothing_and_is_told() {
    let machine = machine();
    machine.run(&["backup", "home"]).ends_with(0);
    machine.write("state/policy.toml", "schedule = 7");
    let restored = machine.run(&["restore", "latest", "--target", "out"]);
    restored.ends_with(0);
    assert!(
        restored.stderr.contains("note: nothing is throttled"),
        "{}",
        restored.stderr
    );
}
