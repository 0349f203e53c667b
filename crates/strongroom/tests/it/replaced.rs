//! Replacing what stands in the target: nothing goes before its successor is whole.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom::vault::InitOptions;
use strongroom::{Monitor, OnConflict, RestoreOptions, RestoreTarget, Strongroom};

use crate::support::{
    Mount, backup, differences, is_root, passphrase, random_bytes, restore_to, run_as_nobody,
    snapshot, vault,
};

fn overwrite_into(options: &mut RestoreOptions) {
    options.on_conflict = OnConflict::Overwrite;
    options.strip_root = true;
}

#[test]
fn damage_leaves_a_directory_that_stands_in_the_way() {
    let dir = tempfile::tempdir().expect("a directory");
    let [home, out, place] = ["home", "out", "vault"].map(|name| dir.path().join(name));
    fs::create_dir(&home).expect("made");
    fs::write(home.join("name"), random_bytes(1, 500_000)).expect("written");
    let url = place.to_str().expect("text");
    let vault =
        Strongroom::init(url, passphrase(), &InitOptions::for_tests()).expect("a new vault");
    let report = backup(&vault, &home);
    remove_large(&place);
    fs::create_dir_all(out.join("name/with")).expect("made");
    fs::write(out.join("name/with/content"), "content").expect("written");
    let before = snapshot(&out.join("name"));
    let target = RestoreTarget::Directory(out.clone());
    let restored = restore_to(&vault, &report, target, overwrite_into).expect("restored");
    assert_eq!(restored.damaged_count, 1, "{restored:?}");
    assert_eq!(snapshot(&out.join("name")), before);
    assert_eq!(fs::read_dir(&out).expect("readable").count(), 1);
}

/// Removes the objects of a local vault that hold content.
fn remove_large(dir: &Path) {
    for entry in fs::read_dir(dir).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            remove_large(&path);
        } else if fs::metadata(&path).expect("there").len() > 400_000 {
            fs::remove_file(&path).expect("removed");
        }
    }
}

#[test]
fn what_cannot_be_made_replaces_nothing() {
    if is_root() {
        // Root may make devices: the test is for those who may not, with the point of one who may.
        let dir = tempfile::tempdir().expect("a directory");
        let (home, out) = (dir.path().join("home"), dir.path().join("out"));
        fs::create_dir(&home).expect("made");
        let made = Command::new("mknod")
            .args([
                home.join("name").as_os_str(),
                "c".as_ref(),
                "1".as_ref(),
                "3".as_ref(),
            ])
            .status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("skipped: no device can be made here");
            return;
        }
        let place = dir.path().join("vault");
        let url = place.to_str().expect("text");
        let vault =
            Strongroom::init(url, passphrase(), &InitOptions::for_tests()).expect("a new vault");
        backup(&vault, &home);
        fs::create_dir(&out).expect("made");
        fs::write(out.join("name"), "precious").expect("written");
        for path in [dir.path(), &out] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("set");
        }
        let opened = Command::new("chmod")
            .args(["-R", "a+rwX"])
            .arg(&place)
            .status();
        assert!(opened.is_ok_and(|status| status.success()));
        run_as_nobody("replaced::what_cannot_be_made_replaces_nothing", dir.path());
        assert_eq!(
            fs::read_to_string(out.join("name")).expect("there"),
            "precious"
        );
        return;
    }
    let Some(dir) = std::env::var_os("STRONGROOM_TEST_DIR") else {
        eprintln!("skipped: takes root");
        return;
    };
    let dir = Path::new(&dir);
    let secret = strongroom::crypto::SlotSecret::Passphrase(passphrase());
    let vault =
        Strongroom::open(dir.join("vault").to_str().expect("text"), secret).expect("opened");
    let point = vault.point("latest").expect("a point").id;
    let mut options = RestoreOptions::new(RestoreTarget::Directory(dir.join("out")));
    overwrite_into(&mut options);
    let restored = vault
        .restore(&point, &options, &strongroom::NoMonitor)
        .expect("restored");
    assert!(restored.skipped_count > 0, "{restored:?}");
}

