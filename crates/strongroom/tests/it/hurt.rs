//! Sources and vaults at which a backup must not give up: each test once made a run fail, or lie.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use strongroom::crypto::SlotSecret;
use strongroom::vault::InitOptions;
use strongroom::{
    BackupOptions, BackupReport, Clock, Monitor, NoMonitor, PointState, Strongroom, SystemClock,
    VerifyOptions,
};

use crate::support::{backup, differences, passphrase, random_bytes, restore, vault};

fn stored_vault() -> (Arc<dyn ObjectStore>, Strongroom) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let options = InitOptions::for_tests();
    let vault = Strongroom::init_store(Arc::clone(&store), passphrase(), &options);
    (store, vault.expect("a new vault"))
}

fn open(store: &Arc<dyn ObjectStore>) -> Strongroom {
    let secret = SlotSecret::Passphrase(passphrase());
    Strongroom::open_store(Arc::clone(store), secret).expect("opened")
}

fn comes_back(vault: &Strongroom, report: &BackupReport, home: &Path) {
    let out = tempfile::tempdir().expect("a directory");
    restore(vault, report, &out.path().join("out"));
    assert_eq!(differences(home, &out.path().join("out")), "");
}

fn is_clean(vault: &Strongroom) {
    let mut options = VerifyOptions::default();
    options.points = vec![vault.point("latest").expect("one").id];
    let verified = vault.verify(&options, &NoMonitor).expect("verified");
    assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
}

/// More extents than a record holds: they lie in pieces that are not uploaded yet when they are counted.
#[test]
fn a_file_with_thousands_of_holes() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    let mut image = File::create(home.join("image")).expect("created");
    for number in 0..1500 {
        image.seek(SeekFrom::Start(number * 65_536)).expect("moved");
        image
            .write_all(&random_bytes(number, 4096))
            .expect("written");
    }
    image.set_len(1500 * 65_536).expect("extended");
    drop(image);
    fs::hard_link(home.join("image"), home.join("other name")).expect("linked");
    let vault = vault();
    let report = backup(&vault, &home);
    comes_back(&vault, &report, &home);
    is_clean(&vault);
    fs::remove_file(home.join("other name")).expect("removed");
    let report = backup(&vault, &home);
    assert_eq!(report.unique_bytes, 0);
    is_clean(&vault);
}

/// More attributes than the format takes: they are left out with a reason, and everything else is whole.
#[test]
fn an_entry_with_too_many_attributes() {
    let dir = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    fs::write(home.join("other"), "other").expect("written");
    fs::write(home.join("decorated"), "content").expect("written");
    let value = "v".repeat(60_000);
    for number in 0..20 {
        let name = format!("user.n{number}");
        let set = rustix::fs::setxattr(
            home.join("decorated"),
            name,
            value.as_bytes(),
            rustix::fs::XattrFlags::empty(),
        );
        if set.is_err() {
            eprintln!("skipped: no large attributes on /dev/shm");
            return;
        }
    }
    let vault = vault();
    let report = backup(&vault, &home);
    assert_eq!(report.state, PointState::Partial);
    assert!(
        report.skipped[0].reason.contains("attributes"),
        "{:?}",
        report.skipped
    );
    let out = dir.path().join("out");
    restore(&vault, &report, &out);
    assert_eq!(fs::read(out.join("decorated")).expect("there"), b"content");
    assert_eq!(fs::read(out.join("other")).expect("there"), b"other");
    is_clean(&vault);
}

/// Many directories, so that trees of several runs lie in several packs.
fn fill(home: &Path, state: u64) {
    for number in 0..40 {
        let sub = home.join(format!("{number:02}"));
        fs::create_dir_all(&sub).expect("made");
        for file in 0..20 {
            let path = sub.join(format!("a file with a name of its own {file}"));
            if state == 0 || number == state {
                fs::write(path, random_bytes(number * 1000 + file + state, 700)).expect("written");
            }
        }
    }
}

fn meta_packs(store: &Strongroom) -> Vec<String> {
    let listed = store.wait(store.vault().store().list("m"));
    listed
        .expect("listed")
        .into_iter()
        .map(|line| line.name)
        .collect()
}

/// A metadata pack that the newest point still needs is lost, or flipped somewhere: the next run reads all again.
#[test]
fn damaged_metadata_does_not_stop_the_next_backup() {
    for is_lost in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join("home");
        let (store, vault) = stored_vault();
        fill(&home, 0);
        backup(&vault, &home);
        let [old] = meta_packs(&vault).try_into().expect("one pack");
        fill(&home, 7);
        backup(&vault, &home);
        if is_lost {
            vault
                .wait(store.delete(&old.clone().into()))
                .expect("deleted");
        } else {
            let bytes = vault.wait(vault.vault().store().read(&old, 1 << 30));
            let mut bytes = bytes.expect("read").to_vec();
            for at in (5000..bytes.len()).step_by(997) {
                bytes[at] ^= 1;
            }
            vault
                .wait(store.put(&old.clone().into(), bytes.into()))
                .expect("damaged");
        }
        fill(&home, 9);
        let vault = open(&store);
        let report = backup(&vault, &home);
        comes_back(&vault, &report, &home);
        is_clean(&vault);
        // And the one after that builds on it.
        let report = backup(&open(&store), &home);
        assert_eq!(report.files_unchanged_count, report.files_count);
    }
}

