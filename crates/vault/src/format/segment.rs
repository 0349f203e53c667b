//! Index segments: hints where chunks may be found (format.md §11).

use strongroom_crypto::{Entropy, SecretKey};

use super::header::ObjectKind;
use super::ids::{BlockName, PackId, SessionId, VaultId};
use super::toc::{BLOCKS_MAX_COUNT, TOC_MAX_BYTES, Toc};
use super::wire::{Reader, Writer};
use super::{FormatError, PACK_MAX_BYTES, open_object, seal_object};

const VERSION: u8 = 1;
/// Says of each pack which session wrote the segment that named it first.
const WITH_WRITERS: u8 = 2;

/// What one or several packs hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// The packs.
    pub packs: Vec<SegmentPack>,
    /// Their chunks.
    pub entries: Vec<SegmentEntry>,
}

/// A pack in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentPack {
    /// Its id.
    pub pack_id: PackId,
    /// Data or metadata.
    pub kind: ObjectKind,
    /// Length of the object.
    pub object_bytes: u64,
    /// Sealed bytes of its table of contents.
    pub toc_len: u32,
    /// How many blocks it has.
    pub block_count: u32,
    /// Hash of the whole object.
    pub blake3: [u8; 32],
    /// Blocks that were born elsewhere, with their position here.
    pub moved: Vec<(BlockName, u16)>,
    /// The session that named it so; `None` for the one in the name of the segment.
    pub writer: Option<SessionId>,
}

/// A chunk in a segment.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentEntry {
    /// First 8 bytes of its id, big-endian.
    pub prefix: u64,
    /// Position of its pack in the segment.
    pub pack: u32,
    /// Position of its block in the pack.
    pub block: u16,
    /// Its number in the block.
    pub chunk: u16,
}

impl SegmentPack {
    /// The row of a pack with this table.
    #[must_use]
    pub fn of_toc(
        pack_id: PackId,
        kind: ObjectKind,
        object_bytes: u64,
        blake3: [u8; 32],
        toc: &Toc,
    ) -> Self {
        let moved = (0..=u16::MAX)
            .zip(toc.blocks())
            .filter(|(position, row)| {
                row.birth
                    != BlockName {
                        pack: pack_id,
                        ordinal: *position,
                    }
            })
            .map(|(position, row)| (row.birth, position))
            .collect();
        let block_count = u32::try_from(toc.blocks().len()).unwrap_or(u32::MAX);
        Self {
            pack_id,
            kind,
            object_bytes,
            toc_len: toc.sealed_len(),
            block_count,
            blake3,
            moved,
            writer: None,
        }
    }

    fn encode(&self, out: &mut Writer) {
        out.raw(self.pack_id.as_bytes());
        out.u8(self.kind.number());
        out.varint(self.object_bytes);
        out.varint(u64::from(self.toc_len));
        out.varint(u64::from(self.block_count));
        out.raw(&self.blake3);
        out.varint(self.moved.len() as u64);
        for (birth, position) in &self.moved {
            out.raw(birth.pack.as_bytes());
            out.raw(&birth.ordinal.to_le_bytes());
            out.raw(&position.to_le_bytes());
        }
    }

    /// Hash of all that a segment says about this pack: its row, and those of its entries, in their order.
    pub(crate) fn digest(&self, entries: &[u8]) -> [u8; 16] {
        let mut out = Writer::new();
        self.encode(&mut out);
        out.raw(entries);
        let hash = blake3::hash(&out.into_vec());
        *hash.as_bytes().first_chunk().unwrap_or(&[0; 16])
    }
}

