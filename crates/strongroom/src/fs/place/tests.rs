//! The writing side, on a real file system.

use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};

use super::*;

pub(super) fn target() -> (tempfile::TempDir, TargetDir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = Target::create(&temp.path().join("made/on the way"))
        .unwrap()
        .0;
    (temp, dir)
}

fn path(temp: &tempfile::TempDir, name: &str) -> std::path::PathBuf {
    temp.path().join("made/on the way").join(name)
}

pub(super) fn write(dir: &TargetDir, name: &[u8], content: &[u8]) -> Meta {
    let file = dir.create_file(name, 0o600).unwrap();
    file.write_at(content, 0).unwrap();
    file.finish(name, How::Replace).unwrap();
    dir.stat(name).unwrap().unwrap()
}

pub(super) fn content(dir: &TargetDir, name: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    dir.open_read(name).unwrap().read_to_end(&mut read).unwrap();
    read
}

#[test]
fn a_symlink_in_place_of_a_directory_is_refused() {
    let (temp, dir) = target();
    let outside = temp.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("victim"), "precious").unwrap();
    symlink(&outside, path(&temp, "planted")).unwrap();
    symlink(outside.join("victim"), path(&temp, "file")).unwrap();
    assert!(dir.open_dir(b"planted").is_err());
    assert_eq!(
        dir.make_dir(b"planted").unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    let victim = Target::open(&outside)
        .unwrap()
        .stat(b"victim")
        .unwrap()
        .unwrap();
    assert!(dir.open_update(b"file", &victim).is_err());
    assert_eq!(
        dir.open_read(b"file").unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    write(&dir, b"file", b"restored");
    assert_eq!(std::fs::read(outside.join("victim")).unwrap(), b"precious");
    assert!(
        !dir.apply_to(
            b"planted",
            &Attributes {
                meta: &victim,
                xattrs: &Vec::new(),
                ownership: true
            }
        )
        .is_empty()
    );
    assert_eq!(dir.remove_tree(b"planted").unwrap(), 1);
    assert!(outside.join("victim").exists());
}

#[test]
fn a_new_file_appears_only_when_it_is_finished() {
    let (_temp, dir) = target();
    let file = dir.create_file(b"name", 0o600).unwrap();
    let names = dir.list().unwrap();
    let temporary = names.get(0).unwrap();
    assert!(
        temporary.starts_with(b".strongroom-")
            && temporary.ends_with(b".part")
            && temporary.len() == 49
    );
    assert_eq!(dir.stat(temporary).unwrap().unwrap().mode, 0o600);
    file.write_at(b"tail", 10_000).unwrap();
    file.set_len(20_000).unwrap();
    let mut read = [0; 4];
    assert_eq!(file.read_at(&mut read, 10_000).unwrap(), 4);
    assert_eq!(&read, b"tail");
    file.finish(b"name", How::KeepExisting).unwrap();
    assert_eq!(dir.list().unwrap().iter().collect::<Vec<_>>(), [b"name"]);
    assert_eq!(content(&dir, b"name").len(), 20_000);
    drop(dir.create_file(b"name", 0o600).unwrap());
    assert_eq!(dir.list().unwrap().len(), 1);
}

#[test]
fn an_existing_entry_is_kept_or_replaced_as_told() {
    let (_temp, dir) = target();
    write(&dir, b"taken", b"old");
    let mut file = dir.create_file(b"name", 0o600).unwrap();
    file.write_at(b"new", 0).unwrap();
    assert_eq!(
        file.try_finish(b"taken", How::KeepExisting)
            .unwrap_err()
            .kind(),
        ErrorKind::AlreadyExists
    );
    file.try_finish(b"free", How::KeepExisting).unwrap();
    assert_eq!(
        file.try_finish(b"again", How::Replace).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
    drop(file);
    assert_eq!(
        (content(&dir, b"taken"), content(&dir, b"free")),
        (b"old".to_vec(), b"new".to_vec())
    );
    assert_eq!(
        dir.rename_no_replace(b"free", b"taken").unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    dir.rename_replace(b"free", b"taken").unwrap();
    assert_eq!(content(&dir, b"taken"), b"new");
    dir.make_link(&dir, b"taken", b"second").unwrap();
    dir.rename_replace(b"taken", b"second").unwrap();
    assert_eq!(
        dir.list().unwrap().iter().collect::<Vec<_>>(),
        [b"second"],
        "also between names of one file"
    );
    dir.rename_replace(b"second", b"second").unwrap();
    assert_eq!(content(&dir, b"second"), b"new");
    dir.rename_no_replace(b"second", b"third").unwrap();
    assert_eq!(dir.list().unwrap().iter().collect::<Vec<_>>(), [b"third"]);
}

#[test]
fn names_of_any_bytes_and_of_full_length_are_written() {
    let (_temp, dir) = target();
    for name in [[b'n'; 255].as_slice(), b"\xff\xfe", "ü".as_bytes()] {
        write(&dir, name, name);
        assert_eq!(content(&dir, name), name);
        dir.make_symlink(b"link", b"\xff target").unwrap();
        assert_eq!(dir.read_link(b"link").unwrap(), b"\xff target");
        dir.remove(b"link").unwrap();
    }
    for name in [b"".as_slice(), b".", b"..", b"a/b", b"a\0", &[b'n'; 256]] {
        let refused = |error: io::Error| assert_eq!(error.kind(), ErrorKind::InvalidInput);
        refused(dir.make_dir(name).unwrap_err());
        refused(dir.open_dir(name).unwrap_err());
        refused(dir.make_symlink(name, b"x").unwrap_err());
        refused(dir.make_fifo(name, 0).unwrap_err());
        refused(dir.make_link(&dir, b"x", name).unwrap_err());
        refused(dir.make_link(&dir, name, b"x").unwrap_err());
        refused(dir.remove(name).unwrap_err());
        refused(dir.remove_tree(name).unwrap_err());
        refused(dir.rename_replace(b"x", name).unwrap_err());
        refused(dir.rename_no_replace(name, b"x").unwrap_err());
        refused(dir.create_file(name, 0o600).unwrap_err());
        let file = dir.create_file(b"good", 0o600).unwrap();
        refused(file.finish(name, How::Replace).unwrap_err());
    }
}

#[test]
fn a_file_is_changed_in_place() {
    let (_temp, dir) = target();
    let meta = write(&dir, b"file", &[1; 300_000]);
    let file = dir.open_update(b"file", &meta).unwrap();
    file.punch_hole(4096..200_000).unwrap();
    file.write_zeros(250_000..1 << 40).unwrap();
    file.write_at(b"tail", 299_996).unwrap();
    let read = content(&dir, b"file");
    assert_eq!(read.len(), 300_000);
    let ones = |from: usize, to: usize| read[from..to].iter().all(|&byte| byte == 1);
    let zeros = |from: usize, to: usize| read[from..to].iter().all(|&byte| byte == 0);
    assert!(
        ones(0, 4096) && zeros(4096, 200_000) && ones(200_000, 250_000) && zeros(250_000, 299_996)
    );
    assert_eq!(&read[299_996..], b"tail");
    file.set_len(10).unwrap();
    assert_eq!(
        (file.stat().unwrap().ino, file.stat().unwrap().size),
        (meta.ino, 10)
    );
    write(&dir, b"other", b"");
    dir.rename_replace(b"other", b"file").unwrap();
    assert_eq!(
        dir.open_update(b"file", &meta).unwrap_err().kind(),
        ErrorKind::StaleNetworkFileHandle
    );
}

#[test]
fn links_and_nodes_are_made() {
    let (temp, dir) = target();
    let below = dir.make_dir(b"below").unwrap();
    assert_eq!(dir.stat(b"below").unwrap().unwrap().mode & 0o777, 0o700);
    write(&dir, b"file", b"x");
    below.make_link(&dir, b"file", b"second").unwrap();
    assert_eq!(
        std::fs::metadata(path(&temp, "below/second"))
            .unwrap()
            .nlink(),
        2
    );
    assert_eq!(
        below
            .make_link(&dir, b"file", b"second")
            .unwrap_err()
            .kind(),
        ErrorKind::AlreadyExists
    );
    dir.make_fifo(b"fifo", 0o600).unwrap();
    assert!(
        std::fs::metadata(path(&temp, "fifo"))
            .unwrap()
            .file_type()
            .is_fifo()
    );
    assert_eq!(
        dir.make_device(b"null", Kind::Fifo, 0o600, (1, 3))
            .unwrap_err()
            .kind(),
        ErrorKind::InvalidInput
    );
    match dir.make_device(b"null", Kind::CharDevice, 0o600, (1, 3)) {
        Ok(()) => assert_eq!(dir.stat(b"null").unwrap().unwrap().rdev, (1, 3)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
    }
    dir.sync_filesystem().unwrap();
}
