//! Trees: records, pieces and content of `docs/format.md` §9.
//!
//! Pure codecs in [`content`], [`record`] and [`piece`]; [`read`] walks a stored tree with bounded memory.

pub(crate) mod content;
pub(crate) mod piece;
pub(crate) mod read;
pub(crate) mod record;
#[cfg(test)]
mod vectors;

pub(crate) use content::{Content, Extent};
pub(crate) use piece::{PackTable, PieceWriter};
pub(crate) use read::{DirReader, TreeReader};
pub(crate) use record::{Capture, Extras, Record};
