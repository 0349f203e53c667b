//! Pieces of reference lists (format.md §10).

use std::collections::BTreeMap;

use super::FormatError;
use super::ids::{BlockName, PackId};
use super::wire::{Reader, Writer, varint_len};

const VERSION: u8 = 1;
const PIECE_MIN_BYTES: usize = 8 << 10;
const PIECE_MAX_BYTES: usize = 64 << 10;

/// One piece: the chunks that a point uses of some packs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPiece {
    /// Ascending by pack id.
    pub packs: Vec<PackUse>,
}

/// The chunks that a point uses of the blocks born in one pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackUse {
    /// Pack of birth.
    pub pack: PackId,
    /// Ascending by ordinal.
    pub blocks: Vec<BlockUse>,
}

/// The chunks that a point uses of one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockUse {
    /// Birth ordinal.
    pub ordinal: u16,
    /// How often each chunk is used, by its number; the last one is not zero.
    pub counts: Vec<u32>,
}

/// Whether a piece of so many bytes ends after this pack.
#[must_use]
pub fn ends_list_piece(pack: &PackId, piece_bytes: usize) -> bool {
    let low = pack.as_bytes().first().copied().unwrap_or_default() & 7;
    (piece_bytes >= PIECE_MIN_BYTES && low == 0) || piece_bytes >= PIECE_MAX_BYTES
}

impl ListPiece {
    /// The raw bytes of the chunk.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION);
        for pack in &self.packs {
            out.raw(pack.pack.as_bytes());
            out.varint(pack.blocks.len() as u64);
            let mut next = 0;
            for block in &pack.blocks {
                let is_counted = block.is_counted();
                out.varint((u64::from(block.ordinal) - next) << 1 | u64::from(is_counted));
                next = u64::from(block.ordinal) + 1;
                out.bytes(&block.bitmap());
                if is_counted {
                    block
                        .counts
                        .iter()
                        .filter(|&&count| count > 0)
                        .for_each(|&count| out.varint(u64::from(count)));
                }
            }
        }
        out.into_vec()
    }

    /// Reads the raw bytes of the chunk.
    ///
    /// # Errors
    /// When they do not follow the format.
    pub fn decode(raw: &[u8]) -> Result<Self, FormatError> {
        let mut packs: Vec<PackUse> = Vec::new();
        Self::scan(raw, |block| {
            let counts = block.counts()?;
            let block_use = BlockUse {
                ordinal: block.name.ordinal,
                counts,
            };
            match packs.last_mut().filter(|last| last.pack == block.name.pack) {
                Some(last) => last.blocks.push(block_use),
                None => packs.push(PackUse {
                    pack: block.name.pack,
                    blocks: vec![block_use],
                }),
            }
            Ok(())
        })?;
        Ok(Self { packs })
    }

    /// Gives every block that the raw bytes of the chunk name to `each`, without keeping any.
    ///
    /// # Errors
    /// When they do not follow the format, or `each` fails; blocks that were given before that must not be used.
    pub fn scan<'a>(
        raw: &'a [u8],
        mut each: impl FnMut(ScannedBlock<'a>) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        let input = &mut Reader::new(raw);
        if input.u8()? != VERSION {
            return Err(FormatError::Malformed("a list piece of an unknown version"));
        }
        let mut last: Option<PackId> = None;
        while !input.is_empty() {
            let pack = PackId::from_bytes(input.array()?);
            if last.replace(pack).is_some_and(|last| last >= pack) {
                return Err(FormatError::Malformed(
                    "the packs of a list piece are out of order",
                ));
            }
            let count = input.varint()?;
            FormatError::limit("the number of blocks", count, 65_535)?;
            if count == 0 {
                return Err(FormatError::Malformed(
                    "a list piece names a pack without blocks",
                ));
            }
            let mut next = 0_u64;
            for _ in 0..count {
                let block = scan_block(input, pack, next)?;
                next = u64::from(block.name.ordinal) + 1;
                each(block)?;
            }
        }
        Ok(())
    }
}

/// A block in a list piece, as it stands there.
#[derive(Clone, Copy, Debug)]
pub struct ScannedBlock<'a> {
    /// Its birth name.
    pub name: BlockName,
    /// Bit `c & 7` of byte `c >> 3` is set when chunk `c` is used; the last byte is not zero.
    pub bitmap: &'a [u8],
    /// The counts of the used chunks, as varints; `None` where each is 1.
    counts: Option<&'a [u8]>,
}

