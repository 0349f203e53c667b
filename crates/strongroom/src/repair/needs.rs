//! What standing points need and cannot have from a good copy.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use strongroom_vault::PackDirectory;
use strongroom_vault::chain::{self, Chain};
use strongroom_vault::format::{
    BlockName, ChunkAddress, ListPiece, ListPieceRef, PackId, PackUse, PathText, SessionId,
    SourceId,
};
use strongroom_vault::points::{self, PointRef, ReadPoint};

use super::walk::{Seen, walk};
use super::{ListRepair, RepairOptions, incomplete, unless_damaged};
use crate::backup::UseChanges;
use crate::engine::Strongroom;
use crate::{Error, Result};

/// A point that lacks something.
pub(super) struct Needy {
    pub(super) point: SessionId,
    pub(super) tree: ChunkAddress,
    list: Vec<ListPieceRef>,
    /// Numbers of the pieces of its list that cannot be read.
    bad_pieces: Vec<usize>,
}

/// Everything that is lacking.
#[derive(Default)]
pub(super) struct Needs {
    /// Chunks that are needed, by block; no good copy of these is known.
    pub(super) chunks: BTreeMap<BlockName, BTreeSet<u16>>,
    pub(super) points: Vec<Needy>,
    /// Points whose manifest is damaged or gone.
    pub(super) manifests: BTreeSet<(SourceId, SessionId)>,
    /// Names of sources, as readable manifests tell them.
    pub(super) sources: HashMap<SourceId, String>,
    /// Root pieces that readable manifests name.
    pub(super) roots: HashSet<ChunkAddress>,
    /// Points that were salvaged before.
    pub(super) salvaged: HashSet<String>,
}

impl Needs {
    pub(super) fn gather(
        engine: &Strongroom,
        directory: &PackDirectory,
        options: &RepairOptions,
    ) -> Result<Self> {
        let vault = engine.vault();
        let chains = engine.wait(chain::all(vault))?;
        let is_gone = |sid: &SessionId| chains.get(sid).is_some_and(Chain::is_gone);
        let all = engine.wait(points::all(vault))?;
        let known: HashSet<SessionId> = all.iter().map(|point| point.sid).collect();
        let mut needs = Self::default();
        let mut named: Vec<PointRef> = options.remembered.clone();
        for point in all.into_iter().filter(|point| !is_gone(&point.sid)) {
            options.cancel.check()?;
            match unless_damaged(
                engine
                    .wait(points::read(vault, &point))
                    .map_err(Error::from),
            )? {
                Some(Some(read)) => {
                    named.extend(read.structure.prev.iter().map(|prev| PointRef {
                        sid: prev.sid,
                        source: point.source,
                    }));
                    needs.add_point(engine, directory, &point, read, options)?;
                }
                Some(None) => {}
                None => {
                    needs.manifests.insert((point.source, point.sid));
                }
            }
        }
        let missing = named
            .into_iter()
            .filter(|point| !known.contains(&point.sid) && !is_gone(&point.sid));
        let missing = missing.map(|point| (point.source, point.sid));
        needs.manifests.extend(missing);
        Ok(needs)
    }

    fn add_point(
        &mut self,
        engine: &Strongroom,
        directory: &PackDirectory,
        point: &PointRef,
        read: ReadPoint,
        options: &RepairOptions,
    ) -> Result<()> {
        self.roots.insert(read.names.tree);
        if let Some(from) = read.names.tags.get(super::salvage::TAG) {
            self.salvaged.insert(from.clone());
        }
        self.sources.insert(point.source, read.names.source);
        let mut needy = Needy {
            point: point.sid,
            tree: read.names.tree,
            list: read.structure.list,
            bad_pieces: Vec::new(),
        };
        let before = self.chunks_count();
        for (number, piece) in needy.list.iter().enumerate() {
            let at = piece.address();
            self.want(directory, at.block_name(), &[at.chunk]);
            let decoded = engine
                .piece(at)
                .and_then(|raw| Ok(ListPiece::decode(&raw)?));
            match unless_damaged(decoded)? {
                Some(piece) => self.want_all(directory, &piece),
                None => needy.bad_pieces.push(number),
            }
        }
        if !needy.bad_pieces.is_empty() {
            // What the list does not tell, the tree does.
            let mut want = |extent| {
                for at in crate::tree::content::addresses(&[extent]) {
                    self.want(directory, at.block_name(), &[at.chunk]);
                }
            };
            walk(engine, needy.tree, &options.cancel, &mut |_, seen| {
                if let Seen::Chunks(extent) = seen {
                    want(extent);
                }
                Ok(())
            })?;
        }
        // A chunk that several points lack is counted once, but hurts all of them.
        if self.chunks_count() > before || self.hurts(engine, &needy)? {
            self.points.push(needy);
        }
        Ok(())
    }

