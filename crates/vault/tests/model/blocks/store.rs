//! Packs, blocks and remaps, and what can be read through them.
//!
//! A chunk is called by its name, (block, content): bit `4 · block + content` of a set of names. Contents stand for
//! chunk ids, so two names with one content are duplicates.

use crate::step::bits;

pub(crate) const PACKS_COUNT: usize = 8;
pub(crate) const BLOCKS_COUNT: usize = 8;
pub(crate) const REMAPS_COUNT: usize = 4;

/// A set of names.
pub(crate) type Names = u32;

/// Says that some chunks of a block can also be had from another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Remap {
    pub(crate) from: u8,
    pub(crate) to: u8,
    /// Which chunks; 0 for no remap.
    pub(crate) contents: u8,
    /// By the owner's or the maintenance key, after the target was read.
    pub(crate) signed: bool,
}

/// What a mark condemns and a plan deletes: packs and remaps, as bit sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Objects {
    pub(crate) packs: u8,
    pub(crate) remaps: u8,
}

/// What stands in the store beside the coordination objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    pub(crate) present: Objects,
    /// The blocks of each pack.
    packs: [u8; PACKS_COUNT],
    /// The contents of each block.
    blocks: [u8; BLOCKS_COUNT],
    /// Blocks that do not hold what their pack's table of contents says.
    junk: u8,
    remaps: [Remap; REMAPS_COUNT],
    packs_count: u8,
    blocks_count: u8,
    remaps_count: u8,
}

/// How far a remap is taken to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To the chunks it names, and on through other remaps.
    Exact,
    /// To the chunks it names, but remaps of remaps are not followed.
    OneHop,
    /// Wrongly, to every chunk of the old block.
    WholeBlock,
}

/// The names of some contents of a block.
pub(crate) const fn names(block: u8, contents: u8) -> Names {
    (contents as Names) << (4 * block)
}

/// Which contents some names have.
pub(crate) fn contents(all: Names) -> u8 {
    (0..BLOCKS_COUNT).fold(0, |found, block| found | contents_in(all, block))
}

fn contents_in(all: Names, block: usize) -> u8 {
    u8::try_from(all >> (4 * block) & 15).expect("four bits")
}

fn counted(count: usize) -> u8 {
    u8::try_from(count).expect("a small count")
}

impl Store {
    /// A store with some packs of blocks, each block given by its contents.
    pub(crate) fn with(packs: &[&[u8]]) -> Self {
        let mut store = Self::default();
        for pack in packs {
            let blocks = pack.iter().fold(0, |blocks, &contents| {
                let block = store.add_block(contents);
                blocks | 1 << block
            });
            store.add_pack(blocks);
        }
        store
    }

    /// Whether a pack, a block and a remap still fit in; otherwise nobody begins to make one.
    pub(crate) const fn has_room(&self) -> bool {
        (self.packs_count as usize) < PACKS_COUNT
            && (self.blocks_count as usize) < BLOCKS_COUNT
            && (self.remaps_count as usize) < REMAPS_COUNT
    }

    fn add_block(&mut self, contents: u8) -> u8 {
        let block = self.blocks_count;
        self.blocks[usize::from(block)] = contents;
        self.blocks_count += 1;
        block
    }

    /// Uploads a pack with some blocks that have a name; its id.
    pub(crate) fn add_pack(&mut self, blocks: u8) -> Option<u8> {
        let pack = self.packs_count;
        *self.packs.get_mut(usize::from(pack))? = blocks;
        self.present.packs |= 1 << pack;
        self.packs_count += 1;
        Some(pack)
    }

    /// Uploads a pack with one new block; the ids of pack and block.
    pub(crate) fn add_pack_of(&mut self, contents: u8) -> Option<(u8, u8)> {
        if usize::from(self.blocks_count) >= BLOCKS_COUNT
            || usize::from(self.packs_count) >= PACKS_COUNT
        {
            return None;
        }
        let block = self.add_block(contents);
        self.add_pack(1 << block).map(|pack| (pack, block))
    }

    /// As above, but the block does not hold what it should.
    pub(crate) fn add_junk_of(&mut self, contents: u8) -> Option<u8> {
        let (_, block) = self.add_pack_of(contents)?;
        self.junk |= 1 << block;
        Some(block)
    }

