//! A disk that is filled again and again: points stay whole, and deleting and sweeping make room on it.

use std::fs;
use std::path::Path;

use strongroom::crypto::SlotSecret;
use strongroom::vault::{InitOptions, SweepOptions};
use strongroom::{BackupOptions, NoMonitor, Strongroom, VerifyOptions};

use crate::support::{Mount, passphrase, random_bytes, restore_point, snapshot};

fn open(place: &Path) -> Strongroom {
    let url = place.to_str().expect("text");
    Strongroom::open(url, SlotSecret::Passphrase(passphrase())).expect("opened")
}

/// Backs up ever new content until the disk is full; returns how many points were made.
fn fill(place: &Path, home: &Path, seed: &mut u64) -> usize {
    let vault = open(place);
    for count in 0.. {
        *seed += 1;
        fs::write(home.join("data"), random_bytes(*seed, 3 << 20)).expect("written");
        let options = BackupOptions::new("test", vec![home.to_owned()]);
        match vault.backup(&options, &NoMonitor) {
            Ok(_) => {}
            Err(error) if error.is_full() => return count,
            Err(error) => panic!("{error:?}"),
        }
        assert!(count < 100, "the disk is never full");
    }
    0
}

/// Writes until not one byte more fits.
fn fill_up(at: &Path) {
    use std::io::Write;
    let mut filler = fs::File::create(at).expect("created");
    for size in [1 << 16, 4096, 1] {
        while filler.write_all(&vec![7; size]).is_ok() {}
    }
}

fn fill_again_and_again(rounds: usize) {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(disk) = Mount::of_image(dir.path(), 32) else {
        return;
    };
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    let place = disk.0.join("vault");
    let mut options = InitOptions::for_tests();
    options.data_pack_bytes = 1 << 20;
    let url = place.to_str().expect("text");
    Strongroom::init(url, passphrase(), &options).expect("a new vault");
    let mut seed = 0;
    for round in 0..rounds {
        let made = fill(&place, &home, &mut seed);
        assert!(made > 2, "round {round}: room for {made} points");
        fill_up(&disk.0.join("filler"));
        let vault = open(&place);
        let points = vault.points().expect("listed");
        let newest = points.first().expect("one stands").id;
        for point in points.iter().skip(1) {
            vault
                .delete_now(&point.id, "the disk is full")
                .expect("deleted");
        }
        let swept = vault.sweep(&SweepOptions::default()).expect("swept");
        assert!(swept.freed_bytes > 3 << 20, "round {round}: {swept:?}");
        fs::remove_file(disk.0.join("filler")).expect("removed");
        let mut verify = VerifyOptions::default();
        verify.level = strongroom::VerifyLevel::Data;
        let verified = vault.verify(&verify, &NoMonitor).expect("verified");
        assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
        let out = dir.path().join(format!("out{round}"));
        restore_point(&vault, &newest, &out);
        assert!(snapshot(&out).len() > 1);
    }
    // What was left by the runs that failed goes, too.
    let vault = open(&place);
    let last = BackupOptions::new("test", vec![home]);
    vault.backup(&last, &NoMonitor).expect("there is room");
}

#[test]
fn a_disk_that_is_full_again_and_again() {
    fill_again_and_again(2);
}

#[test]
#[ignore = "soak: minutes"]
fn soak_a_disk_that_is_full_again_and_again() {
    fill_again_and_again(60);
}
