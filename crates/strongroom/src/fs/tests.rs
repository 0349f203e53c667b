//! The reading side, on a real file system.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::*;

fn directory(path: &Path) -> Directory {
    Directory::open(path).unwrap()
}

#[test]
fn names_are_sorted_as_bytes_whatever_they_hold() {
    let temp = tempfile::tempdir().unwrap();
    let longest = [b'n'; 255];
    for name in [
        b"b".as_slice(),
        b"a\xff\xfe",
        b"a",
        b"\xf0\x9f\x92\xbe",
        b".hidden",
        &longest,
    ] {
        std::fs::write(temp.path().join(OsStr::from_bytes(name)), name).unwrap();
    }
    let dir = directory(temp.path());
    let names = dir.list().unwrap();
    let expected = [
        b".hidden".as_slice(),
        b"a",
        b"a\xff\xfe",
        b"b",
        &longest,
        b"\xf0\x9f\x92\xbe",
    ];
    assert_eq!(names.iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        (names.len(), names.get(1), names.get(6)),
        (6, Some(b"a".as_slice()), None)
    );
    for name in names.iter() {
        let mut file = dir.open_file(name, &dir.stat(name).unwrap()).unwrap();
        let mut read = Vec::new();
        file.read_to_end(&mut read).unwrap();
        assert_eq!(read, name);
    }
    assert_eq!(dir.list().unwrap().len(), 6, "a second listing starts anew");
}

#[test]
fn many_names_are_listed_completely() {
    let temp = tempfile::tempdir().unwrap();
    for number in 0..3000 {
        std::fs::write(
            temp.path()
                .join(format!("a rather long name, number {number:05}")),
            "",
        )
        .unwrap();
    }
    let names = directory(temp.path()).list().unwrap();
    assert_eq!(names.len(), 3000);
    assert!(names.iter().is_sorted());
    assert_eq!(
        names.get(2999),
        Some(b"a rather long name, number 02999".as_slice())
    );
}

#[test]
fn names_given_are_kept() {
    let names = Names::from_sorted(&[b"a".to_vec(), b"b".to_vec()]);
    assert_eq!(names.iter().collect::<Vec<_>>(), [b"a", b"b"]);
    assert!(Names::from_sorted(&[]).is_empty());
}

#[test]
fn metadata_is_what_the_file_system_says() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("file");
    std::fs::write(&path, "12345").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o4751)).unwrap();
    let (meta, std) = (
        directory(temp.path()).stat(b"file").unwrap(),
        std::fs::metadata(&path).unwrap(),
    );
    assert_eq!((meta.kind, meta.mode, meta.size), (Kind::File, 0o4751, 5));
    assert_eq!((meta.ino, meta.dev, meta.nlink), (std.ino(), std.dev(), 1));
    assert_eq!(
        (meta.uid, meta.gid, meta.blocks),
        (std.uid(), std.gid(), std.blocks())
    );
    assert_eq!(
        (meta.mtime.secs, i64::from(meta.mtime.nanos)),
        (std.mtime(), std.mtime_nsec())
    );
    assert_eq!(
        (meta.ctime.secs, i64::from(meta.ctime.nanos)),
        (std.ctime(), std.ctime_nsec())
    );
}

