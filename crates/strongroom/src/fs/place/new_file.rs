//! Files that are written anew.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::TargetDir;
use super::attributes::Attributes;
use super::rename::no_replace;
use super::subject::Subject;
use crate::fs::entry::check_name;

/// Names of temporary files that may be taken before a directory is given up.
const NAME_ATTEMPTS: usize = 1 << 16;

/// What to do with an entry that has the name of a finished file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Replace it in one step.
    Replace,
    /// Keep it and fail.
    KeepExisting,
}

/// A file that is being written under a temporary name, `.strongroom-<16 hex digits>.part`, for the user alone.
///
/// Dropped before it has its name, it is removed.
#[derive(Debug)]
pub struct NewFile {
    dir: TargetDir,
    file: File,
    /// `None` once the file has its name.
    temporary: Option<String>,
}

impl TargetDir {
    /// Begins a new file in this directory.
    ///
    /// # Errors
    /// Those of `open(2)`.
    pub fn create_file(&self) -> io::Result<NewFile> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for _ in 0..NAME_ATTEMPTS {
            // Leftovers of a process that had this id may be there: then the next number is free.
            let number = NEXT.fetch_add(1, Ordering::Relaxed) & u64::from(u32::MAX);
            let name = format!(".strongroom-{:08x}{number:08x}.part", std::process::id());
            match rustix::fs::openat(self.fd(), name.as_str(), flags, Mode::RUSR | Mode::WUSR) {
                Ok(fd) => {
                    return Ok(NewFile {
                        dir: self.clone(),
                        file: File::from(fd),
                        temporary: Some(name),
                    });
                }
                Err(Errno::EXIST | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "no name is free for a temporary file",
        ))
    }
}

impl NewFile {
    /// Writes all bytes at an offset; what lies before and was never written is a hole. Threads may share the file.
    ///
    /// # Errors
    /// Those of `pwrite(2)`.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// Reads at an offset; 0 is the end.
    ///
    /// # Errors
    /// Those of `pread(2)`.
    pub fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    /// Sets the length, bytes; what is added is a hole.
    ///
    /// # Errors
    /// Those of `ftruncate(2)`.
    pub fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
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

    /// Gives the file its name.
    ///
    /// # Errors
    /// Those of `rename(2)`, and then the file is removed: `AlreadyExists` when an entry is to be kept.
    pub fn finish(mut self, name: &[u8], how: How) -> io::Result<()> {
        self.try_finish(name, how)
    }

    /// Like [`NewFile::finish`], but after a failure another name may be tried.
    ///
    /// # Errors
    /// Those of `rename(2)`; `InvalidInput` when the file has its name already.
    pub fn try_finish(&mut self, name: &[u8], how: How) -> io::Result<()> {
        check_name(name)?;
        let dir = self.dir.fd();
        let Some(temporary) = &self.temporary else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the file has its name already",
            ));
        };
        match how {
            How::Replace => rustix::fs::renameat(dir, temporary.as_str(), dir, name)?,
            How::KeepExisting => no_replace(dir, temporary.as_bytes(), name)?,
        }
        self.temporary = None;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // There is nobody to tell; the name says what the leftover is.
            let _left = rustix::fs::unlinkat(self.dir.fd(), temporary.as_str(), AtFlags::empty());
        }
    }
}
