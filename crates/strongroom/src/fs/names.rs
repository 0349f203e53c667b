//! The names in a directory.

use std::fmt;
use std::io;

use rustix::fd::BorrowedFd;
use rustix::fs::{RawDir, SeekFrom};

/// Room for the entries of one `getdents64` call, bytes.
const LISTING_BYTES: usize = 32 * 1024;
/// Each name in the arena is preceded by its length in this many bytes.
const LENGTH_BYTES: usize = 2;

/// Names, sorted as bytes.
///
/// # Cost
/// One allocation for all names and one for their order: six bytes more than the bytes of each name.
#[derive(Clone, Default)]
pub struct Names {
    /// Length (16 bits, little-endian) and bytes of each name, in the order they came.
    arena: Vec<u8>,
    /// Where each name begins in the arena, in order of the names.
    starts: Vec<u32>,
}

impl Names {
    /// The names given. One longer than 65535 bytes, which no file system holds, is left out.
    #[must_use]
    pub fn from_sorted(names: &[Vec<u8>]) -> Self {
        let mut listing = Self::default();
        for name in names {
            if listing.push(name).is_err() {
                continue;
            }
        }
        listing.sort();
        listing
    }

    /// Count of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// True when there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The name at a place in the order, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.starts
            .get(index)
            .map(|&start| name_at(&self.arena, start))
    }

    /// All names in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.starts.iter().map(|&start| name_at(&self.arena, start))
    }

    /// Reads all names of an open directory but `.` and `..`, from its beginning.
    pub(super) fn read(dir: BorrowedFd<'_>) -> io::Result<Self> {
        rustix::fs::seek(dir, SeekFrom::Start(0))?;
        let mut names = Self::default();
        let mut buffer = Vec::with_capacity(LISTING_BYTES);
        let mut entries = RawDir::new(dir, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name)?;
            }
        }
        names.sort();
        Ok(names)
    }

    fn push(&mut self, name: &[u8]) -> io::Result<()> {
        let too_many = |_| {
            io::Error::new(
                io::ErrorKind::OutOfMemory,
                "the names of one directory take over 4 GiB",
            )
        };
        let start = u32::try_from(self.arena.len()).map_err(too_many)?;
        let len = u16::try_from(name.len())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidFilename))?;
        self.starts.push(start);
        self.arena.extend_from_slice(&len.to_le_bytes());
        self.arena.extend_from_slice(name);
        Ok(())
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        self.starts
            .sort_unstable_by(|&a, &b| name_at(arena, a).cmp(name_at(arena, b)));
        self.arena.shrink_to_fit();
        self.starts.shrink_to_fit();
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names({})", self.len())
    }
}

fn name_at(arena: &[u8], start: u32) -> &[u8] {
    let from = arena.get(start as usize..).unwrap_or_default();
    let Some((len, rest)) = from.split_first_chunk::<LENGTH_BYTES>() else {
        return &[];
    };
    rest.get(..usize::from(u16::from_le_bytes(*len)))
        .unwrap_or_default()
}
