//! Whose attributes are set, and the system calls for it.

use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, CWD, Gid, Mode, Timestamps, Uid};
use rustix::io::Errno;

use crate::fs::handle::Handle;
use crate::fs::xattr::{Holder, proc_path};

/// Whose attributes are set.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    /// Open for reading or writing.
    Open(BorrowedFd<'a>),
    /// Opened with `O_PATH`: what a descriptor cannot do goes through its path below `/proc`, which nobody can lead
    /// elsewhere.
    Pinned(BorrowedFd<'a>),
}

impl<'a> Subject<'a> {
    /// A directory.
    pub(super) fn of(handle: &'a Handle) -> Self {
        if handle.is_pinned() {
            Self::Pinned(handle.fd())
        } else {
            Self::Open(handle.fd())
        }
    }

    pub(super) fn fd(self) -> BorrowedFd<'a> {
        let (Self::Open(fd) | Self::Pinned(fd)) = self;
        fd
    }

    pub(super) fn holder(self) -> Holder<'a> {
        match self {
            Self::Open(fd) => Holder::Open(fd),
            Self::Pinned(fd) => Holder::pinned(fd),
        }
    }

    pub(super) fn chown(self, uid: Option<u32>, gid: Option<u32>) -> rustix::io::Result<()> {
        // -1 means no change to the kernel, so it cannot be an owner.
        if uid == Some(u32::MAX) || gid == Some(u32::MAX) {
            return Err(Errno::INVAL);
        }
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        match self {
            Self::Open(fd) => rustix::fs::fchown(fd, uid, gid),
            Self::Pinned(fd) => rustix::fs::chownat(fd, c"", uid, gid, AtFlags::EMPTY_PATH),
        }
    }

    pub(super) fn chmod(self, mode: u16) -> rustix::io::Result<()> {
        let mode = Mode::from_raw_mode(u32::from(mode));
        match self {
            Self::Open(fd) => rustix::fs::fchmod(fd, mode),
            Self::Pinned(fd) => rustix::fs::chmodat(CWD, proc_path(fd), mode, AtFlags::empty()),
        }
    }

    pub(super) fn set_times(self, times: &Timestamps) -> rustix::io::Result<()> {
        match self {
            Self::Open(fd) => rustix::fs::futimens(fd, times),
            Self::Pinned(fd) => match rustix::fs::utimensat(fd, c"", times, AtFlags::EMPTY_PATH) {
                // Before Linux 5.8.
                Err(Errno::INVAL) => {
                    rustix::fs::utimensat(CWD, proc_path(fd), times, AtFlags::empty())
                }
                other => other,
            },
        }
    }
}
