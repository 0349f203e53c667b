//! The reader under `testdata/reader`, which was written from the format's page alone, restores what the engine has moved,
//! rewritten, copied and handed on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use strongroom::crypto::SlotSecret;
use strongroom::vault::format::{PlaceMode, SessionId};
use strongroom::vault::{InitOptions, SweepOptions, SweepReport, VaultUrl};
use strongroom::{BackupOptions, CopyOptions, CopyTarget, NoMonitor, Strongroom};

use crate::support::{differences, passphrase, random_bytes};

/// A source, and copies of what it was when points of it were made.
struct Home {
    dir: tempfile::TempDir,
    points: Vec<SessionId>,
}

impl Home {
    /// `None` where Python lacks what the reader needs.
    fn new() -> Option<Self> {
        let imports = "import argon2, blake3, nacl, zstandard";
        let has_all = Command::new("python3").args(["-c", imports]).output();
        if !has_all.is_ok_and(|output| output.status.success()) {
            let list = "testdata/reader/requirements.txt";
            eprintln!(
                "skipped: python3 lacks what the second reader needs (pip install -r {list})"
            );
            return None;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let home = Self {
            dir,
            points: Vec::new(),
        };
        fs::write(home.path("key"), "correct horse battery staple\n").expect("written");
        Some(home)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn url(&self, below: &str) -> VaultUrl {
        self.path(below).to_str().expect("text").into()
    }

    fn options() -> InitOptions {
        let mut options = InitOptions::for_tests();
        options.data_pack_bytes = 256 << 10;
        options.block_bytes = 64 << 10;
        options.tree_block_bytes = 16 << 10;
        options
    }

    /// Another handle, with nothing but the passphrase.
    fn open(&self, below: &str) -> Strongroom {
        let secret = SlotSecret::Passphrase(passphrase());
        let vault = Strongroom::open(self.url(below), secret).expect("opened");
        vault
            .vault()
            .store()
            .set_patience(std::time::Duration::ZERO);
        vault
    }

    /// Writes some of the files anew, backs up, and keeps what stands now.
    fn change(&mut self, vault: &Strongroom, state: u64, is_changed: impl Fn(u64) -> bool) {
        for number in (0..120).filter(|number| is_changed(*number)) {
            let path = self.path(&format!("home/{}/{number}", number % 12));
            fs::create_dir_all(path.parent().expect("below")).expect("made");
            let len = 3000 + 40 * usize::try_from(number).expect("small");
            fs::write(path, random_bytes(1000 * state + number, len)).expect("written");
        }
        let options = BackupOptions::new("test", vec![self.path("home")]);
        let report = vault.backup(&options, &NoMonitor).expect("a backup");
        let point = report.recovery_point.expect("a point");
        let kept = Command::new("cp")
            .arg("-a")
            .args([self.path("home"), self.path(&point.to_string())])
            .status();
        assert!(kept.is_ok_and(|status| status.success()));
        self.points.push(point);
    }

    fn read(&self, vault: &str, command: &[&str]) -> Output {
        let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/reader");
        let output = Command::new("python3")
            .arg("-B")
            .arg(reader.join("strongroom_reader.py"))
            .args([self.path(vault), self.path("key")])
            .args(command)
            .output();
        let output = output.expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{vault} {command:?}: {told}");
        output
    }

    /// The reader finds nothing wrong, lists these points and no others, and each comes back as it was.
    fn is_read(&self, vault: &str, points: &[SessionId]) {
        self.read(vault, &["check"]);
        let listed = String::from_utf8(self.read(vault, &["points"]).stdout).expect("text");
        let found: BTreeSet<String> = listed
            .lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).expect("a document");
                line["sid"].as_str().expect("an id").to_owned()
            })
            .collect();
        let expected: BTreeSet<String> = points.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{vault}");
        for point in &expected {
            let out = tempfile::tempdir().expect("a directory");
            self.read(
                vault,
                &["restore", point, out.path().to_str().expect("text")],
            );
            let below = self.path("home");
            let below = below.strip_prefix("/").expect("absolute");
            let back = out.path().join(below);
            assert_eq!(differences(&self.path(point), &back), "", "{vault} {point}");
        }
    }
}

