//! Attributes, on a real file system and as the user that runs the tests.

use super::*;
use crate::fs::place::tests::{target, write};
use crate::fs::{How, Time};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// An access ACL with one named user, as it stands in a file of mode 440.
fn acl() -> Vec<u8> {
    let mut acl = 2_u32.to_le_bytes().to_vec();
    let entries = [
        (1_u16, 4_u16, u32::MAX),
        (2, 4, 1234),
        (4, 0, u32::MAX),
        (16, 4, u32::MAX),
        (32, 0, u32::MAX),
    ];
    for (tag, rights, id) in entries {
        acl.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
        acl.extend(id.to_le_bytes());
    }
    acl
}

#[test]
fn attributes_come_back() {
    let (_temp, dir) = target();
    let meta = write(&dir, b"file", b"x");
    let mtime = Time {
        secs: -5,
        nanos: 123_456_789,
    };
    let wanted = Meta {
        mode: 0o440,
        mtime,
        ..meta
    };
    let mut xattrs = vec![
        (b"system.posix_acl_access".to_vec(), acl()),
        (b"user.big".to_vec(), vec![7; 2000]),
    ];
    fn attributes<'a>(meta: &'a Meta, xattrs: &'a Xattrs) -> Attributes<'a> {
        Attributes {
            meta,
            xattrs,
            ownership: true,
        }
    }
    let refused = dir.apply_to(b"file", &attributes(&wanted, &xattrs));
    if refused.iter().any(|text| text.contains("not supported")) {
        eprintln!("skipped: no attributes on this file system");
        return;
    }
    assert!(refused.is_empty(), "{refused:?}");
    let check = |xattrs: &Xattrs| {
        let now = dir.stat(b"file").unwrap().unwrap();
        assert_eq!((now.mode, now.mtime), (0o440, mtime));
        assert_eq!(&dir.xattrs_of(b"file", Kind::File).unwrap(), xattrs);
    };
    check(&xattrs);
    // The file may not be written to by now; its owner may still change its attributes.
    xattrs.push((b"user.more".to_vec(), Vec::new()));
    xattrs.remove(1);
    assert_eq!(
        dir.apply_to(b"file", &attributes(&wanted, &xattrs)),
        Vec::<String>::new()
    );
    check(&xattrs);
    let file = dir.create_file(b"file", 0o600).unwrap();
    assert_eq!(
        file.apply(&attributes(&wanted, &xattrs)),
        Vec::<String>::new()
    );
    file.finish(b"file", How::Replace).unwrap();
    check(&xattrs);
    let none = Xattrs::new();
    assert_eq!(
        dir.apply_to(b"file", &attributes(&wanted, &none)),
        Vec::<String>::new()
    );
    check(&none);
}

#[test]
fn entries_that_are_not_opened_get_attributes_too() {
    let (_temp, dir) = target();
    let outside = write(&dir, b"outside", b"x");
    dir.make_symlink(b"link", b"outside").unwrap();
    dir.make_fifo(b"fifo", 0o600).unwrap();
    dir.make_socket(b"socket", 0o600).unwrap();
    let below = dir.make_dir(b"dir").unwrap();
    let mtime = Time {
        secs: 1_000_000_000,
        nanos: 999_999_999,
    };
    for name in [b"link".as_slice(), b"fifo", b"socket", b"dir"] {
        let now = dir.stat(name).unwrap().unwrap();
        let wanted = Meta {
            mode: 0o751,
            mtime,
            ..now
        };
        let attributes = Attributes {
            meta: &wanted,
            xattrs: &Vec::new(),
            ownership: true,
        };
        let refused = if name == b"dir" {
            below.apply(&attributes)
        } else {
            dir.apply_to(name, &attributes)
        };
        assert!(refused.is_empty(), "{refused:?}");
        let now = dir.stat(name).unwrap().unwrap();
        assert_eq!(now.mtime, mtime);
        assert_eq!(now.mode, if name == b"link" { 0o777 } else { 0o751 });
    }
    let still = dir.stat(b"outside").unwrap().unwrap();
    assert_eq!((still.mode, still.mtime), (outside.mode, outside.mtime));
}

#[test]
fn setuid_is_not_lent_to_another_owner() {
    let (_temp, dir) = target();
    let meta = write(&dir, b"file", b"x");
    let wanted = Meta {
        uid: 1234,
        gid: 5678,
        mode: 0o6755,
        ..meta
    };
    let attributes = Attributes {
        meta: &wanted,
        xattrs: &Vec::new(),
        ownership: false,
    };
    assert_eq!(dir.apply_to(b"file", &attributes).len(), 2);
    assert_eq!(dir.stat(b"file").unwrap().unwrap().mode, 0o755);
}

#[test]
fn ownership_is_given_or_its_refusal_is_told() {
    let (_temp, dir) = target();
    let meta = write(&dir, b"file", b"x");
    let wanted = Meta {
        uid: 1234,
        gid: 5678,
        mode: 0o6755,
        ..meta
    };
    let mut capability = [0; 20];
    capability[..6].copy_from_slice(&[1, 0, 0, 2, 0, 4]);
    let xattrs = vec![(b"security.capability".to_vec(), capability.to_vec())];
    let attributes = Attributes {
        meta: &wanted,
        xattrs: &xattrs,
        ownership: true,
    };
    let refused = dir.apply_to(b"file", &attributes);
    let now = dir.stat(b"file").unwrap().unwrap();
    if !is_root() {
        let is_told = |what: &str| refused.iter().any(|text| text.starts_with(what));
        assert!(is_told("owner 1234:5678 not set: "), "{refused:?}");
        assert!(is_told("security.capability not set: "), "{refused:?}");
        assert_eq!((now.uid, now.mode), (meta.uid, 0o755));
        return;
    }
    assert_eq!(refused, Vec::<String>::new());
    assert_eq!((now.uid, now.gid, now.mode), (1234, 5678, 0o6755));
    assert_eq!(
        dir.xattrs_of(b"file", Kind::File).unwrap(),
        xattrs,
        "chown takes it away before"
    );
    dir.make_symlink(b"link", b"file").unwrap();
    let link = Meta {
        kind: Kind::Symlink,
        uid: 4321,
        gid: 4321,
        ..wanted
    };
    let attributes = Attributes {
        meta: &link,
        xattrs: &Vec::new(),
        ownership: true,
    };
    assert_eq!(dir.apply_to(b"link", &attributes), Vec::<String>::new());
    let uid = |name: &[u8]| dir.stat(name).unwrap().unwrap().uid;
    assert_eq!((uid(b"link"), uid(b"file")), (4321, 1234));
}
