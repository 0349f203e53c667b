//! Files that are changed in place.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fd::AsFd;
use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::Errno;

use super::TargetDir;
use super::attributes::Attributes;
use super::subject::Subject;
use crate::fs::entry::{Meta, Xattrs};
use crate::fs::handle::open_regular;
use crate::fs::xattr::Holder;

/// Where holes cannot be punched, zeros are written in pieces of this many bytes.
const ZEROS_BYTES: usize = 64 * 1024;

impl TargetDir {
    /// Opens the regular file `name`, which was seen to be `expected`, to change it in place.
    ///
    /// All names of a file with several change with it; [`Meta::nlink`] of `expected` tells.
    ///
    /// # Errors
    /// Those of `open(2)`; `InvalidInput` when a regular file is not expected; `StaleNetworkFileHandle` when another
    /// entry took its place meanwhile.
    pub fn open_update(&self, name: &[u8], expected: &Meta) -> io::Result<UpdateFile> {
        let (fd, _) = open_regular(self.handle()?.fd(), name, OFlags::RDWR, expected)?;
        Ok(UpdateFile {
            file: File::from(fd),
        })
    }
}

/// An existing file that is changed in place.
#[derive(Debug)]
pub struct UpdateFile {
    file: File,
}

impl UpdateFile {
    /// Metadata now.
    ///
    /// # Errors
    /// Those of `statx(2)`.
    pub fn stat(&self) -> io::Result<Meta> {
        Meta::of_open(&self.file)
    }

    /// Extended attributes now.
    ///
    /// # Errors
    /// Those of `flistxattr(2)` and `fgetxattr(2)`.
    pub fn xattrs(&self) -> io::Result<Xattrs> {
        Holder::Open(self.file.as_fd()).read_all()
    }

    /// Reads at an offset; 0 is the end.
    ///
    /// # Errors
    /// Those of `pread(2)`.
    pub fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    /// Writes all bytes at an offset.
    ///
    /// # Errors
    /// Those of `pwrite(2)`.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// Turns a range of bytes into zeros that take no space, where the file system can; the length stays.
    ///
    /// # Errors
    /// Those of `fallocate(2)` and `pwrite(2)`.
    pub fn punch_hole(&self, range: Range<u64>) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(&self.file, flags, range.start, range.end - range.start) {
            Err(Errno::NOTSUP | Errno::NOSYS | Errno::INVAL | Errno::NODEV) => {
                self.write_zeros(range)
            }
            other => Ok(other?),
        }
    }

    pub(super) fn write_zeros(&self, range: Range<u64>) -> io::Result<()> {
        let end = range.end.min(self.file.metadata()?.len());
        let zeros = vec![0; ZEROS_BYTES];
        let mut at = range.start;
        while at < end {
            let len = usize::try_from(end - at)
                .unwrap_or(ZEROS_BYTES)
                .min(ZEROS_BYTES);
            self.file
                .write_all_at(zeros.get(..len).unwrap_or_default(), at)?;
            at += len as u64;
        }
        Ok(())
    }

    /// Sets the length, bytes; what is added is a hole.
    ///
    /// # Errors
    /// Those of `ftruncate(2)`.
    pub fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    /// Takes away what the file allows to others beyond what it will allow with these attributes, so that nobody reads
    /// in it what is not for them while it is written.
    ///
    /// # Errors
    /// Those of `statx(2)` and `chmod(2)`.
    pub fn restrict(&self, wanted: &Attributes<'_>) -> io::Result<()> {
        let (now, subject) = (self.stat()?, Subject::Open(self.file.as_fd()));
        let is_access = |(name, _): &&(Vec<u8>, Vec<u8>)| name == b"system.posix_acl_access";
        let is_same_owner =
            !wanted.ownership || (now.uid, now.gid) == (wanted.meta.uid, wanted.meta.gid);
        let is_same_list =
            self.xattrs()?.iter().find(is_access) == wanted.xattrs.iter().find(is_access);
        let kept = if is_same_owner && is_same_list {
            now.mode & wanted.meta.mode
        } else {
            now.mode & wanted.meta.mode & 0o700
        };
        if kept != now.mode {
            subject.chmod(kept)?;
        }
        if !is_same_owner {
            // Where this is refused, applying the attributes says so.
            let _refused = subject.chown(Some(wanted.meta.uid), Some(wanted.meta.gid));
        }
        Ok(())
    }

    /// Sets metadata and extended attributes; to be called after the last write. Returns what was refused.
    #[must_use]
    pub fn apply(&self, attributes: &Attributes<'_>) -> Vec<String> {
        Subject::Open(self.file.as_fd()).apply(attributes)
    }

    /// Waits until content and metadata are durable.
    ///
    /// # Errors
    /// Those of `fsync(2)`.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}
