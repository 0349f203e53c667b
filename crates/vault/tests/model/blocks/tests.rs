//! Scenarios, and the rules that each of them needs.

use super::Blocks;
use super::store::names;
use crate::explore::explore;
use crate::rule::{Rule, Rules};

const C: u8 = 1;
const D: u8 = 2;
const E: u8 = 4;

/// A pack with two blocks of which one chunk is in use.
const MOVING: Blocks = Blocks {
    rules: Rules::ALL,
    agents_count: 1,
    sweepers_count: 1,
    cycles_count: 2,
    packs: &[&[C | D, E]],
    lists: [names(0, C), 0],
    needs: [D | E, C],
    moves: true,
    rewrites: false,
    gives_up: false,
    hostile: false,
};

/// A block of which two points use a part each.
const REWRITING: Blocks = Blocks {
    packs: &[&[C | D | E]],
    lists: [names(0, C), names(0, C | D)],
    needs: [C | E, D],
    moves: false,
    rewrites: true,
    ..MOVING
};

/// One content in two blocks, both in use.
const DUPLICATES: Blocks = Blocks {
    packs: &[&[C], &[C]],
    lists: [names(0, C), names(1, C)],
    needs: [C, C],
    moves: false,
    gives_up: true,
    ..MOVING
};

no_loss! {
    moving: MOVING;
    moving_two_agents: Blocks { agents_count: 2, ..MOVING };
    rewriting: REWRITING;
    rewriting_two_sweepers: Blocks { sweepers_count: 2, cycles_count: 1, ..REWRITING };
    rewriting_three_cycles: Blocks { cycles_count: 3, ..REWRITING };
    duplicates: DUPLICATES;
    duplicates_two_agents: Blocks { agents_count: 2, ..DUPLICATES };
    hostile_remap: Blocks { hostile: true, ..DUPLICATES };
    #[ignore = "a larger bound"]
    soak_moving_two_sweepers: Blocks { sweepers_count: 2, ..MOVING };
    #[ignore = "a larger bound"]
    soak_moving_all: Blocks { agents_count: 2, sweepers_count: 2, cycles_count: 1, ..MOVING };
    #[ignore = "a larger bound"]
    soak_rewriting_two_agents: Blocks { agents_count: 2, ..REWRITING };
    #[ignore = "a larger bound"]
    soak_rewriting_all: Blocks { sweepers_count: 2, ..REWRITING };
    #[ignore = "a larger bound"]
    soak_duplicates_two_sweepers: Blocks { sweepers_count: 2, ..DUPLICATES };
    #[ignore = "a larger bound"]
    soak_everything_at_once: Blocks { moves: true, gives_up: true, hostile: true, ..REWRITING };
}

controls! {
    without_skip_condemned: MOVING, SkipCondemned;
    without_remap_before_plan: Blocks { sweepers_count: 2, cycles_count: 1, ..REWRITING }, RemapBeforePlan;
    without_remap_by_chunk: REWRITING, RemapByChunk;
    without_remap_while_listed: REWRITING, RemapWhileListed;
    without_remap_in_mark: REWRITING, RemapInMark;
    without_remap_rescued: REWRITING, RemapRescued;
    without_remap_transitive: Blocks { agents_count: 0, ..REWRITING }, RemapTransitive;
    without_remap_signed: Blocks { hostile: true, ..DUPLICATES }, RemapSigned;
}

/// Here nothing is lost, but two remaps between two blocks, one in each direction, would keep both for ever.
#[test]
fn without_drop_one_by_one() {
    let model = Blocks {
        sweepers_count: 2,
        cycles_count: 1,
        ..DUPLICATES
    };
    crate::expect_loss(
        Rule::DropOneByOne,
        &explore(&model.without(Rule::DropOneByOne)),
    );
}
