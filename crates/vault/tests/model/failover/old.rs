//! The old generation's session and sweeper, which nobody has told that there is a new one.

use super::{Failover, NEW, OLD, OLD_POINT, PLACES_COUNT, State, step};
use crate::cycle::Key;
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::On;

/// Where the old session is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum OldAgent {
    #[default]
    Start,
    Registered,
    Looked,
    Read {
        epoch: u8,
        unusable: u8,
    },
    Pinned {
        unusable: u8,
    },
    Uploading,
    Ready,
    Committed,
    /// Its registration is being copied to the other place.
    Copying,
    /// It stands there, and no closing.
    Copied,
    Done,
}

/// Where the old sweeper is, in the one cycle that it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum OldSweeper {
    #[default]
    Idle,
    Listed {
        packs: u8,
    },
    Marking {
        condemned: u8,
    },
    Waiting,
    Decided,
    Rechecked {
        live: bool,
    },
    Planning {
        plan: u8,
    },
    /// Links, then the plan, are to be put into a place.
    Putting {
        place: usize,
    },
    PuttingPlan {
        place: usize,
    },
    Looking {
        place: usize,
    },
    Deleting {
        place: usize,
    },
    Finishing,
    Done,
}

impl Failover {
    /// The next operations of the old session.
    #[expect(
        clippy::too_many_lines,
        reason = "a table: one entry for each state of the worker"
    )]
    pub(crate) fn old_agent(&self, state: &State, out: &mut Steps<State>) {
        let mut next = *state;
        let mut on = On::Nothing;
        let dead = state.places[OLD].plan.unwrap_or_default();
        let (to, what) = match state.old_agent {
            OldAgent::Start => {
                next.places[OLD].registered = true;
                (OldAgent::Registered, "registers at place 0")
            }
            OldAgent::Registered if self.hold(Rule::LookAfterRegistering) => (
                if state.places[OLD].closed {
                    OldAgent::Done
                } else {
                    OldAgent::Looked
                },
                "looks for a closing at place 0",
            ),
            OldAgent::Registered | OldAgent::Looked => {
                let epoch = u8::from(state.old_cycle.mark.is_some());
                let condemned = state.old_cycle.mark.filter(|_| !state.old_cycle.done);
                let unusable = condemned.unwrap_or_default() | dead;
                (OldAgent::Read { epoch, unusable }, "reads mark and plan")
            }
            OldAgent::Read { epoch, unusable } => {
                next.old_pin = Some(epoch);
                (OldAgent::Pinned { unusable }, "pins")
            }
            OldAgent::Pinned { unusable } => {
                let packs = state.places[OLD].packs | state.places[NEW].packs;
                on = On::Packs(packs & !unusable);
                let to = if packs & !unusable == 0 {
                    OldAgent::Uploading
                } else {
                    OldAgent::Ready
                };
                (to, "lists packs; it can use")
            }
            OldAgent::Uploading => {
                for place in &mut next.places {
                    place.packs |= 1 << state.next_pack;
                }
                next.next_pack += 1;
                (OldAgent::Ready, "uploads a pack to both places")
            }
            OldAgent::Ready if state.places[OLD].points[OLD_POINT] == Key::Free => {
                next.places[OLD].points[OLD_POINT] = Key::Committed;
                next.reported = true;
                (OldAgent::Committed, "commits at place 0")
            }
            OldAgent::Ready => (OldAgent::Done, "finds its fence"),
            OldAgent::Committed if self.hold(Rule::RegistrationFirst) => {
                next.places[NEW].registered = true;
                (OldAgent::Copying, "copies its registration to place 1")
            }
            OldAgent::Copying => (
                if state.places[NEW].closed {
                    OldAgent::Done
                } else {
                    OldAgent::Copied
                },
                "looks for a closing at place 1",
            ),
            OldAgent::Committed | OldAgent::Copied => {
                if state.places[NEW].points[OLD_POINT] == Key::Free {
                    next.places[NEW].points[OLD_POINT] = state.places[OLD].points[OLD_POINT];
                    next.strayed = state.opened.is_some();
                }
                (OldAgent::Done, "copies its point to place 1")
            }
            OldAgent::Done => return,
        };
        next.old_agent = to;
        out.push((step("old session", what, on), next));
    }

    /// The next operations of the old sweeper.
    #[expect(
        clippy::too_many_lines,
        reason = "a table: one entry for each state of the worker"
    )]
    pub(crate) fn old_sweeper(&self, state: &State, out: &mut Steps<State>) {
        let mut next = *state;
        let mut on = On::Nothing;
        let listing = state.places[OLD].packs | state.places[NEW].packs;
        let (to, what) = match state.old_sweeper {
            OldSweeper::Idle => (OldSweeper::Listed { packs: listing }, "lists packs"),
            OldSweeper::Listed { packs } => {
                let keeper = if state.live(OLD) {
                    packs & packs.wrapping_neg()
                } else {
                    0
                };
                let condemned = packs & !keeper;
                (OldSweeper::Marking { condemned }, "lists points")
            }
            OldSweeper::Marking { condemned } => {
                next.old_cycle.mark = Some(condemned);
                on = On::Packs(condemned);
                (OldSweeper::Waiting, "marks")
            }
            OldSweeper::Waiting => {
                let place = &mut next.places[OLD];
                let is_older = state.old_pin.is_none_or(|pin| pin < 1);
                if place.registered && place.points[OLD_POINT] == Key::Free && is_older {
                    place.points[OLD_POINT] = Key::Fenced;
                }
                (OldSweeper::Decided, "waits for no older session")
            }
            OldSweeper::Decided => {
                let live = state.live(OLD);
                (OldSweeper::Rechecked { live }, "lists points again")
            }
            OldSweeper::Rechecked { live } => {
                let mark = state.old_cycle.mark.unwrap_or_default();
                let rescued = if !live || listing & !mark != 0 {
                    0
                } else {
                    mark
                };
                let plan = mark & !rescued;
                (OldSweeper::Planning { plan }, "lists packs again")
            }
            OldSweeper::Planning { plan } => {
                next.places[OLD].plan = Some(plan);
                on = On::Packs(plan);
                (OldSweeper::Looking { place: OLD }, "plans")
            }
            OldSweeper::Putting { place } => {
                if self.hold(Rule::LinksBeforePlan) {
                    put_links(&mut next, place);
                }
                on = On::Number(place);
                (OldSweeper::PuttingPlan { place }, "puts links into place")
            }
            OldSweeper::PuttingPlan { place } => {
                if self.hold(Rule::PlanAtPlace) {
                    next.places[place].plan = state.places[OLD].plan;
                }
                on = On::Number(place);
                (OldSweeper::Looking { place }, "puts the plan into place")
            }
            OldSweeper::Looking { place } => {
                let stops = self.hold(Rule::LookBeforeDelete) && state.places[place].closed;
                on = On::Number(place);
                let to = if stops {
                    OldSweeper::Done
                } else {
                    OldSweeper::Deleting { place }
                };
                (to, "looks for a closing at place")
            }
            OldSweeper::Deleting { place } => {
                next.places[place].packs &= !state.places[OLD].plan.unwrap_or_default();
                on = On::Number(place);
                let to = if place + 1 == PLACES_COUNT {
                    OldSweeper::Finishing
                } else {
                    OldSweeper::Putting { place: place + 1 }
                };
                (to, "deletes at place")
            }
            OldSweeper::Finishing => {
                next.old_cycle.done = true;
                (OldSweeper::Done, "is done")
            }
            OldSweeper::Done => return,
        };
        next.old_sweeper = to;
        out.push((step("old sweeper", what, on), next));
    }
}

/// What is purged at the old decider is purged here, too.
fn put_links(next: &mut State, at: usize) {
    let from = next.places[OLD].points;
    for (key, decided) in next.places[at].points.iter_mut().zip(from) {
        if (*key, decided) == (Key::Committed, Key::Purged) {
            *key = Key::Purged;
        }
    }
}
