//! The new generation's session and sweeper.

use super::{Failover, NEW, NEW_POINT, OLD, OLD_POINT, State, step};
use crate::cycle::Key;
use crate::explore::Steps;
use crate::step::On;

/// Where the new session is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum NewAgent {
    #[default]
    Start,
    Registered,
    Read {
        epoch: u8,
        unusable: u8,
    },
    Pinned {
        unusable: u8,
    },
    Uploading,
    Ready,
    Done,
}

/// Where the new sweeper is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum NewSweeper {
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
    Deleting,
    DeletingOld,
    Finishing,
}

impl Failover {
    /// The next operations of the new session.
    pub(crate) fn new_agent(&self, state: &State, out: &mut Steps<State>) {
        let mut next = *state;
        let mut on = On::Nothing;
        let (to, what) = match state.new_agent {
            NewAgent::Start => {
                next.new_registered = true;
                (NewAgent::Registered, "registers at place 1")
            }
            NewAgent::Registered => {
                let epoch = u8::from(state.new_cycle.mark.is_some());
                let condemned = state.new_cycle.mark.filter(|_| !state.new_cycle.done);
                let unusable = condemned.unwrap_or_default() | self.new_dead(state);
                (NewAgent::Read { epoch, unusable }, "reads mark and plans")
            }
            NewAgent::Read { epoch, unusable } => {
                next.new_pin = Some(epoch);
                (NewAgent::Pinned { unusable }, "pins")
            }
            NewAgent::Pinned { unusable } => {
                let usable = self.new_listing(state) & !unusable;
                on = On::Packs(usable);
                let to = if usable == 0 {
                    NewAgent::Uploading
                } else {
                    NewAgent::Ready
                };
                (to, "lists packs; it can use")
            }
            NewAgent::Uploading => {
                next.places[NEW].packs |= 1 << state.next_pack;
                next.next_pack += 1;
                (NewAgent::Ready, "uploads a pack to place 1")
            }
            NewAgent::Ready if state.places[NEW].points[NEW_POINT] == Key::Free => {
                next.places[NEW].points[NEW_POINT] = Key::Committed;
                (NewAgent::Done, "commits at place 1")
            }
            NewAgent::Ready => (NewAgent::Done, "finds its fence"),
            NewAgent::Done => return,
        };
        next.new_agent = to;
        out.push((step("new session", what, on), next));
    }

    /// The next operations of the new sweeper.
    pub(crate) fn new_sweeper(&self, state: &State, out: &mut Steps<State>, number: u8) {
        let mut next = *state;
        let mut on = On::Nothing;
        let dead = self.new_dead(state);
        let listing = self.new_listing(state);
        let (to, what) = match state.new_sweeper {
            NewSweeper::Idle if state.new_cycle.mark.is_some() => return,
            NewSweeper::Idle => (NewSweeper::Listed { packs: listing }, "lists packs"),
            NewSweeper::Listed { packs } => {
                let usable = packs & !dead;
                let keeper = if state.live(NEW) {
                    usable & usable.wrapping_neg()
                } else {
                    0
                };
                let condemned = packs & !keeper;
                (NewSweeper::Marking { condemned }, "lists points")
            }
            NewSweeper::Marking { condemned } => {
                next.new_cycle.mark = Some(condemned);
                on = On::Packs(condemned);
                (NewSweeper::Waiting, "marks")
            }
            NewSweeper::Waiting => {
                let place = &mut next.places[NEW];
                if place.registered && place.points[OLD_POINT] == Key::Free {
                    place.points[OLD_POINT] = Key::Fenced;
                }
                let is_older = state.new_pin.is_none_or(|pin| pin < number);
                if state.new_registered && place.points[NEW_POINT] == Key::Free && is_older {
                    place.points[NEW_POINT] = Key::Fenced;
                }
                (NewSweeper::Decided, "waits for no older session")
            }
            NewSweeper::Decided => {
                let live = state.live(NEW);
                (NewSweeper::Rechecked { live }, "lists points again")
            }
            NewSweeper::Rechecked { live } => {
                let mark = state.new_cycle.mark.unwrap_or_default();
                let is_replaced = !live || listing & !dead & !mark != 0;
                let rescued = if is_replaced { 0 } else { mark & !dead };
                let plan = mark & !rescued;
                (NewSweeper::Planning { plan }, "lists packs again")
            }
            NewSweeper::Planning { plan } => {
                next.new_cycle.plan = Some(plan);
                on = On::Packs(plan);
                (NewSweeper::Deleting, "plans")
            }
            NewSweeper::Deleting => {
                next.places[NEW].packs &= !state.new_cycle.plan.unwrap_or_default();
                (NewSweeper::DeletingOld, "deletes at place 1")
            }
            NewSweeper::DeletingOld => {
                if self.keeps {
                    next.places[OLD].packs &= !state.new_cycle.plan.unwrap_or_default();
                }
                (NewSweeper::Finishing, "deletes at the other places")
            }
            NewSweeper::Finishing => {
                next.new_cycle.done = true;
                (NewSweeper::Idle, "is done")
            }
        };
        next.new_sweeper = to;
        out.push((step("new sweeper", what, on), next));
    }
}
