//! Runs whose threads die, or that have few descriptors: they end, and say why.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use strongroom::{
    BackupOptions, Error, Monitor, NoMonitor, Phase, RestoreOptions, RestoreTarget, Skipped,
};

use crate::support::{backup, differences, random_bytes, restore, vault};

/// Far longer than any of these calls takes: what is not done by then hangs.
const LONG: Duration = Duration::from_secs(60);

/// A monitor that fails, as one does that prints to a terminal which is gone.
#[derive(Clone, Copy)]
enum Broken {
    Transferred,
    Warning,
    Found,
    Reading,
}

impl Monitor for Broken {
    fn phase(&self, phase: Phase) {
        assert!(!matches!((self, phase), (Self::Reading, Phase::Finishing)));
    }
    fn found(&self, _files_count: u64, _bytes: u64) {
        assert!(!matches!(self, Self::Found), "the terminal is gone");
    }
    fn transferred(&self, _bytes: u64) {
        assert!(!matches!(self, Self::Transferred), "the terminal is gone");
    }
    fn warning(&self, _warning: &Skipped) {
        assert!(!matches!(self, Self::Warning), "the terminal is gone");
    }
}

/// Runs a call on a thread of its own; `None` when it ended by a panic.
fn in_time<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let _ended = sender;
        call()
    });
    let ended = receiver.recv_timeout(LONG);
    assert_ne!(ended, Err(mpsc::RecvTimeoutError::Timeout), "it hangs");
    thread.join().ok()
}

/// More files than may wait for a worker, and linked ones.
fn fill(home: &Path) {
    fs::create_dir(home).expect("made");
    for number in 0..200_u64 {
        let path = home.join(format!("{number:03}"));
        fs::write(&path, random_bytes(number, 3000)).expect("written");
        fs::hard_link(&path, home.join(format!("{number:03} again"))).expect("linked");
    }
}

#[test]
fn a_dying_worker_ends_the_restore() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fill(&home);
    let vault = vault();
    let point = backup(&vault, &home).recovery_point.expect("a point");
    let options = RestoreOptions::new(RestoreTarget::Directory(out));
    let outcome = in_time(move || vault.restore(&point, &options, &Broken::Transferred));
    assert!(
        matches!(outcome, Some(Err(Error::WorkerDied))),
        "{outcome:?}"
    );
}

#[test]
fn a_dying_walk_ends_the_backup() {
    for broken in [
        Broken::Found,
        Broken::Warning,
        Broken::Transferred,
        Broken::Reading,
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join("home");
        fill(&home);
        let _socket = std::os::unix::net::UnixListener::bind(home.join("zz")).expect("bound");
        let vault = vault();
        let gone = dir.path().join("gone");
        let outcome = in_time(move || {
            let options = BackupOptions::new("test", vec![home, gone]);
            vault.backup(&options, &broken).map(|_| ())
        });
        // A panic of the caller's own thread stays one; any other is an error.
        assert!(outcome.is_none_or(|outcome| outcome.is_err()));
    }
}

/// Runs a test of this program again where only so many files may be open.
fn run_with_files(test: &str, files: u32) -> bool {
    const MARK: &str = "STRONGROOM_TEST_FILES";
    if std::env::var_os(MARK).is_some() {
        return false;
    }
    let program = std::env::current_exe().expect("known");
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "ulimit -n \"$1\" && exec \"$0\" --exact \"$2\" --nocapture",
        ])
        .arg0("sh")
        .arg(program)
        .args([&files.to_string(), test])
        .env(MARK, "1");
    let output = shell.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    true
}

/// Many long chains of directories, each with a file that takes a while.
#[test]
fn few_descriptors_are_enough() {
    if run_with_files("stuck::few_descriptors_are_enough", 100) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    for chain in 0..40_u64 {
        let mut path = home.join(format!("chain {chain}"));
        for depth in 0..20 {
            path.push(format!("{depth}"));
        }
        fs::create_dir_all(&path).expect("made");
        fs::write(path.join("file"), random_bytes(chain, 200_000)).expect("written");
    }
    let vault = vault();
    let report = backup(&vault, &home);
    assert_eq!((report.skipped_count, report.files_count), (0, 40));
    let restored = restore(&vault, &report, &out);
    assert_eq!((restored.skipped_count, restored.files_count), (0, 40));
    assert_eq!(differences(&home, &out), "");
}

/// Deeper than there are descriptors.
#[test]
fn a_deep_tree_takes_few_descriptors() {
    if run_with_files("stuck::a_deep_tree_takes_few_descriptors", 100) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    let path = home.join("d/".repeat(300));
    fs::create_dir_all(&path).expect("made");
    fs::write(path.join("file"), "file").expect("written");
    let vault = vault();
    let report = backup(&vault, &home);
    assert_eq!((report.skipped_count, report.files_count), (0, 1));
    let restored = restore(&vault, &report, &out);
    assert_eq!((restored.skipped_count, restored.files_count), (0, 1));
    // The program that compares elsewhere has no descriptors for this.
    let copy = out.join("d/".repeat(300)).join("file");
    assert_eq!(fs::read_to_string(copy).expect("restored"), "file");
    assert!(
        vault
            .verify(&strongroom::VerifyOptions::default(), &NoMonitor)
            .is_ok()
    );
}
