//! Runs that end too early, stores that fail: what was uploaded is reused, nothing is lost, nobody is misled.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::ObjectStore;
use object_store::memory::InMemory;
use strongroom::crypto::SlotSecret;
use strongroom::vault::InitOptions;
use strongroom::vault::wrap::{Action, Fate, Faulty, recording};
use strongroom::{
    BackupOptions, BackupReport, Cancel, Error, Monitor, NoMonitor, RestoreOptions, RestoreTarget,
    Strongroom,
};

use crate::support::{differences, passphrase, random_bytes, restore};

fn options(home: &Path) -> BackupOptions {
    let mut options = BackupOptions::new("test", vec![home.to_owned()]);
    options.machine = [1; 16];
    options
}

fn small_packs() -> InitOptions {
    let mut options = InitOptions::for_tests();
    options.data_pack_bytes = 1 << 20;
    options.block_bytes = 256 << 10;
    options
}

fn fill(home: &Path, files: u64) {
    fs::create_dir_all(home).expect("made");
    for number in 0..files {
        fs::write(
            home.join(format!("{number:04}")),
            random_bytes(number, 100_000),
        )
        .expect("written");
    }
}

fn open(store: Arc<dyn ObjectStore>) -> Strongroom {
    Strongroom::open_store(store, SlotSecret::Passphrase(passphrase())).expect("opened")
}

/// Cancels once so many bytes were read.
struct CancelAfter {
    cancel: Cancel,
    limit_bytes: u64,
    seen_bytes: AtomicU64,
}

impl Monitor for CancelAfter {
    fn done(&self, _files_count: u64, bytes: u64) {
        if self.seen_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= self.limit_bytes {
            self.cancel.cancel();
        }
    }
}

#[test]
fn a_cancelled_run_is_taken_up_and_uploads_nothing_twice() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fill(&home, 200);
    let (store, log) = recording(Arc::new(InMemory::new()));
    let vault = Strongroom::init_store(store, passphrase(), &small_packs()).expect("a new vault");
    let mut first = options(&home);
    let monitor = CancelAfter {
        cancel: first.cancel.clone(),
        limit_bytes: 8 << 20,
        seen_bytes: AtomicU64::new(0),
    };
    first.workers_count = 2;
    assert!(matches!(
        vault.backup(&first, &monitor),
        Err(Error::Cancelled)
    ));
    assert_eq!(vault.points().expect("listed").len(), 0);
    let before: u64 = log
        .take()
        .iter()
        .filter(|op| op.name.starts_with("d/"))
        .map(|op| op.bytes)
        .sum();
    assert!(
        before > 7 << 20,
        "what was read is in the vault: {before} bytes"
    );
    let report = vault.backup(&options(&home), &NoMonitor).expect("a backup");
    let after: u64 = log
        .take()
        .iter()
        .filter(|op| op.name.starts_with("d/"))
        .map(|op| op.bytes)
        .sum();
    let total = before + after;
    assert!(total < 21 << 20, "{total} bytes for 20 million");
    assert!(report.unique_bytes <= 20_000_000 - (7 << 20), "{report:?}");
    restore(&vault, &report, &out);
    assert_eq!(differences(&home, &out), "");
    let verified = vault
        .verify(&strongroom::VerifyOptions::default(), &NoMonitor)
        .expect("verified");
    assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
}

/// Every create is done, but its answer is lost: reading back settles each of them.
#[test]
fn lost_replies_are_settled_by_reading_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fill(&home, 20);
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    Strongroom::init_store(Arc::clone(&memory), passphrase(), &small_packs()).expect("a new vault");
    let (recorded, log) = recording(Arc::clone(&memory));
    let deaf = Faulty::new(recorded, |op| match op.action {
        Action::Put => Fate::LoseReply,
        _ => Fate::Pass,
    });
    let report: BackupReport = open(deaf)
        .backup(&options(&home), &NoMonitor)
        .expect("a backup");
    let written = log.written();
    assert_eq!(
        written.iter().collect::<BTreeSet<_>>().len(),
        written.len(),
        "nothing was written twice"
    );
    restore(&open(memory), &report, &out);
    assert_eq!(differences(&home, &out), "");
}

/// A session that was fenced by a newer run of its machine cannot make a point any more.
#[test]
fn a_fenced_session_makes_no_point() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fill(&home, 3);
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    Strongroom::init_store(Arc::clone(&memory), passphrase(), &small_packs()).expect("a new vault");
    let (other, path) = (open(Arc::clone(&memory)), home.clone());
    let mut done = false;
    // Just before the manifest is written, a second run of the same machine begins and finishes.
    let slow = Faulty::new(Arc::clone(&memory), move |op| {
        if !done && op.action == Action::Put && op.name.starts_with("points/") {
            done = true;
            let (other, path) = (other.clone(), path.clone());
            let second =
                std::thread::spawn(move || other.backup(&options(&path), &NoMonitor).map(|_| ()));
            assert!(second.join().expect("it ran").is_ok());
        }
        Fate::Pass
    });
    let outcome = open(slow).backup(&options(&home), &NoMonitor);
    assert!(matches!(outcome, Err(Error::Fenced(_))), "{outcome:?}");
    let points = open(memory).points().expect("listed");
    assert_eq!(points.len(), 1);
}

#[test]
fn a_cancelled_restore_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fill(&home, 100);
    let vault = Strongroom::init("memory:", passphrase(), &small_packs()).expect("a new vault");
    let report = vault.backup(&options(&home), &NoMonitor).expect("a backup");
    let target = RestoreTarget::Directory(out.clone());
    let mut first = RestoreOptions::new(target);
    first.strip_root = true;
    let monitor = CancelAfter {
        cancel: first.cancel.clone(),
        limit_bytes: 3_000_000,
        seen_bytes: AtomicU64::new(0),
    };
    let point = report.recovery_point.expect("a point");
    assert!(matches!(
        vault.restore(&point, &first, &monitor),
        Err(Error::Cancelled)
    ));
    let restored = restore(&vault, &report, &out);
    assert!(restored.reused_bytes >= 2_500_000, "{restored:?}");
    assert_eq!(restored.reused_bytes + restored.written_bytes, 10_000_000);
    assert_eq!(restored.conflicts_count, 0);
    assert_eq!(differences(&home, &out), "");
}

/// Directories of an interrupted restore are told from those that stood there before: they get their attributes at last.
#[test]
fn an_interrupted_restore_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    for sub in ["a/deep", "b", "c"] {
        fill(&home.join(sub), 10);
    }
    let vault = Strongroom::init("memory:", passphrase(), &small_packs()).expect("a new vault");
    let report = vault.backup(&options(&home), &NoMonitor).expect("a backup");
    let point = report.recovery_point.expect("a point");
    let mut options = RestoreOptions::new(RestoreTarget::Directory(out.clone()));
    options.strip_root = true;
    let monitor = CancelAfter {
        cancel: options.cancel.clone(),
        limit_bytes: 1_200_000,
        seen_bytes: AtomicU64::new(0),
    };
    let cancelled = vault.restore(&point, &options, &monitor);
    assert!(matches!(cancelled, Err(Error::Cancelled)), "{cancelled:?}");
    options.cancel = Cancel::new();
    let restored = vault
        .restore(&point, &options, &NoMonitor)
        .expect("restored");
    assert_eq!((restored.conflicts_count, restored.skipped_count), (0, 0));
    assert!(restored.reused_bytes >= 1_000_000, "{restored:?}");
    assert_eq!(differences(&home, &out), "");
}
