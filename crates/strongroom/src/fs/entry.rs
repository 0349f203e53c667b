//! What the file system says about an entry.

use std::io;

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, StatxTimestamp};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

/// A point in time as file systems keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Seconds since 1970-01-01 00:00 UTC; negative before.
    pub secs: i64,
    /// Nanoseconds after `secs`, below 1 000 000 000.
    pub nanos: u32,
}

/// What is known of an entry without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// What it is.
    pub kind: Kind,
    /// The 12 permission bits, with setuid, setgid and sticky.
    pub mode: u16,
    /// Number of the owner.
    pub uid: u32,
    /// Number of the group.
    pub gid: u32,
    /// Last change of the content.
    pub mtime: Time,
    /// Last change of anything.
    pub ctime: Time,
    /// When it was made; `None` where the file system does not tell.
    pub btime: Option<Time>,
    /// Inode number.
    pub ino: u64,
    /// Number of the file system, as in `st_dev`.
    pub dev: u64,
    /// Count of its names.
    pub nlink: u64,
    /// Length, bytes.
    pub size: u64,
    /// Space taken, units of 512 bytes.
    pub blocks: u64,
    /// Major and minor number of the device that it stands for.
    pub rdev: (u32, u32),
}

/// Extended attributes: name with namespace, and value; sorted by name.
pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

impl Meta {
    /// Asks for the entry `name` of a directory; a symlink is not followed, an automount not triggered.
    pub(super) fn of_entry(dir: impl AsFd, name: &[u8]) -> io::Result<Self> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        Self::from_statx(&rustix::fs::statx(dir, name, flags, wanted())?)
    }

    /// Asks for what is open.
    pub(super) fn of_open(fd: impl AsFd) -> io::Result<Self> {
        Self::from_statx(&rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, wanted())?)
    }

    /// True when both are the same inode.
    pub(super) fn is_same_inode(&self, other: &Self) -> bool {
        (self.dev, self.ino) == (other.dev, other.ino)
    }

    fn from_statx(stat: &Statx) -> io::Result<Self> {
        let kind = match FileType::from_raw_mode(u32::from(stat.stx_mode)) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::CharacterDevice => Kind::CharDevice,
            FileType::BlockDevice => Kind::BlockDevice,
            FileType::Unknown => return Err(io::Error::other("an entry of unknown kind")),
        };
        let has_btime = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
        Ok(Self {
            kind,
            mode: stat.stx_mode & 0o7777,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            mtime: Time::from(stat.stx_mtime),
            ctime: Time::from(stat.stx_ctime),
            btime: has_btime.then(|| Time::from(stat.stx_btime)),
            ino: stat.stx_ino,
            dev: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
            nlink: u64::from(stat.stx_nlink),
            size: stat.stx_size,
            blocks: stat.stx_blocks,
            rdev: (stat.stx_rdev_major, stat.stx_rdev_minor),
        })
    }
}

impl From<StatxTimestamp> for Time {
    fn from(time: StatxTimestamp) -> Self {
        Self {
            secs: time.tv_sec,
            nanos: time.tv_nsec,
        }
    }
}

fn wanted() -> StatxFlags {
    StatxFlags::BASIC_STATS | StatxFlags::BTIME
}

/// Refuses what cannot be the name of one entry of a directory, so that no name leads out of it.
pub(super) fn check_name(name: &[u8]) -> io::Result<()> {
    let reason = match name {
        b"" => "a name is empty",
        b"." | b".." => "a name is `.` or `..`",
        _ if name.len() > NAME_MAX_BYTES => "a name is longer than 255 bytes",
        _ if name.iter().any(|byte| matches!(byte, b'/' | 0)) => "a name holds `/` or NUL",
        _ => return Ok(()),
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
}

/// Longest name that Linux file systems agree on.
pub(super) const NAME_MAX_BYTES: usize = 255;
