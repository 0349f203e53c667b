//! A directory of the source.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::entry::{Kind, Meta, Xattrs};
use super::handle::Handle;
use super::names::Names;
use super::node::Node;
use super::source::SourceFile;

/// A directory that is backed up. Its descriptor is closed while many others are in use, and opened again by name when it
/// is needed; another directory that stands there by then is refused with `StaleNetworkFileHandle`.
///
/// Reading changes no time of access where the user may ask for that (the owner and root may). Names are checked:
/// one that is empty, `.`, `..`, holds `/` or NUL or is longer than 255 bytes is refused with `InvalidInput`.
#[derive(Debug)]
pub struct Directory(Arc<Node>);

impl Directory {
    fn handle(&self) -> io::Result<Arc<Handle>> {
        self.0.handle()
    }

    /// Opens a directory by path; symlinks in the path are followed.
    ///
    /// # Errors
    /// Those of `open(2)`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self(Node::top(Handle::new(fd))?))
    }

    /// Opens the directory `name` below, which was seen to be `expected`.
    ///
    /// # Errors
    /// Those of `open(2)`; `StaleNetworkFileHandle` when another directory took its place meanwhile.
    pub fn open_child(&self, name: &[u8], expected: &Meta) -> io::Result<Self> {
        let below = self.handle()?.open_dir(name, Some(expected))?;
        Ok(Self(self.0.below(name, below, expected)))
    }

    /// All names in the directory.
    ///
    /// # Errors
    /// Those of `getdents64(2)`: nothing is listed in part.
    pub fn list(&self) -> io::Result<Names> {
        self.handle()?.list()
    }

    /// Metadata of the directory itself.
    ///
    /// # Errors
    /// Those of `statx(2)`.
    pub fn meta(&self) -> io::Result<Meta> {
        self.handle()?.meta()
    }

    /// Extended attributes of the directory itself; none where the file system has none.
    ///
    /// # Errors
    /// Those of `flistxattr(2)` and `fgetxattr(2)`.
    pub fn xattrs(&self) -> io::Result<Xattrs> {
        self.handle()?.xattrs()
    }

    /// Metadata of an entry; a symlink is not followed, an automount not triggered.
    ///
    /// # Errors
    /// Those of `statx(2)`.
    pub fn stat(&self, name: &[u8]) -> io::Result<Meta> {
        self.handle()?.stat(name)
    }

    /// Where a symlink points to, as it is written there.
    ///
    /// # Errors
    /// Those of `readlinkat(2)`.
    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        self.handle()?.read_link(name)
    }

    /// Extended attributes of an entry that need not be opened: a symlink, pipe, socket or device.
    ///
    /// The kernel offers them by path only, so there are none without `/proc`.
    ///
    /// # Errors
    /// Those of `llistxattr(2)` and `lgetxattr(2)`; `NotFound` only when the entry itself is gone.
    pub fn xattrs_of(&self, name: &[u8], _kind: Kind) -> io::Result<Xattrs> {
        self.handle()?.xattrs_of(name)
    }

    /// Opens the regular file `name`, which was seen to be `expected`.
    ///
    /// # Errors
    /// Those of `open(2)`; `InvalidInput` when a regular file is not expected; `StaleNetworkFileHandle` when another
    /// entry took its place meanwhile: look at it again.
    pub fn open_file(&self, name: &[u8], expected: &Meta) -> io::Result<SourceFile> {
        self.handle()?.open_file(name, expected)
    }
}
