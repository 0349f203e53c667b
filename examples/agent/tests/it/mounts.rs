//! A source whose file system is not mounted, or of which nothing is left.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::daemon::policy_text;
use crate::machine::Machine;

fn is_done(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Mounted until dropped; `None`, and it says so, where this user may not.
struct Mount(std::path::PathBuf);

impl Mount {
    fn new(at: &Path) -> Option<Self> {
        let mounted = is_done(Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(at));
        if !mounted {
            eprintln!("skipped: this user may not mount");
            return None;
        }
        Some(Self(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        assert!(is_done(Command::new("umount").arg(&self.0)));
    }
}

fn points_count(machine: &Machine, source: &str) -> Option<usize> {
    let points = machine.json(&["points", "--source", source]);
    points.as_array().map(Vec::len)
}

#[test]
fn a_mount_that_is_away_is_no_empty_source_and_stops_no_other() {
    let machine = Machine::with_vault();
    machine.write("home/.keep", "this lies below the mount");
    machine.write("music/song", "la");
    let Some(mount) = Mount::new(&machine.path("home")) else {
        return;
    };
    machine.write("home/note", "note");
    machine.write("policy.toml", policy_text(&machine, "* * * * * *", ""));
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    crate::daemon::an_hour_later(&machine);
    machine.run(&["backup", "--due"]).ends_with(0);
    drop(mount);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let ended = machine.run(&["backup", "--due"]);
    ended.fails_with(1, "no file system is mounted at");
    assert!(ended.stderr.contains("--as-it-is"), "{}", ended.stderr);
    assert_eq!(points_count(&machine, "home"), Some(1));
    assert_eq!(points_count(&machine, "music"), Some(2));
    let alerts = machine.json(&["alerts"]);
    let keys: Vec<&Value> = alerts
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["key"])
        .collect();
    assert_eq!(keys, ["backup_failed:home"]);
    // It is mounted again, and goes on; or a person says that it is so for good.
    let Some(mount) = Mount::new(&machine.path("home")) else {
        return;
    };
    machine.write("home/note", "note");
    let (home, name) = (machine.at("home"), ["--source", "home"]);
    machine
        .run(&[&["backup", &home], &name[..]].concat())
        .ends_with(0);
    drop(mount);
    machine
        .run(&[&["backup", &home], &name[..]].concat())
        .ends_with(1);
    machine
        .run(&[&["backup", &home, "--as-it-is"], &name[..]].concat())
        .ends_with(0);
    machine
        .run(&[&["backup", &home], &name[..]].concat())
        .ends_with(0);
}

#[test]
fn a_source_of_which_nothing_is_left_needs_a_word() {
    let machine = Machine::with_vault();
    machine.write("home/note", "note");
    machine.run(&["backup", "home"]).ends_with(0);
    fs::remove_file(machine.path("home/note")).expect("removed");
    machine
        .run(&["backup", "home"])
        .fails_with(1, "nothing is left of");
    machine.run(&["backup", "home", "--as-it-is"]).ends_with(0);
    machine.run(&["backup", "home"]).ends_with(0);
}
