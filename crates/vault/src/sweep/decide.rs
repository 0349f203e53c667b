//! What a sweep condemns, and what it rescues from that: pure functions of which blocks lie where and which of them are
//! needed.

use std::collections::HashSet;

use super::held::{Contents, Held, Places};
use super::liveness::{Liveness, chunk_of};
use crate::format::{
    BlockName, CYCLE_MAX_ENTRIES, ChunkAddress, Mark, ObjectKind, PackId, RemapId,
};
use crate::remaps::Remaps;

/// Chooses one copy of each needed block to keep and condemns all packs that keep none, and all remaps that lead nowhere
/// that is needed.
///
/// Packs without unneeded blocks keep first, so that copies in sparse packs are given up. What is dead but there again
/// keeps nothing, and must go again: no one else would ever delete it.
pub(crate) fn condemn(held: &[Held], dead: &[Held], remaps: &Remaps, live: &Liveness) -> Mark {
    // A block that lies where it was born and was never moved has one copy; only the others need to be remembered.
    let moved: HashSet<BlockName> = held
        .iter()
        .filter(|pack| matches!(pack.contents, Contents::Given(_)))
        .flat_map(Held::blocks)
        .collect();
    let mut order: Vec<(usize, &Held)> = held
        .iter()
        .map(|pack| (pack.needed(live).count(), pack))
        .collect();
    order.sort_unstable_by_key(|(needed, pack)| {
        let unneeded = pack.blocks_count() - needed;
        (unneeded, std::cmp::Reverse(*needed), pack.pack)
    });
    let mut kept: HashSet<BlockName> = HashSet::new();
    let mut packs: Vec<(PackId, ObjectKind)> =
        dead.iter().map(|pack| (pack.pack, pack.kind)).collect();
    for (_, pack) in order {
        let mut keeps = false;
        for name in pack.needed(live) {
            keeps |= !moved.contains(&name) || kept.insert(name);
        }
        if !keeps {
            packs.push((pack.pack, pack.kind));
        }
    }
    packs.truncate(CYCLE_MAX_ENTRIES);
    packs.sort_unstable_by_key(|(pack, _)| *pack);
    let unused = remaps.ids().iter().filter(|remap| !live.uses(remap));
    let unused = remaps.passed_over().iter().chain(unused);
    let room = CYCLE_MAX_ENTRIES - packs.len();
    let mut remaps: Vec<RemapId> = unused.take(room).copied().collect();
    remaps.sort_unstable();
    Mark { packs, remaps }
}

/// What must stay of a mark after all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rescued {
    pub(crate) packs: HashSet<PackId>,
    pub(crate) remaps: HashSet<RemapId>,
}

/// Of what is condemned, all that leads to a needed chunk which cannot be read from other listed packs through other
/// remaps.
pub(crate) fn rescue(held: &[Held], remaps: &Remaps, mark: &Mark, live: &mut Liveness) -> Rescued {
    let safe = Places::of(held.iter().filter(|pack| !mark.condemns(&pack.pack)));
    live.settle(
        remaps,
        |name| safe.has(name),
        |remap| !mark.condemns_remap(remap),
    );
    let condemned = || held.iter().filter(|pack| mark.condemns(&pack.pack));
    let mut rescued = Rescued::default();
    let mut reached: HashSet<BlockName> = HashSet::new();
    let suspects = condemned().flat_map(Held::blocks).chain(remaps.rewritten());
    for name in suspects.filter(|name| !safe.has(*name)) {
        let missing = live.needed(&name);
        if missing.is_empty() {
            continue;
        }
        reached.insert(name);
        for chunk in missing.iter() {
            let at: ChunkAddress = chunk_of(name, chunk);
            for found in remaps.reach(at) {
                reached.insert(found.at.block_name());
                rescued.remaps.extend(found.by);
            }
        }
    }
    rescued.remaps.retain(|remap| mark.condemns_remap(remap));
    let holding = condemned().filter(|pack| pack.blocks().any(|name| reached.contains(&name)));
    rescued.packs = holding.map(|pack| pack.pack).collect();
    // What a condemned pack holds that is not listed, because its place is away, nobody knows: while anything that is
    // needed is not found, all of those stay.
    let found = Places::of(held.iter());
    let is_missing = |name: &BlockName| !found.has(*name) && !live.needed(name).is_empty();
    if live.names().any(|name| is_missing(&name)) {
        let listed: HashSet<PackId> = held.iter().map(|pack| pack.pack).collect();
        let unlisted = mark.packs.iter().map(|(pack, _)| *pack);
        rescued
            .packs
            .extend(unlisted.filter(|pack| !listed.contains(pack)));
        let unlisted = mark.remaps.iter().copied();
        rescued
            .remaps
            .extend(unlisted.filter(|remap| !remaps.ids().contains(remap)));
    }
    rescued
}

#[cfg(test)]
mod tests;
