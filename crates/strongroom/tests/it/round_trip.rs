//! What is restored equals what was backed up.

use std::fs;

use crate::support::{backup, differences, restore, vault};

#[test]
fn a_small_tree_comes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir_all(home.join("a/b")).expect("made");
    fs::write(home.join("a/small"), "small").expect("written");
    fs::write(home.join("a/b/large"), vec![7; 3_000_000]).expect("written");
    fs::write(home.join("empty"), "").expect("written");
    std::os::unix::fs::symlink("a/small", home.join("link")).expect("made");
    let vault = vault();
    let report = backup(&vault, &home);
    assert_eq!(
        (report.files_count, report.dirs_count, report.skipped_count),
        (4, 3, 0)
    );
    let restored = restore(&vault, &report, &out);
    assert_eq!(
        (restored.files_count, restored.skipped_count),
        (4, 0),
        "{:?}",
        restored.skipped
    );
    assert_eq!(differences(&home, &out), "");
}
