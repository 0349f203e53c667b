//! The entries of a directory, from any position on.

use std::sync::Arc;

use super::pieces::Piece;
use super::{Entry, PointTree};
use crate::Result;
use crate::tree::read::PieceTable;

/// A position between two entries of a directory. Recovery points do not change: it stays right for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position(u64);

/// Bits of a position that number the entry in its piece.
const INDEX_BITS: u32 = 16;

impl Position {
    /// Before the first entry.
    pub const START: Self = Self(0);

    /// The position as a number below 2⁶²; greater ones are later.
    #[must_use]
    pub fn to_number(self) -> u64 {
        self.0
    }

    /// The position of such a number; one that is none is behind the last entry of its piece.
    #[must_use]
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    fn new(piece: u64, index: u16) -> Self {
        Self(piece << INDEX_BITS | u64::from(index))
    }

    fn piece(self) -> u64 {
        self.0 >> INDEX_BITS
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
    fn index(self) -> u16 {
        self.0 as u16
    }
}

/// Streams the entries of a directory, each with the position behind it; holds one piece in memory.
///
/// An error ends it: what comes behind a damaged piece is reached by no position.
pub struct Listing {
    tree: PointTree,
    table: PieceTable,
    next: Position,
    piece: Option<(u64, Arc<Piece>)>,
    is_over: bool,
}

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listing")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Listing {
    pub(super) fn new(tree: PointTree, table: PieceTable, next: Position) -> Self {
        Self {
            tree,
            table,
            next,
            piece: None,
            is_over: false,
        }
    }

    fn advance(&mut self) -> Result<Option<(Position, Entry)>> {
        loop {
            let (number, index) = (self.next.piece(), self.next.index());
            let piece = match &self.piece {
                Some((held, piece)) if *held == number => Arc::clone(piece),
                _ => {
                    let Some(at) = self.table.get(number) else {
                        return Ok(None);
                    };
                    let piece = self.tree.piece(at)?;
                    self.piece = Some((number, Arc::clone(&piece)));
                    piece
                }
            };
            match (piece.entry(index), index.checked_add(1)) {
                (Some(entry), Some(after)) => {
                    self.next = Position::new(number, after);
                    return Ok(Some((self.next, entry)));
                }
                _ => self.next = Position::new(number.saturating_add(1), 0),
            }
        }
    }
}

impl Iterator for Listing {
    type Item = Result<(Position, Entry)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.advance().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}
