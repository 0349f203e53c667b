//! One entry of a directory (format.md §9.2).

use strongroom_vault::format::PackId;
use strongroom_vault::format::wire::{Reader, Writer};

use super::content::damaged;
use super::{Content, PackTable};
use crate::fs::{Kind, Meta, Time, Xattrs};
use crate::{Error, Result};

/// How faithfully an entry was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capture {
    /// It changed while it was read.
    Torn,
    /// Its content could not be read.
    Unreadable,
    /// The directory could not be listed completely.
    Incomplete,
    /// The directory is the root of another file system, which was not to be entered.
    NotEntered,
    /// A state of a later version.
    Other(u8),
}

impl Capture {
    fn code(self) -> u8 {
        match self {
            Self::Torn => 1,
            Self::Unreadable => 2,
            Self::Incomplete => 3,
            Self::NotEntered => 4,
            Self::Other(code) => code,
        }
    }

    fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Torn,
            2 => Self::Unreadable,
            3 => Self::Incomplete,
            4 => Self::NotEntered,
            other => Self::Other(other),
        }
    }

    /// The state in words.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Torn => "changed while it was read",
            Self::Unreadable => "could not be read",
            Self::Incomplete => "could not be listed completely",
            Self::NotEntered => "a cache or another file system, not entered",
            Self::Other(_) => "captured in a way this version does not know",
        }
    }
}

/// What a backup was told to leave out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rules {
    pub(crate) patterns: Vec<String>,
    pub(crate) larger_than_bytes: Option<u64>,
}

/// Everything of a record that most entries do not have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Extras {
    pub(crate) target: Option<Vec<u8>>,
    /// (device, inode) shared by all names of one file.
    pub(crate) hard_link: Option<(u64, u64)>,
    pub(crate) xattrs: Xattrs,
    pub(crate) capture: Option<Capture>,
    /// What the backup left out; only at the root.
    pub(crate) rules: Option<Rules>,
    /// `st_dev` where it differs from the parent's.
    pub(crate) device: Option<u64>,
    /// Tags of later versions, kept as they are.
    pub(crate) unknown: Vec<(u64, Vec<u8>)>,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) name: Vec<u8>,
    /// `dev`, `nlink` and `blocks` are not stored and read back as 0.
    pub(crate) meta: Meta,
    pub(crate) content: Content,
    pub(crate) extras: Extras,
}

/// What the next record of a piece is coded against.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Previous {
    mtime_secs: i64,
    ino: u64,
}

/// Longest value of an extended attribute; Linux allows no longer ones.
const XATTR_MAX_BYTES: usize = 64 << 10;

const TAG_TARGET: u64 = 1;
const TAG_DEVICE: u64 = 2;
const TAG_HARD_LINK: u64 = 3;
const TAG_XATTRS: u64 = 4;
const TAG_BIRTH: u64 = 5;
const TAG_CAPTURE: u64 = 6;
const TAG_INODE_DEVICE: u64 = 7;
const TAG_RULES: u64 = 9;

impl Record {
    pub(crate) fn write(&self, previous: &mut Previous, packs: &mut PackTable, out: &mut Writer) {
        let meta = &self.meta;
        out.u8(kind_code(meta.kind));
        out.bytes(&self.name);
        out.varint(u64::from(meta.mode));
        out.varint(u64::from(meta.uid));
        out.varint(u64::from(meta.gid));
        out.zigzag(meta.mtime.secs.wrapping_sub(previous.mtime_secs));
        out.varint(u64::from(meta.mtime.nanos));
        out.zigzag(meta.ctime.secs.wrapping_sub(meta.mtime.secs));
        out.varint(u64::from(meta.ctime.nanos));
        out.zigzag(meta.ino.wrapping_sub(previous.ino).cast_signed());
        out.varint(if meta.kind == Kind::File {
            meta.size
        } else {
            0
        });
        if matches!(meta.kind, Kind::File | Kind::Directory) {
            self.content.write(packs, out);
        }
        *previous = Previous {
            mtime_secs: meta.mtime.secs,
            ino: meta.ino,
        };
        self.write_extras(out);
    }

