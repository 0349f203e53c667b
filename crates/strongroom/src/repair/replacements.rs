//! Where what is lacking can be had: the same sealed block in a damaged pack, or an equal chunk elsewhere.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use strongroom_chunking::{ChunkHasher, ChunkId};
use strongroom_crypto::BlockType;
use strongroom_vault::format::{BlockName, ChunkAddress, ObjectKind, PackId};
use strongroom_vault::{BlockCopy, Candidate, ChunkHints, PackDirectory, hints_of};

use super::{BlockMove, RepairOptions, unless_damaged};
use crate::engine::Strongroom;
use crate::{Error, Result};

/// What was found.
#[derive(Default)]
pub(super) struct Replacements {
    pub(super) moves: Vec<BlockMove>,
    pub(super) remaps: Vec<(ChunkAddress, ChunkAddress)>,
    pub(super) lost: BTreeSet<ChunkAddress>,
}

/// How a chunk is recognised.
#[derive(Clone, Copy)]
enum Likeness {
    /// By its id, from the table of a pack that still can be read.
    Exact(ChunkId, BlockType),
    /// By the beginning of its id, from the index.
    Prefix(u64),
}

struct Search<'a> {
    engine: &'a Strongroom,
    directory: &'a PackDirectory,
    hashers: Vec<(BlockType, ChunkHasher)>,
    /// Packs that nothing new may refer to.
    unusable: HashSet<PackId>,
    hints: HashMap<BlockName, ChunkHints>,
}

/// Looks for everything that is lacking. What is named as a replacement was read and hashed.
pub(super) fn find(
    engine: &Strongroom,
    directory: &PackDirectory,
    lacking: &BTreeMap<BlockName, BTreeSet<u16>>,
    options: &RepairOptions,
) -> Result<Replacements> {
    let mut found = Replacements::default();
    if lacking.is_empty() {
        return Ok(found);
    }
    let names = lacking.keys().copied().collect();
    let search = Search {
        engine,
        directory,
        hashers: hashers(engine)?,
        unusable: engine.wait(engine.vault().unusable())?.packs,
        hints: engine.wait(hints_of(engine.vault(), &names))?,
    };
    for (&name, chunks) in lacking {
        options.cancel.check()?;
        if let Some(block) = search.whole_block(name)? {
            found.moves.push(block);
            continue;
        }
        let likenesses = search.likenesses(name)?;
        for &chunk in chunks {
            let old = ChunkAddress {
                pack: name.pack,
                block: name.ordinal,
                chunk,
            };
            let new = match likenesses.get(&chunk) {
                Some(likeness) => search.equal_chunk(name, *likeness)?,
                None => None,
            };
            match new {
                Some(new) => found.remaps.push((old, new)),
                None => {
                    found.lost.insert(old);
                }
            }
        }
    }
    Ok(found)
}

fn hashers(engine: &Strongroom) -> Result<Vec<(BlockType, ChunkHasher)>> {
    [BlockType::Data, BlockType::Tree, BlockType::List]
        .into_iter()
        .map(|block_type| Ok((block_type, engine.hasher(block_type)?)))
        .collect()
}

/// Reads a copy of a block of which every chunk has its id.
pub(super) fn read_copy(engine: &Strongroom, block: &BlockMove) -> Result<BlockCopy> {
    let hashers = hashers(engine)?;
    let mut is_right = |block_type, id: &ChunkId, raw: &[u8]| {
        hashers
            .iter()
            .any(|(of, hasher)| *of == block_type && hasher.id(raw) == *id)
    };
    let (name, pack, kind) = (block.block, block.pack, block.kind);
    let read = engine.reader().block_copy(name, pack, kind, &mut is_right);
    Ok(engine.wait(read)?)
}

impl Search<'_> {
    /// The packs that may hold a copy of a block: those that are listed with it, and that of its birth in any case.
    fn holders(&self, name: BlockName) -> Vec<(PackId, ObjectKind)> {
        let mut holders: Vec<(PackId, ObjectKind)> = self
            .directory
            .copies(name)
            .filter_map(|(pack, _)| Some((pack, self.directory.entry(&pack)?.kind)))
            .collect();
        if !holders.iter().any(|(pack, _)| *pack == name.pack) {
            holders.push((name.pack, ObjectKind::DataPack));
            holders.push((name.pack, ObjectKind::MetaPack));
        }
        holders
    }

    /// A copy of the block that is whole, although its pack is not.
    fn whole_block(&self, name: BlockName) -> Result<Option<BlockMove>> {
        for (pack, kind) in self.holders(name) {
            let block = BlockMove {
                block: name,
                pack,
                kind,
            };
            if unless_damaged(read_copy(self.engine, &block))?.is_some() {
                return Ok(Some(block));
            }
        }
        Ok(None)
    }

    /// By what the chunks of a block are recognised, by number.
    fn likenesses(&self, name: BlockName) -> Result<HashMap<u16, Likeness>> {
        for (pack, kind) in self.holders(name) {
            let Some(toc) = unless_damaged(self.engine.toc(pack, kind))? else {
                continue;
            };
            let Some((position, row)) = toc
                .position_of(name)
                .and_then(|position| Some((position, toc.block(position)?)))
            else {
                continue;
            };
            let rows = (0..=u16::MAX).zip(toc.chunks_of(position));
            let exact =
                rows.map(|(chunk, found)| (chunk, Likeness::Exact(found.id, row.block_type)));
            return Ok(exact.collect());
        }
        let hints = self.hints.get(&name).into_iter().flatten();
        let hints =
            hints.filter_map(|(chunk, prefix)| Some((*chunk, Likeness::Prefix((*prefix)?))));
        Ok(hints.collect())
    }

    /// An equal chunk in another block, read and hashed.
    fn equal_chunk(&self, name: BlockName, likeness: Likeness) -> Result<Option<ChunkAddress>> {
        let prefix = match likeness {
            Likeness::Exact(id, _) => id.prefix(),
            Likeness::Prefix(prefix) => prefix,
        };
        let mut like: Vec<(ChunkAddress, ObjectKind, ChunkId, BlockType)> = Vec::new();
        let candidates = self.engine.wait(self.directory.candidates(prefix))?;
        for Candidate {
            pack,
            kind,
            block,
            chunk,
        } in candidates
        {
            if self.unusable.contains(&pack) {
                continue;
            }
            let Some(toc) = unless_damaged(self.engine.toc(pack, kind))? else {
                continue;
            };
            let (Some(row), Some(found)) = (toc.block(block), toc.chunk(block, chunk)) else {
                continue;
            };
            let is_like = match likeness {
                Likeness::Exact(id, block_type) => found.id == id && row.block_type == block_type,
                Likeness::Prefix(prefix) => found.id.prefix() == prefix,
            };
            let at = ChunkAddress {
                pack: row.birth.pack,
                block: row.birth.ordinal,
                chunk,
            };
            if is_like && row.birth != name {
                like.push((at, kind, found.id, row.block_type));
            }
        }
        // A beginning that two different chunks share tells neither.
        let is_one =
            |(_, _, id, _): &(_, _, ChunkId, _)| like.first().is_some_and(|one| one.2 == *id);
        if !like.iter().all(is_one) {
            return Ok(None);
        }
        for (at, kind, id, block_type) in like {
            let read = self.engine.wait(self.engine.reader().chunk(at, kind));
            let Some(raw) = unless_damaged(read.map_err(Error::from))? else {
                continue;
            };
            let mut of_type = self.hashers.iter().filter(|(of, _)| *of == block_type);
            if of_type.any(|(_, hasher)| hasher.id(&raw) == id) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}