#[test]
fn names_of_one_file_on_two_file_systems_are_two_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir_all(home.join("z")).expect("made");
    fs::write(home.join("a"), random_bytes(1, 5000)).expect("written");
    fs::hard_link(home.join("a"), home.join("z/b")).expect("linked");
    symlink("nowhere", home.join("c")).expect("made");
    fs::hard_link(home.join("c"), home.join("z/d")).expect("linked");
    let vault = vault();
    let report = backup(&vault, &home);
    let Some(_mount) = Mount::new(&out.join("z"), 8) else {
        return;
    };
    fs::write(out.join("z/b"), "another").expect("written");
    let target = RestoreTarget::Directory(out.clone());
    let restored = restore_to(&vault, &report, target, overwrite_into).expect("restored");
    assert_eq!(
        fs::read(out.join("z/b")).expect("there"),
        random_bytes(1, 5000)
    );
    assert_eq!(
        fs::read_link(out.join("z/d")).expect("there"),
        Path::new("nowhere")
    );
    assert_eq!(restored.files_count, 4, "{restored:?}");
    assert_eq!(restored.skipped_count, 2, "each copy is told: {restored:?}");
}

/// Whatever stands there, also under names of linked files, special files and directories.
#[test]
fn every_kind_replaces_every_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    let make = |at: &Path, kind: usize| match kind {
        0 => fs::write(at, random_bytes(1, 3000)).expect("written"),
        1 => fs::create_dir_all(at.join("below/it")).expect("made"),
        2 => symlink("nowhere", at).expect("made"),
        _ => {
            let made = Command::new("mkfifo").arg(at).status();
            assert!(made.is_ok_and(|status| status.success()));
        }
    };
    fs::create_dir(&home).expect("made");
    for wanted in 0..4 {
        for standing in 0..4 {
            make(&home.join(format!("{wanted}{standing}")), wanted);
        }
    }
    fs::write(home.join("a"), "linked").expect("written");
    for standing in 0..4 {
        fs::hard_link(home.join("a"), home.join(format!("l{standing}"))).expect("linked");
    }
    let vault = vault();
    let report = backup(&vault, &home);
    let out = dir.path().join("out");
    fs::create_dir(&out).expect("made");
    for wanted in ["0", "1", "2", "3", "l"] {
        for standing in 0..4 {
            make(&out.join(format!("{wanted}{standing}")), standing);
        }
    }
    let target = RestoreTarget::Directory(out.clone());
    let restored = restore_to(&vault, &report, target, |options| {
        overwrite_into(options);
        options.delete_extra = true;
    })
    .expect("restored");
    assert_eq!(restored.skipped_count, 0, "{restored:?}");
    assert_eq!(differences(&home, &out), "");
    assert_eq!(fs::metadata(out.join("a")).expect("there").nlink(), 5);
    assert!(
        fs::metadata(out.join("30"))
            .expect("there")
            .file_type()
            .is_fifo()
    );
}

/// Directories that stand there keep their permissions and times, unless they are overwritten.
#[test]
fn merged_directories_are_left_as_they_are() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir_all(home.join("sub")).expect("made");
    fs::write(home.join("sub/file"), "file").expect("written");
    let vault = vault();
    let report = backup(&vault, &home);
    for (on_conflict, expected) in [
        (OnConflict::Copy, 0o700),
        (OnConflict::Skip, 0o700),
        (OnConflict::Overwrite, 0o755),
    ] {
        let _gone = fs::remove_dir_all(&out);
        fs::create_dir_all(out.join("sub")).expect("made");
        for path in [out.join("sub"), out.clone()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).expect("set");
        }
        for path in [home.join("sub"), home.clone()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("set");
        }
        let report = if on_conflict == OnConflict::Copy {
            report.clone()
        } else {
            backup(&vault, &home)
        };
        let target = RestoreTarget::Directory(out.clone());
        restore_to(&vault, &report, target, |options| {
            options.on_conflict = on_conflict;
            options.strip_root = true;
        })
        .expect("restored");
        for path in [out.join("sub"), out.clone()] {
            let mode = fs::metadata(&path).expect("there").mode() & 0o7777;
            assert_eq!(mode, expected, "{on_conflict:?} {}", path.display());
        }
        assert!(out.join("sub/file").exists());
    }
}

