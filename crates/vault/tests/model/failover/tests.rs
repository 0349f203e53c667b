//! Scenarios, and the rules that each of them needs.

use super::Failover;
use crate::rule::{Rule, Rules};

/// The old decider is lost for the owner, though not for everybody.
const DROPPED: Failover = Failover {
    rules: Rules::ALL,
    keeps: false,
    copies_count: 1,
};

/// The old decider stays as an ordinary place.
const KEPT: Failover = Failover {
    keeps: true,
    ..DROPPED
};

no_loss! {
    dropped_decider: DROPPED;
    kept_decider: KEPT;
}

controls! {
    without_plan_at_place: DROPPED, PlanAtPlace;
    without_look_before_delete: DROPPED, LookBeforeDelete;
    without_links_before_plan: DROPPED, LinksBeforePlan;
    without_count_after_closing: DROPPED, CountAfterClosing;
    without_counted_plans: DROPPED, CountedPlans;
    without_registration_first: DROPPED, RegistrationFirst;
    without_end_sessions: DROPPED, EndSessions;
    without_look_after_registering: KEPT, LookAfterRegistering;
    without_bring_over: KEPT, BringOver;
    without_count_before_links: KEPT, CountBeforeLinks;
}
