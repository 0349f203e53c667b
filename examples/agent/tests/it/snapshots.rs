//! Reading from snapshots of file systems.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::Machine;

/// A btrfs below a machine's home; gone when dropped.
struct Btrfs(PathBuf);

impl Btrfs {
    fn mount(machine: &Machine) -> Option<Self> {
        let (image, at) = (machine.path("image"), machine.path("disk"));
        fs::create_dir(&at).expect("made");
        let file = fs::File::create(&image).expect("made");
        file.set_len(256 << 20).expect("sparse");
        let run = |words: [&Path; 4]| {
            let output = Command::new(words[0]).args(&words[1..]).output();
            output.is_ok_and(|output| output.status.success())
        };
        let path = Path::new;
        if run([path("mkfs.btrfs"), path("-q"), path("-f"), &image])
            && run([path("mount"), path("-oloop"), &image, &at])
        {
            return Some(Self(fs::canonicalize(at).expect("real")));
        }
        eprintln!("skipped: no btrfs can be mounted here (root and btrfs-progs are needed)");
        None
    }

    /// Snapshots of ours that are there.
    fn left(&self) -> usize {
        let names = fs::read_dir(&self.0).expect("listed").flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names
            .filter(|name| name.starts_with(".strongroom-snapshot-"))
            .count()
    }
}

impl Drop for Btrfs {
    fn drop(&mut self) {
        let _ended = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_source_on_btrfs_is_read_as_it_was_at_one_moment() {
    let machine = Machine::with_vault();
    let Some(btrfs) = Btrfs::mount(&machine) else {
        return;
    };
    machine.write("disk/home/file", "content");
    let made = machine.json(&["backup", "disk/home", "--snapshot", "btrfs"]);
    assert_eq!(made["consistency"], "btrfs", "{made}");
    assert_eq!(
        (&made["state"], &made["files_count"]),
        (&"complete".into(), &1.into())
    );
    assert_eq!(btrfs.left(), 0);
    assert!(
        fs::read_dir(machine.path("state/snapshots"))
            .unwrap()
            .next()
            .is_none()
    );
    let points = machine.json(&["points"]);
    assert_eq!(points[0]["tags"]["snapshot"], "btrfs");
    let root = machine.path("disk/home").canonicalize().unwrap();
    assert_eq!(
        points[0]["roots"][0]["path"],
        root.to_str().unwrap(),
        "where it belongs"
    );
    machine
        .run(&["restore", "latest", "--target", "out"])
        .ends_with(0);
    assert_eq!(fs::read(machine.path("out/home/file")).unwrap(), b"content");

    let again = machine.json(&["backup", "disk/home", "--snapshot", "auto"]);
    assert_eq!(again["files_unchanged_count"], 1, "{again}");
    let live = machine.json(&["backup", "disk/home"]);
    assert_eq!(
        (&live["files_unchanged_count"], &live["consistency"]),
        (&1.into(), &"files".into())
    );
}

#[test]
fn what_a_killed_run_has_left_is_removed_by_the_next() {
    let machine = Machine::with_vault();
    let Some(btrfs) = Btrfs::mount(&machine) else {
        return;
    };
    machine.write("disk/home/large", crate::machine::random_bytes(3, 64 << 20));
    let args = ["backup", "disk/home", "--snapshot", "btrfs"];
    let mut child = machine.start(&args);
    // Killed once the snapshot is there, or after it has ended by itself.
    while btrfs.left() == 0 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    machine.run(&args).ends_with(0);
    assert_eq!(btrfs.left(), 0);
}

#[test]
fn where_there_are_none_files_are_read_as_they_are_and_that_is_told() {
    let machine = Machine::with_vault();
    machine.write("home/file", "content");
    let ended = machine.run(&["backup", "home", "--snapshot", "auto", "--json"]);
    ended.ends_with(0);
    assert_eq!(ended.document()["consistency"], "files");
    assert!(
        ended
            .stderr
            .contains("read as they are, without a snapshot"),
        "{}",
        ended.stderr
    );
    machine
        .run(&["backup", "home", "--snapshot", "lvm"])
        .fails_with(1, "no lvm snapshot can be taken");
    machine
        .run(&["backup", "home", "--snapshot", "zfs"])
        .fails_with(2, "none, auto, btrfs or lvm");
}

/// What a ZFS administrator does: a hook takes the snapshot before, the source names its place, and a hook removes it after,
/// whatever became of the backup. Any command that makes a directory shows the contract.
#[test]
fn hooks_take_and_remove_what_the_source_reads() {
    let machine = Machine::with_vault();
    let (data, snapshot, log) = (
        machine.at("data"),
        machine.at("data-snapshot"),
        machine.at("log"),
    );
    machine.write("data/file", "content");
    machine.write(
        "policy.toml",
        format!(
            "sources = [{{ name = \"data\", paths = [\"{snapshot}\"] }}]\nschedule.cron = \"* * * * *\"\nretention.daily = {{ keep_days = 7 }}\n\
             [hooks]\nbefore_backup = [\"cp -a '{data}' '{snapshot}'\"]\n\
             after_backup = [\"rm -r '{snapshot}'; echo $STRONGROOM_SOURCE >> '{log}'\"]\n"
        ),
    );
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    let path = machine.path("state/policy.toml");
    let set_at =
        fs::metadata(&path).unwrap().modified().unwrap() - std::time::Duration::from_secs(3600);
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(set_at)
        .unwrap();
    let made = machine.json(&["backup", "--due"]);
    assert_eq!(
        (&made["state"], &made["files_count"]),
        (&"complete".into(), &1.into()),
        "{made}"
    );
    assert!(!machine.path("data-snapshot").exists());
    assert_eq!(fs::read_to_string(&log).unwrap(), "data\n");
}
