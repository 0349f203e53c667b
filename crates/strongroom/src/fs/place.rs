//! The target of a restore: directories that are reached by descriptor only.

mod attributes;
mod conflict;
mod new_file;
mod remove;
mod rename;
mod special;
mod subject;
#[cfg(test)]
mod tests;
mod update;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fd::BorrowedFd;
use rustix::fs::{Mode, OFlags};

use super::entry::{Kind, Meta, Xattrs, check_name};
use super::handle::Handle;
use super::names::Names;
use super::source::SourceFile;

pub use attributes::Attributes;
pub use conflict::conflict_name;
pub use new_file::{How, NewFile};
pub use update::UpdateFile;

/// The way into a target: the only paths that are followed, because the user chose them.
#[derive(Debug)]
pub struct Target;

impl Target {
    /// Opens a directory by path; symlinks in the path are followed.
    ///
    /// # Errors
    /// Those of `open(2)`.
    pub fn open(path: &Path) -> io::Result<TargetDir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(TargetDir::new(Handle::new(rustix::fs::open(
            path,
            flags,
            Mode::empty(),
        )?)))
    }

    /// Makes a directory and those above it where they are absent, for the user alone, and opens it.
    ///
    /// # Errors
    /// Those of `mkdir(2)` and `open(2)`.
    pub fn create(path: &Path) -> io::Result<TargetDir> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Self::open(path)
    }
}

/// An open directory that is restored into. Clones are cheap and share the descriptor.
///
/// All names are those of direct entries: one that is empty, `.`, `..`, holds `/` or NUL or is longer than 255 bytes
/// is refused with `InvalidInput`. No symlink is ever followed, so nothing outside can be reached from here.
#[derive(Debug, Clone)]
pub struct TargetDir(Arc<Handle>);

impl TargetDir {
    fn new(handle: Handle) -> Self {
        Self(Arc::new(handle))
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd()
    }

    /// Opens the directory `name` below.
    ///
    /// # Errors
    /// Those of `open(2)`: one when a symlink stands there.
    pub fn open_dir(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Self::new(self.0.open_dir(name, None)?))
    }

    /// Makes the directory `name`, for the user alone, and opens it.
    ///
    /// # Errors
    /// Those of `mkdir(2)` and `open(2)`: `AlreadyExists` when anything has that name.
    pub fn make_dir(&self, name: &[u8]) -> io::Result<Self> {
        check_name(name)?;
        rustix::fs::mkdirat(self.fd(), name, Mode::RWXU)?;
        self.open_dir(name)
    }

    /// Metadata of an entry; `None` when there is none of that name.
    ///
    /// # Errors
    /// Those of `statx(2)` but `NotFound`.
    pub fn stat(&self, name: &[u8]) -> io::Result<Option<Meta>> {
        match self.0.stat(name) {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Metadata of the directory itself.
    ///
    /// # Errors
    /// Those of `statx(2)`.
    pub fn meta(&self) -> io::Result<Meta> {
        self.0.meta()
    }

    /// Extended attributes of the directory itself.
    ///
    /// # Errors
    /// Those of `flistxattr(2)` and `fgetxattr(2)`.
    pub fn xattrs(&self) -> io::Result<Xattrs> {
        self.0.xattrs()
    }

    /// All names in the directory.
    ///
    /// # Errors
    /// Those of `getdents64(2)`.
    pub fn list(&self) -> io::Result<Names> {
        self.0.list()
    }

    /// Where a symlink points to, as it is written there.
    ///
    /// # Errors
    /// Those of `readlinkat(2)`.
    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        self.0.read_link(name)
    }

    /// Extended attributes of an entry of any kind, which is not followed; none without `/proc`.
    ///
    /// # Errors
    /// Those of `llistxattr(2)` and `lgetxattr(2)`.
    pub fn xattrs_of(&self, name: &[u8], _kind: Kind) -> io::Result<Xattrs> {
        self.0.xattrs_of(name)
    }

    /// Opens the regular file `name` for reading.
    ///
    /// # Errors
    /// Those of `open(2)`; `InvalidInput` when it is not a regular file.
    pub fn open_read(&self, name: &[u8]) -> io::Result<SourceFile> {
        let meta = self.0.stat(name)?;
        self.0.open_file(name, &meta)
    }

    /// Waits until everything that was written to this file system is durable.
    ///
    /// # Errors
    /// Those of `syncfs(2)`: also for what others wrote to it.
    pub fn sync_filesystem(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(self.fd())?)
    }
}