impl ScannedBlock<'_> {
    /// How often each chunk is used, by its number; the last one is not zero.
    fn counts(&self) -> Result<Vec<u32>, FormatError> {
        let mut varints = self.counts.map(Reader::new);
        let mut counts = Vec::with_capacity(self.bitmap.len() * 8);
        for byte in self.bitmap {
            for bit in 0..8 {
                let is_used = byte >> bit & 1 == 1;
                counts.push(match (is_used, &mut varints) {
                    (false, _) => 0,
                    (true, None) => 1,
                    (true, Some(varints)) => read_use_count(varints)?,
                });
            }
        }
        while counts.last() == Some(&0) {
            counts.pop();
        }
        Ok(counts)
    }
}

fn read_use_count(input: &mut Reader<'_>) -> Result<u32, FormatError> {
    match u32::try_from(input.varint()?) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(FormatError::Malformed(
            "a list piece has a count out of bounds",
        )),
    }
}

fn scan_block<'a>(
    input: &mut Reader<'a>,
    pack: PackId,
    next: u64,
) -> Result<ScannedBlock<'a>, FormatError> {
    let head = input.varint()?;
    let too_large = || FormatError::Malformed("a list piece names a block beyond the last");
    let ordinal = next
        .checked_add(head >> 1)
        .and_then(|n| u16::try_from(n).ok())
        .ok_or_else(too_large)?;
    let bitmap = input.bytes()?;
    if bitmap.last().is_none_or(|&byte| byte == 0) || bitmap.len() > 8192 {
        return Err(FormatError::Malformed(
            "a list piece has a bitmap of the wrong length",
        ));
    }
    let counts = if head & 1 == 1 {
        let before = input.rest();
        let used: u32 = bitmap.iter().map(|byte| byte.count_ones()).sum();
        for _ in 0..used {
            read_use_count(input)?;
        }
        before.get(..before.len() - input.rest().len())
    } else {
        None
    };
    Ok(ScannedBlock {
        name: BlockName { pack, ordinal },
        bitmap,
        counts,
    })
}

impl BlockUse {
    fn is_counted(&self) -> bool {
        self.counts.iter().any(|&count| count > 1)
    }

    fn bitmap(&self) -> Vec<u8> {
        let bits = |counts: &[u32]| {
            counts.iter().enumerate().fold(0_u8, |byte, (bit, &count)| {
                byte | u8::from(count > 0) << bit
            })
        };
        self.counts.chunks(8).map(bits).collect()
    }
}

impl PackUse {
    /// Applies signed changes, by block ordinal and chunk number; `None` when nothing is used any more.
    ///
    /// # Errors
    /// When a count would fall below zero or grow beyond 32 bits: list and tree do not belong together.
    pub fn apply(
        base: Option<Self>,
        pack: PackId,
        changes: &BTreeMap<u16, Vec<i64>>,
    ) -> Result<Option<Self>, FormatError> {
        let wrong = || {
            FormatError::Malformed("a reference list and the tree it belongs to count differently")
        };
        let mut blocks: BTreeMap<u16, Vec<u32>> = base
            .map(|base| {
                base.blocks
                    .into_iter()
                    .map(|block| (block.ordinal, block.counts))
                    .collect()
            })
            .unwrap_or_default();
        for (&ordinal, changed) in changes {
            let counts = blocks.entry(ordinal).or_default();
            if counts.len() < changed.len() {
                counts.resize(changed.len(), 0);
            }
            for (count, change) in counts.iter_mut().zip(changed) {
                let sum = i64::from(*count).checked_add(*change).ok_or_else(wrong)?;
                *count = u32::try_from(sum).map_err(|_| wrong())?;
            }
            while counts.last() == Some(&0) {
                counts.pop();
            }
        }
        let blocks: Vec<BlockUse> = blocks
            .into_iter()
            .filter(|(_, counts)| !counts.is_empty())
            .map(|(ordinal, counts)| BlockUse { ordinal, counts })
            .collect();
        Ok((!blocks.is_empty()).then_some(Self { pack, blocks }))
    }

    /// Bytes of this entry in a piece.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let mut next = 0;
        let blocks: usize = self
            .blocks
            .iter()
            .map(|block| {
                let head = (u64::from(block.ordinal) - next) << 1;
                next = u64::from(block.ordinal) + 1;
                let bitmap = block.counts.len().div_ceil(8);
                let counts: usize = if block.is_counted() {
                    block
                        .counts
                        .iter()
                        .filter(|&&n| n > 0)
                        .map(|&n| varint_len(u64::from(n)))
                        .sum()
                } else {
                    0
                };
                varint_len(head) + varint_len(bitmap as u64) + bitmap + counts
            })
            .sum();
        16 + varint_len(self.blocks.len() as u64) + blocks
    }
}
