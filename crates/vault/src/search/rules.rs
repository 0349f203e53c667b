//! Without a rule of the protocol the search finds a loss: it would notice.
//!
//! Rules that are redundant for safety since what any plan ever named is dead are left out together with that one, as
//! in the model of the protocol.

use super::script::{Script, Stop, What};
use super::tests::CALM;
use super::{Setup, run};
use crate::rule::{Rule, without};
use crate::wrap::{Action, Weather};

/// So many schedules at most until a loss must have been found.
const SEEDS: u64 = 1000;

/// Few contents and much coming and going: whatever is used soon goes.
const BUSY: Setup = Setup {
    writers_count: 2,
    backups_count: 3,
    sweepers_count: 2,
    sweeps_count: 4,
    links_count: 8,
    readers_count: 0,
    liars_count: 0,
    contents_count: 2,
    page_entries: usize::MAX,
    deaths: 0,
    weather: CALM,
    script: None,
};

const DEADLY: Setup = Setup { deaths: 10, ..BUSY };

/// Writers of one content, of which the last word is a script's.
const SCRIPTED: Setup = Setup {
    writers_count: 3,
    contents_count: 1,
    ..BUSY
};

const REGISTERS_LATE: Script = Script {
    starts: &[
        ("writer 0", &[0]),
        ("retention", &[1000]),
        ("writer 1", &[2000]),
        ("sweeper 0", &[3000]),
    ],
    stops: &[
        sleeps("writer 1", Action::Put, "/reg", 1, 2000),
        sleeps("sweeper 0", Action::Delete, "d/", 1, 3000),
    ],
};

/// The first sweeper sleeps in cycle 1, in which the pack is rescued by one session and then used by another.
const SLEEPS_IN_A_CYCLE: Script = Script {
    starts: &[
        ("writer 0", &[0]),
        ("retention", &[1000, 4000]),
        ("writer 1", &[1900]),
        ("sweeper 0", &[2000]),
        ("sweeper 1", &[3000]),
        ("writer 2", &[5000]),
    ],
    stops: &[
        sleeps("writer 1", Action::Put, "points/", 1, 600),
        sleeps("sweeper 0", Action::List, "gc/", 2, 4000),
        sleeps("writer 2", Action::Put, "points/", 1, 4000),
    ],
};

/// The first sweeper is about to create mark 1 while others run two cycles.
const SLEEPS_BEFORE_A_MARK: Script = Script {
    starts: &[
        ("writer 0", &[0]),
        ("retention", &[1000, 3500, 5000]),
        ("writer 1", &[1900, 3200]),
        ("sweeper 0", &[2000]),
        ("sweeper 1", &[3000, 4200]),
        ("writer 2", &[6000]),
    ],
    stops: &[
        sleeps("writer 1", Action::Put, "points/", 1, 600),
        sleeps("writer 1", Action::Put, "points/", 2, 600),
        sleeps("sweeper 0", Action::Put, ".mark", 1, 7000),
        sleeps("writer 2", Action::Put, "points/", 1, 6000),
    ],
};

/// A block is moved, but its new pack is in no segment.
const DIES_BEFORE_INDEXING: Script = Script {
    starts: &[
        ("writer 0", &[0]),
        ("writer 1", &[500]),
        ("retention", &[1000]),
        ("sweeper 0", &[3000]),
        ("sweeper 1", &[4000]),
    ],
    stops: &[
        sleeps("writer 1", Action::Put, "points/", 1, 1500),
        Stop {
            actor: "sweeper 0",
            action: Action::Put,
            name: "index/",
            nth: 1,
            what: What::Dies,
        },
    ],
};

/// A session that was pinned before a mark commits after the plan.
const COMMITS_LATE: Script = Script {
    starts: &[
        ("writer 0", &[0]),
        ("retention", &[1000]),
        ("writer 1", &[1900]),
        ("sweeper 0", &[2500]),
    ],
    stops: &[sleeps("writer 1", Action::Put, "points/", 1, 3000)],
};

const DELETES_SLOWLY: Script = Script {
    starts: &[
        ("writer 0", &[0]),
        ("retention", &[1000]),
        ("sweeper 0", &[2000]),
        ("writer 1", &[3000]),
    ],
    stops: &[sleeps("sweeper 0", Action::Delete, "d/", 1, 4000)],
};