    /// Creates a remap; its number.
    pub(crate) fn add_remap(&mut self, remap: Remap) -> Option<u8> {
        let number = self.remaps_count;
        *self.remaps.get_mut(usize::from(number))? = remap;
        self.present.remaps |= 1 << number;
        self.remaps_count += 1;
        Some(number)
    }

    /// Deletes packs and remaps. What they held is forgotten, so that states do not differ in it.
    pub(crate) fn delete(&mut self, objects: Objects) {
        for pack in bits(objects.packs) {
            self.packs[pack] = 0;
        }
        for remap in bits(objects.remaps) {
            self.remaps[remap] = Remap::default();
        }
        self.present.packs &= !objects.packs;
        self.present.remaps &= !objects.remaps;
    }

    /// The blocks in some packs.
    pub(crate) fn blocks_in(&self, packs: u8) -> u8 {
        bits(packs).fold(0, |blocks, pack| blocks | self.packs[pack])
    }

    /// The contents that a block was made with.
    pub(crate) const fn contents_of(&self, block: usize) -> u8 {
        self.blocks[block]
    }

    /// Whether a block holds what it should.
    pub(crate) const fn is_honest(&self, block: usize) -> bool {
        self.junk & (1 << block) == 0
    }

    /// The remaps among some that are signed.
    pub(crate) fn signed(&self, remaps: u8) -> u8 {
        bits(remaps)
            .filter(|&remap| self.remaps[remap].signed)
            .fold(0, |set, remap| set | 1 << remap)
    }

    /// The names that some packs hold.
    pub(crate) fn physical(&self, packs: u8) -> Names {
        bits(self.blocks_in(packs)).fold(0, |all, block| {
            all | names(counted(block), self.blocks[block])
        })
    }

    /// The names that can be had from some packs and remaps, if `owed` is counted as one more remap.
    pub(crate) fn resolvable(&self, objects: Objects, owed: Remap, reach: Reach) -> Names {
        let mut found = self.physical(objects.packs);
        loop {
            let before = found;
            for remap in self.listed(objects.remaps).chain([owed]) {
                let there = contents_in(before, usize::from(remap.to)) & remap.contents;
                let whole = reach == Reach::WholeBlock && there != 0;
                found |= names(remap.from, if whole { 15 } else { there });
            }
            if found == before || reach == Reach::OneHop {
                return found;
            }
        }
    }

    /// The names that can truly be read: a junk block is no target.
    pub(crate) fn readable(&self, reach: Reach) -> Names {
        let honest = bits(self.present.remaps)
            .filter(|&remap| self.is_honest(usize::from(self.remaps[remap].to)))
            .fold(0, |set, remap| set | 1 << remap);
        let objects = Objects {
            remaps: honest,
            ..self.present
        };
        self.resolvable(objects, Remap::default(), reach)
    }

    /// Some names and all that remaps lead to from them.
    pub(crate) fn reach(&self, from: Names, remaps: u8, owed: Remap) -> Names {
        let mut found = from;
        loop {
            let before = found;
            for remap in self.listed(remaps).chain([owed]) {
                let there = contents_in(before, usize::from(remap.from)) & remap.contents;
                found |= names(remap.to, there);
            }
            if found == before {
                return found;
            }
        }
    }

    /// The remaps among some that start from one of some names.
    pub(crate) fn remaps_from(&self, from: Names, remaps: u8) -> u8 {
        bits(remaps)
            .filter(|&remap| {
                names(self.remaps[remap].from, self.remaps[remap].contents) & from != 0
            })
            .fold(0, |set, remap| set | 1 << remap)
    }

    /// The packs among some that hold one of some names.
    pub(crate) fn packs_with(&self, all: Names, packs: u8) -> u8 {
        bits(packs)
            .filter(|&pack| self.physical(1 << pack) & all != 0)
            .fold(0, |set, pack| set | 1 << pack)
    }

    /// The remaps among some whose old block stands in one of some packs.
    pub(crate) fn remaps_of_present(&self, remaps: u8, packs: u8) -> u8 {
        let blocks = self.blocks_in(packs);
        bits(remaps)
            .filter(|&remap| blocks & (1 << self.remaps[remap].from) != 0)
            .fold(0, |set, remap| set | 1 << remap)
    }

    fn listed(&self, remaps: u8) -> impl Iterator<Item = Remap> {
        bits(remaps).map(|remap| self.remaps[remap])
    }
}
