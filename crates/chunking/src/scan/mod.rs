//! Where the rolling hash matches a mask: the hot loops, one module per way to run them.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
mod way;

pub use way::Scan;
pub(crate) use way::Way;

use std::ops::{ControlFlow, Range};

use crate::GearTable;

/// Bytes that the hash remembers: each is shifted out of its 64 bits after as many more.
const WINDOW_BYTES: usize = 64;

/// Runs are looked for in steps of this many bytes.
const RUN_STEP_BYTES: usize = 64;

/// What a search over a range found: the first position that matches, or else the hash at the range's end, right in
/// all bits that a mask may have, for the next search may be one for another mask.
pub(crate) type Found = ControlFlow<usize, u64>;

/// A search for positions after whose byte the hash has no bit in common with the mask.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    pub(crate) way: &'a Way,
    pub(crate) gear: &'a GearTable,
    pub(crate) data: &'a [u8],
    /// Within [`Way::mask_limit`].
    pub(crate) mask: u64,
}

impl Search<'_> {
    /// The first match within `range`, for a hash of `hash` before it.
    pub(crate) fn first(&self, range: Range<usize>, hash: u64) -> Found {
        let (mut from, mut hash) = (range.start, hash);
        let most_bytes = self.block_bytes();
        // A match may be near, so the first block is short.
        let mut block_bytes = most_bytes / 2;
        while from < range.end {
            let run_bytes = self.run_bytes(from..range.end, hash);
            if run_bytes > 0 {
                // Neither the hash changes in a run, nor what it says.
                if hash & self.mask == 0 {
                    return Found::Break(from);
                }
                from += run_bytes;
                continue;
            }
            let end = range
                .end
                .min(from + self.next_bytes(range.end - from, block_bytes));
            hash = match self.way {
                #[cfg(target_arch = "x86_64")]
                Way::Avx512(kernel) => kernel.first(self, from..end, hash)?,
                _ => lanes::first(self, from..end, hash)?,
            };
            (from, block_bytes) = (end, most_bytes);
        }
        Found::Continue(hash)
    }

    /// How many bytes from the start of `range` leave the hash as it is, in all bits that a mask may have: a run of one
    /// byte does so once it is longer than the hash remembers. Of a long run a piece may be left over.
    fn run_bytes(&self, range: Range<usize>, hash: u64) -> usize {
        let bytes = self.data.get(range).unwrap_or_default();
        match bytes.first() {
            Some(byte)
                if (self.gear.roll(hash, *byte) ^ hash) & (self.way.mask_limit() - 1) == 0 =>
            {
                let words = bytes.as_chunks::<RUN_STEP_BYTES>().0;
                let same = [*byte; RUN_STEP_BYTES];
                1.max(RUN_STEP_BYTES * words.iter().take_while(|word| **word == same).count())
            }
            _ => 0,
        }
    }

    /// An even share of what is left, so that no short block remains, as an odd number of units: what streams can share
    /// without a rest.
    fn next_bytes(&self, left_bytes: usize, block_bytes: usize) -> usize {
        let units = left_bytes / self.way.unit_bytes();
        let blocks = left_bytes.div_ceil(block_bytes).max(1);
        ((units / blocks) | 1) * self.way.unit_bytes()
    }

    /// How much to look at in one go. The streams of a block are scanned together, so a match in the first makes the
    /// work on the others void; but every block has a fixed cost. Both together are least at a size that goes with the
    /// root of the distance between matches, which is two to the number of bits in the mask.
    fn block_bytes(&self) -> usize {
        let root = 1 << (self.mask.count_ones() / 2).min(16);
        let (least_bytes, times) = self.way.block();
        (times * root).clamp(least_bytes, 64 << 10)
    }

    /// The hash before `position` in all bits up to the mask's highest, from the window there.
    fn hash_before(&self, position: usize) -> u64 {
        let window_bytes = WINDOW_BYTES - self.mask.leading_zeros() as usize / 4 * 4;
        let window = self
            .data
            .get(position.saturating_sub(window_bytes)..position);
        let fours = window.unwrap_or_default().as_chunks::<4>().0;
        fours.iter().fold(0, |hash, [a, b, c, d]| {
            let gear = self.gear;
            let first = gear.add::<2>(gear.add::<3>(hash << 4, *a), *b);
            gear.add::<0>(gear.add::<1>(first, *c), *d)
        })
    }

    /// What [`Search::first`] says, byte by byte.
    fn one_by_one(&self, range: Range<usize>, mut hash: u64) -> Found {
        let bytes = self.data.get(range.clone()).unwrap_or_default();
        for (position, byte) in range.zip(bytes) {
            hash = self.gear.roll(hash, *byte);
            if hash & self.mask == 0 {
                return Found::Break(position);
            }
        }
        Found::Continue(hash)
    }
}