/// A pack comes back between its deletions by two executors of one plan.
const DELETES_LATE: Script = Script {
    starts: &[
        ("writer 0", &[0]),
        ("retention", &[1000]),
        ("sweeper 0", &[2000]),
        ("sweeper 1", &[3000]),
        ("network", &[4000]),
        ("writer 1", &[5000]),
    ],
    stops: &[sleeps("sweeper 0", Action::Delete, "d/", 1, 7000)],
};

/// The index says that all blocks have copies in a pack that is not there.
const LIED_TO: Script = Script {
    starts: &[
        ("writer 0", &[0]),
        ("liar 0", &[1000]),
        ("sweeper 0", &[2000]),
    ],
    stops: &[],
};

const WITH_A_LIAR: Setup = Setup {
    liars_count: 1,
    ..scripted(&LIED_TO)
};

const fn sleeps(
    actor: &'static str,
    action: Action,
    name: &'static str,
    nth: usize,
    millis: u64,
) -> Stop {
    Stop {
        actor,
        action,
        name,
        nth,
        what: What::Sleeps(millis),
    }
}

const fn scripted(script: &'static Script) -> Setup {
    Setup {
        script: Some(script),
        ..SCRIPTED
    }
}

const TWO_CONTENTS: Setup = Setup {
    contents_count: 2,
    ..scripted(&DIES_BEFORE_INDEXING)
};

const ALL_TWICE: Setup = Setup {
    weather: Weather {
        repeat: 1000,
        ..CALM
    },
    ..scripted(&DELETES_LATE)
};

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
    without_register_before_mark: scripted(&REGISTERS_LATE), [RegisterBeforeMark];
    without_commit_or_fence: BUSY, [CommitOrFence];
    without_wait_for_sessions: scripted(&COMMITS_LATE), [WaitForSessions];
    without_recheck: BUSY, [Recheck];
    without_skip_condemned: BUSY, [SkipCondemned];
    without_list_packs: DEADLY, [ListPacks, PlannedIsDead];
    without_list_after_mark: BUSY, [ListAfterMark, PlannedIsDead];
    without_fresh_pack_ids: BUSY, [FreshPackIds];
    without_done_last: scripted(&DELETES_SLOWLY), [DoneLast, PlannedIsDead];
    without_stored_plan: scripted(&SLEEPS_IN_A_CYCLE), [StoredPlan];
    without_serial_cycles: scripted(&SLEEPS_IN_A_CYCLE), [SerialCycles];
    without_findable_copy: TWO_CONTENTS, [FindableCopy];
    without_keep_listed: WITH_A_LIAR, [KeepListed];
    without_planned_is_dead: ALL_TWICE, [PlannedIsDead];
    without_cycles_kept: scripted(&SLEEPS_BEFORE_A_MARK), [CyclesKept];
    without_fences_kept: BUSY, [FencesKept];
}

/// With all rules the same schedules lose nothing: it is the rule that makes the difference.
#[test]
fn with_all_rules_these_setups_lose_nothing() {
    let scripts = [
        scripted(&REGISTERS_LATE),
        scripted(&SLEEPS_IN_A_CYCLE),
        scripted(&SLEEPS_BEFORE_A_MARK),
        scripted(&DELETES_SLOWLY),
        scripted(&COMMITS_LATE),
        TWO_CONTENTS,
        ALL_TWICE,
        WITH_A_LIAR,
    ];
    for setup in [BUSY, DEADLY].into_iter().chain(scripts) {
        for seed in 1..=15 {
            let outcome = run(setup, seed);
            assert!(outcome.is_ok(), "seed {seed} of {setup:?}: {outcome:?}");
        }
    }
}

/// What is left out beside it is not what makes the difference either, as long as no write arrives twice.
#[test]
fn without_planned_is_dead_alone_these_setups_lose_nothing() {
    for setup in [BUSY, DEADLY] {
        for seed in 1..=40 {
            let outcome = without(&[Rule::PlannedIsDead], || run(setup, seed));
            let is_lost = outcome.as_ref().is_err_and(|what| !is_garbage(what));
            assert!(!is_lost, "seed {seed} of {setup:?}: {outcome:?}");
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
