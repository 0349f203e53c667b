//! Each thing that goes wrong has its own error and exit code.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::machine::{Ended, Machine, hurt, random_bytes};

fn backed_up() -> Machine {
    let machine = Machine::with_vault();
    machine.write("home/data", random_bytes(1, 400_000));
    machine.write("home/note", "short");
    machine.run(&["backup", "home"]).ends_with(0);
    machine
}

#[test]
fn bad_usage_is_2() {
    let machine = Machine::with_vault();
    machine.write("file", "");
    for args in [
        &["backup", "--no-such-flag"][..],
        &["restore", "latest"],
        &["backup", "home", "--exclude-larger-than", "many"],
        &["backup", "home", "--exclude", "[z-a"],
    ] {
        machine.run(args).ends_with(2);
    }
    let vault = machine.vault();
    let again = machine.run(&[
        "vault",
        "init",
        "--vault",
        &vault,
        "--passphrase-file",
        &machine.at("passphrase"),
    ]);
    again.fails_with(2, "");
    let short = machine.passphrase_file("short", "too short");
    let weak = machine.run(&[
        "vault",
        "init",
        "--vault",
        &machine.at("other"),
        "--passphrase-file",
        &short,
    ]);
    weak.fails_with(2, "passphrase");
    assert!(!machine.path("other").exists());
}

#[test]
fn a_source_that_is_not_there_commits_nothing() {
    let machine = Machine::with_vault();
    machine.run(&["backup", "nowhere"]).fails_with(1, "nowhere");
    assert_eq!(machine.json(&["points"]), serde_json::json!([]));
}

#[test]
fn a_target_that_is_a_file_is_2() {
    let machine = backed_up();
    machine.write("target", "a file");
    let ended = machine.run(&["restore", "latest", "--target", "target"]);
    ended.fails_with(2, "target");
    assert_eq!(fs::read(machine.path("target")).expect("there"), b"a file");
}

#[test]
fn a_wrong_passphrase_is_5_even_where_the_machine_has_a_credential() {
    let machine = backed_up();
    let wrong = machine.passphrase_file("wrong", "incorrect horse battery staple");
    machine.run(&["points"]).ends_with(0);
    for args in [
        &["points"][..],
        &["backup", "home"],
        &["restore", "latest", "--target", "x"],
    ] {
        let ended = machine.run(&[args, &["--passphrase-file", &wrong]].concat());
        ended.fails_with(5, "wrong passphrase");
    }
    let ended = machine.run(&["points", "--json", "--passphrase-file", &wrong]);
    let error = &ended.document()["error"];
    assert_eq!((ended.code, &error["code"]), (Some(5), &5.into()));
    for field in ["message", "causes", "help"] {
        assert!(error.get(field).is_some(), "no {field} in {error}");
    }
}

#[test]
fn a_vault_that_cannot_be_reached_is_6() {
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", crate::machine::PASSPHRASE);
    for place in ["nothing-here", "passphrase/below-a-file"] {
        let vault = machine.at(place);
        let ended = machine.run(&["points", "--vault", &vault, "--passphrase-file", &file]);
        ended.fails_with(6, "vault");
    }
}

#[test]
fn damage_is_4_and_named() {
    let machine = backed_up();
    for pack in machine.objects("d") {
        hurt(&pack);
    }
    let verified = machine.run(&["verify", "--read-data", "--json"]);
    verified.ends_with(4);
    let damaged = &verified.document()["damaged"];
    assert_ne!(damaged[0]["object"], serde_json::Value::Null, "{damaged}");
    assert_eq!(
        damaged[0]["points"].as_array().map(Vec::len),
        Some(1),
        "{damaged}"
    );
    let restored = machine.run(&["restore", "latest", "--target", "back", "--json"]);
    restored.ends_with(4);
    let skipped = &restored.document()["skipped"];
    assert!(
        skipped[0]["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("data")),
        "{skipped}"
    );
    // What is whole comes back all the same.
    assert_eq!(
        fs::read(machine.path("back/home/note")).expect("there"),
        b"short"
    );
    machine.run(&["cat", "latest", "data"]).fails_with(4, "");
}

#[test]
fn what_cannot_be_read_by_the_thousand_is_counted() {
    let machine = Machine::with_vault();
    machine.write("home/open", "open");
    for number in 0..3000 {
        let name = format!("home/closed{number:04}");
        machine.write(&name, "closed");
        let closed = fs::Permissions::from_mode(0o000);
        fs::set_permissions(machine.path(&name), closed).expect("mine");
    }
    let ended = as_ordinary_user(&machine, &["backup", "home", "--json"]);
    ended.ends_with(3);
    let report = ended.document();
    assert_eq!(report["skipped_count"], 3000);
    assert_eq!(report["skipped"].as_array().map(Vec::len), Some(1000));
    let ended = as_ordinary_user(&machine, &["backup", "home", "--source", "again"]);
    ended.ends_with(3);
    let lines = ended.stdout.lines().chain(ended.stderr.lines()).count();
    assert!(lines < 50, "{lines} lines");
    assert!(ended.stdout.contains("3,000 skipped:"), "{}", ended.stdout);
    assert!(ended.stdout.contains("and 2,980 more"), "{}", ended.stdout);
    let ended = as_ordinary_user(&machine, &["alerts", "--json"]);
    let alerts = ended.document();
    let severities = alerts.as_array().expect("a list").iter();
    let severities: Vec<_> = severities.map(|alert| &alert["severity"]).collect();
    assert_eq!(severities, ["error", "error"], "{alerts}");
    let message = alerts[0]["message"].as_str().expect("a text");
    assert!(message.contains("3000 warnings; the first: "), "{message}");
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_kept() {
    let machine = Machine::with_vault();
    machine.write("home/open", "open");
    machine.write("home/closed", "closed");
    let closed = fs::Permissions::from_mode(0o000);
    fs::set_permissions(machine.path("home/closed"), closed).expect("mine");
    let ended = as_ordinary_user(&machine, &["backup", "home", "--json"]);
    ended.ends_with(3);
    let report = ended.document();
    assert_eq!(report["state"], "partial");
    let skipped = &report["skipped"][0];
    assert!(
        skipped["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("home/closed")),
        "{report}"
    );
    assert!(
        skipped["reason"]
            .as_str()
            .is_some_and(|why| !why.is_empty()),
        "{report}"
    );
    as_ordinary_user(&machine, &["restore", "latest", "--target", "back"]).ends_with(3);
    assert_eq!(
        fs::read(machine.path("back/home/open")).expect("there"),
        b"open"
    );
}

/// Root may read everything; so root becomes somebody else.
pub(crate) fn as_ordinary_user(machine: &Machine, args: &[&str]) -> Ended {
    const NOBODY: u32 = 65_534;
    if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
        return machine.run(args);
    }
    // A path down to the program that others may walk.
    let program = machine.path("agent");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_strongroom-agent"), &program).expect("copied");
        give_away(machine.home.path(), NOBODY);
    }
    let template = machine.command(args);
    let mut command = Command::new(program);
    command
        .args(template.get_args())
        .env_clear()
        .stdin(Stdio::null());
    for (name, value) in template.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
        .current_dir(machine.home.path())
        .uid(NOBODY)
        .gid(NOBODY);
    Ended::new(args, command.output().expect("runs"))
}

fn give_away(path: &Path, to: u32) {
    chown(path, Some(to), Some(to)).expect("root may");
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).expect("readable") {
            give_away(&entry.expect("readable").path(), to);
        }
    }
}
