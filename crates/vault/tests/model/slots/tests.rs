//! Scenarios, and the rule that they need.

use super::Slots;
use crate::rule::{Rule, Rules};

/// The old decider stays as an ordinary place.
const KEPT: Slots = Slots {
    rules: Rules::ALL,
    keeps: true,
};

/// The old decider is lost for the owner, though not for everybody.
const DROPPED: Slots = Slots {
    keeps: false,
    ..KEPT
};

no_loss! {
    slots_kept_decider: KEPT;
    slots_dropped_decider: DROPPED;
}

controls! {
    without_look_after_removing: KEPT, LookAfterRemoving;
    without_look_after_removing_when_dropped: DROPPED, LookAfterRemoving;
}
