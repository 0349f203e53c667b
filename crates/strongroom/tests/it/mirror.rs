//! Vaults in several places: one of them goes away, is damaged or comes back, and nothing is lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use strongroom::crypto::SlotSecret;
use strongroom::vault::format::PlaceMode;
use strongroom::vault::{Error as VaultError, InitOptions, SweepOptions, VaultUrl};
use strongroom::{BackupOptions, Error, Monitor, NoMonitor, Strongroom, VerifyOptions};

use crate::support::{differences, passphrase, random_bytes, restore_point};

/// Two or three directories that hold one vault, and a source.
pub(crate) struct Mirror {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) places: Vec<PathBuf>,
}

impl Mirror {
    pub(crate) fn new(modes: &[PlaceMode]) -> (Self, Strongroom) {
        let dir = tempfile::tempdir().expect("a directory");
        let name = |at: usize| dir.path().join(format!("place-{at}"));
        let places: Vec<PathBuf> = (0..=modes.len()).map(name).collect();
        let modes = [&[PlaceMode::Decider], modes].concat();
        let urls: Vec<(VaultUrl, PlaceMode)> = places
            .iter()
            .map(|place| VaultUrl::from(place.to_str().expect("text")))
            .zip(modes)
            .collect();
        let mut options = InitOptions::for_tests();
        options.data_pack_bytes = 1 << 20;
        options.block_bytes = 64 << 10;
        let vault = Strongroom::init_places(&urls, passphrase(), &options);
        let mirror = Self { dir, places };
        mirror.fill(0, 20);
        (mirror, impatient(vault.expect("a new vault")))
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Adds files with new content.
    pub(crate) fn fill(&self, seed: u64, files: u64) {
        fs::create_dir_all(self.home()).expect("made");
        for number in 0..files {
            let path = self.home().join(format!("{seed}-{number}"));
            fs::write(path, random_bytes(seed * 1000 + number, 150_000)).expect("written");
        }
    }

    pub(crate) fn open(&self, place: usize) -> Strongroom {
        let url = self.places[place].to_str().expect("text");
        let opened = Strongroom::open(url, SlotSecret::Passphrase(passphrase()));
        impatient(opened.expect("opened"))
    }

    pub(crate) fn options(&self) -> BackupOptions {
        let mut options = BackupOptions::new("test", vec![self.home()]);
        options.machine = [1; 16];
        options
    }

    /// What stands at the place of a directory is no directory any more.
    pub(crate) fn take_away(&self, place: usize) {
        take_away(&self.places[place]);
    }

    pub(crate) fn bring_back(&self, place: usize) {
        let path = &self.places[place];
        fs::remove_file(path).expect("a file stands there");
        fs::rename(path.with_extension("away"), path).expect("renamed");
    }

    /// The newest point comes back as the source is now.
    pub(crate) fn restores(&self, vault: &Strongroom) {
        let point = vault.point("latest").expect("a point").id;
        let out = tempfile::tempdir().expect("a directory");
        let out = out.path().join("out");
        restore_point(vault, &point, &out);
        assert_eq!(differences(&self.home(), &out), "");
    }

    /// Objects of a place with their content.
    pub(crate) fn objects(&self, place: usize) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        collect(&self.places[place], &self.places[place], &mut found);
        found
    }

    pub(crate) fn is_the_same_everywhere(&self) {
        let first = self.objects(0);
        for place in 1..self.places.len() {
            let names =
                |objects: &BTreeMap<PathBuf, Vec<u8>>| objects.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&self.objects(place)), names(&first), "place {place}");
            assert!(
                self.objects(place) == first,
                "place {place} has other bytes"
            );
        }
    }
}

fn impatient(vault: Strongroom) -> Strongroom {
    vault.vault().store().set_patience(Duration::ZERO);
    vault
}

fn take_away(path: &Path) {
    fs::rename(path, path.with_extension("away")).expect("renamed");
    fs::write(path, "nobody home").expect("written");
}

/// What an upload that was cut has left, `name#1`, is no object of the vault.
fn collect(at: &Path, root: &Path, out: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(at).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(&path, root, out);
        } else if !path.to_string_lossy().contains('#') {
            let name = path.strip_prefix(root).expect("below").to_owned();
            out.insert(name, fs::read(&path).expect("readable"));
        }
    }
}

/// Takes a place away once so many bytes were read.
struct TakeAway {
    path: PathBuf,
    after_bytes: u64,
    seen_bytes: AtomicU64,
    is_done: AtomicBool,
}

impl TakeAway {
    fn new(path: &Path, after_bytes: u64) -> Self {
        Self {
            path: path.to_owned(),
            after_bytes,
            seen_bytes: AtomicU64::new(0),
            is_done: AtomicBool::new(false),
        }
    }
}

