//! Scenarios, and the rules that each of them needs.

use super::Index;
use crate::rule::{Rule, Rules};

const SMALL: Index = Index {
    rules: Rules::ALL,
    agents_count: 1,
    sweepers_count: 1,
    cycles_count: 2,
    merges_count: 1,
    any_order: false,
    late_uploads: false,
};

/// Two sweepers that merge at once.
const TWO: Index = Index {
    sweepers_count: 2,
    merges_count: 2,
    ..SMALL
};

/// An upload of a segment may arrive again after it was given up.
const LATE: Index = Index {
    agents_count: 0,
    any_order: true,
    late_uploads: true,
    ..TWO
};

no_loss! {
    merged: SMALL;
    merged_twice: TWO;
    late_segments: LATE;
    #[ignore = "a larger bound"]
    soak_two_sessions: Index { agents_count: 2, ..SMALL };
    #[ignore = "a larger bound"]
    soak_late_segments: Index { agents_count: 1, ..LATE };
}

controls! {
    without_merged_first: SMALL, MergedFirst;
    without_give_up_one_by_one: SMALL, GiveUpOneByOne;
    without_planned_packs_only: SMALL, PlannedPacksOnly;
    without_planned_segment_is_dead: LATE, PlannedSegmentIsDead;
    without_decided_sessions: SMALL, DecidedSessions;
}
