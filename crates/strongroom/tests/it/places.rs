//! Places that fail: a full disk, a read-only disk, a source that is gone.

use std::fs;
use strongroom::vault::InitOptions;
use strongroom::{BackupOptions, Error, NoMonitor, Strongroom};

use crate::support::{Mount, backup, differences, passphrase, random_bytes, restore, vault};

fn io_kind(error: &Error) -> Option<std::io::ErrorKind> {
    match error {
        Error::Vault(error) => error.io_kind(),
        Error::File { source, .. } => Some(source.kind()),
        _ => None,
    }
}

#[test]
fn a_full_disk_is_told_and_what_stands_stays_good() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(mount) = Mount::new(&dir.path().join("disk"), 8) else {
        return;
    };
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir(&home).expect("made");
    fs::write(home.join("small"), random_bytes(1, 1 << 20)).expect("written");
    let place = mount.0.join("vault");
    let url = place.to_str().expect("text");
    let vault =
        Strongroom::init(url, passphrase(), &InitOptions::for_tests()).expect("a new vault");
    let first = backup(&vault, &home);
    fs::write(home.join("large"), random_bytes(2, 12 << 20)).expect("written");
    let full = vault.backup(&BackupOptions::new("test", vec![home.clone()]), &NoMonitor);
    let error = full.expect_err("it does not fit");
    assert_eq!(
        io_kind(&error),
        Some(std::io::ErrorKind::StorageFull),
        "{error:?}"
    );
    fs::remove_file(home.join("large")).expect("removed");
    restore(&vault, &first, &out);
    assert_eq!(
        fs::read(out.join("small")).expect("there"),
        random_bytes(1, 1 << 20)
    );
    let verified = vault
        .verify(&strongroom::VerifyOptions::default(), &NoMonitor)
        .expect("verified");
    assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    let again = backup(&vault, &home);
    assert_eq!(
        again.files_count, 1,
        "with the large file gone there is room again"
    );
    // A restore onto the full disk says so, too.
    let options =
        strongroom::RestoreOptions::new(strongroom::RestoreTarget::Directory(mount.0.join("out")));
    fs::write(mount.0.join("filler"), vec![1; 5 << 20]).expect("written");
    let full = vault.restore(
        &again.recovery_point.expect("a point"),
        &options,
        &NoMonitor,
    );
    let is_full = full
        .as_ref()
        .is_err_and(|error| io_kind(error) == Some(std::io::ErrorKind::StorageFull));
    assert!(is_full || full.is_ok(), "{full:?}");
}

#[test]
fn a_read_only_disk_restores_but_takes_no_backup() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some(mount) = Mount::new(&dir.path().join("disk"), 16) else {
        return;
    };
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir(&home).expect("made");
    fs::write(home.join("file"), "file").expect("written");
    let place = mount.0.join("vault");
    let url = place.to_str().expect("text");
    let vault =
        Strongroom::init(url, passphrase(), &InitOptions::for_tests()).expect("a new vault");
    let report = backup(&vault, &home);
    mount.make_read_only();
    restore(&vault, &report, &out);
    assert_eq!(differences(&home, &out), "");
    let refused = vault.backup(&BackupOptions::new("test", vec![home]), &NoMonitor);
    let error = refused.expect_err("nothing can be written");
    assert_eq!(
        io_kind(&error),
        Some(std::io::ErrorKind::ReadOnlyFilesystem),
        "{error:?}"
    );
}

#[test]
fn a_source_that_is_gone_makes_no_point() {
    let dir = tempfile::tempdir().expect("a directory");
    let vault = vault();
    let gone = vault.backup(
        &BackupOptions::new("test", vec![dir.path().join("gone")]),
        &NoMonitor,
    );
    assert!(matches!(gone, Err(Error::NothingToBackUp(_))), "{gone:?}");
    assert_eq!(vault.points().expect("listed").len(), 0);
}
