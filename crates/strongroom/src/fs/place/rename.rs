//! Giving an entry another name.

use std::io;

use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::TargetDir;
use crate::fs::entry::{Kind, Meta, check_name};

impl TargetDir {
    /// Renames an entry unless the new name is taken.
    ///
    /// # Errors
    /// Those of `renameat2(2)`: `AlreadyExists` when anything has the new name.
    pub fn rename_no_replace(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        check_name(from)?;
        check_name(to)?;
        no_replace(self.handle()?.fd(), from, to)
    }

    /// Renames an entry; what has the new name is replaced in one step, unless it is a directory with entries.
    ///
    /// # Errors
    /// Those of `renameat(2)`.
    pub fn rename_replace(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        check_name(from)?;
        check_name(to)?;
        if from == to {
            return Ok(());
        }
        let handle = self.handle()?;
        rustix::fs::renameat(handle.fd(), from, handle.fd(), to)?;
        // Between two names of one inode, rename(2) succeeds and leaves both.
        match rustix::fs::unlinkat(handle.fd(), from, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Renames without replacing, where the file system knows no such call as well.
pub(super) fn no_replace(dir: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> io::Result<()> {
    match rustix::fs::renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {}
        other => return Ok(other?),
    }
    if Meta::of_entry(dir, from)?.kind == Kind::Directory {
        return claim_dir(dir, from, to);
    }
    match link(dir, from, to) {
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK) => claim_file(dir, from, to),
        other => Ok(other?),
    }
}

pub(super) fn link(dir: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> rustix::io::Result<()> {
    rustix::fs::linkat(dir, from, dir, to, AtFlags::empty())?;
    rustix::fs::unlinkat(dir, from, AtFlags::empty())
}

/// Takes the name with an empty file first, which fails if it is taken; the rename replaces only that.
pub(super) fn claim_file(dir: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    drop(rustix::fs::openat(dir, to, flags, Mode::RUSR | Mode::WUSR)?);
    let renamed = rustix::fs::renameat(dir, from, dir, to);
    if renamed.is_err() {
        let _kept = rustix::fs::unlinkat(dir, to, AtFlags::empty());
    }
    Ok(renamed?)
}

/// The same with an empty directory.
pub(super) fn claim_dir(dir: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> io::Result<()> {
    rustix::fs::mkdirat(dir, to, Mode::RWXU)?;
    let renamed = rustix::fs::renameat(dir, from, dir, to);
    if renamed.is_err() {
        let _kept = rustix::fs::unlinkat(dir, to, AtFlags::REMOVEDIR);
    }
    Ok(renamed?)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::fs::place::tests::{content, target, write};

    #[test]
    fn renames_without_the_system_call_replace_nothing_either() {
        let (_temp, dir) = target();
        type Rename = fn(&TargetDir, &[u8], &[u8]) -> io::Result<()>;
        let linking: Rename = |dir, from, to| Ok(link(dir.handle()?.fd(), from, to)?);
        let claiming: Rename = |dir, from, to| claim_file(dir.handle()?.fd(), from, to);
        for rename in [linking, claiming] {
            write(&dir, b"a", b"a");
            write(&dir, b"b", b"b");
            assert_eq!(
                rename(&dir, b"a", b"b").unwrap_err().kind(),
                ErrorKind::AlreadyExists
            );
            assert_eq!(
                (content(&dir, b"a"), content(&dir, b"b")),
                (b"a".to_vec(), b"b".to_vec())
            );
            dir.remove(b"b").unwrap();
            rename(&dir, b"a", b"b").unwrap();
            assert_eq!(
                (dir.stat(b"a").unwrap(), content(&dir, b"b")),
                (None, b"a".to_vec())
            );
            assert!(rename(&dir, b"absent", b"c").is_err());
            assert_eq!(dir.stat(b"c").unwrap(), None);
        }
        dir.make_dir(b"d").unwrap().make_dir(b"below").unwrap();
        assert_eq!(
            claim_dir(dir.handle().unwrap().fd(), b"d", b"b")
                .unwrap_err()
                .kind(),
            ErrorKind::AlreadyExists
        );
        claim_dir(dir.handle().unwrap().fd(), b"d", b"e").unwrap();
        assert!(dir.open_dir(b"e").unwrap().open_dir(b"below").is_ok());
    }
}
