//! A file that is read.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Advice, SeekFrom};
use rustix::io::Errno;

use super::entry::{Meta, Xattrs};
use super::xattr::Holder;

/// A regular file that is open for reading.
#[derive(Debug)]
pub struct SourceFile {
    file: File,
    opened: Meta,
}

/// A part of a file, from its first byte up to one past its last, bytes from the start of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Bytes that are stored.
    Data(Range<u64>),
    /// Zeros that take no space.
    Hole(Range<u64>),
}

impl SourceFile {
    pub(super) fn new(fd: OwnedFd, opened: Meta) -> Self {
        Self {
            file: File::from(fd),
            opened,
        }
    }

    /// Metadata at the moment of opening, at no cost.
    #[must_use]
    pub fn opened(&self) -> &Meta {
        &self.opened
    }

    /// Metadata now.
    ///
    /// # Errors
    /// Those of `statx(2)`.
    pub fn stat(&self) -> io::Result<Meta> {
        Meta::of_open(&self.file)
    }

    /// Extended attributes; none where the file system has none.
    ///
    /// # Errors
    /// Those of `flistxattr(2)` and `fgetxattr(2)`.
    pub fn xattrs(&self) -> io::Result<Xattrs> {
        Holder::Open(self.file.as_fd()).read_all()
    }

    /// Waits until content and metadata are durable.
    ///
    /// # Errors
    /// Those of `fsync(2)`.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Data and holes that follow each other from 0 to `size`, bytes. Moves the position of reading.
    ///
    /// A file that takes the space of its size is one run of data, without asking.
    pub fn segments(&self, size: u64) -> Segments<'_> {
        let is_sparse = self.opened.blocks.saturating_mul(512) < size;
        Segments {
            file: &self.file,
            size,
            at: 0,
            data: None,
            is_sparse,
        }
    }

    /// Moves the position of reading, bytes from the start.
    ///
    /// # Errors
    /// Those of `lseek(2)`.
    pub fn seek_to(&mut self, offset: u64) -> io::Result<()> {
        self.file.seek(io::SeekFrom::Start(offset))?;
        Ok(())
    }

    /// Reads at an offset, leaving the position alone; fewer bytes than there is room for are not the end, none is.
    ///
    /// # Errors
    /// Those of `pread(2)`.
    pub fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    /// Appends up to `len` bytes from the position on; returns how many, fewer only at the end of the file.
    ///
    /// One system call for a file that is as long as expected.
    ///
    /// # Errors
    /// Those of `read(2)`; then `into` is as it was.
    pub fn read_up_to(&mut self, len: usize, into: &mut Vec<u8>) -> io::Result<usize> {
        let begin = into.len();
        into.resize(begin.saturating_add(len), 0);
        let mut count = 0;
        let outcome = loop {
            let Some(room) = into
                .get_mut(begin + count..)
                .filter(|room| !room.is_empty())
            else {
                break Ok(count);
            };
            match self.file.read(room) {
                Ok(0) => break Ok(count),
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        into.truncate(begin + outcome.as_ref().map_or(0, |&count| count));
        outcome
    }

    /// Tells the kernel that the file will be read from front to back.
    pub fn advise_sequential(&self) {
        // Only speed depends on it.
        let _ignored = rustix::fs::fadvise(&self.file, 0, None, Advice::Sequential);
    }
}

impl Read for SourceFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

/// The segments of a file: see [`SourceFile::segments`].
#[derive(Debug)]
pub struct Segments<'a> {
    file: &'a File,
    size: u64,
    /// Everything before is handed out, or stands in `data`.
    at: u64,
    /// The data after the hole that was just handed out.
    data: Option<Range<u64>>,
    is_sparse: bool,
}

impl Segments<'_> {
    fn advance(&mut self) -> io::Result<Segment> {
        let begin = self.at;
        // An error ends the walk, too.
        self.at = self.size;
        if !self.is_sparse {
            return Ok(Segment::Data(begin..self.size));
        }
        let start = match rustix::fs::seek(self.file, SeekFrom::Data(begin)) {
            Ok(start) if start < self.size => start.max(begin),
            Ok(_) | Err(Errno::NXIO) => return Ok(Segment::Hole(begin..self.size)),
            Err(Errno::INVAL | Errno::NOTSUP) => return Ok(Segment::Data(begin..self.size)),
            Err(error) => return Err(error.into()),
        };
        let end = match rustix::fs::seek(self.file, SeekFrom::Hole(start)) {
            Ok(end) if end > start => end.min(self.size),
            // The file shrank or the file system contradicts itself: reading shows what is there.
            Ok(_) | Err(Errno::NXIO) => self.size,
            Err(error) => return Err(error.into()),
        };
        self.at = end;
        if start == begin {
            return Ok(Segment::Data(start..end));
        }
        self.data = Some(start..end);
        Ok(Segment::Hole(begin..start))
    }
}

impl Iterator for Segments<'_> {
    type Item = io::Result<Segment>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(data) = self.data.take() {
            return Some(Ok(Segment::Data(data)));
        }
        (self.at < self.size).then(|| self.advance())
    }
}