impl Segment {
    /// The whole object.
    ///
    /// # Errors
    /// When it is too large, or there is no entropy.
    pub fn seal(
        mut self,
        key: &SecretKey,
        vault_id: &VaultId,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, FormatError> {
        self.entries.sort_unstable();
        let mut object_id = [0; 16];
        entropy.fill(&mut object_id)?;
        seal_object(
            ObjectKind::Segment,
            object_id,
            key,
            vault_id,
            &self.encode(),
        )
    }

    fn encode(&self) -> Vec<u8> {
        let has_writers = self.packs.iter().any(|pack| pack.writer.is_some());
        let mut out = Writer::new();
        out.u8(if has_writers { WITH_WRITERS } else { VERSION });
        out.varint(self.packs.len() as u64);
        for pack in &self.packs {
            pack.encode(&mut out);
            if has_writers {
                out.raw(&pack.writer.map_or([0; 16], SessionId::to_bytes));
            }
        }
        out.varint(self.entries.len() as u64);
        let mut previous = 0;
        for entry in &self.entries {
            out.varint(entry.prefix - previous);
            out.varint(u64::from(entry.pack));
            out.varint(u64::from(entry.block));
            out.varint(u64::from(entry.chunk));
            previous = entry.prefix;
        }
        out.into_vec()
    }

    /// Opens a segment, returns its packs and gives every entry to `each` without keeping it.
    ///
    /// # Errors
    /// When the object is damaged; entries given before that must not be used.
    pub fn open(
        object: &[u8],
        key: &SecretKey,
        vault_id: &VaultId,
        mut each: impl FnMut(SegmentEntry),
    ) -> Result<Vec<SegmentPack>, FormatError> {
        let plain = open_object(ObjectKind::Segment, key, vault_id, object)?;
        let front = SegmentFront::read(&plain)?;
        front.scan(&plain, |_, entry| each(entry))?;
        Ok(front.packs)
    }
}

/// What comes before the entries of an opened segment.
pub(crate) struct SegmentFront {
    pub(crate) packs: Vec<SegmentPack>,
    pub(crate) entries_count: u64,
    /// Where the entries begin.
    pub(crate) entries_at: usize,
}

impl SegmentFront {
    /// Reads the beginning of a segment.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn read(plain: &[u8]) -> Result<Self, FormatError> {
        let input = &mut Reader::new(plain);
        let has_writers = match input.u8()? {
            VERSION => false,
            WITH_WRITERS => true,
            _ => {
                return Err(FormatError::Malformed(
                    "an index segment of an unknown version",
                ));
            }
        };
        let count = input.varint()?;
        let mut packs = Vec::new();
        for _ in 0..count {
            packs.push(read_pack(input, has_writers)?);
        }
        if has_writers && packs.iter().all(|pack| pack.writer.is_none()) {
            return Err(FormatError::Malformed("an index segment names no writer"));
        }
        Ok(Self {
            packs,
            entries_count: input.varint()?,
            entries_at: plain.len() - input.rest().len(),
        })
    }

    /// Gives each entry, and where it begins, and checks that nothing else follows.
    ///
    /// # Errors
    /// When one is malformed or out of order.
    pub(crate) fn scan(
        &self,
        plain: &[u8],
        mut each: impl FnMut(usize, SegmentEntry),
    ) -> Result<(), FormatError> {
        let input = &mut Reader::new(plain.get(self.entries_at..).unwrap_or_default());
        let mut previous: Option<SegmentEntry> = None;
        for _ in 0..self.entries_count {
            let at = plain.len() - input.rest().len();
            let entry = SegmentEntry::read(input, previous.map_or(0, |entry| entry.prefix))?;
            if previous.is_some_and(|previous| previous >= entry) {
                return Err(FormatError::Malformed(
                    "the entries of an index segment are out of order",
                ));
            }
            if entry.pack as usize >= self.packs.len() {
                return Err(FormatError::Malformed("an index entry names no pack"));
            }
            each(at, entry);
            previous = Some(entry);
        }
        if input.is_empty() {
            Ok(())
        } else {
            Err(FormatError::Malformed("bytes follow an index segment"))
        }
    }
}

impl SegmentEntry {
    /// The next entry after one with this prefix.
    ///
    /// # Errors
    /// When it is malformed.
    pub(crate) fn read(input: &mut Reader<'_>, previous_prefix: u64) -> Result<Self, FormatError> {
        let prefix = previous_prefix.checked_add(input.varint()?);
        Ok(Self {
            prefix: prefix.ok_or(FormatError::Malformed("an index prefix is above 2^64 - 1"))?,
            pack: small(input.varint()?)?,
            block: small(input.varint()?)?,
            chunk: small(input.varint()?)?,
        })
    }
}

fn small<T: TryFrom<u64>>(value: u64) -> Result<T, FormatError> {
    T::try_from(value)
        .map_err(|_| FormatError::Malformed("a number of an index segment is too large"))
}

fn within<T: TryFrom<u64>>(what: &'static str, value: u64, limit: u64) -> Result<T, FormatError> {
    FormatError::limit(what, value, limit)?;
    small(value)
}

fn read_pack(input: &mut Reader<'_>, has_writer: bool) -> Result<SegmentPack, FormatError> {
    let pack_id = PackId::from_bytes(input.array()?);
    let kind = match input.u8()? {
        3 => ObjectKind::DataPack,
        4 => ObjectKind::MetaPack,
        _ => {
            return Err(FormatError::Malformed(
                "an index segment names an object that is no pack",
            ));
        }
    };
    let object_bytes = within("the length of a pack", input.varint()?, PACK_MAX_BYTES)?;
    let toc_len = within(
        "the length of a table of contents",
        input.varint()?,
        TOC_MAX_BYTES,
    )?;
    let block_count = within("the number of blocks", input.varint()?, BLOCKS_MAX_COUNT)?;
    let blake3 = input.array()?;
    let count = input.varint()?;
    let mut moved = Vec::new();
    for _ in 0..count {
        let birth = BlockName {
            pack: PackId::from_bytes(input.array()?),
            ordinal: input.u16()?,
        };
        moved.push((birth, input.u16()?));
    }
    let writer = match has_writer {
        true => Some(input.array()?).filter(|id| *id != [0; 16]),
        false => None,
    };
    Ok(SegmentPack {
        pack_id,
        kind,
        object_bytes,
        toc_len,
        block_count,
        blake3,
        moved,
        writer: writer.map(SessionId::from_bytes),
    })
}
