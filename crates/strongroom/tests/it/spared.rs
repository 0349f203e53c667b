//! What a restore that removes extra entries must leave alone.

use std::fs;
use std::path::Path;

use strongroom::vault::InitOptions;
use strongroom::{
    BackupOptions, BackupReport, NoMonitor, OnConflict, RestoreOptions, RestoreReport,
    RestoreTarget, Strongroom, VerifyOptions,
};

use crate::support::{Mount, backup, bytes_of, passphrase, restore_to, vault};

/// Overwrites, and removes what the point does not hold.
fn clean(options: &mut RestoreOptions) {
    options.on_conflict = OnConflict::Overwrite;
    options.delete_extra = true;
}

fn clean_original(vault: &Strongroom, report: &BackupReport) -> RestoreReport {
    restore_to(vault, report, RestoreTarget::Original, clean).expect("restored")
}

fn local_vault(place: &Path) -> Strongroom {
    let url = place.to_str().expect("text");
    Strongroom::init(url, passphrase(), &InitOptions::for_tests()).expect("a new vault")
}

fn assert_intact(vault: &Strongroom, place: &Path) {
    assert!(place.is_dir(), "the vault is gone");
    let verified = vault
        .verify(&VerifyOptions::default(), &NoMonitor)
        .expect("verified");
    assert!(verified.points_count > 0 && verified.damaged.is_empty());
}

fn paths_of(vault: &Strongroom, report: &BackupReport) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    let point = report.recovery_point.expect("a point");
    let mut each = |entry: strongroom::EntryView| {
        paths.push(entry.path);
        Ok(())
    };
    vault
        .list(&point, None, true, &mut each)
        .expect("a listing");
    paths
}

#[test]
fn a_vault_is_neither_backed_up_into_itself_nor_extra() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = fs::canonicalize(dir.path()).expect("real").join("home");
    fs::create_dir_all(home.join("deep")).expect("made");
    fs::write(home.join("file"), "file").expect("written");
    let place = home.join("deep/vault");
    let vault = local_vault(&place);
    let report = backup(&vault, &home);
    assert_eq!(
        paths_of(&vault, &report),
        [bytes_of(&home.join("deep")), bytes_of(&home.join("file"))]
    );
    fs::write(home.join("extra"), "extra").expect("written");
    let restored = clean_original(&vault, &report);
    assert_eq!(restored.removed_count, 1, "{:?}", restored.skipped);
    assert!(!home.join("extra").exists());
    assert_intact(&vault, &place);
}

#[test]
fn what_holds_the_vault_is_not_extra() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, disk) = (dir.path().join("home"), dir.path().join("disk"));
    fs::create_dir(&home).expect("made");
    fs::write(home.join("file"), "file").expect("written");
    fs::create_dir_all(disk.join("holder/other")).expect("made");
    let place = disk.join("holder/vault");
    let vault = local_vault(&place);
    let report = backup(&vault, &home);
    let target = RestoreTarget::Directory(disk.clone());
    let restored = restore_to(&vault, &report, target, |options| {
        clean(options);
        options.strip_root = true;
    })
    .expect("restored");
    assert_eq!(restored.removed_count, 0);
    assert_eq!(restored.skipped_count, 1, "{:?}", restored.skipped);
    assert!(disk.join("holder/other").is_dir());
    assert_intact(&vault, &place);
}

#[test]
fn what_holds_the_vault_is_not_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, disk) = (dir.path().join("home"), dir.path().join("disk"));
    fs::create_dir(&home).expect("made");
    fs::write(home.join("holder"), "a file of this name").expect("written");
    fs::create_dir(&disk).expect("made");
    let place = disk.join("holder/vault");
    let vault = local_vault(&place);
    let report = backup(&vault, &home);
    for strip_root in [true, false] {
        let target = if strip_root {
            disk.clone()
        } else {
            place.clone()
        };
        let restored = restore_to(
            &vault,
            &report,
            RestoreTarget::Directory(target),
            |options| {
                options.on_conflict = OnConflict::Overwrite;
                options.strip_root = strip_root;
            },
        );
        match restored {
            Ok(restored) => assert!(strip_root && restored.skipped_count == 1),
            Err(error) => assert!(!strip_root, "{error:?}"),
        }
        assert_intact(&vault, &place);
    }
}

