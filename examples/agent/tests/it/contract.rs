//! Fields of `--json`, and commands that look inside a point.

use std::fs;

use serde_json::Value;

use crate::machine::Machine;

#[track_caller]
fn has_fields(document: &Value, fields: &str) {
    for field in fields.split(' ') {
        assert!(document.get(field).is_some(), "no {field} in {document}");
    }
}

fn backed_up() -> Machine {
    let machine = Machine::with_vault();
    machine.write("home/notes.txt", "one\n");
    machine.write("home/sub/old.txt", "old");
    std::os::unix::fs::symlink("notes.txt", machine.path("home/link")).expect("made");
    machine
        .run(&["backup", "home", "--tag", "k=v"])
        .ends_with(0);
    machine.write("home/notes.txt", "one\ntwo\n");
    machine.write("home/new.txt", "new");
    fs::remove_file(machine.path("home/sub/old.txt")).expect("removed");
    machine.run(&["backup", "home"]).ends_with(0);
    machine
}

#[test]
fn a_vault_says_what_it_is() {
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", crate::machine::PASSPHRASE);
    let vault = machine.vault();
    let made = machine.json(&[
        "vault",
        "init",
        "--vault",
        &vault,
        "--passphrase-file",
        &file,
        "--name",
        "my-vault",
    ]);
    has_fields(&made, "vault_id name url");
    assert_eq!(made["name"], "my-vault");
    let status = machine.json(&["vault", "status"]);
    assert_eq!(status["vault_id"], made["vault_id"]);
    let slots = machine.json(&["vault", "key", "list"]);
    assert_eq!(slots.as_array().map(Vec::len), Some(3), "{slots}");

    let other = Machine::new();
    let file = other.passphrase_file("passphrase", crate::machine::PASSPHRASE);
    let attached = other.json(&[
        "vault",
        "attach",
        "--vault",
        &vault,
        "--passphrase-file",
        &file,
    ]);
    has_fields(&attached, "vault_id slot");
    assert_eq!(attached["vault_id"], made["vault_id"]);
    assert_eq!(other.json(&["points"]), Value::Array(Vec::new()));
}

#[test]
fn backups_and_points_have_their_fields() {
    let machine = backed_up();
    let report = machine.json(&["backup", "home", "--source", "named"]);
    has_fields(
        &report,
        "recovery_point source state taken_at files_count dirs_count files_new_count files_changed_count \
         files_unchanged_count logical_bytes unique_bytes stored_bytes skipped elapsed_secs",
    );
    assert_eq!(
        (&report["source"], &report["state"]),
        (&"named".into(), &"complete".into())
    );
    assert!(
        report["taken_at"]
            .as_str()
            .is_some_and(|at| at.ends_with('Z'))
    );
    let points = machine.json(&["points", "--source", "home"]);
    has_fields(
        &points[0],
        "recovery_point source taken_at state logical_bytes kept_because expires_at hold_until deleted_at tags",
    );
    assert_eq!(points.as_array().map(Vec::len), Some(2));
    assert_eq!(points[1]["tags"]["k"], "v");
}

