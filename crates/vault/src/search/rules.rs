//! Without a rule of the protocol the search finds a loss: it would notice.
//!
//! Rules that are redundant for safety since what any plan ever named is dead are left out together with that one, as
//! in the model of the protocol.

use super::tests::{CALM, EVERYBODY};
use super::{Setup, run};
use crate::rule::{Rule, without};
use crate::wrap::Weather;

/// So many schedules at most until a loss must have been found.
const SEEDS: u64 = 3000;

/// Few contents and much coming and going: whatever is used soon goes.
const BUSY: Setup = Setup {
    writers_count: 2,
    backups_count: 3,
    sweepers_count: 2,
    sweeps_count: 4,
    links_count: 8,
    readers_count: 0,
    contents_count: 2,
    page_entries: usize::MAX,
    deaths: 0,
    weather: CALM,
};

const LATE: Setup = Setup {
    weather: Weather {
        repeat: 500,
        ..CALM
    },
    ..BUSY
};

const DEADLY: Setup = Setup { deaths: 10, ..BUSY };

/// Without rules something is lost in one of the schedules.
macro_rules! losses {
    ($($name:ident: $setup:expr, [$($rule:ident),+];)*) => {
        $(#[test]
        fn $name() {
            let rules = [$(Rule::$rule),+];
            finds_a_loss(&rules, $setup);
        })*
    };
}

losses! {
    without_register_before_mark: BUSY, [RegisterBeforeMark];
    without_commit_or_fence: BUSY, [CommitOrFence];
    without_wait_for_sessions: BUSY, [WaitForSessions];
    without_recheck: BUSY, [Recheck];
    without_skip_condemned: BUSY, [SkipCondemned];
    without_list_packs: DEADLY, [ListPacks, PlannedIsDead];
    without_list_after_mark: BUSY, [ListAfterMark, PlannedIsDead];
    without_fresh_pack_ids: BUSY, [FreshPackIds];
    without_done_last: BUSY, [DoneLast, PlannedIsDead];
    without_stored_plan: BUSY, [StoredPlan];
    without_serial_cycles: BUSY, [SerialCycles];
    without_findable_copy: DEADLY, [FindableCopy];
    without_keep_listed: DEADLY, [KeepListed, PlannedIsDead];
    without_planned_is_dead: LATE, [PlannedIsDead];
    without_cycles_kept: BUSY, [CyclesKept];
    without_fences_kept: BUSY, [FencesKept];
}

/// With all rules the same schedules lose nothing: it is the rule that makes the difference.
#[test]
fn with_all_rules_these_setups_lose_nothing() {
    for setup in [BUSY, LATE, DEADLY, EVERYBODY] {
        for seed in 1..=25 {
            let outcome = run(setup, seed);
            assert!(outcome.is_ok(), "seed {seed} of {setup:?}: {outcome:?}");
        }
    }
}

fn finds_a_loss(rules: &[Rule], setup: Setup) {
    let lost = |seed: &u64| {
        let outcome = without(rules, || run(setup, *seed));
        outcome.err().map(|what| (*seed, what))
    };
    let found = (1..=SEEDS).find_map(|seed| lost(&seed).filter(|(_, what)| !is_garbage(what)));
    let (seed, what) = found.unwrap_or_else(|| panic!("nothing is lost without {rules:?}"));
    println!("without {rules:?}, schedule {seed}: {what}");
}

/// What is only left over is no loss.
fn is_garbage(what: &str) -> bool {
    what.starts_with("nothing needs")
}
