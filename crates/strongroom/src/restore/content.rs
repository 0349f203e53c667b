//! The bytes of a file, piece by piece.

use super::run::Run;
use crate::Result;
use crate::tree::content::addresses;
use crate::tree::{Content, Extent, Record};

/// A run of bytes, or a hole.
pub(crate) enum Piece<'b> {
    Bytes(&'b [u8]),
    Hole(u64),
}

/// Calls `each` with the offset of every piece, in order.
///
/// # Errors
/// When a chunk cannot be read, the pieces do not add up to the file's size, or `each` fails.
pub(crate) fn for_each_piece(
    run: &Run<'_>,
    record: &Record,
    each: &mut dyn FnMut(u64, Piece<'_>) -> Result<()>,
) -> Result<()> {
    let mut at = 0;
    match &record.content {
        Content::Empty => {}
        Content::Inline(bytes) => {
            each(0, Piece::Bytes(bytes))?;
            at = bytes.len() as u64;
        }
        content => {
            for extent in run.tree.extents(content)? {
                if let Extent::Hole(bytes) = extent {
                    each(at, Piece::Hole(bytes))?;
                    at += bytes;
                }
                for address in addresses(&[extent]) {
                    run.check()?;
                    let bytes = run.engine.data_chunk(address)?;
                    run.monitor.transferred(bytes.len() as u64);
                    each(at, Piece::Bytes(&bytes))?;
                    at += bytes.len() as u64;
                }
            }
        }
    }
    if at == record.meta.size {
        Ok(())
    } else {
        Err(crate::Error::TreeDamaged(
            "a file's chunks do not add up to its size",
        ))
    }
}
