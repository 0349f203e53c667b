//! What changed is found, however it changed; what did not is not stored again.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{backup, differences, random_bytes, restore, vault};

fn touch(path: &Path, stamp: &str) {
    let touched = Command::new("touch").args(["-d", stamp]).arg(path).status();
    assert!(touched.is_ok_and(|status| status.success()));
}

#[test]
fn changes_of_every_sort_are_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir_all(home.join("sub/below")).expect("made");
    for name in [
        "same",
        "same size and time",
        "grown",
        "gone",
        "mode",
        "sub/moved",
        "sub/below/deep",
    ] {
        fs::write(home.join(name), random_bytes(name.len() as u64, 40_000)).expect("written");
    }
    let vault = vault();
    backup(&vault, &home);
    touch(&home.join("same size and time"), "2024-05-06T07:08:09Z");
    backup(&vault, &home);
    // Same size, same modification time: only the change time tells.
    fs::write(home.join("same size and time"), random_bytes(77, 40_000)).expect("written");
    touch(&home.join("same size and time"), "2024-05-06T07:08:09Z");
    fs::write(home.join("grown"), random_bytes(5, 90_000)).expect("written");
    fs::remove_file(home.join("gone")).expect("removed");
    fs::rename(home.join("sub/moved"), home.join("moved")).expect("moved");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(home.join("mode"), mode).expect("set");
    let report = backup(&vault, &home);
    assert_eq!(report.files_new_count, 1, "the moved one");
    assert!(report.files_changed_count >= 2, "{report:?}");
    assert!(
        report.unique_bytes < 140_000,
        "what moved is not stored again: {report:?}"
    );
    restore(&vault, &report, &out);
    assert_eq!(differences(&home, &out), "");
}

#[test]
fn a_directory_becomes_a_file_and_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir_all(home.join("thing/below")).expect("made");
    fs::write(home.join("thing/below/file"), "file").expect("written");
    let vault = vault();
    backup(&vault, &home);
    fs::remove_dir_all(home.join("thing")).expect("removed");
    fs::write(home.join("thing"), "now a file").expect("written");
    let second = backup(&vault, &home);
    restore(&vault, &second, &out.join("2"));
    assert_eq!(differences(&home, &out.join("2")), "");
    fs::remove_file(home.join("thing")).expect("removed");
    fs::create_dir_all(home.join("thing")).expect("made");
    let third = backup(&vault, &home);
    restore(&vault, &third, &out.join("3"));
    assert_eq!(differences(&home, &out.join("3")), "");
    let report = vault
        .verify(&Default::default(), &strongroom::NoMonitor)
        .expect("verified");
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
}

#[test]
fn several_roots_and_excludes() {
    let dir = tempfile::tempdir().expect("a directory");
    let (one, two, out) = (
        dir.path().join("one"),
        dir.path().join("two/one"),
        dir.path().join("out"),
    );
    for root in [&one, &two] {
        fs::create_dir_all(root.join("cache/deep")).expect("made");
        fs::write(root.join("kept"), root.to_string_lossy().as_bytes()).expect("written");
        fs::write(root.join("cache/deep/x.tmp"), "x").expect("written");
        fs::write(root.join("big"), vec![1; 10_000]).expect("written");
    }
    let vault = vault();
    let mut options = strongroom::BackupOptions::new("test", vec![one.clone(), two.clone()]);
    options.excludes = vec!["cache/".into(), "*.tmp".into()];
    options.exclude_larger_than_bytes = Some(9999);
    let report = vault
        .backup(&options, &strongroom::NoMonitor)
        .expect("a backup");
    assert_eq!(
        (report.files_count, report.skipped_count),
        (2, 0),
        "{:?}",
        report.skipped
    );
    let point = report.recovery_point.expect("a point");
    let target = strongroom::RestoreTarget::Directory(out.clone());
    vault
        .restore(
            &point,
            &strongroom::RestoreOptions::new(target),
            &strongroom::NoMonitor,
        )
        .expect("restored");
    // Both are named `one`: each keeps its whole path below the target.
    let below = |root: &Path| {
        out.join(root.strip_prefix("/").expect("absolute"))
            .join("kept")
    };
    assert_eq!(
        fs::read(below(&one)).expect("there"),
        one.to_string_lossy().as_bytes()
    );
    assert_eq!(
        fs::read(below(&two)).expect("there"),
        two.to_string_lossy().as_bytes()
    );
}

#[test]
fn two_backups_share_what_they_have_in_common() {
    let dir = tempfile::tempdir().expect("a directory");
    let vault = vault();
    for name in ["first", "second"] {
        let home = dir.path().join(name);
        fs::create_dir(&home).expect("made");
        fs::write(home.join("large"), random_bytes(3, 3_000_000)).expect("written");
        let options = strongroom::BackupOptions::new(name, vec![home]);
        let report = vault
            .backup(&options, &strongroom::NoMonitor)
            .expect("a backup");
        let expected = if name == "first" { 3_000_000 } else { 0 };
        assert_eq!(report.unique_bytes, expected);
    }
}