#[test]
fn a_point_can_be_looked_into() {
    let machine = backed_up();
    let listed = machine.json(&["ls", "latest", "--recursive"]);
    has_fields(
        &listed[0],
        "path kind size_bytes modified_at mode uid gid target",
    );
    let link = listed
        .as_array()
        .expect("a list")
        .iter()
        .find(|entry| entry["kind"] == "symlink")
        .expect("the link");
    assert_eq!(link["target"], "notes.txt");
    let cat = machine.run(&["cat", "latest", "notes.txt"]);
    cat.ends_with(0);
    assert_eq!(cat.stdout, "one\ntwo\n");
    let stdout = machine.run(&["restore", "latest", "notes.txt", "--stdout"]);
    assert_eq!(
        (stdout.code, stdout.stdout.as_str()),
        (Some(0), "one\ntwo\n")
    );
    let found = machine.json(&["find", "*old*"]);
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");

    let points = machine.json(&["points"]);
    let id = |at: usize| {
        points[at]["recovery_point"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    let diff = machine.run(&["diff", &id(1), &id(0)]);
    diff.ends_with(0);
    for name in ["new.txt", "notes.txt", "old.txt"] {
        assert!(diff.stdout.contains(name), "{}", diff.stdout);
    }
    let prefix = machine.run(&["cat", &id(1)[..26], "notes.txt"]);
    assert_eq!(prefix.stdout, "one\n");
}

#[test]
fn restores_and_verification_have_their_fields() {
    let machine = backed_up();
    let report = machine.json(&[
        "restore",
        "latest",
        "--target",
        "back",
        "--strip-root",
        "--verify",
    ]);
    has_fields(
        &report,
        "recovery_point files_count written_bytes reused_bytes conflicts_count skipped elapsed_secs",
    );
    assert_eq!(
        fs::read(machine.path("back/notes.txt")).expect("there"),
        b"one\ntwo\n"
    );
    let verified = machine.json(&["verify", "--read-data"]);
    has_fields(&verified, "points_count packs_count verified_bytes damaged");
    assert_eq!(
        (&verified["points_count"], &verified["damaged"]),
        (&2.into(), &Value::Array(Vec::new()))
    );
    let checks = machine.json(&["check"]);
    for check in checks.as_array().expect("a list") {
        has_fields(check, "check state found needed help");
        assert_ne!(check["state"], "failed", "{check}");
    }
    has_fields(&machine.json(&["status"]), "vault");
}

#[test]
fn a_restore_keeps_what_exists_unless_told_otherwise() {
    let machine = backed_up();
    let args = ["restore", "latest", "--target", "back", "--strip-root"];
    machine.run(&args).ends_with(0);
    machine.write("back/notes.txt", "mine");
    machine.write("back/extra", "mine too");
    let report = machine.json(&args);
    assert_eq!(
        fs::read(machine.path("back/notes.txt")).expect("there"),
        b"mine"
    );
    assert_ne!(report["conflicts_count"], 0);
    let copies = fs::read_dir(machine.path("back"))
        .expect("readable")
        .filter(|entry| {
            let name = entry.as_ref().expect("readable").file_name();
            name.to_string_lossy().contains(" Copy of notes.txt")
        });
    assert_eq!(copies.count(), 1);
    let told = ["--on-conflict", "overwrite", "--delete-extra"];
    machine
        .run(&[&args[..], &told[..], &["--dry-run"]].concat())
        .ends_with(0);
    assert!(machine.path("back/extra").exists());
    machine.run(&[&args[..], &told[..]].concat()).ends_with(0);
    assert!(!machine.path("back/extra").exists());
    assert_eq!(
        fs::read(machine.path("back/notes.txt")).expect("there"),
        b"one\ntwo\n"
    );
}

#[test]
fn pages_are_written_for_shells_and_man() {
    let machine = Machine::new();
    for shell in ["bash", "zsh", "fish"] {
        let ended = machine.run(&["completions", shell]);
        ended.ends_with(0);
        assert!(ended.stdout.contains("strongroom-agent"), "{shell}");
    }
    machine.run(&["man", "pages"]).ends_with(0);
    let pages = fs::read_dir(machine.path("pages")).expect("made").count();
    assert!(pages > 10, "{pages} pages");
}

#[test]
fn a_machine_without_a_vault_still_says_who_it_is() {
    let machine = Machine::new();
    let status = machine.json(&["status"]);
    assert_eq!(status["vault"], Value::Null);
    assert_eq!(status["sources"], Value::Array(Vec::new()));
    assert_eq!(status["state_dir"], machine.at("state"));
    let text = machine.run(&["status"]);
    text.ends_with(0);
    assert!(
        text.stdout.contains("no vault is configured"),
        "{}",
        text.stdout
    );
}

#[test]
fn a_restore_can_name_a_time_instead_of_a_point() {
    let machine = backed_up();
    let points = machine.json(&["points"]);
    let newest = points[0]["taken_at"].as_str().expect("a time");
    let newest = chrono::DateTime::parse_from_rfc3339(newest).expect("a time");
    let before = (newest - chrono::TimeDelta::milliseconds(1)).to_rfc3339();
    let back = [
        "--target",
        "back",
        "--strip-root",
        "--on-conflict",
        "overwrite",
    ];
    let restore = |args: &[&str]| machine.run(&[&["restore"], args, &back].concat());
    restore(&["--time", &before]).ends_with(0);
    assert_eq!(
        fs::read(machine.path("back/notes.txt")).expect("there"),
        b"one\n"
    );
    let later = (newest + chrono::TimeDelta::hours(1)).to_rfc3339();
    restore(&["latest", "--time", &later]).ends_with(0);
    assert_eq!(
        fs::read(machine.path("back/notes.txt")).expect("there"),
        b"one\ntwo\n"
    );

    restore(&["--time", "2001-01-01"]).fails_with(1, "no recovery point was taken");
    let id = points[0]["recovery_point"].as_str().expect("an id");
    restore(&[id, "--time", &later]).fails_with(2, "--time");
    machine
        .run(&["backup", "home", "--source", "other"])
        .ends_with(0);
    restore(&["--time", &later]).fails_with(2, "\"other\"");
    restore(&["--time", &later, "--source", "home"]).ends_with(0);
    restore(&["latest", "--source", "absent"]).fails_with(1, "absent");
}
