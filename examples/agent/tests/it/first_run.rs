//! A person's first five minutes, and the day on which only the vault and the passphrase are left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::machine::{Machine, content, field, random_bytes};

fn with_files() -> Machine {
    let machine = Machine::new();
    machine.write("documents/letter.txt", "Dear reader");
    machine.write("documents/deep/er/photo", random_bytes(1, 300_000));
    fs::create_dir(machine.path("documents/empty")).expect("made");
    machine
}

#[test]
fn a_first_run_makes_a_vault_and_says_how_to_restore() {
    let machine = with_files();
    let ended = machine.run(&["backup", "documents"]);
    ended.ends_with(0);
    let kit = machine.path("state/recovery-kit.txt");
    assert!(
        ended.stdout.contains(kit.to_str().expect("text")),
        "{}",
        ended.stdout
    );
    let mode = fs::metadata(&kit).expect("a kit").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // What it says is what works.
    let restore = ended
        .stdout
        .lines()
        .find_map(|line| line.trim().strip_prefix("to restore:"))
        .expect("a command");
    let status = Command::new("sh")
        .args(["-c", restore])
        .current_dir(machine.home.path())
        .env_clear()
        .env("HOME", machine.home.path())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .status()
        .expect("runs");
    assert!(status.success(), "{restore}");
    assert_eq!(
        content(&machine.path("restored/documents")),
        content(&machine.path("documents"))
    );
}

#[test]
fn the_vault_and_the_passphrase_are_enough_elsewhere() {
    let machine = with_files();
    machine.run(&["backup", "documents"]).ends_with(0);
    let passphrase = field(&machine.path("state/recovery-kit.txt"), "passphrase:");

    let elsewhere = Machine::new();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(machine.path("state/vault"))
        .arg(elsewhere.path("vault"))
        .status()
        .expect("runs");
    assert!(copied.success());
    drop(machine.path("state"));
    let expected = content(&machine.path("documents"));
    drop(machine);

    let file = elsewhere.passphrase_file("passphrase", &passphrase);
    let vault = elsewhere.vault();
    let access = ["--vault", &vault, "--passphrase-file", &file];
    let restored =
        elsewhere.run(&[&["restore", "latest", "--target", "back"], &access[..]].concat());
    restored.ends_with(0);
    assert_eq!(content(&elsewhere.path("back/documents")), expected);
    elsewhere
        .run(&[&["verify", "--read-data"], &access[..]].concat())
        .ends_with(0);
}

#[test]
fn the_next_run_needs_nothing_and_stores_nothing() {
    let machine = with_files();
    let first = machine.json(&["backup", "documents"]);
    assert_eq!(first["unique_bytes"], first["logical_bytes"]);
    assert_eq!(first["files_new_count"], 2);
    let second = machine.json(&["backup", "documents"]);
    assert_eq!(second["files_unchanged_count"], 2);
    assert_eq!(second["unique_bytes"], 0);
    assert_eq!(second["vault"], first["vault"]);
    assert!(second.get("recovery_kit").is_none(), "{second}");
    let points = machine.json(&["points"]);
    assert_eq!(points.as_array().map(Vec::len), Some(2));
    assert_eq!(points[0]["recovery_point"], second["recovery_point"]);
}

#[test]
fn quiet_still_tells_where_the_only_key_is() {
    let machine = with_files();
    let ended = machine.run(&["backup", "documents", "--quiet"]);
    ended.ends_with(0);
    assert_eq!(ended.stdout, "");
    assert!(
        ended.stderr.contains("recovery-kit.txt"),
        "{}",
        ended.stderr
    );
    let again = machine.run(&["backup", "documents", "--quiet"]);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("", ""));
}

#[test]
fn a_dry_run_makes_no_vault() {
    let machine = with_files();
    let report = machine.json(&["backup", "documents", "--dry-run"]);
    assert_eq!(
        (&report["recovery_point"], &report["files_new_count"]),
        (&serde_json::Value::Null, &2.into())
    );
    assert!(!machine.path("state/vault").exists());
    assert!(!machine.path("state/recovery-kit.txt").exists());
}
