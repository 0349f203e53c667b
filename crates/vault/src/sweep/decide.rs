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
/// Packs without unneeded blocks keep first, so that copies in sparse packs are given up.
pub(crate) fn condemn(held: &[Held], remaps: &Remaps, live: &Liveness) -> Mark {
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
    let mut packs: Vec<(PackId, ObjectKind)> = Vec::new();
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
    rescued
}

#[cfg(test)]
mod tests;
