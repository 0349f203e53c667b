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
    // As long as the kit stands here, somebody has to take it elsewhere.
    assert_eq!(second["recovery_kit"], machine.at("state/recovery-kit.txt"));
    let text = machine.run(&["backup", "documents"]).stdout;
    assert!(text.contains("recovery-kit.txt"), "{text}");
    fs::remove_file(machine.path("state/recovery-kit.txt")).expect("there");
    let third = machine.json(&["backup", "documents"]);
    assert!(third.get("recovery_kit").is_none(), "{third}");
    let points = machine.json(&["points"]);
    assert_eq!(points.as_array().map(Vec::len), Some(4));
    assert_eq!(points[0]["recovery_point"], third["recovery_point"]);
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

#[test]
fn a_failure_after_the_vault_was_made_still_tells_where_its_key_is() {
    for is_json in [false, true] {
        let machine = with_files();
        let args = ["backup", "documents", "--exclude", "[z-a"];
        let extra: &[&str] = if is_json { &["--json"] } else { &[] };
        let ended = machine.run(&[&args[..], extra].concat());
        ended.ends_with(2);
        let kit = machine.at("state/recovery-kit.txt");
        if is_json {
            let document = ended.document();
            assert_eq!(document["recovery_kit"], kit);
            assert_eq!(document["error"]["code"], 2);
        } else {
            ended.fails_with(2, &kit);
        }
        machine.run(&["backup", "documents"]).ends_with(0);
    }
}

#[test]
fn nothing_to_back_up_makes_no_vault() {
    let machine = with_files();
    machine.run(&["backup", "nowhere"]).fails_with(1, "nowhere");
    assert!(!machine.path("state/vault").exists());
    assert!(!machine.path("state/recovery-kit.txt").exists());
}

#[test]
fn a_vault_that_was_made_but_not_noted_is_taken_up() {
    let machine = with_files();
    let first = machine.json(&["backup", "documents"]);
    fs::remove_file(machine.path("state/vault.json")).expect("there");
    fs::remove_dir_all(machine.path("state/credentials")).expect("there");
    let second = machine.json(&["backup", "documents"]);
    assert_eq!(second["files_unchanged_count"], 2, "{second}");
    assert_eq!(second["vault"], first["vault"]);
}

#[test]
fn the_agents_own_files_are_left_out_unless_they_are_named() {
    let machine = with_files();
    let home = machine.at("");
    machine.run(&["backup", &home]).ends_with(0);
    let listed = machine.json(&["ls", "latest", "--recursive"]);
    let state = machine.at("state");
    let is_own = |entry: &serde_json::Value| {
        let path = entry["path"].as_str().expect("a path");
        path.starts_with(&state)
    };
    let entries = listed.as_array().expect("a list");
    assert!(entries.len() > 4 && !entries.iter().any(is_own), "{listed}");
    machine.run(&["backup", &state]).ends_with(0);
    let listed = machine.json(&["ls", "latest", "--recursive"]);
    let text = listed.to_string();
    assert!(text.contains("state/machine"), "{text}");
    assert!(!text.contains("state/vault/"), "{text}");
}

#[test]
fn the_command_that_restores_holds_no_secret_and_no_relative_path() {
    let machine = with_files();
    machine.passphrase_file("passphrase", crate::machine::PASSPHRASE);
    let told = |flags: &[&str]| {
        let report = machine.json(&[&["backup", "documents"], flags].concat());
        report["restore_command"].as_str().expect("text").to_owned()
    };
    let command = told(&["--passphrase-file", "passphrase"]);
    assert!(command.contains(&machine.at("passphrase")), "{command}");
    assert!(command.contains(&machine.at("restored")), "{command}");
    let command = told(&["--passphrase-command", "echo correct horse battery staple"]);
    assert!(!command.contains("horse"), "{command}");
}
