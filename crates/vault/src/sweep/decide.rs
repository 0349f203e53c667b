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
/// listed and not condemned has a copy. What a condemned pack holds that is not listed, because its place is away, nobody
/// knows: while any needed block is not found, all of those stay.
pub(crate) fn rescue(held: &[Held], mark: &Mark, live: &Liveness) -> HashSet<PackId> {
    let safe: HashSet<&BlockName> = held
        .iter()
        .filter(|pack| !mark.condemns(&pack.pack))
        .flat_map(|pack| &pack.blocks)
        .collect();
    let condemned = || held.iter().filter(|pack| mark.condemns(&pack.pack));
    let mut rescued: HashSet<PackId> = condemned()
        .filter(|pack| pack.needed(live).any(|name| !safe.contains(name)))
        .map(|pack| pack.pack)
        .collect();
    let found: HashSet<&BlockName> = condemned().flat_map(|pack| &pack.blocks).collect();
    if live
        .names()
        .any(|name| !safe.contains(name) && !found.contains(name))
    {
        let listed: HashSet<PackId> = condemned().map(|pack| pack.pack).collect();
        let unlisted = mark.packs.iter().map(|(pack, _)| *pack);
        rescued.extend(unlisted.filter(|pack| !listed.contains(pack)));
    }
    rescued
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_and_cannot_be_listed_is_rescued() {
        let pack = |number| PackId::from_bytes([number; 16]);
        let block = |number| BlockName {
            pack: pack(number),
            ordinal: 0,
        };
        let held = |number| Held {
            pack: pack(number),
            kind: ObjectKind::DataPack,
            object_bytes: 1,
            blocks: vec![block(number)],
        };
        let mark = Mark {
            packs: [1, 2, 3]
                .map(|number| (pack(number), ObjectKind::DataPack))
                .into(),
        };
        let needs =
            |numbers: &[u8]| Liveness::of_blocks(numbers.iter().map(|number| block(*number)));
        // Pack 3 is condemned, and its place is away.
        let listed = [held(1), held(2), held(4)];
        assert!(rescue(&listed, &mark, &needs(&[4])).is_empty());
        assert_eq!(
            rescue(&listed, &mark, &needs(&[2, 4])),
            HashSet::from([pack(2)])
        );
        assert_eq!(
            rescue(&listed, &mark, &needs(&[3, 4])),
            HashSet::from([pack(3)])
        );
    }
}
