//! Entries that are built under a temporary name and take their own name when they are whole.

use std::io;

use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::TargetDir;
use super::rename::no_replace;
use crate::fs::entry::check_name;

/// Temporary names of one entry that are tried before it is given up.
const NAME_ATTEMPTS: u32 = 16;

/// What to do with an entry that has the name of a finished one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Replace it in one step.
    Replace,
    /// Keep it and fail.
    KeepExisting,
}

/// An entry under a temporary name, `.strongroom-<32 hex digits>.part`. Dropped before it has its name, it is removed.
///
/// The temporary name follows from the name that it is made for: what a run that was killed has left there is removed
/// by the next one that makes the same entry.
#[derive(Debug)]
pub struct Draft {
    dir: TargetDir,
    /// `None` once the entry has its name.
    temporary: Option<Vec<u8>>,
}

/// What stood under a name and could not be replaced in one step: it has a temporary name now.
#[derive(Debug)]
#[must_use]
pub struct Replaced {
    dir: TargetDir,
    name: Vec<u8>,
}

impl TargetDir {
    /// Makes an entry for `name` under a temporary name; `make` is given that name and may be called again.
    ///
    /// # Errors
    /// `InvalidInput` for a name that no entry can have; those of `make`.
    pub fn draft<T>(
        &self,
        name: &[u8],
        make: impl Fn(&[u8]) -> io::Result<T>,
    ) -> io::Result<(Draft, T)> {
        check_name(name)?;
        let mut attempt = 0;
        loop {
            let temporary = temporary_name(name, attempt);
            match make(&temporary) {
                Ok(made) => {
                    let draft = Draft {
                        dir: self.clone(),
                        temporary: Some(temporary),
                    };
                    return Ok((draft, made));
                }
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Err(error) if attempt == NAME_ATTEMPTS => return Err(error),
                // A leftover; where it is a directory with entries, another name is taken.
                Err(_) => {
                    if remove_draft(self, &temporary).is_err() {
                        attempt += 1;
                    }
                }
            }
        }
    }
}

impl Draft {
    /// Gives the entry its name; after a failure another name may be tried. Returns what it replaced where that is
    /// still to be removed.
    ///
    /// # Errors
    /// Those of `rename(2)`, and what has the name is as it was: `AlreadyExists` when it is to be kept; `InvalidInput`
    /// when the draft has its name already.
    pub fn try_finish(&mut self, name: &[u8], how: How) -> io::Result<Option<Replaced>> {
        check_name(name)?;
        let Some(temporary) = self.temporary.take() else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the entry has its name already",
            ));
        };
        let outcome = self.dir.handle().and_then(|dir| match how {
            How::KeepExisting => no_replace(dir.fd(), &temporary, name).map(|()| false),
            How::Replace => replace(dir.fd(), &temporary, name),
        });
        match outcome {
            Ok(false) => Ok(None),
            Ok(true) => Ok(Some(Replaced {
                dir: self.dir.clone(),
                name: temporary,
            })),
            Err(error) => {
                self.temporary = Some(temporary);
                Err(error)
            }
        }
    }

    /// The directory that it stands in, and its temporary name while it has that.
    pub(super) fn place(&self) -> (&TargetDir, Option<&[u8]>) {
        (&self.dir, self.temporary.as_deref())
    }

    /// Sets metadata and extended attributes; to be called before it has its name. Returns what was refused.
    #[must_use]
    pub fn apply(&self, attributes: &super::Attributes<'_>) -> Vec<String> {
        match self.place() {
            (dir, Some(name)) => dir.apply_to(name, attributes),
            (_, None) => vec!["attributes not set: the entry has its name already".to_owned()],
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // There is nobody to tell; the name says what the leftover is.
            let _left = remove_draft(&self.dir, temporary);
        }
    }
}

impl Replaced {
    /// Removes it and all that is below it; returns how many entries that were.
    ///
    /// # Errors
    /// Those of [`TargetDir::remove_tree`]; what could not be removed stands under [`Replaced::name`].
    pub fn remove(&self) -> io::Result<u64> {
        self.dir.remove_tree(&self.name)
    }

    /// The name that it has now.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}

fn temporary_name(name: &[u8], attempt: u32) -> Vec<u8> {
    let hash = blake3::hash(name).to_hex();
    let digits = hash.get(..32).unwrap_or_default();
    match attempt {
        0 => format!(".strongroom-{digits}.part"),
        _ => format!(".strongroom-{digits}-{attempt}.part"),
    }
    .into_bytes()
}

fn remove_draft(dir: &TargetDir, temporary: &[u8]) -> io::Result<()> {
    let handle = dir.handle()?;
    match rustix::fs::unlinkat(handle.fd(), temporary, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) => Ok(rustix::fs::unlinkat(
            handle.fd(),
            temporary,
            AtFlags::REMOVEDIR,
        )?),
        other => Ok(other?),
    }
}

