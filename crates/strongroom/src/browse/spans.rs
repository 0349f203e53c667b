//! Which bytes of a file lie where: known as far as the file has been read.

use std::collections::VecDeque;

use crate::tree::read::ExtentReader;
use crate::tree::{Extent, TreeReader};
use crate::{Error, Result};

/// Extents whose lengths are asked for at once. They stand in tables of contents, one for each pack.
const AHEAD: usize = 32;

/// An extent and its bytes of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) extent: Extent,
}

/// The spans of a file in order, without gaps: about 50 bytes for each block of it.
pub(super) struct Spans {
    known: Vec<Span>,
    /// Read, but of unknown length yet.
    waiting: VecDeque<Extent>,
    rest: ExtentReader,
    size: u64,
}

impl Spans {
    pub(super) fn new(rest: ExtentReader, size: u64) -> Self {
        let (known, waiting) = (Vec::new(), VecDeque::new());
        Self {
            known,
            waiting,
            rest,
            size,
        }
    }

    /// The spans that hold bytes of this range.
    ///
    /// # Errors
    /// When the file is shorter than it says, or an extent before the end of the range lies nowhere.
    pub(super) fn within(
        &mut self,
        tree: &TreeReader,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<Span>> {
        while self.end() < range.end {
            self.extend(tree)?;
        }
        let from = self.known.partition_point(|span| span.end <= range.start);
        let found = self.known.iter().skip(from);
        Ok(found
            .take_while(|span| span.start < range.end)
            .copied()
            .collect())
    }

    /// Where the known part of the file ends.
    fn end(&self) -> u64 {
        self.known.last().map_or(0, |span| span.end)
    }

    fn extend(&mut self, tree: &TreeReader) -> Result<()> {
        while self.waiting.len() < AHEAD
            && let Some(extent) = self.rest.next()?
        {
            self.waiting.push_back(extent);
        }
        if self.waiting.is_empty() {
            return Err(Error::TreeDamaged(
                "a file's chunks do not add up to its size",
            ));
        }
        for (number, len) in tree.extent_lens(&self.waiting).into_iter().enumerate() {
            let len = match len {
                Ok(len) => len,
                // What stands before it can be read all the same.
                Err(_) if number > 0 => return Ok(()),
                Err(error) => return Err(error),
            };
            let start = self.end();
            let end = u64::checked_add(start, len).filter(|&end| len > 0 && end <= self.size);
            let end = end.ok_or(Error::TreeDamaged("a file's chunks go beyond its size"))?;
            let Some(extent) = self.waiting.pop_front() else {
                break;
            };
            self.known.push(Span { start, end, extent });
        }
        Ok(())
    }
}
