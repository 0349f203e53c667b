//! The target of a restore: directories that are reached by descriptor only.

mod attributes;
mod conflict;
mod draft;
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

use rustix::fs::{Mode, OFlags};

use super::entry::{Kind, Meta, Xattrs, check_name};
use super::handle::Handle;
use super::names::Names;
use super::node::Node;
use super::source::SourceFile;

pub use attributes::Attributes;
pub use conflict::conflict_name;
pub use draft::{Draft, How, Replaced};
pub use new_file::NewFile;
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
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(TargetDir(Node::top(Handle::new(fd))?))
    }

    /// Makes a directory and those above it where they are absent, for the user alone, and opens it. True with one
    /// that was made.
    ///
    /// # Errors
    /// Those of `mkdir(2)` and `open(2)`.
    pub fn create(path: &Path) -> io::Result<(TargetDir, bool)> {
        let made = match path.parent() {
            Some(parent) => {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(parent)?;
                DirBuilder::new().mode(0o700).create(path)
            }
            None => Err(io::ErrorKind::AlreadyExists.into()),
        };
        match made {
            Ok(()) => Ok((Self::open(path)?, true)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok((Self::open(path)?, false))
            }
            Err(error) => Err(error),
        }
    }
}

/// A directory that is restored into. Clones are cheap. Its descriptor is closed while many others are in use, and it is
/// opened again by name when it is needed; another directory that stands there by then is refused with
/// `StaleNetworkFileHandle`.
///
/// All names are those of direct entries: one that is empty, `.`, `..`, holds `/` or NUL or is longer than 255 bytes
/// is refused with `InvalidInput`. No symlink is ever followed, so nothing outside can be reached from here.
#[derive(Debug, Clone)]
pub struct TargetDir(Arc<Node>);

impl TargetDir {
    fn handle(&self) -> io::Result<Arc<Handle>> {
        self.0.handle()
    }

    /// Number of the file system that it is on, as in `st_dev`.
    #[must_use]
    pub fn dev(&self) -> u64 {
        self.0.dev()
    }

    /// Opens the directory `name` below.
    ///
    /// # Errors
    /// Those of `open(2)`: one when a symlink stands there.
    pub fn open_dir(&self, name: &[u8]) -> io::Result<Self> {
        let below = self.handle()?.open_dir(name, None)?;
        let meta = below.meta()?;
        Ok(Self(self.0.below(name, below, &meta)))
    }

    /// Makes the directory `name`, for the user alone, and opens it.
    ///
    /// # Errors
    /// Those of `mkdir(2)` and `open(2)`: `AlreadyExists` when anything has that name.
    pub fn make_dir(&self, name: &[u8]) -> io::Result<Self> {
        self.make_dir_only(name, 0o700)?;
        self.open_dir(name)
    }

    /// Makes the directory `name` with these permissions, lessened by the umask.
    ///
    /// # Errors
    /// Those of `mkdir(2)`: `AlreadyExists` when anything has that name.
    pub fn make_dir_only(&self, name: &[u8], mode: u16) -> io::Result<()> {
        check_name(name)?;
        let mode = Mode::from_raw_mode(u32::from(mode));
        Ok(rustix::fs::mkdirat(self.handle()?.fd(), name, mode)?)
    }

    /// Metadata of an entry; `None` when there is none of that name.
    ///
    /// # Errors
    /// Those of `statx(2)` but `NotFound`.
    pub fn stat(&self, name: &[u8]) -> io::Result<Option<Meta>> {
        match self.handle()?.stat(name) {
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
        self.handle()?.meta()
    }

    /// Extended attributes of the directory itself.
    ///
    /// # Errors
    /// Those of `flistxattr(2)` and `fgetxattr(2)`.
    pub fn xattrs(&self) -> io::Result<Xattrs> {
        self.handle()?.xattrs()
    }

    /// All names in the directory.
    ///
    /// # Errors
    /// Those of `getdents64(2)`.
    pub fn list(&self) -> io::Result<Names> {
        self.handle()?.list()
    }

    /// Where a symlink points to, as it is written there.
    ///
    /// # Errors
    /// Those of `readlinkat(2)`.
    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        self.handle()?.read_link(name)
    }

    /// Extended attributes of an entry of any kind, which is not followed; none without `/proc`.
    ///
    /// # Errors
    /// Those of `llistxattr(2)` and `lgetxattr(2)`.
    pub fn xattrs_of(&self, name: &[u8], _kind: Kind) -> io::Result<Xattrs> {
        self.handle()?.xattrs_of(name)
    }

    /// Opens the regular file `name` for reading.
    ///
    /// # Errors
    /// Those of `open(2)`; `InvalidInput` when it is not a regular file.
    pub fn open_read(&self, name: &[u8]) -> io::Result<SourceFile> {
        let handle = self.handle()?;
        let meta = handle.stat(name)?;
        handle.open_file(name, &meta)
    }

    /// Waits until content and metadata of the regular file `name` are durable.
    ///
    /// # Errors
    /// Those of `open(2)` and `fsync(2)`; `InvalidInput` when it is not a regular file.
    pub fn sync_file(&self, name: &[u8]) -> io::Result<()> {
        self.open_read(name)?.sync()
    }

    /// Waits until everything that was written to this file system is durable.
    ///
    /// # Errors
    /// Those of `syncfs(2)`: also for what others wrote to it.
    pub fn sync_filesystem(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(self.handle()?.fd())?)
    }

    /// Waits until the names in this directory and its metadata are durable.
    ///
    /// # Errors
    /// Those of `fsync(2)`.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.handle()?.fd())?)
    }
}
