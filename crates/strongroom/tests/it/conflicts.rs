//! Restoring over what is there.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use strongroom::{
    BackupReport, NoMonitor, OnConflict, RestoreOptions, RestoreReport, RestoreTarget, Strongroom,
};

use crate::support::{backup, differences, random_bytes, restore, snapshot, vault};

fn restore_as(
    vault: &Strongroom,
    report: &BackupReport,
    target: &Path,
    change: impl FnOnce(&mut RestoreOptions),
) -> RestoreReport {
    let mut options = RestoreOptions::new(RestoreTarget::Directory(target.to_owned()));
    options.strip_root = true;
    change(&mut options);
    vault
        .restore(
            &report.recovery_point.expect("a point"),
            &options,
            &NoMonitor,
        )
        .expect("restored")
}

struct Case {
    _dir: tempfile::TempDir,
    home: std::path::PathBuf,
    out: std::path::PathBuf,
    vault: Strongroom,
    report: BackupReport,
}

/// A restored tree, of which one file was changed since.
fn case() -> Case {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir_all(home.join("sub")).expect("made");
    fs::write(home.join("changed"), "as it was").expect("written");
    fs::write(home.join("sub/large"), random_bytes(1, 2_000_000)).expect("written");
    symlink("sub", home.join("link")).expect("made");
    let vault = vault();
    let report = backup(&vault, &home);
    restore(&vault, &report, &out);
    fs::write(out.join("changed"), "edited since").expect("written");
    Case {
        _dir: dir,
        home,
        out,
        vault,
        report,
    }
}

#[test]
fn a_second_restore_writes_nothing() {
    let case = case();
    fs::write(case.out.join("changed"), "as it was").expect("written");
    let restored = restore_as(&case.vault, &case.report, &case.out, |options| {
        options.on_conflict = OnConflict::Overwrite;
    });
    assert_eq!((restored.written_bytes, restored.conflicts_count), (0, 0));
    assert_eq!(restored.reused_bytes, 2_000_009);
    assert_eq!(differences(&case.home, &case.out), "");
}

#[test]
fn copy_keeps_both() {
    let case = case();
    let restored = restore_as(&case.vault, &case.report, &case.out, |_| {});
    assert_eq!(
        (restored.conflicts_count, restored.reused_bytes),
        (1, 2_000_000)
    );
    assert_eq!(
        fs::read_to_string(case.out.join("changed")).expect("there"),
        "edited since"
    );
    let copy = fs::read_dir(&case.out)
        .expect("readable")
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("text")
        })
        .find(|name| name.ends_with(" Copy of changed"))
        .expect("a copy");
    let stamp: Vec<usize> = copy
        .char_indices()
        .filter(|(_, c)| *c == '-')
        .map(|(at, _)| at)
        .collect();
    assert_eq!(stamp, [4, 7, 13], "{copy}");
    assert_eq!(
        fs::read_to_string(case.out.join(&copy)).expect("there"),
        "as it was"
    );
}

#[test]
fn skip_keeps_the_existing_one() {
    let case = case();
    let restored = restore_as(&case.vault, &case.report, &case.out, |options| {
        options.on_conflict = OnConflict::Skip;
    });
    assert_eq!(restored.conflicts_count, 1);
    assert_eq!(
        fs::read_to_string(case.out.join("changed")).expect("there"),
        "edited since"
    );
    assert_eq!(fs::read_dir(&case.out).expect("readable").count(), 3);
}

#[test]
fn overwrite_in_place_writes_only_what_differs() {
    let case = case();
    let path = case.out.join("sub/large");
    let mut bytes = fs::read(&path).expect("there");
    for byte in bytes.iter_mut().skip(1_000_000).take(10) {
        *byte ^= 1;
    }
    bytes.extend_from_slice(b"and a tail");
    fs::write(&path, &bytes).expect("written");
    let inode = fs::metadata(&path).expect("there").ino();
    let restored = restore_as(&case.vault, &case.report, &case.out, |options| {
        options.on_conflict = OnConflict::Overwrite;
        options.verify = true;
    });
    assert_eq!(restored.conflicts_count, 2);
    assert!(restored.written_bytes < 300_000, "{restored:?}");
    assert!(restored.reused_bytes > 1_700_000, "{restored:?}");
    assert_eq!(fs::metadata(&path).expect("there").ino(), inode);
    assert_eq!(differences(&case.home, &case.out), "");
}