#[test]
fn symlinks_are_looked_at_not_followed() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::create_dir(temp.path().join("real")).unwrap();
    std::fs::write(temp.path().join("file"), "x").unwrap();
    symlink("real", temp.path().join("to-dir")).unwrap();
    symlink("file", temp.path().join("to-file")).unwrap();
    let dir = directory(temp.path());
    let link = dir.stat(b"to-dir").unwrap();
    assert_eq!(link.kind, Kind::Symlink);
    assert_eq!(dir.read_link(b"to-dir").unwrap(), b"real");
    assert!(dir.xattrs_of(b"to-dir", Kind::Symlink).unwrap().is_empty());
    assert_eq!(
        dir.xattrs_of(b"absent", Kind::Symlink).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert!(
        dir.open_child(b"to-dir", &dir.stat(b"real").unwrap())
            .is_err()
    );
    assert!(
        dir.open_file(b"to-file", &dir.stat(b"file").unwrap())
            .is_err()
    );
    assert_eq!(
        dir.open_file(b"to-dir", &link).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn what_took_the_place_of_an_entry_is_not_opened() {
    let temp = tempfile::tempdir().unwrap();
    let dir = directory(temp.path());
    for name in ["file", "other"] {
        std::fs::write(temp.path().join(name), name).unwrap();
        std::fs::create_dir(temp.path().join(format!("{name}.d"))).unwrap();
    }
    let (file, below) = (dir.stat(b"file").unwrap(), dir.stat(b"file.d").unwrap());
    std::fs::rename(temp.path().join("other"), temp.path().join("file")).unwrap();
    std::fs::rename(temp.path().join("other.d"), temp.path().join("file.d")).unwrap();
    assert_eq!(
        dir.open_file(b"file", &file).unwrap_err().kind(),
        ErrorKind::StaleNetworkFileHandle
    );
    assert_eq!(
        dir.open_child(b"file.d", &below).unwrap_err().kind(),
        ErrorKind::StaleNetworkFileHandle
    );
    std::fs::remove_file(temp.path().join("file")).unwrap();
    Target::open(temp.path())
        .unwrap()
        .make_fifo(b"file", 0o600)
        .unwrap();
    assert!(
        dir.open_file(b"file", &file).is_err(),
        "and a pipe does not block"
    );
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::create_dir(temp.path().join("below")).unwrap();
    let dir = directory(temp.path());
    for name in [
        b"".as_slice(),
        b".",
        b"..",
        b"below/x",
        b"/etc",
        b"a\0b",
        &[b'n'; 256],
    ] {
        assert_eq!(dir.stat(name).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(
            dir.read_link(name).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        let meta = dir.meta().unwrap();
        assert_eq!(
            dir.open_child(name, &meta).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }
}

#[test]
fn segments_cover_a_sparse_file() {
    const MIB: u64 = 1 << 20;
    let temp = tempfile::tempdir().unwrap();
    let raw = std::fs::File::create(temp.path().join("sparse")).unwrap();
    raw.set_len(6 * MIB).unwrap();
    raw.write_all_at(&[1; 4096], MIB).unwrap();
    raw.write_all_at(&[2; 4096], 4 * MIB).unwrap();
    std::fs::write(temp.path().join("dense"), [3; 5000]).unwrap();
    let dir = directory(temp.path());
    let open = |name: &[u8]| dir.open_file(name, &dir.stat(name).unwrap()).unwrap();
    let mut sparse = open(b"sparse");
    if sparse.opened().blocks * 512 >= sparse.opened().size {
        eprintln!("skipped: no holes on this file system");
        return;
    }
    let segments: Vec<_> = sparse.segments(6 * MIB).collect::<io::Result<_>>().unwrap();
    let expected = [
        Segment::Hole(0..MIB),
        Segment::Data(MIB..MIB + 4096),
        Segment::Hole(MIB + 4096..4 * MIB),
        Segment::Data(4 * MIB..4 * MIB + 4096),
        Segment::Hole(4 * MIB + 4096..6 * MIB),
    ];
    assert_eq!(segments, expected);
    sparse.seek_to(4 * MIB).unwrap();
    let mut read = vec![9];
    assert_eq!(sparse.read_up_to(4, &mut read).unwrap(), 4);
    assert_eq!(read, [9, 2, 2, 2, 2]);
    let shorter: Vec<_> = sparse.segments(MIB + 100).map(Result::unwrap).collect();
    assert_eq!(
        shorter,
        [Segment::Hole(0..MIB), Segment::Data(MIB..MIB + 100)]
    );
    assert_eq!(sparse.segments(0).count(), 0);
    let dense: Vec<_> = open(b"dense").segments(5000).map(Result::unwrap).collect();
    assert_eq!(dense, [Segment::Data(0..5000)]);
}

#[test]
fn a_file_is_read_up_to_its_end() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("file"), "content").unwrap();
    let dir = directory(temp.path());
    let mut file = dir.open_file(b"file", &dir.stat(b"file").unwrap()).unwrap();
    file.advise_sequential();
    let mut read = Vec::new();
    assert_eq!(file.read_up_to(3, &mut read).unwrap(), 3);
    assert_eq!(file.read_up_to(100, &mut read).unwrap(), 4);
    assert_eq!(file.read_up_to(100, &mut read).unwrap(), 0);
    assert_eq!(read, b"content");
    let mut part = [0; 4];
    assert_eq!(file.read_at(&mut part, 5).unwrap(), 2);
    assert_eq!(&file.stat().unwrap(), file.opened());
}
