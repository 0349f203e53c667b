//! Metadata as `stat` shows it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use fuser::{FileAttr, FileType, INodeNo};
use strongroom::Entry;
use strongroom::fs::{Kind, Time};

/// What programs are told to read at once, bytes.
const READ_BYTES: u32 = 128 << 10;

/// Who mounts; to whom the directories belong that stand in no point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// What of an entry is not in its record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    /// Names of it.
    pub(crate) links_count: u64,
    /// Bytes that are no holes.
    pub(crate) allocated_bytes: u64,
}

/// The attributes of an entry of a point. A directory has one link, which says that its subdirectories are not counted;
/// times of access are not recorded and shown as those of the last change.
pub(crate) fn of_entry(number: u64, entry: &Entry, counted: Counted) -> FileAttr {
    let meta = entry.meta();
    let size = match meta.kind {
        Kind::Symlink => entry.target().map_or(0, |target| target.len() as u64),
        _ => meta.size,
    };
    let mtime = system_time(meta.mtime);
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: counted.allocated_bytes.div_ceil(512),
        atime: mtime,
        mtime,
        ctime: system_time(meta.ctime),
        crtime: meta.btime.map_or(UNIX_EPOCH, system_time),
        kind: file_type(meta.kind),
        perm: meta.mode,
        nlink: u32::try_from(counted.links_count).unwrap_or(u32::MAX),
        uid: meta.uid,
        gid: meta.gid,
        rdev: device_number(meta.rdev),
        blksize: READ_BYTES,
        flags: 0,
    }
}

/// The attributes of a directory or link that stands in no point.
pub(crate) fn of_own(
    number: u64,
    kind: FileType,
    size: u64,
    at: Option<DateTime<Utc>>,
    owner: Owner,
) -> FileAttr {
    let at = at.map_or(UNIX_EPOCH, SystemTime::from);
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: 0,
        atime: at,
        mtime: at,
        ctime: at,
        crtime: at,
        kind,
        perm: if kind == FileType::Directory {
            0o555
        } else {
            0o777
        },
        nlink: 1,
        uid: owner.uid,
        gid: owner.gid,
        rdev: 0,
        blksize: READ_BYTES,
        flags: 0,
    }
}

pub(crate) fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
        Kind::Fifo => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice => FileType::CharDevice,
        Kind::BlockDevice => FileType::BlockDevice,
    }
}

/// As the kernel encodes it for FUSE: 12 bits of major, 20 bits of minor number; larger ones do not fit and are cut.
fn device_number((major, minor): (u32, u32)) -> u32 {
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xf_ff00) << 12
}

/// A time that this type cannot hold becomes the beginning of 1970.
fn system_time(time: Time) -> SystemTime {
    let secs = Duration::from_secs(time.secs.unsigned_abs());
    let second = if time.secs < 0 {
        UNIX_EPOCH.checked_sub(secs)
    } else {
        UNIX_EPOCH.checked_add(secs)
    };
    second
        .and_then(|second| second.checked_add(Duration::from_nanos(u64::from(time.nanos))))
        .unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_keep_their_nanoseconds() {
        let time = system_time(Time {
            secs: -1,
            nanos: 123_456_789,
        });
        let before = UNIX_EPOCH.duration_since(time).unwrap();
        assert_eq!(before, Duration::from_nanos(876_543_211));
        let least = Time {
            secs: i64::MIN,
            nanos: 0,
        };
        assert!(system_time(least) <= UNIX_EPOCH);
    }

    #[test]
    fn device_numbers_are_those_of_the_kernel() {
        assert_eq!(device_number((1, 3)), 0x103);
        assert_eq!(device_number((8, 0x1_23)), 8 << 8 | 0x23 | 0x1 << 20);
        assert_eq!(device_number((0xfff, 0xf_ffff)), u32::MAX);
    }
}