#[test]
fn what_is_of_another_kind_is_replaced_by_overwrite() {
    let case = case();
    fs::remove_file(case.out.join("changed")).expect("removed");
    fs::create_dir_all(case.out.join("changed/with/content")).expect("made");
    fs::remove_file(case.out.join("link")).expect("removed");
    fs::write(case.out.join("link"), "no link").expect("written");
    fs::remove_dir_all(case.out.join("sub")).expect("removed");
    symlink("/etc", case.out.join("sub")).expect("made");
    let before = snapshot(Path::new("/etc/apt"));
    let restored = restore_as(&case.vault, &case.report, &case.out, |options| {
        options.on_conflict = OnConflict::Overwrite;
    });
    assert_eq!(
        (restored.conflicts_count, restored.skipped_count),
        (3, 0),
        "{restored:?}"
    );
    assert_eq!(differences(&case.home, &case.out), "");
    assert_eq!(snapshot(Path::new("/etc/apt")), before);
}

/// A symlink that someone planted in the target leads nothing outside.
#[test]
fn a_planted_symlink_is_not_followed() {
    let case = case();
    let outside = case.home.parent().expect("there").join("outside");
    fs::create_dir(&outside).expect("made");
    fs::write(outside.join("large"), "precious").expect("written");
    let outside_before = snapshot(&outside);
    fs::remove_dir_all(case.out.join("sub")).expect("removed");
    symlink(&outside, case.out.join("sub")).expect("made");
    for mode in [OnConflict::Copy, OnConflict::Skip, OnConflict::Overwrite] {
        restore_as(&case.vault, &case.report, &case.out, |options| {
            options.on_conflict = mode;
            options.delete_extra = mode == OnConflict::Overwrite;
        });
        assert_eq!(snapshot(&outside), outside_before, "{mode:?}");
    }
    assert_eq!(differences(&case.home, &case.out), "");
}

#[test]
fn extra_entries_go_only_when_asked() {
    let case = case();
    fs::create_dir_all(case.out.join("sub/extra/deep")).expect("made");
    fs::write(case.out.join("zextra"), "x").expect("written");
    let overwrite = |options: &mut RestoreOptions| options.on_conflict = OnConflict::Overwrite;
    let restored = restore_as(&case.vault, &case.report, &case.out, overwrite);
    assert_eq!(restored.removed_count, 0);
    let before = snapshot(&case.out);
    let dry = restore_as(&case.vault, &case.report, &case.out, |options| {
        overwrite(options);
        options.delete_extra = true;
        options.dry_run = true;
    });
    assert!(dry.removed_count >= 2);
    assert_eq!(snapshot(&case.out), before, "a dry run changes nothing");
    let restored = restore_as(&case.vault, &case.report, &case.out, |options| {
        overwrite(options);
        options.delete_extra = true;
    });
    assert_eq!(restored.removed_count, 3);
    assert_eq!(differences(&case.home, &case.out), "");
}

/// Parents of a root hold only the way down: what else stands there is not extra.
#[test]
fn nothing_beside_a_root_is_extra() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    fs::write(home.join("file"), "file").expect("written");
    fs::write(dir.path().join("beside"), "beside").expect("written");
    let vault = vault();
    let report = backup(&vault, &home);
    let mut options = RestoreOptions::new(RestoreTarget::Original);
    use std::os::unix::ffi::OsStrExt;
    options.paths = vec![dir.path().as_os_str().as_bytes().to_vec()];
    options.delete_extra = true;
    options.on_conflict = OnConflict::Overwrite;
    fs::write(home.join("extra"), "extra").expect("written");
    let restored = vault
        .restore(
            &report.recovery_point.expect("a point"),
            &options,
            &NoMonitor,
        )
        .expect("restored");
    assert_eq!(restored.removed_count, 1);
    assert_eq!(
        fs::read_to_string(dir.path().join("beside")).expect("there"),
        "beside"
    );
}

#[test]
fn single_paths_and_original_places() {
    let case = case();
    fs::remove_dir_all(case.home.join("sub")).expect("removed");
    let mut options = RestoreOptions::new(RestoreTarget::Original);
    options.paths = vec![b"sub/large".to_vec()];
    let point = case.report.recovery_point.expect("a point");
    let restored = case
        .vault
        .restore(&point, &options, &NoMonitor)
        .expect("restored");
    assert_eq!(
        (restored.files_count, restored.written_bytes),
        (1, 2_000_000)
    );
    assert_eq!(
        fs::read(case.home.join("sub/large")).expect("there"),
        random_bytes(1, 2_000_000)
    );
    options.paths = vec![b"sub/none".to_vec()];
    let missing = case.vault.restore(&point, &options, &NoMonitor);
    assert!(
        matches!(missing, Err(strongroom::Error::NoSuchPath(_))),
        "{missing:?}"
    );
}

#[test]
fn a_target_that_is_a_file_is_refused() {
    let case = case();
    let point = case.report.recovery_point.expect("a point");
    for target in ["changed", "changed/below"] {
        let options = RestoreOptions::new(RestoreTarget::Directory(case.out.join(target)));
        let refused = case.vault.restore(&point, &options, &NoMonitor);
        assert!(
            matches!(refused, Err(strongroom::Error::TargetNotDirectory(_))),
            "{refused:?}"
        );
    }
}
