//! Content of a file or directory: inline bytes, extents, or extents by reference (format.md §9.3).

use strongroom_vault::format::wire::{Reader, Writer};
use strongroom_vault::format::{ChunkAddress, PackId};

use super::PackTable;
use crate::{Error, Result};

/// Version byte of tree and extent pieces.
pub(crate) const PIECE_VERSION: u8 = 1;

/// A run of chunks, or a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// So many zero bytes that are not stored.
    Hole(u64),
    /// `count` consecutive chunks of one block, named by birth.
    Run {
        pack: PackId,
        block: u16,
        first: u16,
        count: u16,
    },
}

/// What a file or directory consists of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Content {
    /// Nothing.
    #[default]
    Empty,
    /// The bytes themselves.
    Inline(Vec<u8>),
    /// Extents in order.
    Extents(Vec<Extent>),
    /// Extents that name tree chunks holding extent pieces.
    Indirect(Vec<Extent>),
}

/// Appends a chunk to a list of extents, joining it to the last run where it continues it.
pub(crate) fn push_chunk(extents: &mut Vec<Extent>, at: ChunkAddress) {
    if let Some(Extent::Run {
        pack,
        block,
        first,
        count,
    }) = extents.last_mut()
    {
        let next = u32::from(*first) + u32::from(*count);
        if *pack == at.pack && *block == at.block && next == u32::from(at.chunk) {
            *count += 1;
            return;
        }
    }
    extents.push(Extent::Run {
        pack: at.pack,
        block: at.block,
        first: at.chunk,
        count: 1,
    });
}

/// The chunks of an extent list, one address each; holes are left out.
pub(crate) fn addresses(extents: &[Extent]) -> impl Iterator<Item = ChunkAddress> + '_ {
    extents.iter().flat_map(|extent| {
        let (pack, block, first, count) = match *extent {
            Extent::Hole(_) => (PackId::from_bytes([0; 16]), 0, 0, 0),
            Extent::Run {
                pack,
                block,
                first,
                count,
            } => (pack, block, first, count),
        };
        (0..count).map(move |i| ChunkAddress {
            pack,
            block,
            chunk: first + i,
        })
    })
}

pub(crate) fn write_extents(extents: &[Extent], packs: &mut PackTable, out: &mut Writer) {
    for extent in extents {
        match *extent {
            Extent::Hole(bytes) => out.varint(bytes << 1 | 1),
            Extent::Run {
                pack,
                block,
                first,
                count,
            } => {
                out.varint(packs.position(pack) << 1);
                out.varint(u64::from(block));
                out.varint(u64::from(first));
                out.varint(u64::from(count));
            }
        }
    }
}

pub(crate) fn read_extent(input: &mut Reader<'_>, packs: &[PackId]) -> Result<Extent> {
    let head = input.varint().map_err(damaged)?;
    if head & 1 == 1 {
        return Ok(Extent::Hole(head >> 1));
    }
    let position = usize::try_from(head >> 1).unwrap_or(usize::MAX);
    let pack = *packs
        .get(position)
        .ok_or(Error::TreeDamaged("an extent names an unknown pack"))?;
    let mut small = || -> Result<u16> {
        u16::try_from(input.varint().map_err(damaged)?)
            .map_err(|_| Error::TreeDamaged("an extent's number is too large"))
    };
    let (block, first, count) = (small()?, small()?, small()?);
    if count == 0 || first.checked_add(count).is_none() {
        return Err(Error::TreeDamaged("an extent counts no chunks or too many"));
    }
    Ok(Extent::Run {
        pack,
        block,
        first,
        count,
    })
}

impl Content {
    /// Extents that stand in the record itself; inline and empty content have none.
    pub(crate) fn direct(&self) -> &[Extent] {
        match self {
            Self::Empty | Self::Inline(_) => &[],
            Self::Extents(extents) | Self::Indirect(extents) => extents,
        }
    }

    pub(crate) fn write(&self, packs: &mut PackTable, out: &mut Writer) {
        let (form, extents) = match self {
            Self::Empty => return out.u8(0),
            Self::Inline(bytes) => {
                out.u8(1);
                return out.bytes(bytes);
            }
            Self::Extents(extents) => (2, extents),
            Self::Indirect(extents) => (3, extents),
        };
        out.u8(form);
        out.varint(extents.len() as u64);
        write_extents(extents, packs, out);
    }

    pub(crate) fn read(input: &mut Reader<'_>, packs: &[PackId]) -> Result<Self> {
        let form = input.u8().map_err(damaged)?;
        match form {
            0 => Ok(Self::Empty),
            1 => Ok(Self::Inline(input.bytes().map_err(damaged)?.to_vec())),
            2 | 3 => {
                let count = input.varint().map_err(damaged)?;
                let mut extents = Vec::new();
                for _ in 0..count {
                    extents.push(read_extent(input, packs)?);
                }
                Ok(if form == 2 {
                    Self::Extents(extents)
                } else {
                    Self::Indirect(extents)
                })
            }
            _ => Err(Error::TreeDamaged("a content form is unknown")),
        }
    }
}

pub(crate) fn damaged(error: strongroom_vault::format::FormatError) -> Error {
    tracing::debug!(%error, "tree piece does not parse");
    Error::TreeDamaged("a piece does not parse")
}
