//! How the chunk uses of a point differ from those of the point it is built on.

use std::collections::{BTreeMap, HashMap};

use strongroom_vault::format::{ChunkAddress, PackId};

use crate::tree::content::addresses;
use crate::tree::{Content, Extent};

/// Signed changes of occurrence counts, by birth pack, block and chunk.
#[derive(Debug, Default)]
pub(crate) struct UseChanges {
    packs: HashMap<PackId, BTreeMap<u16, Vec<i64>>>,
}

impl UseChanges {
    /// Counts one chunk more or less often.
    pub(crate) fn chunk(&mut self, at: ChunkAddress, change: i64) {
        let counts = self
            .packs
            .entry(at.pack)
            .or_default()
            .entry(at.block)
            .or_default();
        let index = usize::from(at.chunk);
        if counts.len() <= index {
            counts.resize(index + 1, 0);
        }
        if let Some(count) = counts.get_mut(index) {
            *count += change;
        }
    }

    /// Counts all chunks of these extents more or less often.
    pub(crate) fn extents(&mut self, extents: &[Extent], change: i64) {
        for at in addresses(extents) {
            self.chunk(at, change);
        }
    }

    /// Counts what a content names directly; what it names by reference is the caller's to resolve.
    pub(crate) fn content(&mut self, content: &Content, change: i64) {
        self.extents(content.direct(), change);
    }

    /// The changes that are not zero, ascending by pack.
    pub(crate) fn into_sorted(self) -> BTreeMap<PackId, BTreeMap<u16, Vec<i64>>> {
        self.packs
            .into_iter()
            .filter_map(|(pack, mut blocks)| {
                blocks.retain(|_, counts| counts.iter().any(|&count| count != 0));
                (!blocks.is_empty()).then_some((pack, blocks))
            })
            .collect()
    }
}