#[test]
fn a_file_system_that_was_not_entered_is_not_emptied() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir_all(home.join("plain")).expect("made");
    let Some(mount) = Mount::new(&home.join("mounted"), 8) else {
        return;
    };
    fs::write(mount.0.join("precious"), "precious").expect("written");
    let vault = vault();
    let mut options = BackupOptions::new("test", vec![home.clone()]);
    options.one_file_system = true;
    let report = vault.backup(&options, &NoMonitor).expect("a backup");
    fs::write(home.join("plain/extra"), "extra").expect("written");
    let restored = clean_original(&vault, &report);
    assert_eq!(
        (restored.removed_count, restored.skipped_count),
        (1, 0),
        "{restored:?}"
    );
    assert!(mount.0.join("precious").exists());
    // Elsewhere, where it is an ordinary directory, it is not known what belongs in it either.
    drop(mount);
    fs::write(home.join("mounted/beneath"), "beneath").expect("written");
    assert_eq!(clean_original(&vault, &report).removed_count, 0);
    assert!(home.join("mounted/beneath").exists());
}

#[test]
fn a_file_system_mounted_since_is_not_emptied() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir_all(home.join("place")).expect("made");
    let vault = vault();
    let report = backup(&vault, &home);
    let Some(mount) = Mount::new(&home.join("place"), 8) else {
        return;
    };
    fs::write(mount.0.join("precious"), "precious").expect("written");
    assert_eq!(clean_original(&vault, &report).removed_count, 0);
    assert!(mount.0.join("precious").exists());
}

/// What the backup was told to leave out is not extra.
#[test]
fn excluded_entries_are_not_extra() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir_all(home.join("sub")).expect("made");
    for name in ["file", "image.iso", "sub/image.iso", "sub/large"] {
        fs::write(home.join(name), vec![b'x'; name.len() * 10]).expect("written");
    }
    fs::write(home.join("sub/large"), [0; 5000]).expect("written");
    let vault = vault();
    let mut options = BackupOptions::new("test", vec![home.clone()]);
    options.excludes = vec!["*.iso".to_owned()];
    options.exclude_larger_than_bytes = Some(4000);
    let report = vault.backup(&options, &NoMonitor).expect("a backup");
    fs::write(home.join("sub/extra"), "extra").expect("written");
    let restored = clean_original(&vault, &report);
    assert_eq!(restored.removed_count, 1, "{restored:?}");
    for name in ["file", "image.iso", "sub/image.iso", "sub/large"] {
        assert!(home.join(name).exists(), "{name}");
    }
}

/// What the caller protects is neither read nor removed.
#[test]
fn named_places_are_protected() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir_all(home.join("state")).expect("made");
    fs::write(home.join("state/secret"), "secret").expect("written");
    fs::write(home.join("file"), "file").expect("written");
    let vault = vault();
    let mut options = BackupOptions::new("test", vec![home.clone()]);
    options.protected = vec![home.join("state"), home.join("absent")];
    let report = vault.backup(&options, &NoMonitor).expect("a backup");
    assert_eq!(report.files_count, 1);
    let restored = restore_to(&vault, &report, RestoreTarget::Original, |options| {
        clean(options);
        options.protected = vec![home.join("state")];
    })
    .expect("restored");
    assert_eq!(restored.removed_count, 0);
    assert!(home.join("state/secret").exists());
    // A root that is protected itself cannot be read at all.
    options.roots = vec![home.join("state")];
    let refused = vault.backup(&options, &NoMonitor);
    assert!(
        matches!(refused, Err(strongroom::Error::NothingToBackUp(_))),
        "{refused:?}"
    );
}