#[test]
fn a_linked_file_gets_all_its_attributes() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir(&home).expect("made");
    fs::write(home.join("a"), "linked").expect("written");
    fs::hard_link(home.join("a"), home.join("b")).expect("linked");
    let set = |path: &Path, value: &str| {
        let status = Command::new("setfattr")
            .args(["-n", "user.note", "-v", value])
            .arg(path)
            .status();
        status.is_ok_and(|status| status.success())
    };
    if !set(&home.join("a"), "right") {
        eprintln!("skipped: no extended attributes, or no program that sets them");
        return;
    }
    let vault = vault();
    let report = backup(&vault, &home);
    let target = || RestoreTarget::Directory(out.clone());
    restore_to(&vault, &report, target(), overwrite_into).expect("restored");
    assert!(set(&out.join("a"), "wrong"));
    restore_to(&vault, &report, target(), overwrite_into).expect("restored");
    assert_eq!(differences(&home, &out), "");
}

/// The user owns the directories, but may not write in them as they are.
#[test]
fn read_only_directories_are_updated_by_their_owner() {
    if is_root() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("set");
        let name = "replaced::read_only_directories_are_updated_by_their_owner";
        run_as_nobody(name, dir.path());
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir_all(home.join("sealed")).expect("made");
    fs::write(home.join("sealed/file"), "file").expect("written");
    let seal = |at: &Path, mode| {
        fs::set_permissions(at.join("sealed"), fs::Permissions::from_mode(mode)).expect("set");
    };
    seal(&home, 0o555);
    let vault = vault();
    let report = backup(&vault, &home);
    let target = || RestoreTarget::Directory(out.clone());
    for on_conflict in [OnConflict::Copy, OnConflict::Skip, OnConflict::Overwrite] {
        let _gone = fs::remove_dir_all(&out);
        fs::create_dir_all(out.join("sealed")).expect("made");
        seal(&out, 0o555);
        let restored = restore_to(&vault, &report, target(), |options| {
            options.on_conflict = on_conflict;
            options.strip_root = true;
        })
        .expect("restored");
        assert_eq!(restored.skipped_count, 0, "{restored:?}");
        assert!(out.join("sealed/file").exists());
        let mode = fs::metadata(out.join("sealed")).expect("there").mode() & 0o7777;
        assert_eq!(mode, 0o555, "{on_conflict:?}");
        seal(&out, 0o755);
    }
    seal(&home, 0o755);
}

/// Looks at a file that is being changed in place whenever a chunk was fetched for it.
struct Onlooker {
    path: PathBuf,
    before: Vec<u8>,
    saw_new_bytes: AtomicBool,
    was_exposed: AtomicBool,
}

impl Monitor for Onlooker {
    fn transferred(&self, _bytes: u64) {
        let mode = fs::metadata(&self.path).expect("there").mode();
        if fs::read(&self.path).expect("readable") != self.before {
            self.saw_new_bytes.store(true, Ordering::Relaxed);
            self.was_exposed
                .fetch_or(mode & 0o077 != 0, Ordering::Relaxed);
        }
    }
}

#[test]
fn nobody_reads_new_content_by_old_permissions() {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir(&home).expect("made");
    fs::create_dir(&out).expect("made");
    let set = |at: &Path, mode| {
        fs::set_permissions(at.join("file"), fs::Permissions::from_mode(mode)).expect("set");
    };
    fs::write(home.join("file"), random_bytes(1, 2_000_000)).expect("written");
    set(&home, 0o600);
    let vault = vault();
    let report = backup(&vault, &home);
    let onlooker = Onlooker {
        path: out.join("file"),
        before: random_bytes(2, 2_000_000),
        saw_new_bytes: AtomicBool::new(false),
        was_exposed: AtomicBool::new(false),
    };
    fs::write(&onlooker.path, &onlooker.before).expect("written");
    set(&out, 0o644);
    let mut options = RestoreOptions::new(RestoreTarget::Directory(out.clone()));
    overwrite_into(&mut options);
    vault
        .restore(
            &report.recovery_point.expect("a point"),
            &options,
            &onlooker,
        )
        .expect("restored");
    assert!(onlooker.saw_new_bytes.into_inner(), "changed in place");
    assert!(!onlooker.was_exposed.into_inner());
    assert_eq!(differences(&home, &out), "");
}
