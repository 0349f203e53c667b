//! Removing entries.

use std::io;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::TargetDir;
use crate::fs::entry::{Kind, Meta, check_name};
use crate::fs::handle::open_once;
use crate::fs::names::Names;

impl TargetDir {
    /// Removes an entry that is not a directory.
    ///
    /// # Errors
    /// Those of `unlink(2)`: `IsADirectory` for a directory.
    pub fn remove(&self, name: &[u8]) -> io::Result<()> {
        check_name(name)?;
        Ok(rustix::fs::unlinkat(
            self.handle()?.fd(),
            name,
            AtFlags::empty(),
        )?)
    }

    /// Removes an entry and all that is below it; returns how many entries that were.
    ///
    /// Goes down by descriptor, follows no symlink and enters no other file system and no mount. Three descriptors
    /// are open at a time, however deep the tree is.
    ///
    /// # Errors
    /// Those of `unlink(2)` and `open(2)`, `CrossesDevices` at another file system or mount, `NotADirectory` when a
    /// directory is moved away meanwhile. What was removed before stays removed.
    pub fn remove_tree(&self, name: &[u8]) -> io::Result<u64> {
        check_name(name)?;
        let handle = self.handle()?;
        if Meta::of_entry(handle.fd(), name)?.kind != Kind::Directory {
            self.remove(name)?;
            return Ok(1);
        }
        let dev = self.dev();
        let mut removal = Removal {
            dev,
            levels: Vec::new(),
            removed_count: 0,
        };
        let mut at = removal.enter(handle.fd(), name)?;
        while let Some(level) = removal.levels.last_mut() {
            if let Some(name) = level.dirs.pop() {
                match removal.enter(at.as_fd(), &name) {
                    Ok(below) => at = below,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            } else if let Some(above) = removal.leave(handle.fd(), at.as_fd())? {
                at = above;
            }
        }
        Ok(removal.removed_count)
    }
}

struct Removal {
    dev: u64,
    /// The directories from the first one down to where the removal is.
    levels: Vec<Level>,
    removed_count: u64,
}

struct Level {
    name: Vec<u8>,
    meta: Meta,
    /// Directories in it that are still to be removed; everything else is gone.
    dirs: Vec<Vec<u8>>,
}

impl Removal {
    /// Opens a directory and removes everything in it but directories.
    fn enter(&mut self, parent: BorrowedFd<'_>, name: &[u8]) -> io::Result<OwnedFd> {
        let fd = open_once(
            parent,
            name,
            OFlags::RDONLY | OFlags::DIRECTORY,
            ResolveFlags::NO_XDEV,
        )?;
        let meta = Meta::of_open(&fd)?;
        if meta.dev != self.dev {
            return Err(Errno::XDEV.into());
        }
        let mut dirs = Vec::new();
        for name in Names::read(fd.as_fd())?.iter() {
            match rustix::fs::unlinkat(&fd, name, AtFlags::empty()) {
                Ok(()) => self.removed_count += 1,
                Err(Errno::NOENT) => {}
                Err(Errno::ISDIR) => dirs.push(name.to_vec()),
                Err(Errno::PERM) if Meta::of_entry(&fd, name)?.kind == Kind::Directory => {
                    dirs.push(name.to_vec());
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.levels.push(Level {
            name: name.to_vec(),
            meta,
            dirs,
        });
        Ok(fd)
    }

    /// Removes the directory that the removal is in, which is empty by now; returns the one above, if it is to be
    /// removed, too.
    fn leave(&mut self, top: BorrowedFd<'_>, at: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
        let Some(done) = self.levels.pop() else {
            return Ok(None);
        };
        let above = match self.levels.last() {
            Some(level) => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let above = rustix::fs::openat(at, c"..", flags, Mode::empty())?;
                // Was it moved, `..` leads elsewhere; nothing may be removed there.
                if !Meta::of_open(&above)?.is_same_inode(&level.meta) {
                    return Err(Errno::NOTDIR.into());
                }
                Some(above)
            }
            None => None,
        };
        let parent = above.as_ref().map_or(top, |above| above.as_fd());
        rustix::fs::unlinkat(parent, done.name.as_slice(), AtFlags::REMOVEDIR)?;
        self.removed_count += 1;
        Ok(above)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::path::Path;

    use crate::fs::Target;
    use crate::fs::place::tests::{target, write};

    #[test]
    fn a_tree_is_removed_however_deep_it_is() {
        let (temp, dir) = target();
        let outside = temp.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("victim"), "precious").unwrap();
        let mut at = dir.make_dir(b"tree").unwrap();
        write(&at, b"file", b"x");
        at.make_dir(b"empty").unwrap();
        for _ in 0..2000 {
            at.make_symlink(b"link", outside.as_os_str().as_encoded_bytes())
                .unwrap();
            at = at.make_dir(b"deeper").unwrap();
        }
        assert_eq!(
            dir.remove(b"tree").unwrap_err().kind(),
            ErrorKind::IsADirectory
        );
        assert_eq!(dir.remove_tree(b"tree").unwrap(), 4003);
        assert_eq!(dir.stat(b"tree").unwrap(), None);
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
        assert_eq!(
            dir.remove_tree(b"tree").unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn removal_enters_no_other_file_system() {
        let root = Target::open(Path::new("/")).unwrap();
        let (here, proc) = (root.meta().unwrap(), root.stat(b"proc").unwrap());
        if proc.is_none_or(|proc| proc.dev == here.dev) {
            eprintln!("skipped: /proc is not mounted");
            return;
        }
        // Nothing in /proc can be removed, should this go wrong.
        assert_eq!(
            root.remove_tree(b"proc").unwrap_err().kind(),
            ErrorKind::CrossesDevices
        );
    }
}
