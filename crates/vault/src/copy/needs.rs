//! Which blocks must be brought over, from reference lists alone.

use std::collections::HashSet;

use crate::error::in_object;
use crate::format::{
    BlockName, ChunkAddress, ListPiece, ListPieceRef, ObjectKind, ObjectName, PackId,
};
use crate::{BlockReader, Error, PackDirectory, Result, Vault};

/// What is where, as both places list it.
pub(super) struct Places<'a> {
    pub(super) source: &'a PackDirectory,
    /// `None`: the target does not exist yet.
    pub(super) target: Option<&'a PackDirectory>,
}

/// What points need that the target does not have. Grows with what is missing, not with what is there.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Blocks to be brought over.
    pub(super) blocks: HashSet<BlockName>,
    /// Chunks that the source has only where remaps lead: the remaps must be brought over, too.
    pub(super) remapped: HashSet<ChunkAddress>,
    /// Packs of the target that points need and that no segment names: a session that died has left them.
    pub(super) adopted: HashSet<PackId>,
    /// Pieces of lists that were looked at as a whole.
    pieces: HashSet<ChunkAddress>,
    /// Blocks since the last call of `take_fresh`.
    fresh: Vec<BlockName>,
}

impl Places<'_> {
    fn target_has(&self, at: ChunkAddress) -> bool {
        self.target
            .is_some_and(|target| target.has_chunks(at.block_name(), at.chunk, 1))
    }

    fn at_target(&self, name: BlockName) -> Option<(PackId, &PackDirectory)> {
        let target = self.target?;
        target.resolve(name).map(|(pack, _)| (pack, target))
    }
}

impl Needs {
    /// The blocks that were taken in since the last call.
    pub(super) fn take_fresh(&mut self) -> Vec<BlockName> {
        std::mem::take(&mut self.fresh)
    }

    fn insert(&mut self, name: BlockName) {
        if self.blocks.insert(name) {
            self.fresh.push(name);
        }
    }

    /// Takes in what a point with this list needs. Pieces that it shares with points before it are not read again.
    ///
    /// # Errors
    /// When a piece cannot be read, or something that it names is nowhere at the source.
    pub(super) async fn add_list(
        &mut self,
        source: &Vault,
        reader: &BlockReader,
        places: &Places<'_>,
        list: &[ListPieceRef],
    ) -> Result<()> {
        for piece in list {
            let at = piece.address();
            if self.pieces.contains(&at) {
                continue;
            }
            self.add(source, places, at.block_name(), &[at.chunk])?;
            let raw = reader.chunk(at, ObjectKind::MetaPack).await?;
            let name = ObjectName::pack(ObjectKind::MetaPack, *source.domain_id(), at.pack);
            let piece = in_object(&name, ListPiece::decode(&raw))?;
            for pack in piece.packs {
                for block in pack.blocks {
                    let name = BlockName {
                        pack: pack.pack,
                        ordinal: block.ordinal,
                    };
                    let used = (0..=u16::MAX).zip(&block.counts);
                    let used: Vec<u16> = used
                        .filter(|(_, count)| **count > 0)
                        .map(|(chunk, _)| chunk)
                        .collect();
                    self.add(source, places, name, &used)?;
                }
            }
            self.pieces.insert(at);
        }
        Ok(())
    }

    fn add(
        &mut self,
        source: &Vault,
        places: &Places<'_>,
        name: BlockName,
        chunks: &[u16],
    ) -> Result<()> {
        if self.blocks.contains(&name) {
            return Ok(());
        }
        if let Some((pack, target)) = places.at_target(name) {
            if target.is_unindexed(&pack) {
                self.adopted.insert(pack);
            }
            return Ok(());
        }
        let address = |chunk| ChunkAddress {
            pack: name.pack,
            block: name.ordinal,
            chunk,
        };
        let missing = chunks.iter().map(|&chunk| address(chunk));
        let missing: Vec<ChunkAddress> = missing.filter(|at| !places.target_has(*at)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        if places.source.resolve(name).is_some() {
            self.insert(name);
            return Ok(());
        }
        for at in missing {
            let Some(new) = places.source.remapped(at) else {
                // Nobody knows any more which kind of pack it was.
                return Err(Error::Missing {
                    object: places.source.object_name(source, &name.pack),
                });
            };
            if places.at_target(new.block_name()).is_none() {
                self.insert(new.block_name());
            }
            self.remapped.insert(at);
        }
        Ok(())
    }
}