impl Monitor for TakeAway {
    fn done(&self, _files_count: u64, bytes: u64) {
        let seen = self.seen_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if seen >= self.after_bytes && !self.is_done.swap(true, Ordering::Relaxed) {
            take_away(&self.path);
        }
    }
}

#[test]
fn every_place_holds_everything() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous, PlaceMode::Asynchronous]);
    vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    let lag = vault.catch_up(true).expect("looked");
    let lacking: Vec<u64> = lag.iter().map(|place| place.lacking_count).collect();
    assert_eq!(&lacking[..2], [0, 0], "{lag:?}");
    assert!(lacking[2] > 3, "the last gets everything later: {lag:?}");
    assert_eq!(lag[2].copied_count, 0, "a dry run");
    let done = vault.catch_up(false).expect("caught up");
    assert_eq!(done[2].copied_count, lacking[2]);
    mirror.is_the_same_everywhere();
    // Any place leads to the vault, and alone it is enough to restore.
    for place in 0..3 {
        mirror.restores(&mirror.open(place));
    }
    mirror.take_away(0);
    mirror.take_away(1);
    mirror.restores(&mirror.open(2));
}

#[test]
fn a_place_that_goes_away_during_a_backup_catches_up() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    let gone = TakeAway::new(&mirror.places[1], 1_000_000);
    let report = vault.backup(&mirror.options(), &gone).expect("a backup");
    assert!(report.recovery_point.is_some());
    let views = vault.vault().store().places();
    assert!(
        views[0].away.is_none() && views[1].away.is_some(),
        "{views:?}"
    );
    mirror.restores(&vault);
    let told = vault.catch_up(false).expect("looked");
    assert!(told[1].away.is_some(), "{told:?}");
    mirror.bring_back(1);
    let vault = mirror.open(1);
    let told = vault.catch_up(false).expect("caught up");
    assert!(
        told[1].copied_count > 1 && told[1].away.is_none(),
        "{told:?}"
    );
    assert_eq!(vault.catch_up(true).expect("looked")[1].lacking_count, 0);
    mirror.is_the_same_everywhere();
    mirror.take_away(0);
    mirror.restores(&mirror.open(1));
}

/// Uploads go on, there is no point, and the next run finishes without sending anything twice.
#[test]
fn without_the_decider_packs_are_uploaded_and_nothing_is_committed() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    let gone = TakeAway::new(&mirror.places[0], 1_000_000);
    let mut options = mirror.options();
    options.checkpoint_bytes = 500_000;
    let failed = vault.backup(&options, &gone).expect_err("no point");
    assert!(
        matches!(failed, Error::Vault(VaultError::PlaceAway { .. })),
        "{failed:?}"
    );
    let uploaded = mirror.objects(1);
    let packs = uploaded.keys().filter(|name| name.starts_with("d"));
    let bytes: usize = packs.map(|name| uploaded[name].len()).sum();
    assert!(bytes > 2_900_000, "only {bytes} bytes");
    // Nothing can be written through a handle that has no decider, but everything read.
    let reader = mirror.open(1);
    assert_eq!(reader.points().expect("listed").len(), 0);
    let failed = reader.backup(&options, &NoMonitor).expect_err("no point");
    assert!(matches!(failed, Error::Vault(VaultError::PlaceAway { .. })));
    mirror.bring_back(0);
    let vault = mirror.open(0);
    let report = vault.backup(&options, &NoMonitor).expect("a backup");
    assert!(report.unique_bytes < 300_000, "{report:?}");
    vault.catch_up(false).expect("caught up");
    mirror.is_the_same_everywhere();
    mirror.restores(&vault);
}

#[test]
fn a_flipped_bit_is_mended_by_whoever_reads_it() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    let good = mirror.objects(0);
    let mut hurt_count = 0;
    for (name, bytes) in &good {
        let is_pack = name.starts_with("d") || name.starts_with("m");
        if is_pack {
            // The middle of a pack, where blocks are, and its table.
            let mut hurt = bytes.clone();
            let at = if hurt_count % 2 == 0 {
                bytes.len() / 3
            } else {
                500
            };
            hurt[at] ^= 1;
            fs::write(mirror.places[0].join(name), hurt).expect("written");
            hurt_count += 1;
        }
    }
    assert!(hurt_count > 3);
    mirror.restores(&mirror.open(0));
    let verified = mirror.open(0).verify(
        &{
            let mut options = VerifyOptions::default();
            options.level = strongroom::VerifyLevel::Data;
            options
        },
        &NoMonitor,
    );
    assert!(verified.expect("verified").damaged.is_empty());
    let healed = mirror.objects(0);
    let still: Vec<_> = good
        .keys()
        .filter(|name| healed[*name] != good[*name])
        .collect();
    assert!(still.is_empty(), "not mended: {still:?}");
}