    fn hurts(&self, engine: &Strongroom, needy: &Needy) -> Result<bool> {
        if self.chunks.is_empty() {
            return Ok(!needy.bad_pieces.is_empty());
        }
        for piece in &needy.list {
            let decoded = engine
                .piece(piece.address())
                .and_then(|raw| Ok(ListPiece::decode(&raw)?));
            let Some(piece) = unless_damaged(decoded)? else {
                return Ok(true);
            };
            let is_hurt = piece.packs.iter().any(|entry| {
                let names = entry.blocks.iter().map(|block| BlockName {
                    pack: entry.pack,
                    ordinal: block.ordinal,
                });
                let mut names = names;
                names.any(|name| self.chunks.contains_key(&name))
            });
            if is_hurt {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn chunks_count(&self) -> usize {
        self.chunks.values().map(BTreeSet::len).sum()
    }

    fn want_all(&mut self, directory: &PackDirectory, piece: &ListPiece) {
        for entry in &piece.packs {
            for block in &entry.blocks {
                let used = (0..=u16::MAX).zip(&block.counts);
                let used: Vec<u16> = used
                    .filter(|(_, count)| **count > 0)
                    .map(|(chunk, _)| chunk)
                    .collect();
                let name = BlockName {
                    pack: entry.pack,
                    ordinal: block.ordinal,
                };
                self.want(directory, name, &used);
            }
        }
    }

    fn want(&mut self, directory: &PackDirectory, name: BlockName, chunks: &[u16]) {
        if directory.resolve(name).is_some() {
            return;
        }
        let at = |chunk: u16| ChunkAddress {
            pack: name.pack,
            block: name.ordinal,
            chunk,
        };
        let lacking = chunks
            .iter()
            .copied()
            .filter(|&chunk| directory.remapped(at(chunk)).is_none());
        let lacking: Vec<u16> = lacking.collect();
        if !lacking.is_empty() {
            self.chunks.entry(name).or_default().extend(lacking);
        }
    }

    /// Writes the pieces of lists that cannot be read again, from the trees.
    pub(super) fn rebuild_lists(
        &self,
        engine: &Strongroom,
        options: &RepairOptions,
    ) -> Result<Vec<ListRepair>> {
        let mut repairs = Vec::new();
        for needy in self
            .points
            .iter()
            .filter(|needy| !needy.bad_pieces.is_empty())
        {
            let is_bad = |at: ChunkAddress| -> Result<bool> {
                Ok(unless_damaged(engine.piece(at))?.is_none())
            };
            let Some(uses) = unless_damaged(count(engine, needy.tree, options))? else {
                continue;
            };
            let mut pieces = Vec::new();
            for &number in &needy.bad_pieces {
                let Some(piece) = needy.list.get(number) else {
                    continue;
                };
                // An equal one may have been found elsewhere.
                if is_bad(piece.address())? {
                    let next = needy.list.get(number + 1).map(|next| next.first);
                    pieces.push((piece.address(), encode(&uses, piece.first, next)?));
                }
            }
            if !pieces.is_empty() {
                repairs.push(ListRepair {
                    point: needy.point,
                    pieces,
                });
            }
        }
        Ok(repairs)
    }
}

/// What a point uses, by birth pack and block: how often each chunk.
pub(super) type Uses = BTreeMap<PackId, BTreeMap<u16, Vec<i64>>>;

/// Counts what a tree uses.
///
/// # Errors
/// When any part of it cannot be read.
pub(super) fn count(
    engine: &Strongroom,
    tree: ChunkAddress,
    options: &RepairOptions,
) -> Result<Uses> {
    let mut uses = UseChanges::default();
    walk(engine, tree, &options.cancel, &mut |_, seen| match seen {
        Seen::Chunks(extent) => {
            uses.extents(&[extent], 1);
            Ok(())
        }
        Seen::Entry(_) => Ok(()),
        Seen::Unreadable => Err(incomplete()),
    })?;
    Ok(uses.into_sorted())
}

/// The piece that holds the packs from `first` up to the beginning of the next piece.
fn encode(uses: &Uses, first: PackId, next: Option<PackId>) -> Result<Vec<u8>> {
    let mut packs = Vec::new();
    for (&pack, blocks) in uses.range(first..) {
        if next.is_some_and(|next| pack >= next) {
            break;
        }
        packs.extend(PackUse::apply(None, pack, blocks)?);
    }
    Ok(ListPiece { packs }.encode())
}

/// Absolute paths of the roots of a point, as far as its tree tells: where the way down ends.
pub(super) fn roots_of(
    engine: &Strongroom,
    tree: ChunkAddress,
    options: &RepairOptions,
) -> Result<Vec<PathText>> {
    let mut roots: Vec<Vec<u8>> = Vec::new();
    walk(engine, tree, &options.cancel, &mut |path, seen| {
        let Seen::Entry(record) = seen else {
            return Ok(());
        };
        let is_way = record.meta.ino == 0 && record.meta.mtime == crate::fs::Time::default();
        let is_below = roots
            .last()
            .is_some_and(|root| crate::backup::is_below(path, root));
        if !is_way && !is_below {
            roots.push(path.to_vec());
        }
        Ok(())
    })?;
    Ok(roots
        .iter()
        .map(|root| PathText::from_bytes(root))
        .collect())
}
