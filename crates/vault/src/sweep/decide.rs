//! What a sweep condemns: a pure function of which blocks lie where and which of them are needed.

use std::collections::HashSet;

use super::liveness::Liveness;
use crate::format::{BlockName, CYCLE_MAX_ENTRIES, Mark, ObjectKind, PackId};

/// A pack as a sweep sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) pack: PackId,
    pub(crate) kind: ObjectKind,
    pub(crate) object_bytes: u64,
    pub(crate) blocks: Vec<BlockName>,
    /// Some of it was found damaged.
    pub(crate) is_hurt: bool,
}

impl Held {
    fn needed<'a>(&'a self, live: &'a Liveness) -> impl Iterator<Item = &'a BlockName> {
        self.blocks
            .iter()
            .filter(|name| live.of_block(name).is_some())
    }
}

/// Chooses one copy of each needed block to keep and condemns all packs that keep none.
///
/// Packs without unneeded blocks keep first, so that copies in sparse packs are given up.
pub(crate) fn condemn(held: &[Held], live: &Liveness) -> Mark {
    let mut order: Vec<(usize, &Held)> = held
        .iter()
        .map(|pack| (pack.needed(live).count(), pack))
        .collect();
    order.sort_unstable_by_key(|(needed, pack)| {
        let unneeded = pack.blocks.len() - needed;
        (unneeded, std::cmp::Reverse(*needed), pack.pack)
    });
    let mut kept: HashSet<BlockName> = HashSet::new();
    let mut packs: Vec<(PackId, ObjectKind)> = Vec::new();
    for (_, pack) in order {
        let before = kept.len();
        kept.extend(pack.needed(live).copied());
        if kept.len() == before {
            packs.push((pack.pack, pack.kind));
        }
    }
    packs.truncate(CYCLE_MAX_ENTRIES);
    packs.sort_unstable_by_key(|(pack, _)| *pack);
    Mark { packs }
}

/// Of the condemned packs, those that must stay after all: they hold a needed block of which no other pack that is
/// listed and not condemned has a copy.
pub(crate) fn rescue(held: &[Held], mark: &Mark, live: &Liveness) -> HashSet<PackId> {
    let safe: HashSet<&BlockName> = held
        .iter()
        .filter(|pack| !mark.condemns(&pack.pack))
        .flat_map(|pack| &pack.blocks)
        .collect();
    held.iter()
        .filter(|pack| mark.condemns(&pack.pack))
        .filter(|pack| pack.needed(live).any(|name| !safe.contains(name)))
        .map(|pack| pack.pack)
        .collect()
}