    fn write_extras(&self, out: &mut Writer) {
        let extras = &self.extras;
        let mut tag = |number: u64, fill: &dyn Fn(&mut Writer)| {
            let mut value = Writer::new();
            fill(&mut value);
            out.varint(number);
            out.bytes(value.as_slice());
        };
        if let Some(target) = &extras.target {
            tag(TAG_TARGET, &|value| value.raw(target));
        }
        if matches!(self.meta.kind, Kind::CharDevice | Kind::BlockDevice) {
            let (major, minor) = self.meta.rdev;
            tag(TAG_DEVICE, &|value| {
                value.varint(u64::from(major));
                value.varint(u64::from(minor));
            });
        }
        if let Some((device, inode)) = extras.hard_link {
            tag(TAG_HARD_LINK, &|value| {
                value.varint(device);
                value.varint(inode);
            });
        }
        if !extras.xattrs.is_empty() {
            tag(TAG_XATTRS, &|value| {
                for (name, bytes) in &extras.xattrs {
                    value.bytes(name);
                    value.bytes(bytes);
                }
            });
        }
        if let Some(birth) = self.meta.btime {
            tag(TAG_BIRTH, &|value| {
                value.zigzag(birth.secs);
                value.varint(u64::from(birth.nanos));
            });
        }
        if let Some(capture) = extras.capture {
            tag(TAG_CAPTURE, &|value| value.u8(capture.code()));
        }
        if let Some(device) = extras.device {
            tag(TAG_INODE_DEVICE, &|value| value.varint(device));
        }
        // Tags ascend: what is unknown stands on both sides.
        let (before, after): (Vec<_>, Vec<_>) = extras
            .unknown
            .iter()
            .partition(|(number, _)| *number < TAG_RULES);
        for (number, bytes) in before {
            tag(*number, &|value| value.raw(bytes));
        }
        if let Some(rules) = &extras.rules {
            tag(TAG_RULES, &|value| rules.write(value));
        }
        for (number, bytes) in after {
            tag(*number, &|value| value.raw(bytes));
        }
    }

    pub(crate) fn read(bytes: &[u8], previous: &mut Previous, packs: &[PackId]) -> Result<Self> {
        let input = &mut Reader::new(bytes);
        let (kind, name) = read_name(input)?;
        let mode = narrow::<u16>(input)?;
        let (uid, gid) = (narrow::<u32>(input)?, narrow::<u32>(input)?);
        let mtime_secs = previous
            .mtime_secs
            .wrapping_add(input.zigzag().map_err(damaged)?);
        let mtime = Time {
            secs: mtime_secs,
            nanos: nanos(input)?,
        };
        let ctime_secs = mtime_secs.wrapping_add(input.zigzag().map_err(damaged)?);
        let ctime = Time {
            secs: ctime_secs,
            nanos: nanos(input)?,
        };
        let ino = previous
            .ino
            .wrapping_add(input.zigzag().map_err(damaged)?.cast_unsigned());
        let size = input.varint().map_err(damaged)?;
        if mode > 0o7777 || (kind != Kind::File && size != 0) {
            return Err(Error::TreeDamaged("a record's mode or size is impossible"));
        }
        *previous = Previous { mtime_secs, ino };
        let content = match kind {
            Kind::File | Kind::Directory => Content::read(input, packs)?,
            _ => Content::Empty,
        };
        let meta = Meta {
            kind,
            mode,
            uid,
            gid,
            mtime,
            ctime,
            btime: None,
            ino,
            dev: 0,
            nlink: 0,
            size,
            blocks: 0,
            rdev: (0, 0),
        };
        let mut record = Self {
            name,
            meta,
            content,
            extras: Extras::default(),
        };
        record.read_extras(input)?;
        Ok(record)
    }

    fn read_extras(&mut self, input: &mut Reader<'_>) -> Result<()> {
        let mut last = 0;
        while !input.is_empty() {
            let number = input.varint().map_err(damaged)?;
            let value = input.bytes().map_err(damaged)?;
            if number <= last {
                return Err(Error::TreeDamaged("a record's tags are out of order"));
            }
            last = number;
            self.read_extra(number, value)?;
        }
        Ok(())
    }

