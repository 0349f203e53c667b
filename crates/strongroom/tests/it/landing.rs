//! Where restored entries land, and that nothing leads them elsewhere.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use strongroom::{OnConflict, RestoreTarget};

use crate::support::{backup, bytes_of, restore_to, snapshot, vault};

/// A directory whose path holds no symlink.
fn real_dir() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = fs::canonicalize(dir.path()).expect("real");
    (dir, path)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("above")).expect("made");
    fs::write(path, text).expect("written");
}

/// A symlink of the point that lands where another path's parents are to be made.
#[test]
fn a_restored_symlink_leads_no_later_path_out_of_the_target() {
    let (_dir, base) = real_dir();
    let (home, out, victim) = (base.join("home"), base.join("out"), base.join("victim"));
    fs::create_dir(&victim).expect("made");
    write(&home.join("m/x/one"), "one");
    write(&home.join("n/x/two"), "two");
    fs::create_dir(home.join("a")).expect("made");
    // The first component of every absolute path here.
    let first = base.components().nth(1).expect("below the root");
    symlink(&victim, home.join("a").join(first)).expect("made");
    let vault = vault();
    let report = backup(&vault, &home);
    for on_conflict in [OnConflict::Copy, OnConflict::Skip, OnConflict::Overwrite] {
        let target = RestoreTarget::Directory(out.clone());
        let _outcome = restore_to(&vault, &report, target, |options| {
            options.on_conflict = on_conflict;
            let link = home.join("a").join(first);
            options.paths = [link, home.join("m/x"), home.join("n/x")]
                .map(|path| bytes_of(&path))
                .to_vec();
        });
        assert_eq!(fs::read_dir(&victim).expect("readable").count(), 0);
    }
    let below = |path: &str| {
        home.join(path)
            .strip_prefix("/")
            .expect("absolute")
            .to_owned()
    };
    let text = fs::read_to_string(out.join(below("m/x/one"))).expect("restored");
    assert_eq!(text, "one");
}

/// Original paths hold no symlinks: one that stands there was planted since.
#[test]
fn a_planted_symlink_leads_no_original_path_elsewhere() {
    let (_dir, base) = real_dir();
    let (home, victim) = (base.join("middle/home"), base.join("victim"));
    write(&home.join("file"), "file");
    fs::create_dir(&victim).expect("made");
    let vault = vault();
    let report = backup(&vault, &home);
    fs::remove_dir_all(base.join("middle")).expect("removed");
    symlink(&victim, base.join("middle")).expect("made");
    for on_conflict in [OnConflict::Copy, OnConflict::Skip, OnConflict::Overwrite] {
        for strip_root in [false, true] {
            let before = snapshot(&victim);
            let _outcome = restore_to(&vault, &report, RestoreTarget::Original, |options| {
                options.on_conflict = on_conflict;
                options.strip_root = strip_root;
            });
            assert_eq!(snapshot(&victim), before, "{on_conflict:?}");
        }
    }
}

/// What is named twice, by itself and by what holds it, is restored once.
#[test]
fn overlapping_paths_are_restored_once() {
    let (_dir, base) = real_dir();
    let home = base.join("home");
    for number in 0..30 {
        write(&home.join(format!("sub/{number}")), "text");
    }
    let vault = vault();
    let report = backup(&vault, &home);
    fs::remove_dir_all(home.join("sub")).expect("removed");
    let restored = restore_to(&vault, &report, RestoreTarget::Original, |options| {
        options.paths = [home.clone(), home.join("sub"), home.join("sub/3")]
            .map(|path| bytes_of(&path))
            .to_vec();
    })
    .expect("restored");
    assert_eq!(
        (restored.files_count, restored.conflicts_count),
        (30, 0),
        "{restored:?}"
    );
    // Two of one name would be kept apart by their whole paths, which here lead through a third.
    write(&base.join("other/sub/1"), "other");
    let first = base.components().nth(1).expect("below the root");
    write(&base.join(first).join("file"), "third");
    let options = strongroom::BackupOptions::new(
        "all",
        vec![home.join("sub"), base.join("other/sub"), base.join(first)],
    );
    let report = vault
        .backup(&options, &strongroom::NoMonitor)
        .expect("a backup");
    let out = base.join("out");
    let target = RestoreTarget::Directory(out.clone());
    let restored = restore_to(&vault, &report, target, |_| {}).expect("restored");
    assert_eq!(restored.conflicts_count, 0, "{restored:?}");
    let below = out.join(base.strip_prefix("/").expect("absolute"));
    for (path, text) in [
        (below.join("home/sub/1"), "text"),
        (below.join("other/sub/1"), "other"),
        (below.join(first).join("file"), "third"),
    ] {
        assert_eq!(fs::read_to_string(path).expect("restored"), text);
    }
}

/// Directories above what is restored are made as they were, and left alone where they stand.
#[test]
fn parents_get_their_attributes_when_they_are_made() {
    let (_dir, base) = real_dir();
    let home = base.join("outer/inner/home");
    write(&home.join("file"), "file");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    };
    set(&base.join("outer"), 0o751);
    set(&base.join("outer/inner"), 0o755);
    let vault = vault();
    let report = backup(&vault, &home);
    fs::remove_dir_all(base.join("outer/inner")).expect("removed");
    set(&base.join("outer"), 0o750);
    restore_to(&vault, &report, RestoreTarget::Original, |options| {
        options.on_conflict = OnConflict::Overwrite;
    })
    .expect("restored");
    assert_eq!(mode(&base.join("outer/inner")), 0o755);
    assert_eq!(mode(&base.join("outer")), 0o750);
    assert!(home.join("file").exists());
}
