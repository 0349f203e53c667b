//! Extended attributes, by descriptor or by path.

use std::io;

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::entry::Xattrs;

/// Most lists of names and most values fit into this many bytes…
const SHORT_BYTES: usize = 512;
/// …and Linux allows no longer ones than this.
const LONGEST_BYTES: usize = 64 * 1024;
/// Most bytes of names and values of one entry (format.md §13).
const ALL_MAX_BYTES: usize = 1 << 20;

/// Whose attributes.
#[derive(Debug)]
pub(super) enum Holder<'a> {
    /// Of what is open for reading.
    Open(BorrowedFd<'a>),
    /// Of the entry at the end of a path, which is not followed.
    Entry(Vec<u8>),
    /// Of what is open without permission to read: a path below `/proc` that leads to nothing else.
    Pinned(String),
}

impl<'a> Holder<'a> {
    /// The entry `name` of a directory.
    pub(super) fn entry(dir: BorrowedFd<'a>, name: &[u8]) -> Self {
        let mut path = proc_path(dir).into_bytes();
        path.push(b'/');
        path.extend_from_slice(name);
        Self::Entry(path)
    }

    /// What was opened with `O_PATH`.
    pub(super) fn pinned(fd: BorrowedFd<'a>) -> Self {
        Self::Pinned(proc_path(fd))
    }

    /// All attributes that can be read, sorted; none where the file system has no attributes.
    ///
    /// One system call when there is none. What may not be read or goes away meanwhile is left out; more than 1 MiB
    /// is an error (`E2BIG`).
    pub(super) fn read_all(&self) -> io::Result<Xattrs> {
        let mut short = [0; SHORT_BYTES];
        let names = match self.list(&mut short) {
            Ok(0) | Err(Errno::NOTSUP) => return Ok(Xattrs::new()),
            Ok(len) => short.get(..len).unwrap_or_default().to_vec(),
            Err(Errno::RANGE) => {
                let mut long = vec![0; LONGEST_BYTES];
                let len = self.list(&mut long)?;
                long.truncate(len);
                long
            }
            Err(error) => return Err(error.into()),
        };
        let mut xattrs = Xattrs::new();
        let mut bytes = 0;
        for name in names
            .split(|&byte| byte == 0)
            .filter(|name| !name.is_empty())
        {
            match self.value(name, &mut short) {
                Ok(value) => {
                    bytes += name.len() + value.len();
                    if bytes > ALL_MAX_BYTES {
                        return Err(Errno::TOOBIG.into());
                    }
                    xattrs.push((name.to_vec(), value));
                }
                Err(Errno::NODATA | Errno::NOTSUP | Errno::ACCESS | Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        xattrs.sort_unstable();
        Ok(xattrs)
    }

    fn value(&self, name: &[u8], short: &mut [u8]) -> rustix::io::Result<Vec<u8>> {
        match self.get(name, short) {
            Ok(len) => Ok(short.get(..len).unwrap_or_default().to_vec()),
            Err(Errno::RANGE) => {
                let mut long = vec![0; LONGEST_BYTES];
                let len = self.get(name, &mut long)?;
                Ok(long.get(..len).unwrap_or_default().to_vec())
            }
            Err(error) => Err(error),
        }
    }

    fn list(&self, into: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::Open(fd) => rustix::fs::flistxattr(fd, into),
            Self::Entry(path) => rustix::fs::llistxattr(path, into),
            Self::Pinned(path) => rustix::fs::listxattr(path, into),
        }
    }

    fn get(&self, name: &[u8], into: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::Open(fd) => rustix::fs::fgetxattr(fd, name, into),
            Self::Entry(path) => rustix::fs::lgetxattr(path, name, into),
            Self::Pinned(path) => rustix::fs::getxattr(path, name, into),
        }
    }

    pub(super) fn set(&self, name: &[u8], value: &[u8]) -> rustix::io::Result<()> {
        let flags = XattrFlags::empty();
        match self {
            Self::Open(fd) => rustix::fs::fsetxattr(fd, name, value, flags),
            Self::Entry(path) => rustix::fs::lsetxattr(path, name, value, flags),
            Self::Pinned(path) => rustix::fs::setxattr(path, name, value, flags),
        }
    }

    pub(super) fn remove(&self, name: &[u8]) -> rustix::io::Result<()> {
        match self {
            Self::Open(fd) => rustix::fs::fremovexattr(fd, name),
            Self::Entry(path) => rustix::fs::lremovexattr(path, name),
            Self::Pinned(path) => rustix::fs::removexattr(path, name),
        }
    }
}

/// The path by which the kernel names an open descriptor of this process.
pub(super) fn proc_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
