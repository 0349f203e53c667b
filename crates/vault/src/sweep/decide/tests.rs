use super::*;
use crate::format::{Remap, SourceId};
use crate::sweep::liveness::User;

fn pack(number: u8) -> PackId {
    PackId::from_bytes([number; 16])
}

/// Chunk of the first block that was born in a pack.
fn at(number: u8, chunk: u16) -> ChunkAddress {
    let name = BlockName {
        pack: pack(number),
        ordinal: 0,
    };
    chunk_of(name, chunk)
}

fn id(number: u8) -> RemapId {
    RemapId::from_bytes([number; 16])
}

/// A pack with one block, of four chunks.
fn born(number: u8) -> Held {
    Held {
        pack: pack(number),
        kind: ObjectKind::DataPack,
        object_bytes: 1000,
        chunks_count: 4,
        contents: Contents::Born(1),
    }
}

/// A pack with copies of blocks that were born elsewhere.
fn copies(number: u8, of: &[u8]) -> Held {
    let names = of.iter().map(|number| at(*number, 0).block_name());
    Held {
        contents: Contents::Given(names.collect()),
        ..born(number)
    }
}

fn live(named: &[ChunkAddress]) -> Liveness {
    let mut live = Liveness::default();
    for at in named {
        live.add(User::One(SourceId::from_bytes([1; 8])), *at);
    }
    live
}

fn remaps(all: &[(u8, ChunkAddress, ChunkAddress)]) -> Remaps {
    let mut remaps = Remaps::default();
    for (number, old, new) in all {
        remaps.add(id(*number), &Remap::of_chunks(vec![(*old, *new)]));
    }
    remaps
}

fn condemned(held: &[Held], remaps: &Remaps, live: &mut Liveness) -> (Vec<PackId>, Vec<RemapId>) {
    let places = Places::of(held.iter());
    live.settle(remaps, |name| places.has(name), |_| true);
    let mark = condemn(held, remaps, live);
    (
        mark.packs.iter().map(|(pack, _)| *pack).collect(),
        mark.remaps,
    )
}

fn mark(packs: &[u8], remaps: &[u8]) -> Mark {
    Mark {
        packs: packs
            .iter()
            .map(|n| (pack(*n), ObjectKind::DataPack))
            .collect(),
        remaps: remaps.iter().map(|n| id(*n)).collect(),
    }
}

#[test]
fn of_several_copies_one_is_kept() {
    let held = [born(1), born(2), copies(3, &[1, 2])];
    let mut live = live(&[at(1, 0), at(2, 0)]);
    let (packs, _) = condemned(&held, &Remaps::default(), &mut live);
    assert_eq!(packs, [pack(1), pack(2)], "the fuller pack keeps");
    let held = [copies(3, &[1]), copies(4, &[1, 9])];
    let (packs, _) = condemned(&held, &Remaps::default(), &mut live);
    assert_eq!(packs, [pack(4)], "the pack with something unneeded goes");
}

#[test]
fn a_rewritten_block_goes_and_the_remap_stays() {
    let held = [born(1), born(2)];
    let remaps = remaps(&[(1, at(1, 2), at(2, 0))]);
    let mut live = live(&[at(1, 2)]);
    let gone = condemned(&held, &remaps, &mut live);
    assert_eq!(gone, (vec![pack(1)], vec![]));
}

#[test]
fn a_chunk_that_the_remap_does_not_name_keeps_its_block() {
    let held = [born(1), born(2)];
    let remaps = remaps(&[(1, at(1, 2), at(2, 0))]);
    let mut live = live(&[at(1, 2), at(1, 3)]);
    let gone = condemned(&held, &remaps, &mut live);
    assert_eq!(gone, (vec![], vec![]));
}

#[test]
fn remaps_that_no_list_needs_go() {
    let held = [born(1), born(2), born(3)];
    let remaps = remaps(&[
        (1, at(1, 0), at(2, 0)),
        (2, at(2, 0), at(3, 0)),
        (3, at(1, 0), at(3, 0)),
        (4, at(1, 1), at(3, 1)),
    ]);
    let mut live = live(&[at(1, 0)]);
    let gone = condemned(&held, &remaps, &mut live);
    let longer_ways = vec![id(1), id(2), id(4)];
    assert_eq!(gone, (vec![pack(1), pack(2)], longer_ways));
}

#[test]
fn two_blocks_given_up_for_each_other_keep_one() {
    let held = [born(1), born(2)];
    let remaps = remaps(&[(1, at(1, 0), at(2, 0)), (2, at(2, 0), at(1, 0))]);
    let mut live = live(&[at(1, 0), at(2, 0)]);
    let gone = condemned(&held, &remaps, &mut live);
    assert_eq!(gone, (vec![pack(2)], vec![id(1)]));
}

#[test]
fn what_a_late_point_names_is_rescued() {
    let held = [born(1), born(2)];
    let rescued = |mark: &Mark, remaps: &Remaps, named: &[ChunkAddress]| {
        let rescued = rescue(&held, remaps, mark, &mut live(named));
        (rescued.packs, rescued.remaps)
    };
    let none = Remaps::default();
    let one = mark(&[1], &[]);
    let nothing = (HashSet::new(), HashSet::new());
    assert_eq!(rescued(&one, &none, &[at(2, 0)]), nothing);
    let kept = (HashSet::from([pack(1)]), HashSet::new());
    assert_eq!(rescued(&one, &none, &[at(1, 0)]), kept);
    // A remap to what stays covers the chunk that it names, and no other.
    let covering = remaps(&[(1, at(1, 0), at(2, 0))]);
    assert_eq!(rescued(&one, &covering, &[at(1, 0)]), nothing);
    assert_eq!(rescued(&one, &covering, &[at(1, 1)]), kept);
}

#[test]
fn a_condemned_remap_covers_nothing_and_is_rescued_with_what_it_leads_to() {
    let remaps = remaps(&[(1, at(1, 0), at(2, 0)), (2, at(2, 0), at(3, 0))]);
    let rescued = |mark: &Mark, held: &[Held]| {
        let rescued = rescue(held, &remaps, mark, &mut live(&[at(1, 0)]));
        (rescued.packs, rescued.remaps)
    };
    let both = HashSet::from([id(1), id(2)]);
    // The block that the list names is long gone; the way leads on to a pack that stays.
    let found = rescued(&mark(&[], &[1, 2]), &[born(3)]);
    assert_eq!(found, (HashSet::new(), both.clone()));
    let found = rescued(&mark(&[3], &[1, 2]), &[born(3)]);
    assert_eq!(found, (HashSet::from([pack(3)]), both));
    // The first step stays, the second is condemned.
    let found = rescued(&mark(&[], &[2]), &[born(3)]);
    assert_eq!(found, (HashSet::new(), HashSet::from([id(2)])));
    // Something is found without it.
    let found = rescued(&mark(&[3], &[2]), &[born(2), born(3)]);
    assert_eq!(found, (HashSet::new(), HashSet::new()));
}
