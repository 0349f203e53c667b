//! Room that a local vault keeps for the moment when its disk is full: to delete points and to sweep, something must
//! first be written.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

const MAX_BYTES: u64 = 16 << 20;
/// Links, a mark, a plan and an end, each with a temporary copy.
const MIN_BYTES: u64 = 1 << 20;

/// An empty file to which space is reserved; format.md does not know it, and a copy of the vault does not need it.
#[derive(Debug)]
pub(crate) struct Ballast {
    path: PathBuf,
    bytes: u64,
    free_bytes: u64,
}

impl Ballast {
    /// `None` where the file system does not tell its size.
    pub(crate) fn of(place: &Path) -> Option<Self> {
        let disk = statvfs(place).ok()?;
        let blocks = |count: u64| count.saturating_mul(disk.f_frsize);
        Some(Self {
            path: place.join("ballast"),
            bytes: (blocks(disk.f_blocks) / 1000).clamp(MIN_BYTES, MAX_BYTES),
            free_bytes: blocks(disk.f_bavail),
        })
    }

    /// Reserves the room where it is not reserved and there is twice as much. It is a help, no promise: where the file
    /// system cannot do it, there is none.
    pub(crate) fn keep(&self) {
        if self.path.exists() || self.free_bytes / 2 < self.bytes {
            return;
        }
        let reserve = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            let file: File = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&self.path)?;
            // Its length stays zero: only the disk knows that it takes room.
            Ok(fallocate(&file, FallocateFlags::KEEP_SIZE, 0, self.bytes)?)
        };
        if let Err(error) = reserve() {
            tracing::debug!(%error, "no room is reserved for sweeps");
            self.drop_file();
        }
    }

    /// Gives the room to who needs it now, if there is little else.
    pub(crate) fn release(&self) {
        if self.free_bytes < self.bytes {
            self.drop_file();
        }
    }

    /// How much may be packed anew without filling the disk: half of what is free.
    pub(crate) fn spare_bytes(&self) -> u64 {
        self.free_bytes / 2
    }

    fn drop_file(&self) {
        match fs::remove_file(&self.path) {
            Ok(()) => tracing::debug!("the reserved room is released"),
            Err(error) => tracing::debug!(%error, "no reserved room was released"),
        }
    }
}
