//! An open directory and what can be asked of it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::entry::{Kind, Meta, Xattrs, check_name};
use super::names::Names;
use super::source::SourceFile;
use super::xattr::Holder;

/// A directory that is open.
#[derive(Debug)]
pub(super) struct Handle {
    fd: OwnedFd,
    /// It may not be read, only passed through.
    is_pinned: bool,
    /// Listing moves the position that all users of the descriptor share.
    listing: Mutex<()>,
}

impl Handle {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            is_pinned: false,
            listing: Mutex::new(()),
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(super) fn meta(&self) -> io::Result<Meta> {
        Meta::of_open(&self.fd)
    }

    pub(super) fn stat(&self, name: &[u8]) -> io::Result<Meta> {
        check_name(name)?;
        Meta::of_entry(&self.fd, name)
    }

    pub(super) fn list(&self) -> io::Result<Names> {
        if self.is_pinned {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let _alone = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        Names::read(self.fd())
    }

    pub(super) fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        check_name(name)?;
        Ok(rustix::fs::readlinkat(&self.fd, name, Vec::new())?.into_bytes())
    }

    pub(super) fn xattrs(&self) -> io::Result<Xattrs> {
        self.holder().read_all()
    }

    fn holder(&self) -> Holder<'_> {
        if self.is_pinned {
            Holder::pinned(self.fd())
        } else {
            Holder::Open(self.fd())
        }
    }

    /// True for a directory that may not be read, only passed through.
    pub(super) fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    pub(super) fn xattrs_of(&self, name: &[u8]) -> io::Result<Xattrs> {
        check_name(name)?;
        match Holder::entry(self.fd(), name).read_all() {
            // Without /proc the attributes are out of reach; but the entry itself is there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.stat(name).map(|_| Xattrs::new())
            }
            other => other,
        }
    }

    /// Opens a directory below; with `expected`, refuses another one than that.
    pub(super) fn open_dir(&self, name: &[u8], expected: Option<&Meta>) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | no_atime(expected);
        let child = match open_beneath(self.fd(), name, flags) {
            // One that may not be read may still be on the way to others.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Self {
                is_pinned: true,
                ..Self::new(open_beneath(
                    self.fd(),
                    name,
                    OFlags::PATH | OFlags::DIRECTORY,
                )?)
            },
            opened => Self::new(opened?),
        };
        match expected {
            Some(expected) if !child.meta()?.is_same_inode(expected) => Err(replaced()),
            _ => Ok(child),
        }
    }

    /// Opens a regular file below; refuses another one than `expected`.
    pub(super) fn open_file(&self, name: &[u8], expected: &Meta) -> io::Result<SourceFile> {
        let flags = OFlags::RDONLY | no_atime(Some(expected));
        let (fd, meta) = open_regular(self.fd(), name, flags, expected)?;
        Ok(SourceFile::new(fd, meta))
    }
}

/// Opens a regular file and makes sure that it is the expected one. A pipe put in its place does not block.
pub(super) fn open_regular(
    dir: BorrowedFd<'_>,
    name: &[u8],
    flags: OFlags,
    expected: &Meta,
) -> io::Result<(OwnedFd, Meta)> {
    if expected.kind != Kind::File {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let fd = open_beneath(dir, name, flags | OFlags::NONBLOCK)?;
    let meta = Meta::of_open(&fd)?;
    if meta.kind != Kind::File || !meta.is_same_inode(expected) {
        return Err(replaced());
    }
    Ok((fd, meta))
}

/// Opens the entry `name` and nothing that a symlink of that name leads to.
pub(super) fn open_beneath(dir: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    check_name(name)?;
    match open_once(dir, name, flags, ResolveFlags::empty()) {
        // Only the owner may leave the time of access alone.
        Err(Errno::PERM) if flags.contains(OFlags::NOATIME) => Ok(open_once(
            dir,
            name,
            flags.difference(OFlags::NOATIME),
            ResolveFlags::empty(),
        )?),
        other => Ok(other?),
    }
}

/// Like [`open_beneath`] for a name that the file system itself gave; `also` is resolved neither, where the kernel
/// can tell.
pub(super) fn open_once(
    dir: BorrowedFd<'_>,
    name: &[u8],
    flags: OFlags,
    also: ResolveFlags,
) -> rustix::io::Result<OwnedFd> {
    static IS_OPENAT2_MISSING: AtomicBool = AtomicBool::new(false);
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve =
        also | ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    if !IS_OPENAT2_MISSING.load(Ordering::Relaxed) {
        let opened = || rustix::fs::openat2(dir, name, flags, Mode::empty(), resolve);
        match rustix::io::retry_on_intr(opened) {
            Err(Errno::NOSYS) => IS_OPENAT2_MISSING.store(true, Ordering::Relaxed),
            // Some sandboxes answer so instead; the plain call tells whether it was meant.
            Err(Errno::PERM) => {}
            other => return other,
        }
    }
    // A single name that is not `..`: without following it, the plain call cannot leave the directory either.
    rustix::io::retry_on_intr(|| rustix::fs::openat(dir, name, flags, Mode::empty()))
}

/// `O_NOATIME` where it may be permitted: trying in vain would cost a second call for each file.
fn no_atime(expected: Option<&Meta>) -> OFlags {
    static USER: OnceLock<u32> = OnceLock::new();
    let user = *USER.get_or_init(|| rustix::process::geteuid().as_raw());
    let is_permitted = user == 0 || expected.is_some_and(|expected| expected.uid == user);
    if is_permitted {
        OFlags::NOATIME
    } else {
        OFlags::empty()
    }
}

/// Another entry took the place of the expected one between looking and opening.
pub(super) fn replaced() -> io::Error {
    io::Error::new(
        io::ErrorKind::StaleNetworkFileHandle,
        "another entry took its place meanwhile",
    )
}