    fn read_extra(&mut self, number: u64, value: &[u8]) -> Result<()> {
        let input = &mut Reader::new(value);
        match number {
            TAG_TARGET => {
                self.extras.target = Some(input.take(value.len()).map_err(damaged)?.to_vec());
            }
            TAG_DEVICE if !matches!(self.meta.kind, Kind::CharDevice | Kind::BlockDevice) => {
                return Err(Error::TreeDamaged("a device number of what is no device"));
            }
            TAG_DEVICE => self.meta.rdev = (narrow(input)?, narrow(input)?),
            TAG_HARD_LINK => {
                let device = input.varint().map_err(damaged)?;
                self.extras.hard_link = Some((device, input.varint().map_err(damaged)?));
            }
            TAG_XATTRS => {
                while !input.is_empty() {
                    let name = input.bytes().map_err(damaged)?.to_vec();
                    let value = input.bytes().map_err(damaged)?.to_vec();
                    if value.len() > XATTR_MAX_BYTES {
                        return Err(Error::TreeDamaged("an extended attribute is too long"));
                    }
                    self.extras.xattrs.push((name, value));
                }
            }
            TAG_BIRTH => {
                let secs = input.zigzag().map_err(damaged)?;
                self.meta.btime = Some(Time {
                    secs,
                    nanos: nanos(input)?,
                });
            }
            TAG_CAPTURE => {
                self.extras.capture = Some(Capture::from_code(input.u8().map_err(damaged)?));
            }
            TAG_INODE_DEVICE => self.extras.device = Some(input.varint().map_err(damaged)?),
            TAG_RULES => self.extras.rules = Some(Rules::read(input)?),
            _ => {
                let value = input.take(value.len()).map_err(damaged)?;
                self.extras.unknown.push((number, value.to_vec()));
            }
        }
        if input.is_empty() {
            Ok(())
        } else {
            Err(Error::TreeDamaged("bytes follow the value of a tag"))
        }
    }
}

impl Rules {
    fn write(&self, value: &mut Writer) {
        // Zero is "no limit", so that a limit of zero bytes is one.
        let limit = self.larger_than_bytes;
        value.varint(limit.map_or(0, |bytes| bytes.saturating_add(1)));
        for pattern in &self.patterns {
            value.bytes(pattern.as_bytes());
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self> {
        let limit = input.varint().map_err(damaged)?;
        let mut rules = Self {
            patterns: Vec::new(),
            larger_than_bytes: limit.checked_sub(1),
        };
        while !input.is_empty() {
            let pattern = String::from_utf8(input.bytes().map_err(damaged)?.to_vec());
            let pattern = pattern.map_err(|_| Error::TreeDamaged("a pattern is no text"))?;
            rules.patterns.push(pattern);
        }
        Ok(rules)
    }
}

/// True for a name that may stand in a directory and be created in one.
pub(crate) fn is_valid_name(name: &[u8]) -> bool {
    (1..=255).contains(&name.len())
        && name != b"."
        && name != b".."
        && !name.iter().any(|&byte| byte == b'/' || byte == 0)
}

fn read_name(input: &mut Reader<'_>) -> Result<(Kind, Vec<u8>)> {
    let kind = match input.u8().map_err(damaged)? {
        1 => Kind::File,
        2 => Kind::Directory,
        3 => Kind::Symlink,
        4 => Kind::Fifo,
        5 => Kind::Socket,
        6 => Kind::CharDevice,
        7 => Kind::BlockDevice,
        _ => return Err(Error::TreeDamaged("a record's kind is unknown")),
    };
    let name = input.bytes().map_err(damaged)?.to_vec();
    // Only the root piece holds a record without a name; directories check theirs when they are read.
    if !name.is_empty() && !is_valid_name(&name) {
        return Err(Error::TreeDamaged("a record's name is not allowed"));
    }
    Ok((kind, name))
}

fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::File => 1,
        Kind::Directory => 2,
        Kind::Symlink => 3,
        Kind::Fifo => 4,
        Kind::Socket => 5,
        Kind::CharDevice => 6,
        Kind::BlockDevice => 7,
    }
}

fn narrow<T: TryFrom<u64>>(input: &mut Reader<'_>) -> Result<T> {
    T::try_from(input.varint().map_err(damaged)?)
        .map_err(|_| Error::TreeDamaged("a record's number is too large"))
}

fn nanos(input: &mut Reader<'_>) -> Result<u32> {
    let nanos: u32 = narrow(input)?;
    if nanos >= 1_000_000_000 {
        return Err(Error::TreeDamaged(
            "a record's nanoseconds are a second or more",
        ));
    }
    Ok(nanos)
}