/// A data pack is cut short: its chunks are stored again as soon as somebody reads the file.
#[test]
fn a_pack_of_the_wrong_length_is_not_built_upon() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    fs::write(home.join("file"), random_bytes(1, 3_000_000)).expect("written");
    let (store, vault) = stored_vault();
    backup(&vault, &home);
    let listed = vault.wait(vault.vault().store().list("d")).expect("listed");
    let name = listed[0].name.clone();
    let bytes = vault.wait(vault.vault().store().read(&name, 1 << 30));
    let bytes = bytes.expect("read");
    let cut = bytes.slice(..bytes.len() - 1_000_000);
    vault
        .wait(store.put(&name.into(), cut.into()))
        .expect("cut");
    let vault = open(&store);
    let report = backup(&vault, &home);
    assert_eq!(report.unique_bytes, 3_000_000, "{report:?}");
    comes_back(&vault, &report, &home);
}

/// Runs `change` and gives the directory the time back that a run has read by then: a comparison sees whole seconds.
fn unseen_by(home: &Path, change: impl FnOnce()) {
    let read = fs::metadata(home).and_then(|home| home.modified());
    change();
    let dir = File::open(home).expect("opened");
    dir.set_modified(read.expect("a time")).expect("set");
}

/// Does something once, after the walk has looked at a file and before a worker opens it.
struct Meanwhile<F: Fn() + Send + Sync>(AtomicBool, F);

impl<F: Fn() + Send + Sync> Monitor for Meanwhile<F> {
    fn found(&self, _files_count: u64, bytes: u64) {
        if bytes > 0 && !self.0.swap(true, Ordering::Relaxed) {
            (self.1)();
        }
    }
}

#[test]
fn a_file_is_read_by_its_other_name_when_the_first_has_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    let content = random_bytes(1, 100_000);
    fs::write(home.join("a"), &content).expect("written");
    for name in ["b", "c"] {
        fs::hard_link(home.join("a"), home.join(name)).expect("linked");
    }
    let watched = home.clone();
    let monitor = Meanwhile(AtomicBool::new(false), move || {
        unseen_by(&watched, || {
            fs::remove_file(watched.join("a")).expect("removed");
        });
    });
    let vault = vault();
    let options = BackupOptions::new("test", vec![home.clone()]);
    let report = vault.backup(&options, &monitor).expect("a backup");
    assert_eq!(report.files_count, 2, "{report:?}");
    comes_back(&vault, &report, &home);
    is_clean(&vault);
}

#[test]
fn a_file_that_is_replaced_meanwhile_is_read_as_it_is_then() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    fs::write(home.join("file"), random_bytes(1, 100_000)).expect("written");
    fs::write(dir.path().join("new"), random_bytes(2, 120_000)).expect("written");
    let (from, watched) = (dir.path().join("new"), home.clone());
    let monitor = Meanwhile(AtomicBool::new(false), move || {
        unseen_by(&watched, || {
            fs::rename(&from, watched.join("file")).expect("renamed");
        });
    });
    let vault = vault();
    let options = BackupOptions::new("test", vec![home.clone()]);
    let report = vault.backup(&options, &monitor).expect("a backup");
    assert_eq!(report.state, PointState::Complete, "{:?}", report.skipped);
    comes_back(&vault, &report, &home);
    assert_eq!(
        fs::metadata(home.join("file")).expect("there").size(),
        120_000
    );
}

/// A clock that is ahead by so much.
struct Ahead(TimeDelta);

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

/// A run whose clock is years ahead is one point of the history, not the end of it.
#[test]
fn a_clock_in_the_future_does_not_displace_later_points() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    let (store, vault) = stored_vault();
    let mut points = Vec::new();
    for (number, ahead) in [0, 3650, 0, 0].into_iter().enumerate() {
        fs::write(home.join(format!("{number}")), "new").expect("written");
        let clock = Arc::new(Ahead(TimeDelta::days(ahead)));
        let report = backup(&open(&store).with_clock(clock), &home);
        assert_eq!(report.files_new_count, 1, "run {number}: {report:?}");
        points.push(report.recovery_point.expect("a point"));
    }
    let all = vault.wait(strongroom::vault::points::all(vault.vault()));
    let mut seqs = Vec::new();
    for sid in &points {
        let point = *all
            .as_ref()
            .expect("listed")
            .iter()
            .find(|point| point.sid == *sid)
            .expect("there");
        let read = vault.wait(strongroom::vault::points::read(vault.vault(), &point));
        seqs.push(read.expect("read").expect("a point").structure.seq);
    }
    assert_eq!(seqs, [1, 2, 3, 4]);
    assert_eq!(vault.point("latest").expect("one").id, points[3]);
}
