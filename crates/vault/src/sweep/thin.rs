//! What a sweep packs anew: a pure function of what lies in a pack and how much of that is needed.
//!
//! A pack of which little is needed is emptied. Of its blocks, those of which nearly everything is needed are copied,
//! sealed as they are; of the others, the needed chunks are put into new blocks, where there is a key to open them.

use super::SweepOptions;
use crate::format::{ObjectKind, PackId};

/// Sealing, and a row in a table of contents: what a block costs beside its chunks, bytes.
const BLOCK_COST_BYTES: u64 = 80;

/// A block of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockFacts {
    /// Position in the pack.
    pub(super) position: u16,
    /// Its bytes in the pack.
    pub(super) stored_bytes: u64,
    /// Bytes of its chunks.
    pub(super) raw_bytes: u64,
    /// Bytes of those that are needed.
    pub(super) needed_bytes: u64,
}

/// What becomes of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Treatment {
    /// It is copied, sealed as it is, and keeps its name.
    Move,
    /// Its needed chunks are put into a new block.
    Rewrite,
}

/// A pack that is to be emptied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thin {
    pub(super) pack: PackId,
    pub(super) kind: ObjectKind,
    pub(super) object_bytes: u64,
    /// Its needed blocks by position.
    pub(super) blocks: Vec<(u16, Treatment)>,
    /// Bytes that copied blocks take.
    pub(super) moved_bytes: u64,
    /// Bytes that rewritten chunks will take, about.
    pub(super) rewritten_bytes: u64,
}

impl BlockFacts {
    fn treatment(&self, options: &SweepOptions, can_open: bool) -> Treatment {
        let limit = u64::from(options.rewrite_below_percent);
        if can_open && self.needed_bytes * 100 < self.raw_bytes * limit {
            Treatment::Rewrite
        } else {
            Treatment::Move
        }
    }

    /// What the block takes when it was treated so.
    fn bytes_after(&self, treatment: Treatment) -> u64 {
        match treatment {
            Treatment::Move => self.stored_bytes,
            Treatment::Rewrite => self.stored_bytes * self.needed_bytes / self.raw_bytes.max(1),
        }
    }
}

/// Whether a pack is worth emptying, and how: when its blocks would take less than
/// [`SweepOptions::move_below_percent`] of what they take now. What a pack takes beside its blocks does not count: it would
/// be there again.
pub(super) fn treat(
    (pack, kind, object_bytes): (PackId, ObjectKind, u64),
    blocks: &[BlockFacts],
    options: &SweepOptions,
    can_open: bool,
) -> Option<Thin> {
    let mut thin = Thin {
        pack,
        kind,
        object_bytes,
        blocks: Vec::new(),
        moved_bytes: 0,
        rewritten_bytes: 0,
    };
    let mut now_bytes = 0;
    for block in blocks {
        now_bytes += block.stored_bytes + BLOCK_COST_BYTES;
        if block.needed_bytes == 0 {
            continue;
        }
        let treatment = block.treatment(options, can_open);
        let bytes = block.bytes_after(treatment) + BLOCK_COST_BYTES;
        match treatment {
            Treatment::Move => thin.moved_bytes += bytes,
            Treatment::Rewrite => thin.rewritten_bytes += bytes,
        }
        thin.blocks.push((block.position, treatment));
    }
    let after_bytes = thin.moved_bytes + thin.rewritten_bytes;
    let is_worth_it = after_bytes * 100 < now_bytes * u64::from(options.move_below_percent);
    (is_worth_it && !thin.blocks.is_empty()).then_some(thin)
}

/// Whether it may be worth looking into a pack, by the numbers of its chunks: where fewer than a sixteenth are not
/// needed, it is not.
pub(super) fn is_suspect(needed_chunks_count: u32, chunks_count: u32) -> bool {
    let unneeded = chunks_count.saturating_sub(needed_chunks_count);
    needed_chunks_count > 0 && u64::from(unneeded) * 16 >= u64::from(chunks_count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACK: (PackId, ObjectKind, u64) =
        (PackId::from_bytes([1; 16]), ObjectKind::DataPack, 1 << 22);

    /// A block of 1 MB that compresses to half, of which so many percent are needed.
    fn block(position: u16, needed_percent: u64) -> BlockFacts {
        BlockFacts {
            position,
            stored_bytes: 500_000,
            raw_bytes: 1_000_000,
            needed_bytes: needed_percent * 10_000,
        }
    }

    fn treated(needed: &[u64], can_open: bool) -> Option<Vec<(u16, Treatment)>> {
        let blocks: Vec<BlockFacts> = (0..).zip(needed).map(|(at, n)| block(at, *n)).collect();
        let thin = treat(PACK, &blocks, &SweepOptions::default(), can_open)?;
        Some(thin.blocks)
    }

    #[test]
    fn a_pack_of_which_enough_is_needed_stays_as_it_is() {
        assert_eq!(treated(&[100, 100, 100], true), None);
        assert_eq!(treated(&[85, 85, 85], true), None);
        assert_eq!(treated(&[100, 100, 100, 100, 0], true), None);
        assert_eq!(treated(&[100, 20, 100, 100], true), None, "80 percent");
    }

    #[test]
    fn blocks_that_are_nearly_whole_move_and_thin_ones_are_rewritten() {
        use Treatment::{Move, Rewrite};
        let whole = treated(&[100, 0, 100, 5], true);
        assert_eq!(whole, Some(vec![(0, Move), (2, Move), (3, Rewrite)]));
        assert_eq!(
            treated(&[70, 70], true),
            Some(vec![(0, Rewrite), (1, Rewrite)])
        );
    }

    #[test]
    fn without_a_key_only_whole_blocks_count() {
        use Treatment::Move;
        assert_eq!(treated(&[5, 5, 5], false), None);
        assert_eq!(treated(&[5, 0, 0], false), Some(vec![(0, Move)]));
    }

    #[test]
    fn a_pack_of_which_nothing_is_needed_is_not_emptied_but_condemned() {
        assert_eq!(treated(&[0, 0], true), None);
        assert_eq!(treated(&[], true), None);
    }

    /// What was rewritten is not rewritten again: nothing in it is unneeded.
    #[test]
    fn rewriting_comes_to_an_end() {
        let blocks = [block(0, 60), block(1, 70)];
        let thin = treat(PACK, &blocks, &SweepOptions::default(), true).expect("worth it");
        let rewritten = BlockFacts {
            position: 0,
            stored_bytes: thin.rewritten_bytes,
            raw_bytes: 1_300_000,
            needed_bytes: 1_300_000,
        };
        assert_eq!(
            treat(PACK, &[rewritten], &SweepOptions::default(), true),
            None
        );
    }

    #[test]
    fn packs_with_few_unneeded_chunks_are_not_looked_into() {
        assert!(is_suspect(1, 100));
        assert!(is_suspect(90, 100));
        assert!(!is_suspect(95, 100));
        assert!(!is_suspect(0, 100), "it is condemned");
        assert!(!is_suspect(100, 100));
    }
}
