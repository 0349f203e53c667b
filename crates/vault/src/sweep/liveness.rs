//! Which chunks some recovery point needs: a union of reference lists, without a look into any tree.

use std::collections::{HashMap, HashSet};

use crate::chain::Chain;
use crate::format::{BlockName, ChunkAddress, ListPiece, ObjectKind, SessionId};
use crate::points::{self, PointRef};
use crate::remaps::Remaps;
use crate::{BlockReader, Result, Vault};

/// Chunks of one block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ChunkSet(Vec<u8>);

impl ChunkSet {
    pub(crate) fn insert(&mut self, chunk: u16) {
        let byte = usize::from(chunk >> 3);
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(byte) {
            *bits |= 1 << (chunk & 7);
        }
    }

    pub(crate) fn remove(&mut self, chunk: u16) {
        if let Some(bits) = self.0.get_mut(usize::from(chunk >> 3)) {
            *bits &= !(1 << (chunk & 7));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|bits| *bits == 0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        (0_u16..).zip(&self.0).flat_map(|(byte, bits)| {
            (0..8_u16).filter_map(move |bit| (bits >> bit & 1 == 1).then_some(byte << 3 | bit))
        })
    }
}

/// What all roots of a domain need.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    blocks: HashMap<BlockName, ChunkSet>,
    pieces: HashSet<ChunkAddress>,
    /// Points that are gone for ever but whose manifest still stands.
    pub(crate) gone: Vec<PointRef>,
}

impl Liveness {
    /// Unites the lists of all points that are not gone.
    ///
    /// A manifest or list that cannot be read ends it: what its point needs is not known, so nothing may go.
    pub(crate) async fn gather(
        vault: &Vault,
        reader: &BlockReader,
        chains: &HashMap<SessionId, Chain>,
    ) -> Result<Self> {
        let mut live = Self::default();
        for point in points::all(vault).await? {
            if chains.get(&point.sid).is_some_and(Chain::is_gone) {
                live.gone.push(point);
                continue;
            }
            let Some(structure) = points::read_structure(vault, &point).await? else {
                continue;
            };
            // A copied point goes with the chain of its own id, too.
            if chains.get(&structure.sid).is_some_and(Chain::is_gone) {
                live.gone.push(point);
                continue;
            }
            for piece in &structure.list {
                live.add_piece(reader, piece.address()).await?;
            }
        }
        Ok(live)
    }

    async fn add_piece(&mut self, reader: &BlockReader, at: ChunkAddress) -> Result<()> {
        if !self.pieces.insert(at) {
            return Ok(());
        }
        self.add(at);
        let raw = reader.chunk(at, ObjectKind::MetaPack).await?;
        for pack in ListPiece::decode(&raw)?.packs {
            for block in pack.blocks {
                let name = BlockName {
                    pack: pack.pack,
                    ordinal: block.ordinal,
                };
                let set = self.blocks.entry(name).or_default();
                for (chunk, count) in (0..=u16::MAX).zip(&block.counts) {
                    if *count > 0 {
                        set.insert(chunk);
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, at: ChunkAddress) {
        self.blocks
            .entry(at.block_name())
            .or_default()
            .insert(at.chunk);
    }

    /// Moves what is needed from rewritten blocks to where remaps lead, as long as that `is_there`; what no remap
    /// covers stays needed where it is.
    pub(crate) fn follow(&mut self, remaps: &Remaps, is_there: impl Fn(BlockName) -> bool) {
        if remaps.is_empty() {
            return;
        }
        let names: Vec<BlockName> = self.blocks.keys().copied().collect();
        let mut found = Vec::new();
        for name in names {
            let Some(set) = self.blocks.get_mut(&name) else {
                continue;
            };
            let chunks: Vec<u16> = set.iter().collect();
            for chunk in chunks {
                let old = ChunkAddress {
                    pack: name.pack,
                    block: name.ordinal,
                    chunk,
                };
                if let Some(new) = remaps.resolve(old, &is_there) {
                    set.remove(chunk);
                    found.push(new);
                }
            }
        }
        self.blocks.retain(|_, set| !set.is_empty());
        found.into_iter().for_each(|new| self.add(new));
    }

    /// The chunks of a block that are needed.
    pub(crate) fn of_block(&self, name: &BlockName) -> Option<&ChunkSet> {
        self.blocks.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_chunks() {
        let mut set = ChunkSet::default();
        for chunk in [0, 7, 8, 300] {
            set.insert(chunk);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 7, 8, 300]);
        for chunk in [0, 7, 8, 300, 9999] {
            set.remove(chunk);
        }
        assert!(set.is_empty());
    }
}