/// Two copies that are damaged in different blocks: each block is read where it is good, and neither copy replaces the
/// other.
#[test]
fn a_copy_that_is_hurt_itself_mends_nothing() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    let good = mirror.objects(0);
    let packs = good
        .iter()
        .filter(|(name, bytes)| name.starts_with("d") && bytes.len() > 900_000);
    for (name, bytes) in packs {
        for (place, part) in [(0, 3), (1, 4)] {
            let mut hurt = bytes.clone();
            hurt[bytes.len() * part / 6] ^= 1;
            fs::write(mirror.places[place].join(name), hurt).expect("written");
        }
    }
    mirror.restores(&mirror.open(0));
    mirror.restores(&mirror.open(0));
}

#[test]
fn packs_that_the_first_place_lost_come_from_the_second() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    for kind in ["d", "m"] {
        fs::remove_dir_all(mirror.places[0].join(kind)).expect("removed");
    }
    mirror.restores(&mirror.open(0));
    mirror.open(0).catch_up(false).expect("caught up");
    mirror.is_the_same_everywhere();
}

/// What a sweep deletes while a place is away is dead: it is not used when the place comes back, and goes there, too.
#[test]
fn a_sweep_while_a_place_is_away_is_caught_up() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    let first = vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    fs::remove_dir_all(mirror.home()).expect("removed");
    mirror.fill(1, 10);
    vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    mirror.take_away(1);
    let point = first.recovery_point.expect("a point");
    vault.delete_now(&point, "test").expect("purged");
    let swept = vault.sweep(&SweepOptions::default()).expect("a sweep");
    assert!(swept.packs_deleted_count > 1, "{swept:?}");
    mirror.bring_back(1);
    // The old content comes back before the place has caught up: nothing dead is used for it.
    mirror.fill(0, 20);
    let vault = mirror.open(0);
    let report = vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    assert!(report.unique_bytes > 2_900_000, "{report:?}");
    let told = vault.catch_up(false).expect("caught up");
    assert!(
        told[1].deleted_count >= swept.packs_deleted_count,
        "{told:?}"
    );
    mirror.is_the_same_everywhere();
    for place in 0..2 {
        mirror.restores(&mirror.open(place));
    }
    let again = mirror.open(0).sweep(&SweepOptions::default());
    assert_eq!(again.expect("a sweep").packs_deleted_count, 0);
}

/// A pack that is nowhere any more may only be at the place that is away, for all that the others know.
#[test]
fn what_a_sweep_has_moved_is_found_while_a_place_is_away() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    let first = vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    for number in (0..20).filter(|number| number % 3 > 0) {
        let bytes = random_bytes(7000 + number, 150_000);
        fs::write(mirror.home().join(format!("0-{number}")), bytes).expect("written");
    }
    vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    let point = first.recovery_point.expect("a point");
    vault.delete_now(&point, "test").expect("purged");
    let mut thorough = SweepOptions::default();
    thorough.rewrite_below_percent = 90;
    let swept = vault.sweep(&thorough).expect("a sweep");
    assert!(swept.packs_rewritten_count > 0, "{swept:?}");
    for place in [0, 1] {
        mirror.take_away(place);
        mirror.restores(&mirror.open(1 - place));
        mirror.bring_back(place);
    }
}

/// A place that would not know of the deletion keeps what was deleted elsewhere: it may have to decide one day.
#[test]
fn nothing_is_deleted_where_the_link_for_it_cannot_be_brought() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    let first = vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    fs::remove_dir_all(mirror.home()).expect("removed");
    mirror.fill(1, 10);
    vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    mirror.take_away(1);
    let point = first.recovery_point.expect("a point");
    vault.delete_now(&point, "test").expect("purged");
    let swept = vault.sweep(&SweepOptions::default()).expect("a sweep");
    assert!(swept.packs_deleted_count > 1, "{swept:?}");
    let links = mirror.objects(0).into_iter();
    let mut links: Vec<_> = links
        .filter(|(name, _)| name.starts_with("chain"))
        .collect();
    assert!(!links.is_empty());
    for (name, bytes) in &mut links {
        bytes[20] ^= 1;
        fs::write(mirror.places[0].join(name), bytes).expect("written");
    }
    mirror.bring_back(1);
    let told = mirror.open(0).catch_up(false).expect("looked");
    assert_eq!(told[1].damaged.len(), links.len(), "{told:?}");
    assert_eq!(told[1].deleted_count, 0, "{told:?}");
}

#[test]
fn a_directory_that_is_empty_is_no_place_of_the_vault() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    let path = &mirror.places[1];
    fs::rename(path, path.with_extension("away")).expect("renamed");
    fs::create_dir(path).expect("made");
    // As if the disk were not mounted: nothing is written into the mount point.
    let vault = mirror.open(0);
    mirror.fill(2, 3);
    vault
        .backup(&mirror.options(), &NoMonitor)
        .expect("a backup");
    let _told = vault.catch_up(false).expect("looked");
    assert_eq!(fs::read_dir(path).expect("readable").count(), 0);
}
