//! A real btrfs on a loop device.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use strongroom_snapshots::{Keeper, Method, NAME_START, SystemTools, choose, parse_mounts};

/// A mounted btrfs; gone when dropped.
struct Btrfs {
    dir: tempfile::TempDir,
}

impl Btrfs {
    /// `None`, with a message, where this machine has none.
    fn mount() -> Option<Self> {
        let btrfs = Self {
            dir: tempfile::tempdir().expect("made"),
        };
        let image = btrfs.dir.path().join("image");
        let at = btrfs.path();
        fs::create_dir(&at).expect("made");
        let file = fs::File::create(&image).expect("made");
        file.set_len(256 << 20).expect("sparse");
        let run = |words: &[&str]| {
            let [program, arguments @ ..] = words else {
                return false;
            };
            let output = Command::new(program).args(arguments).output();
            output.is_ok_and(|output| output.status.success())
        };
        let (image, at) = (image.to_string_lossy(), at.to_string_lossy());
        if run(&["mkfs.btrfs", "-q", &image]) && run(&["mount", "-o", "loop", &image, &at]) {
            return Some(btrfs);
        }
        eprintln!("skipped: no btrfs can be mounted here (root and btrfs-progs are needed)");
        None
    }

    fn path(&self) -> PathBuf {
        let dir = fs::canonicalize(self.dir.path()).expect("real");
        dir.join("mounted")
    }
}

impl Drop for Btrfs {
    fn drop(&mut self) {
        let _ended = Command::new("umount").arg(self.path()).output();
    }
}

fn choice_of(root: &Path) -> strongroom_snapshots::Choice {
    let mounts = parse_mounts(&fs::read_to_string("/proc/self/mountinfo").expect("read"));
    let top = |path: &Path| {
        let is_top = |path: &&Path| fs::metadata(path).is_ok_and(|meta| meta.ino() == 256);
        path.ancestors().find(is_top).map(Path::to_owned)
    };
    choose(&mounts, &[root.to_owned()], &[Method::Btrfs], top, |_| {
        false
    })
}

fn snapshots_in(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).expect("listed").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(NAME_START)).count()
}

#[test]
fn a_snapshot_shows_what_was_and_is_gone_afterwards() {
    let Some(btrfs) = Btrfs::mount() else {
        return;
    };
    let books = tempfile::tempdir().unwrap();
    let keeper = Keeper::new(books.path(), SystemTools);
    let root = btrfs.path().join("deep/root");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("file"), "before").unwrap();
    let choice = choice_of(&root);
    assert_eq!(choice.targets.len(), 1);
    let taken = keeper.take("test", &choice).unwrap();
    fs::write(root.join("file"), "after").unwrap();
    let [stand_in] = taken.stand_ins() else {
        panic!("{:?}", taken.stand_ins());
    };
    assert_eq!(stand_in.path, btrfs.path());
    let read = fs::read_to_string(stand_in.read_at.join("deep/root/file")).unwrap();
    assert_eq!(read, "before");
    assert!(
        fs::write(stand_in.read_at.join("deep/root/file"), "x").is_err(),
        "read-only"
    );
    assert!(taken.release().is_empty());
    assert_eq!(snapshots_in(&btrfs.path()), 0);
}

#[test]
fn the_next_keeper_removes_what_a_killed_process_has_left() {
    let Some(btrfs) = Btrfs::mount() else {
        return;
    };
    let books = tempfile::tempdir().unwrap();
    let keeper = Keeper::new(books.path(), SystemTools);
    let taken = keeper.take("killed", &choice_of(&btrfs.path())).unwrap();
    let book = books.path().join("killed.json");
    let written = fs::read(&book).unwrap();
    // Nothing of a killed process runs, and its locks are gone.
    let left = taken.stand_ins()[0].read_at.clone();
    drop(taken);
    let made = Command::new("btrfs")
        .args(["subvolume", "snapshot", "-r"])
        .arg(btrfs.path())
        .arg(&left)
        .output()
        .unwrap();
    assert!(made.status.success());
    fs::write(&book, written).unwrap();
    assert_eq!(snapshots_in(&btrfs.path()), 1);
    let own = btrfs.path().join(format!("{NAME_START}of-somebody-else"));
    fs::create_dir(&own).unwrap();
    assert!(keeper.remove_stale().is_empty());
    assert!(own.is_dir() && !left.exists(), "only what is in the books");
    assert!(!book.exists());
}
