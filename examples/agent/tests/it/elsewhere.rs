//! Recovery of what another machine has protected, from anywhere, with the vault and a passphrase: nothing in the vault
//! changes, and nobody's backups do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::machine::{Machine, PASSPHRASE};

/// Every object of a vault, with its length and when it was written.
fn listing(dir: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).expect("readable") {
            let path = entry.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("there");
            if meta.is_dir() {
                open.push(path);
            } else {
                found.insert(path, (meta.len(), meta.modified().expect("a time")));
            }
        }
    }
    found
}

fn protected() -> Machine {
    let machine = Machine::with_vault();
    machine.write("home/a.txt", "one");
    machine.write("home/deep/b.txt", "two");
    machine.run(&["backup", "home"]).ends_with(0);
    machine.write("home/a.txt", "one, changed");
    machine.run(&["backup", "home"]).ends_with(0);
    machine
}

/// All that looks and restores.
const COMMANDS: [&[&str]; 11] = [
    &["points"],
    &["status"],
    &["vault", "status"],
    &["vault", "key", "list"],
    &["ls", "latest", "--recursive"],
    &["find", "*.txt"],
    &["cat", "latest", "a.txt"],
    &["restore", "latest", "--target", "back"],
    &["restore", "latest", "deep", "--target", "part"],
    &["verify", "--read-data"],
    &["drill"],
];

#[test]
fn looking_and_restoring_elsewhere_changes_nothing_in_the_vault() {
    let protected = protected();
    let before = listing(&protected.path("vault"));
    let issued = ["vault", "credential", "issue", "--to", "file"];
    protected.run(&issued).ends_with(0);
    let with_record = listing(&protected.path("vault"));
    assert_eq!(with_record.len(), before.len() + 1);
    let (vault, file) = (protected.vault(), protected.at("file"));
    // By the place, and by the vault credential.
    for place in [["--vault", &vault], ["--credentials", &file]] {
        let elsewhere = Machine::new();
        let secret = elsewhere.passphrase_file("secret", PASSPHRASE);
        for command in COMMANDS {
            let with = [&place[..], &["--passphrase-file", &secret]].concat();
            elsewhere.run(&[command, &with].concat()).ends_with(0);
        }
        let restored = fs::read(elsewhere.path("back/home/a.txt"));
        assert_eq!(restored.expect("there"), b"one, changed");
        assert_eq!(
            fs::read(elsewhere.path("part/deep/b.txt")).expect("there"),
            b"two"
        );
        // It has taken nothing over: without the place it has no vault, without the passphrase no key.
        elsewhere.run(&["points"]).fails_with(2, "no vault");
        let place = elsewhere.run(&[&["points"], &place[..]].concat());
        place.fails_with(5, "passphrase");
    }
    assert_eq!(listing(&protected.path("vault")), with_record);
    // The machine itself goes on as before.
    let made = protected.json(&["backup", "home"]);
    assert_eq!(made["files_unchanged_count"], 2);
}

/// A rescue system may have no place to write to but the target.
#[test]
fn no_state_directory_is_needed() {
    let protected = protected();
    let rescue = Machine::new();
    let secret = rescue.passphrase_file("secret", PASSPHRASE);
    let vault = protected.vault();
    let with = ["--vault", &vault, "--passphrase-file", &secret];
    let nowhere = [
        "--state-dir",
        "/proc/nowhere",
        "--cache-dir",
        "/proc/nowhere",
    ];
    for command in COMMANDS
        .iter()
        .filter(|command| !matches!(command, ["drill"]))
    {
        let args = [command, &with[..], &nowhere].concat();
        rescue.run(&args).ends_with(0);
    }
    assert_eq!(
        fs::read(rescue.path("part/deep/b.txt")).expect("there"),
        b"two"
    );
}

/// A source of the same name in a vault of somebody else is not judged by the policy here.
#[test]
fn the_policy_here_says_nothing_of_points_elsewhere() {
    let protected = protected();
    let other = Machine::with_vault();
    other.write(
        "policy.toml",
        "[schedule]\ndaily = { times = [\"00:00\"] }\n[retention]\ndaily = { keep_days = 7 }\n",
    );
    other.run(&["policy", "set", "policy.toml"]).ends_with(0);
    other.write("home/c", "three");
    other.run(&["backup", "home"]).ends_with(0);
    let secret = other.passphrase_file("secret", PASSPHRASE);
    let vault = protected.vault();
    let points = other.json(&["points", "--vault", &vault, "--passphrase-file", &secret]);
    for point in points.as_array().expect("points") {
        assert_eq!(point["expires_at"], serde_json::Value::Null, "{point}");
    }
    let own = other.json(&["points"]);
    assert_ne!(own[0]["expires_at"], serde_json::Value::Null, "{own}");
}
