//! Which chunks some recovery point needs: a union of reference lists, without a look into any tree.

use std::collections::{HashMap, HashSet};

use super::chunk_set::ChunkSet;
use crate::chain::Chain;
use crate::format::{
    BlockName, ChunkAddress, ListPiece, ObjectKind, PackId, RemapId, SessionId, SourceId,
};
use crate::points::{self, PointRef};
use crate::remaps::Remaps;
use crate::{BlockReader, Result, Vault};

/// The points of which source need something of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum User {
    /// One only.
    One(SourceId),
    /// Several.
    Several,
}

impl User {
    fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Several }
    }
}

/// What lists name of the blocks that were born in one pack.
#[derive(Debug)]
struct Named {
    user: User,
    /// Ascending by ordinal.
    blocks: Vec<(u16, ChunkSet)>,
}

/// What all roots of a domain need.
///
/// Lists name chunks by the blocks of their birth. [`Liveness::settle`] says where what they name is read from, now
/// that remaps lead elsewhere: that is what must be kept.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    named: HashMap<PackId, Named>,
    /// Of what lists name, the chunks that are read from elsewhere.
    away: HashMap<BlockName, ChunkSet>,
    /// Chunks that are read here, though no list may name them so.
    here: HashMap<BlockName, (User, ChunkSet)>,
    /// Remaps on the way from a list to what it needs.
    used: HashSet<RemapId>,
    pieces: HashSet<ChunkAddress>,
    /// Points that are gone for ever but whose manifest still stands.
    pub(crate) gone: Vec<PointRef>,
}

impl Liveness {
    /// Unites the lists of all points that are not gone; what several lists share is read once.
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
            let user = User::One(point.source);
            for piece in &structure.list {
                live.add_piece(reader, user, piece.address()).await?;
            }
        }
        live.pieces = HashSet::new();
        Ok(live)
    }

    async fn add_piece(
        &mut self,
        reader: &BlockReader,
        user: User,
        at: ChunkAddress,
    ) -> Result<()> {
        if !self.pieces.insert(at) {
            return Ok(());
        }
        self.add(user, at);
        let raw = reader.chunk(at, ObjectKind::MetaPack).await?;
        ListPiece::scan(&raw, |block| {
            self.name(user, block.name, |set| set.insert_bitmap(block.bitmap));
            Ok(())
        })?;
        Ok(())
    }

    /// Notes that a list names a chunk.
    pub(crate) fn add(&mut self, user: User, at: ChunkAddress) {
        self.name(user, at.block_name(), |set| set.insert(at.chunk));
    }

    fn name(&mut self, user: User, name: BlockName, add: impl FnOnce(&mut ChunkSet)) {
        let named = self.named.entry(name.pack).or_insert_with(|| Named {
            user,
            blocks: Vec::new(),
        });
        named.user = named.user.and(user);
        let found = named
            .blocks
            .binary_search_by_key(&name.ordinal, |(ordinal, _)| *ordinal);
        match found {
            Ok(position) => {
                if let Some((_, set)) = named.blocks.get_mut(position) {
                    add(set);
                }
            }
            Err(position) => {
                let mut set = ChunkSet::default();
                add(&mut set);
                named.blocks.insert(position, (name.ordinal, set));
            }
        }
    }

    /// Says where everything that lists name is read from now on: through the remaps that `counts` says count, to blocks
    /// that are there; what no remap covers stays where it is.
    pub(crate) fn settle(
        &mut self,
        remaps: &Remaps,
        is_there: impl Fn(BlockName) -> bool,
        counts: impl Fn(&RemapId) -> bool,
    ) {
        self.away.clear();
        self.here.clear();
        self.used.clear();
        for name in remaps.rewritten() {
            let Some((user, set)) = self.named_of(&name) else {
                continue;
            };
            for chunk in set.iter() {
                let old = chunk_of(name, chunk);
                let Some(found) = remaps.settle(old, &is_there, &counts) else {
                    continue;
                };
                self.used.extend(found.by);
                self.away.entry(name).or_default().insert(chunk);
                let new = self.here.entry(found.at.block_name());
                let (users, here) = new.or_insert((user, ChunkSet::default()));
                *users = users.and(user);
                here.insert(found.at.chunk);
            }
        }
    }

    fn named_of(&self, name: &BlockName) -> Option<(User, ChunkSet)> {
        let named = self.named.get(&name.pack)?;
        let found = named
            .blocks
            .binary_search_by_key(&name.ordinal, |(ordinal, _)| *ordinal)
            .ok()?;
        let (_, set) = named.blocks.get(found)?;
        Some((named.user, set.clone()))
    }

    /// The chunks of a block that are needed there; empty when there are none.
    pub(crate) fn needed(&self, name: &BlockName) -> ChunkSet {
        let mut set = self
            .named_of(name)
            .map_or_else(ChunkSet::default, |(_, set)| set);
        if let Some(away) = self.away.get(name) {
            set.remove_all(away);
        }
        if let Some((_, here)) = self.here.get(name) {
            set.insert_all(here);
        }
        set
    }

    /// The points of which sources need something of the pack in which this block was born.
    pub(crate) fn user(&self, name: &BlockName) -> Option<User> {
        let named = self.named.get(&name.pack).map(|named| named.user);
        let here = self.here.get(name).map(|(user, _)| *user);
        match (named, here) {
            (Some(named), Some(here)) => Some(named.and(here)),
            (named, here) => named.or(here),
        }
    }

    /// Whether a list names this chunk, and it is read from elsewhere.
    pub(crate) fn is_away(&self, at: ChunkAddress) -> bool {
        let away = self.away.get(&at.block_name());
        away.is_some_and(|away| away.contains(at.chunk))
    }

    /// Whether some list needs this remap.
    pub(crate) fn uses(&self, remap: &RemapId) -> bool {
        self.used.contains(remap)
    }
}

/// The address of a chunk in a block.
pub(crate) fn chunk_of(name: BlockName, chunk: u16) -> ChunkAddress {
    ChunkAddress {
        pack: name.pack,
        block: name.ordinal,
        chunk,
    }
}
