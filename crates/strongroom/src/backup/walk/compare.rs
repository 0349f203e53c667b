//! What a walk compares, and how metadata stands in records.

use crate::Result;
use crate::fs::{Kind, Meta, Time};
use crate::tree::{Content, DirReader, Record};

/// Moves a reader of records to `name`; what it passes is gone from the source.
pub(super) fn advance(
    records: &mut DirReader,
    name: &[u8],
    gone: &mut Vec<Record>,
) -> Result<Option<Record>> {
    loop {
        let order = match records.peek()? {
            Some(record) => record.name.as_slice().cmp(name),
            None => return Ok(None),
        };
        match order {
            std::cmp::Ordering::Less => gone.extend(records.next()?),
            std::cmp::Ordering::Equal => return records.next(),
            std::cmp::Ordering::Greater => return Ok(None),
        }
    }
}

/// Bytes of inline content that the base does not hold for this file.
pub(super) fn new_inline_bytes(record: &Record, base: Option<&Record>) -> u64 {
    match &record.content {
        Content::Inline(bytes) if base.is_none_or(|base| base.content != record.content) => {
            bytes.len() as u64
        }
        _ => 0,
    }
}

/// Metadata of a directory above a root: what happens beside the root makes no new record.
pub(super) fn passed_through(meta: &Meta) -> Meta {
    Meta {
        mtime: Time::default(),
        ctime: Time::default(),
        btime: None,
        ino: 0,
        ..stored(meta)
    }
}

/// Metadata as a record keeps it.
pub(super) fn stored(meta: &Meta) -> Meta {
    let size = if meta.kind == Kind::File {
        meta.size
    } else {
        0
    };
    let rdev = if matches!(meta.kind, Kind::CharDevice | Kind::BlockDevice) {
        meta.rdev
    } else {
        (0, 0)
    };
    Meta {
        dev: 0,
        nlink: 0,
        blocks: 0,
        size,
        rdev,
        ..meta.clone()
    }
}

/// Device and inode of a file that has several names.
pub(in super::super) fn hard_link(meta: &Meta) -> Option<(u64, u64)> {
    (meta.nlink > 1).then_some((meta.dev, meta.ino))
}

/// True when the entry is as the parent recorded it, so that it need not be read.
///
/// A change within the timestamp granularity of the moment of reading would go unseen; so what was changed less
/// than two seconds before the parent's reading began, or later, is read again.
pub(super) fn is_unchanged(
    record: &Record,
    meta: &Meta,
    started_secs: i64,
    device: Option<u64>,
) -> bool {
    record.meta == stored(meta)
        && record.extras.capture.is_none()
        && record.extras.device == device
        && record.extras.hard_link.map(|(_, inode)| inode)
            == hard_link(meta).map(|(_, inode)| inode)
        && meta.ctime.secs.saturating_add(2) < started_secs
        && meta.mtime.secs.saturating_add(2) < started_secs
}
