//! A tree with everything that file systems allow, and its way there and back.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use strongroom::PointState;

use crate::support::{backup, differences, is_root, random_bytes, restore, run_as_nobody, vault};

/// How much of what costs time: the default run makes do with less than the long one.
#[derive(Clone, Copy)]
struct Much {
    /// Entries of one directory.
    crowd_count: usize,
    /// Length of a file that is nearly all hole; the comparing program reads it twice.
    sparse_bytes: u64,
}

fn run(program: &str, args: &[&OsStr]) -> bool {
    Command::new(program)
        .args(args)
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn named(dir: &Path, name: &[u8]) -> std::path::PathBuf {
    dir.join(OsStr::from_bytes(name))
}

fn set_mtime(path: &Path, stamp: &str) {
    assert!(run(
        "touch",
        &[
            "-h".as_ref(),
            "-d".as_ref(),
            stamp.as_ref(),
            path.as_os_str()
        ]
    ));
}

/// Names that need care.
fn build_names(home: &Path) {
    let dir = home.join("names");
    fs::create_dir(&dir).expect("made");
    let names: [&[u8]; 8] = [
        b"new\nline",
        b"\xff\xfe not utf-8 \x80",
        b" leading and trailing ",
        b"-rf",
        b"...",
        b"a\tb\\c\"d'",
        "\u{1f512} e\u{301}".as_bytes(),
        b"*?[glob]",
    ];
    for name in names {
        fs::write(named(&dir, name), name).expect("written");
    }
    fs::write(named(&dir, &[b'n'; 255]), "255").expect("written");
    let mut deep = home.join("deep");
    for _ in 0..60 {
        deep.push("a directory with a rather long name, so that the path grows");
    }
    fs::create_dir_all(&deep).expect("made");
    fs::write(deep.join("bottom"), "bottom").expect("written");
}

/// Files of all sizes around the limits of chunks and blocks; holes; links.
fn build_content(home: &Path, sparse_bytes: u64) {
    let dir = home.join("content");
    fs::create_dir(&dir).expect("made");
    let edges = [
        0,
        1,
        511,
        512,
        513,
        16_383,
        16_384,
        16_385,
        65_536,
        262_143,
        262_144,
        262_145,
        1 << 20,
        5_000_001,
    ];
    for (index, size) in edges.into_iter().enumerate() {
        fs::write(
            dir.join(format!("{size}")),
            random_bytes(index as u64, size),
        )
        .expect("written");
    }
    fs::write(dir.join("zeros"), vec![0; 3 << 20]).expect("written");
    let mut sparse = File::create(dir.join("sparse")).expect("created");
    for at in [0, sparse_bytes / 2, sparse_bytes - 4096] {
        sparse.seek(SeekFrom::Start(at)).expect("moved");
        sparse.write_all(&random_bytes(at, 4096)).expect("written");
    }
    File::create(dir.join("only a hole"))
        .and_then(|file| file.set_len(1 << 20))
        .expect("made");
    for name in ["second name", "third name"] {
        fs::hard_link(dir.join("5000001"), dir.join(name)).expect("linked");
    }
    fs::create_dir(home.join("elsewhere")).expect("made");
    fs::hard_link(dir.join("5000001"), home.join("elsewhere/fourth name")).expect("linked");
    symlink("nowhere/at all", home.join("dangling")).expect("made");
    symlink("/etc/passwd", home.join("absolute")).expect("made");
    symlink("content", home.join("to a directory")).expect("made");
    symlink("x".repeat(4000), home.join("long")).expect("made");
}

/// Modes, times, attributes, and kinds that only root can make.
fn build_metadata(home: &Path) {
    let dir = home.join("metadata");
    fs::create_dir(&dir).expect("made");
    for mode in [0o000, 0o400, 0o644, 0o777, 0o1644, 0o2755, 0o4755, 0o6711] {
        let path = dir.join(format!("mode {mode:o}"));
        fs::write(&path, "mode").expect("written");
        // An ordinary user cannot read what nobody may read.
        let mode = if is_root() { mode } else { mode | 0o400 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
    }
    for stamp in [
        "1969-12-31T23:59:59.123456789Z",
        "2038-02-01T00:00:00.000000001Z",
        "1901-12-14T00:00:00Z",
    ] {
        let path = dir.join(stamp);
        fs::write(&path, stamp).expect("written");
        set_mtime(&path, stamp);
    }
    symlink("target", dir.join("old link")).expect("made");
    set_mtime(&dir.join("old link"), "2001-02-03T04:05:06.789Z");
    let attributed = dir.join("attributed");
    fs::write(&attributed, "x").expect("written");
    let arg = attributed.as_os_str();
    let many = "v".repeat(2000);
    for value in ["", "value", &many] {
        let name = format!("user.of{}", value.len());
        let set = [
            "-n".as_ref(),
            name.as_ref(),
            "-v".as_ref(),
            value.as_ref(),
            arg,
        ];
        assert!(
            run("setfattr", &set),
            "setfattr is installed and the file system has attributes"
        );
    }
    assert!(
        run(
            "setfacl",
            &["-m".as_ref(), "u:12345:rw,g:54321:r".as_ref(), arg]
        ),
        "setfacl works"
    );
    assert!(run(
        "setfacl",
        &[
            "-d".as_ref(),
            "-m".as_ref(),
            "u:12345:rwx".as_ref(),
            dir.as_os_str()
        ]
    ));
    assert!(run("mkfifo", &[dir.join("pipe").as_os_str()]));
    if is_root() {
        build_for_root(&dir);
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o2750)).expect("set");
    let sealed = home.join("read only directory");
    fs::create_dir(&sealed).expect("made");
    fs::write(sealed.join("inside"), "inside").expect("written");
    fs::set_permissions(&sealed, fs::Permissions::from_mode(0o555)).expect("set");
    set_mtime(&sealed, "2020-01-01T00:00:00.5Z");
}

fn build_for_root(dir: &Path) {
    let device = dir.join("device");
    assert!(run(
        "mknod",
        &[device.as_os_str(), "c".as_ref(), "1".as_ref(), "3".as_ref()]
    ));
    let block = dir.join("block device");
    assert!(run(
        "mknod",
        &[
            block.as_os_str(),
            "b".as_ref(),
            "7".as_ref(),
            "200".as_ref()
        ]
    ));
    let owned = dir.join("someone else's");
    fs::write(&owned, "x").expect("written");
    std::os::unix::fs::chown(&owned, Some(12_345), Some(54_321)).expect("given away");
    std::os::unix::fs::lchown(dir.join("old link"), Some(12_345), Some(54_321))
        .expect("given away");
    set_mtime(&dir.join("old link"), "2001-02-03T04:05:06.789Z");
    let capable = dir.join("capable");
    fs::write(&capable, "x").expect("written");
    assert!(
        run("setcap", &["cap_net_raw+ep".as_ref(), capable.as_os_str()]),
        "setcap is installed"
    );
    assert!(run(
        "setfattr",
        &[
            "-n".as_ref(),
            "trusted.secret".as_ref(),
            "-v".as_ref(),
            "t".as_ref(),
            capable.as_os_str()
        ]
    ));
}

fn build_crowd(home: &Path, crowd_count: usize) {
    let dir = home.join("crowd");
    fs::create_dir(&dir).expect("made");
    for number in 0..crowd_count {
        fs::write(dir.join(format!("{number:06}")), number.to_string()).expect("written");
    }
}

#[test]
fn the_torture_tree_comes_back() {
    there_and_back(Much {
        crowd_count: if is_root() { 20_000 } else { 5_000 },
        sparse_bytes: 256 << 20,
    });
}

#[test]
#[ignore = "soak: takes minutes"]
fn soak_the_torture_tree_comes_back_with_a_crowd_and_ten_gib_of_holes() {
    there_and_back(Much {
        crowd_count: 100_000,
        sparse_bytes: 10 << 30,
    });
}

fn there_and_back(much: Much) {
    let dir = tempfile::tempdir().expect("a directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    fs::create_dir(&home).expect("made");
    build_names(&home);
    build_content(&home, much.sparse_bytes);
    build_metadata(&home);
    build_crowd(&home, much.crowd_count);
    let vault = vault();
    let report = backup(&vault, &home);
    assert_eq!(report.state, PointState::Complete, "{:?}", report.skipped);
    let restored = restore(&vault, &report, &out);
    assert_eq!(restored.skipped_count, 0, "{:?}", restored.skipped);
    assert_eq!(restored.files_count, report.files_count);
    assert_eq!(differences(&home, &out), "");
    let sparse = fs::metadata(out.join("content/sparse")).expect("there");
    assert_eq!(sparse.len(), much.sparse_bytes);
    assert!(
        sparse.blocks() * 512 < 1 << 20,
        "holes stay holes: {} blocks",
        sparse.blocks()
    );
    let names = [
        "content/5000001",
        "content/second name",
        "elsewhere/fourth name",
    ];
    let inodes: Vec<u64> = names
        .iter()
        .map(|name| fs::metadata(out.join(name)).expect("there").ino())
        .collect();
    assert!(inodes.iter().all(|inode| *inode == inodes[0]), "{inodes:?}");
    let again = backup(&vault, &home);
    assert_eq!(
        (
            again.files_new_count,
            again.files_changed_count,
            again.unique_bytes
        ),
        (0, 0, 0)
    );
    for path in [&home, &out] {
        let sealed = path.join("read only directory");
        fs::set_permissions(sealed, fs::Permissions::from_mode(0o755)).expect("set");
    }
}

/// The same test as the user `nobody`: a copy of this program is run, because a thread cannot change its user alone.
#[test]
fn the_torture_tree_comes_back_for_an_ordinary_user() {
    if !is_root() {
        eprintln!("skipped: every test of this run is run by an ordinary user already");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("set");
    run_as_nobody("torture::the_torture_tree_comes_back", dir.path());
}

/// A directory that cannot be listed and a file that cannot be read leave reasons, and nothing else is lost.
#[test]
fn what_cannot_be_read_is_left_out_with_a_reason() {
    if is_root() {
        // Root reads everything; a socket and a vanished root are what it can miss.
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join("home");
        fs::create_dir(&home).expect("made");
        fs::write(home.join("kept"), "kept").expect("written");
        let _socket = std::os::unix::net::UnixListener::bind(home.join("socket")).expect("bound");
        let vault = vault();
        let mut options =
            strongroom::BackupOptions::new("test", vec![home, dir.path().join("gone")]);
        options.workers_count = 1;
        let report = vault
            .backup(&options, &strongroom::NoMonitor)
            .expect("a backup");
        assert_eq!(
            (report.state, report.skipped_count),
            (PointState::Partial, 1),
            "{:?}",
            report.skipped
        );
        assert_eq!(report.files_count, 2);
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir_all(home.join("closed/inside")).expect("made");
    fs::write(home.join("kept"), "kept").expect("written");
    fs::write(home.join("secret"), "secret").expect("written");
    fs::set_permissions(home.join("secret"), fs::Permissions::from_mode(0o0)).expect("set");
    fs::set_permissions(home.join("closed"), fs::Permissions::from_mode(0o0)).expect("set");
    let vault = vault();
    let report = backup(&vault, &home);
    assert_eq!(
        (report.state, report.skipped_count),
        (PointState::Partial, 2),
        "{:?}",
        report.skipped
    );
    fs::set_permissions(home.join("closed"), fs::Permissions::from_mode(0o755)).expect("set");
}
