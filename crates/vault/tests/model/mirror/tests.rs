//! Scenarios, and the rules that each of them needs.

use super::Mirror;
use crate::rule::{Rule, Rules};

/// The place that does not decide goes away once.
const LAGGING: Mirror = Mirror {
    rules: Rules::ALL,
    agents_count: 1,
    sweepers_count: 1,
    cycles_count: 2,
    outages_count: 1,
    copies_count: 1,
    can_fail: [false, true],
    copied: true,
};

/// Either place goes away, and the pack is in one of them only.
const EITHER: Mirror = Mirror {
    outages_count: 2,
    can_fail: [true, true],
    ..LAGGING
};

no_loss! {
    lagging_place: LAGGING;
    absent_decider: EITHER;
    lagging_place_two_sweepers: Mirror { sweepers_count: 2, ..LAGGING };
    #[ignore = "a larger bound"]
    soak_absent_decider_two_agents: Mirror { agents_count: 2, ..EITHER };
    #[ignore = "a larger bound"]
    soak_absent_decider_two_sweepers: Mirror { sweepers_count: 2, ..EITHER };
    #[ignore = "a larger bound"]
    soak_lagging_place_all: Mirror { agents_count: 2, sweepers_count: 2, cycles_count: 1, ..EITHER };
}

controls! {
    without_one_decider: EITHER, OneDecider;
    without_register_at_decider: EITHER, RegisterAtDecider;
    without_subtract_plans: Mirror { copies_count: 0, ..LAGGING }, SubtractPlans;
    without_rescue_unlisted: LAGGING, RescueUnlisted;
    without_plans_kept: Mirror { copied: false, sweepers_count: 2, cycles_count: 1, ..LAGGING }, PlansKept;
}
