//! Scenarios, and the rules that each of them needs.

use super::Base;
use crate::rule::{Rule, Rules};

/// The protocol before `Rule::PlannedIsDead`, which would stand in for several of the other rules.
const SMALL: Base = Base {
    rules: Rules::ALL.without(Rule::PlannedIsDead),
    agents_count: 2,
    sweepers_count: 2,
    cycles_count: 2,
    index_is_hint: false,
    stale_index: false,
    keep_newest: false,
    late_uploads: false,
};

/// The index counts for nothing: whoever meets a listed pack that it does not name looks into the pack.
const HINTS: Base = Base {
    index_is_hint: true,
    agents_count: 1,
    sweepers_count: 1,
    ..SMALL
};

/// The index names a pack that is not there.
const STALE: Base = Base {
    stale_index: true,
    keep_newest: true,
    index_is_hint: false,
    ..HINTS
};

/// An upload may arrive again after its pack was swept.
const LATE: Base = Base {
    rules: Rules::ALL,
    late_uploads: true,
    agents_count: 2,
    sweepers_count: 2,
    ..HINTS
};

no_loss! {
    one_cycle: Base { cycles_count: 1, ..SMALL };
    two_cycles: SMALL;
    index_of_hints: HINTS;
    stale_index: STALE;
    late_uploads: Base { agents_count: 1, ..LATE };
    #[ignore = "a larger bound"]
    soak_three_agents: Base { agents_count: 3, sweepers_count: 1, cycles_count: 1, ..SMALL };
    #[ignore = "a larger bound"]
    soak_index_of_hints: Base { agents_count: 2, sweepers_count: 2, ..HINTS };
    #[ignore = "a larger bound"]
    soak_late_uploads: LATE;
}

controls! {
    without_register_before_mark: SMALL, RegisterBeforeMark;
    without_commit_or_fence: SMALL, CommitOrFence;
    without_wait_for_sessions: SMALL, WaitForSessions;
    without_recheck: SMALL, Recheck;
    without_skip_condemned: SMALL, SkipCondemned;
    without_list_packs: STALE, ListPacks;
    without_list_after_mark: HINTS, ListAfterMark;
    without_fresh_pack_ids: SMALL, FreshPackIds;
    without_done_last: HINTS, DoneLast;
    without_stored_plan: SMALL, StoredPlan;
    without_serial_cycles: SMALL, SerialCycles;
    without_findable_copy: SMALL, FindableCopy;
    without_keep_listed: STALE, KeepListed;
    without_cycles_kept: Base { sweepers_count: 2, ..HINTS }, CyclesKept;
    without_fences_kept: HINTS, FencesKept;
    without_planned_is_dead: LATE, PlannedIsDead;
}
