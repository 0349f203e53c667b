//! Files that are written anew.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags};

use super::TargetDir;
use super::attributes::Attributes;
use super::draft::{Draft, How, Replaced};
use super::subject::Subject;

/// A file that is being written under the temporary name of a [`Draft`].
#[derive(Debug)]
pub struct NewFile {
    file: File,
    draft: Draft,
}

impl TargetDir {
    /// Begins a new file that will be `name`, with these permissions until attributes are applied.
    ///
    /// # Errors
    /// Those of `open(2)`.
    pub fn create_file(&self, name: &[u8], mode: u16) -> io::Result<NewFile> {
        let handle = self.handle()?;
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(u32::from(mode & 0o777));
        let open = |temporary: &[u8]| {
            let opened = rustix::io::retry_on_intr(|| {
                rustix::fs::openat(handle.fd(), temporary, flags, mode)
            });
            Ok(File::from(opened?))
        };
        let (draft, file) = self.draft(name, open)?;
        Ok(NewFile { file, draft })
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

    /// The entry that the file is, to give it its name.
    pub fn draft(&mut self) -> &mut Draft {
        &mut self.draft
    }

    /// Gives the file its name; see [`Draft::try_finish`].
    ///
    /// # Errors
    /// Those of `rename(2)`, and then the file is removed: `AlreadyExists` when an entry is to be kept.
    pub fn finish(mut self, name: &[u8], how: How) -> io::Result<Option<Replaced>> {
        self.try_finish(name, how)
    }

    /// Like [`NewFile::finish`], but after a failure another name may be tried.
    ///
    /// # Errors
    /// Those of `rename(2)`; `InvalidInput` when the file has its name already.
    pub fn try_finish(&mut self, name: &[u8], how: How) -> io::Result<Option<Replaced>> {
        self.draft.try_finish(name, how)
    }
}
