//! Damage notices: which copies of blocks are damaged (format.md §12).

use super::FormatError;
use super::header::ObjectKind;
use super::ids::PackId;
use super::wire::{Reader, Writer};

const VERSION: u8 = 1;
const PACKS_MAX_COUNT: u64 = 65_536;
const POSITIONS_MAX_COUNT: u64 = 65_535;

/// Damaged copies in one pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HurtPack {
    /// The pack.
    pub pack: PackId,
    /// Data or metadata.
    pub kind: ObjectKind,
    /// Positions of the damaged blocks, ascending; empty means all of the pack.
    pub positions: Vec<u16>,
}

/// What somebody who may sign has read and found damaged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// Ascending by pack id.
    pub packs: Vec<HurtPack>,
}

impl Notice {
    /// The table, to be sealed and signed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION);
        out.varint(self.packs.len() as u64);
        for hurt in &self.packs {
            out.raw(hurt.pack.as_bytes());
            out.u8(hurt.kind.number());
            out.varint(hurt.positions.len() as u64);
            let mut next = 0;
            for &position in &hurt.positions {
                out.varint(u64::from(position) - next);
                next = u64::from(position) + 1;
            }
        }
        out.into_vec()
    }

    /// Reads a table.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn decode(plain: &[u8]) -> Result<Self, FormatError> {
        let input = &mut Reader::new(plain);
        if input.u8()? != VERSION {
            return Err(FormatError::Malformed(
                "a damage notice of an unknown version",
            ));
        }
        let count = input.varint()?;
        FormatError::limit("the packs of a damage notice", count, PACKS_MAX_COUNT)?;
        let mut packs: Vec<HurtPack> = Vec::new();
        for _ in 0..count {
            let hurt = read_pack(input)?;
            if packs.last().is_some_and(|last| last.pack >= hurt.pack) {
                return Err(FormatError::Malformed(
                    "the packs of a damage notice are out of order",
                ));
            }
            packs.push(hurt);
        }
        if input.is_empty() {
            Ok(Self { packs })
        } else {
            Err(FormatError::Malformed("bytes follow a damage notice"))
        }
    }
}

fn read_pack(input: &mut Reader<'_>) -> Result<HurtPack, FormatError> {
    let pack = PackId::from_bytes(input.array()?);
    let kind = match input.u8()? {
        3 => ObjectKind::DataPack,
        4 => ObjectKind::MetaPack,
        _ => {
            return Err(FormatError::Malformed(
                "a damage notice names what is no pack",
            ));
        }
    };
    let count = input.varint()?;
    FormatError::limit("the blocks of a damage notice", count, POSITIONS_MAX_COUNT)?;
    let mut positions = Vec::new();
    let mut next = 0_u64;
    for _ in 0..count {
        let position = next
            .checked_add(input.varint()?)
            .and_then(|position| u16::try_from(position).ok())
            .ok_or(FormatError::Malformed(
                "a damage notice names a block beyond the last",
            ))?;
        positions.push(position);
        next = u64::from(position) + 1;
    }
    Ok(HurtPack {
        pack,
        kind,
        positions,
    })
}
