//! What is told when a catalog cannot be opened.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use strongroom_catalog::{Catalog, Error, Options};

use crate::support::{everything, step};

fn open(path: &std::path::Path) -> Result<Catalog, Error> {
    Catalog::open(path, Options::default())
}

#[test]
fn what_was_closed_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let catalog = open(&path).unwrap();
    assert!(!catalog.needs_rebuild().unwrap());
    (0..5).for_each(|number| step(&catalog, number).unwrap());
    let all = everything(&catalog);
    drop(catalog);
    assert_eq!(everything(&open(&path).unwrap()), all);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["catalog"]);
}

#[test]
fn a_second_one_is_told_that_it_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let first = open(&path).unwrap();
    assert!(matches!(open(&path), Err(Error::InUse)));
    let recovered = Catalog::open_or_recover(&path, Options::default());
    assert!(matches!(recovered, Err(Error::InUse)));
    drop(first);
    open(&path).unwrap();
}

#[test]
fn what_is_no_catalog_is_told_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    for content in [
        &b""[..],
        b"x",
        b"not a catalog at all",
        &[0; 100_000],
        &[0xff; 4096],
    ] {
        fs::write(&path, content).unwrap();
        let opened = open(&path);
        assert!(matches!(opened, Err(Error::Corrupt { .. })), "{opened:?}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    fs::remove_file(&path).unwrap();
    drop(redb::Database::create(&path).unwrap());
    assert!(matches!(open(&path), Err(Error::Corrupt { .. })));
}

#[test]
fn a_directory_in_its_place_is_an_error_of_the_file_system() {
    let dir = tempfile::tempdir().unwrap();
    for opened in [
        open(dir.path()),
        Catalog::open_or_recover(dir.path(), Options::default()).map(|opened| opened.catalog),
    ] {
        assert!(matches!(&opened, Err(Error::Io { .. })), "{opened:?}");
    }
    let nowhere = open(&dir.path().join("no/such/dir"));
    assert!(
        matches!(&nowhere, Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound),
        "{nowhere:?}"
    );
}

/// The other half of the test below: runs as somebody to whom the file is read-only.
#[test]
fn other_user_is_refused() {
    let Some(path) = std::env::var_os("STRONGROOM_TEST_READ_ONLY") else {
        return;
    };
    let opened = open(path.as_ref());
    assert!(
        matches!(&opened, Err(Error::Io { source, .. }) if source.kind() == ErrorKind::PermissionDenied),
        "{opened:?}"
    );
}

#[test]
fn a_read_only_file_is_an_error_of_the_file_system() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    drop(open(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Nothing is read-only to root, so that somebody else tries, from a copy of this program that they may run.
    let program = dir.path().join("it");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(&program);
    command
        .args(["--exact", "opening::other_user_is_refused"])
        .env("STRONGROOM_TEST_READ_ONLY", &path)
        .current_dir("/");
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&path).unwrap());
    if owner == 0 {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn a_newer_catalog_is_left_to_newer_programs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    drop(open(&path).unwrap());
    let body = br#"{"format":2,"needs_rebuild":false,"invented_later":true}"#;
    let hash = [0_u8]
        .iter()
        .chain(body)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    let mut record = b"sRc\x01\x00".to_vec();
    record.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    record.extend(hash.to_le_bytes());
    record.extend(body);
    let database = redb::Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    let table = redb::TableDefinition::<&[u8], &[u8]>::new("meta_v1");
    write
        .open_table(table)
        .unwrap()
        .insert(&b"catalog"[..], &record[..])
        .unwrap();
    write.commit().unwrap();
    drop(database);
    for opened in [
        open(&path),
        Catalog::open_or_recover(&path, Options::default()).map(|opened| opened.catalog),
    ] {
        assert!(
            matches!(
                opened,
                Err(Error::NewerVersion {
                    found: 2,
                    supported: 1
                })
            ),
            "{opened:?}"
        );
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_a_dead_maker_has_left_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    for content in [&b""[..], b"torn", &[0; 8192]] {
        fs::write(dir.path().join("catalog.new"), content).unwrap();
        let catalog = open(&path).unwrap();
        step(&catalog, 0).unwrap();
        drop(catalog);
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
