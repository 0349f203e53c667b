//! The bytes of a file, piece by piece.

use super::content::addresses;
use super::{Content, Extent, Record, TreeReader};
use crate::{Error, Result};

/// A run of bytes, or a hole of so many.
pub(crate) enum Piece<'b> {
    Bytes(&'b [u8]),
    Hole(u64),
}

impl Piece<'_> {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Hole(bytes) => *bytes,
        }
    }
}

/// Calls `each` with the offset of every piece, in order. No piece is given that ends beyond the size of the file, so
/// that nothing grows without limit, whatever the record says.
///
/// # Errors
/// When a chunk cannot be read, the pieces do not add up to the file's size, or `each` fails.
pub(crate) fn for_each_piece(
    tree: &TreeReader,
    record: &Record,
    each: &mut dyn FnMut(u64, Piece<'_>) -> Result<()>,
) -> Result<()> {
    let mut at = 0;
    let mut give = |piece: Piece<'_>| -> Result<()> {
        let len = piece.len();
        let end = u64::checked_add(at, len).filter(|&end| len > 0 && end <= record.meta.size);
        let end = end.ok_or(Error::TreeDamaged("a file's chunks go beyond its size"))?;
        each(at, piece)?;
        at = end;
        Ok(())
    };
    match &record.content {
        Content::Empty => {}
        Content::Inline(bytes) => give(Piece::Bytes(bytes))?,
        content => {
            let mut extents = tree.extents(content);
            while let Some(extent) = extents.next()? {
                if let Extent::Hole(bytes) = extent {
                    give(Piece::Hole(bytes))?;
                }
                for address in addresses(&[extent]) {
                    give(Piece::Bytes(&tree.data_chunk(address)?))?;
                }
            }
        }
    }
    if at == record.meta.size {
        Ok(())
    } else {
        Err(Error::TreeDamaged(
            "a file's chunks do not add up to its size",
        ))
    }
}