/// Renames over what has the name; true where that has the temporary name now, because it or the new entry is a
/// directory and the system cannot replace it in one step.
fn replace(dir: BorrowedFd<'_>, temporary: &[u8], name: &[u8]) -> io::Result<bool> {
    match rustix::fs::renameat(dir, temporary, dir, name) {
        Ok(()) => {
            // Between two names of one inode, rename(2) succeeds and leaves both.
            match rustix::fs::unlinkat(dir, temporary, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }
        Err(Errno::ISDIR | Errno::NOTDIR | Errno::NOTEMPTY | Errno::EXIST) => {
            swap(dir, temporary, name).map(|()| true)
        }
        Err(error) => Err(error.into()),
    }
}

fn swap(dir: BorrowedFd<'_>, one: &[u8], other: &[u8]) -> io::Result<()> {
    match rustix::fs::renameat_with(dir, one, dir, other, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS) => swap_by_steps(dir, one, other),
        outcome => Ok(outcome?),
    }
}

/// The same where the file system cannot do it at once; what was done is undone when it fails in between.
pub(super) fn swap_by_steps(dir: BorrowedFd<'_>, one: &[u8], other: &[u8]) -> io::Result<()> {
    let mut aside = one.to_vec();
    aside.extend_from_slice(b".old");
    no_replace(dir, other, &aside)?;
    if let Err(error) = no_replace(dir, one, other) {
        no_replace(dir, &aside, other)?;
        return Err(error);
    }
    no_replace(dir, &aside, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::place::tests::{content, target, write};

    #[test]
    fn a_directory_is_swapped_for_a_file_and_back() {
        type Swap = fn(BorrowedFd<'_>, &[u8], &[u8]) -> io::Result<()>;
        for swap in [swap as Swap, swap_by_steps] {
            let (_temp, dir) = target();
            write(&dir, b"file", b"file");
            dir.make_dir(b"dir").unwrap().make_dir(b"below").unwrap();
            let handle = dir.handle().unwrap();
            swap(handle.fd(), b"file", b"dir").unwrap();
            assert_eq!(content(&dir, b"dir"), b"file");
            assert!(dir.open_dir(b"file").unwrap().open_dir(b"below").is_ok());
            assert!(swap(handle.fd(), b"absent", b"dir").is_err());
            assert_eq!(content(&dir, b"dir"), b"file");
            assert_eq!(dir.list().unwrap().len(), 2);
        }
    }

    #[test]
    fn what_was_replaced_is_whole_until_it_is_removed() {
        let (_temp, dir) = target();
        dir.make_dir(b"name").unwrap().make_dir(b"below").unwrap();
        let make = |temporary: &[u8]| dir.make_symlink(temporary, b"elsewhere");
        let (mut draft, ()) = dir.draft(b"name", make).unwrap();
        let kept = draft.try_finish(b"name", How::KeepExisting);
        assert_eq!(kept.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let replaced = draft.try_finish(b"name", How::Replace).unwrap().unwrap();
        let old = dir.open_dir(replaced.name()).unwrap();
        assert!(old.open_dir(b"below").is_ok());
        assert_eq!(dir.read_link(b"name").unwrap(), b"elsewhere");
        assert_eq!(replaced.remove().unwrap(), 2);
        drop(draft);
        assert_eq!(dir.list().unwrap().len(), 1);
    }

    #[test]
    fn a_leftover_of_the_same_entry_is_removed() {
        let (_temp, dir) = target();
        let make = |temporary: &[u8]| dir.make_symlink(temporary, b"x");
        let (draft, ()) = dir.draft(b"name", make).unwrap();
        std::mem::forget(draft);
        assert_eq!(dir.list().unwrap().len(), 1);
        let (mut draft, ()) = dir.draft(b"name", make).unwrap();
        assert!(draft.try_finish(b"name", How::Replace).unwrap().is_none());
        let names = dir.list().unwrap();
        assert_eq!(names.iter().collect::<Vec<_>>(), [b"name"]);
        // A directory with entries may be something else: it is left, and another name is taken.
        let temporary = temporary_name(b"name", 0);
        dir.make_dir(&temporary)
            .unwrap()
            .make_dir(b"below")
            .unwrap();
        drop(dir.draft(b"name", make).unwrap());
        assert!(dir.open_dir(&temporary).unwrap().open_dir(b"below").is_ok());
        assert_eq!(dir.list().unwrap().len(), 2);
    }
}