fn sweep(vault: &Strongroom) -> SweepReport {
    vault.sweep(&SweepOptions::default()).expect("a sweep")
}

/// A sweep that has moved blocks of data or metadata, and rewritten others.
fn has_moved_and_rewritten(report: &SweepReport) {
    let sum = |count: fn(&strongroom::vault::Emptied) -> u64| -> u64 {
        report.emptied.iter().map(count).sum()
    };
    assert!(sum(|pack| pack.moved_blocks_count) > 0, "{report:?}");
    assert!(sum(|pack| pack.rewritten_blocks_count) > 0, "{report:?}");
    assert!(report.packs_deleted_count > 0, "{report:?}");
}

#[test]
fn a_vault_that_was_swept_and_a_copy_of_it() {
    let Some(mut home) = Home::new() else { return };
    let vault = Strongroom::init(home.url("vault"), passphrase(), &Home::options());
    let vault = vault.expect("a new vault");
    home.change(&vault, 0, |_| true);
    // Of some blocks little is needed by the second point, of others all.
    home.change(&vault, 1, |number| number % 3 > 0 && number < 80);
    let oldest = home.points[0];
    vault.delete_now(&oldest, "").expect("purged");
    has_moved_and_rewritten(&sweep(&vault));
    home.is_read("vault", &home.points[1..]);
    // Again, so that some chunks are found by two remaps.
    home.change(&vault, 2, |number| number % 3 > 0 || number % 2 == 0);
    let older = home.points[1];
    vault.delete_now(&older, "").expect("purged");
    let report = sweep(&vault);
    assert!(report.packs_deleted_count > 0, "{report:?}");
    home.change(&vault, 3, |number| number == 7);
    home.is_read("vault", &home.points[2..]);
    assert!(
        fs::read_dir(home.path("vault/remap"))
            .expect("there")
            .count()
            > 0
    );

    let copy = |home: &Home| {
        let options = CopyOptions::new(CopyTarget::Url(home.url("second")));
        let vault = home.open("vault");
        let plan = vault.plan_copy(&options, &NoMonitor).expect("a plan");
        let report = vault.copy(&plan, &options, &NoMonitor).expect("a copy");
        report.copied.len()
    };
    assert_eq!(copy(&home), 2);
    home.is_read("second", &home.points[2..]);
    // The copy is swept by itself, and fed again.
    let replica = home.open("second");
    let gone = home.points[2];
    replica.delete_now(&gone, "").expect("purged");
    sweep(&replica);
    home.change(&vault, 4, |number| number % 5 == 0);
    assert_eq!(copy(&home), 1);
    home.is_read("second", &home.points[3..]);
}

#[test]
fn one_place_of_a_vault_that_was_handed_on() {
    let Some(mut home) = Home::new() else { return };
    let modes = [PlaceMode::Decider, PlaceMode::Synchronous];
    let names = ["first", "other"];
    let places: Vec<_> = names
        .map(|name| home.url(name))
        .into_iter()
        .zip(modes)
        .collect();
    let vault = Strongroom::init_places(&places, passphrase(), &Home::options());
    let vault = vault.expect("a new vault");
    home.change(&vault, 0, |_| true);
    home.change(&vault, 1, |number| number % 3 > 0 && number < 80);
    let oldest = home.points[0];
    vault.delete_now(&oldest, "").expect("purged");
    has_moved_and_rewritten(&sweep(&vault));
    let urls = names.map(|name| home.path(name).to_str().expect("text").to_owned());
    let handed = home.open("other").failover(&urls[1], &[], false);
    assert!(handed.expect("handed on").is_complete);
    let vault = home.open("first");
    home.change(&vault, 2, |number| number % 3 > 0 || number % 2 == 0);
    let older = home.points[1];
    vault.delete_now(&older, "").expect("purged");
    assert!(sweep(&vault).packs_deleted_count > 0);
    home.change(&vault, 3, |number| number == 7);
    vault.catch_up(false).expect("caught up");
    for name in names {
        home.is_read(name, &home.points[2..]);
    }
}
