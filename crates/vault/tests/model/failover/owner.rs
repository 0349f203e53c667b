//! The owner: closes the places, ends what is open there, counts the plans, and opens the new generation.

use super::{Failover, NEW, OLD, OLD_POINT, State, step};
use crate::cycle::Key;
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::On;

/// How far the owner is. `counted` is what the plans name that count in the new generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    #[default]
    Start,
    /// Against the rules: the plans were read before the places were closed.
    Early {
        counted: u8,
    },
    Closed {
        early: Option<u8>,
    },
    ClosedBoth {
        early: Option<u8>,
    },
    EndedOld {
        early: Option<u8>,
    },
    /// Against the rules: the plans are read after everything else was brought over.
    BroughtFirst,
    Counted {
        counted: u8,
    },
    Brought {
        counted: u8,
    },
    Ended {
        counted: u8,
    },
    Done,
}

impl Failover {
    /// The next operation of the owner.
    pub(crate) fn owner(&self, state: &State, out: &mut Steps<State>) {
        let mut next = *state;
        let (to, what) = match state.owner {
            Owner::Start if !self.hold(Rule::CountAfterClosing) => {
                let counted = self.planned(state);
                (Owner::Early { counted }, "reads the plans")
            }
            Owner::Start => {
                next.places[NEW].closed = true;
                (Owner::Closed { early: None }, "closes place 1")
            }
            Owner::Early { counted } => {
                next.places[NEW].closed = true;
                let early = Some(counted);
                (Owner::Closed { early }, "closes place 1")
            }
            Owner::Closed { early } if self.keeps => {
                next.places[OLD].closed = true;
                (Owner::ClosedBoth { early }, "closes place 0")
            }
            Owner::ClosedBoth { early } => {
                end(&mut next, OLD);
                (Owner::EndedOld { early }, "ends the sessions of place 0")
            }
            Owner::EndedOld { .. } if !self.hold(Rule::CountBeforeLinks) => {
                bring_over(&mut next);
                (Owner::BroughtFirst, "brings over what place 0 decided")
            }
            Owner::BroughtFirst => {
                let counted = self.planned(state);
                (Owner::Brought { counted }, "reads the plans")
            }
            Owner::Closed { early } | Owner::EndedOld { early } => {
                let counted = early.unwrap_or_else(|| self.planned(state));
                (Owner::Counted { counted }, "reads the plans")
            }
            Owner::Counted { counted } if self.keeps => {
                if self.hold(Rule::BringOver) {
                    bring_over(&mut next);
                }
                let to = Owner::Brought { counted };
                (to, "brings over what place 0 decided")
            }
            Owner::Counted { counted } | Owner::Brought { counted } => {
                if self.hold(Rule::EndSessions) {
                    end(&mut next, NEW);
                }
                (Owner::Ended { counted }, "ends the sessions of place 1")
            }
            Owner::Ended { counted } => {
                next.opened = Some(counted);
                (Owner::Done, "opens the generation")
            }
            Owner::Done => return,
        };
        next.owner = to;
        out.push((step("owner", what, On::Nothing), next));
    }

    /// What the plans of the old generation name that stand in a place of the new one.
    fn planned(&self, state: &State) -> u8 {
        let old = state.places[OLD].plan.filter(|_| self.keeps);
        old.unwrap_or_default() | state.places[NEW].plan.unwrap_or_default()
    }
}

/// Fences the old session where it is registered and undecided.
fn end(next: &mut State, at: usize) {
    let place = &mut next.places[at];
    if place.registered && place.points[OLD_POINT] == Key::Free {
        place.points[OLD_POINT] = Key::Fenced;
    }
}

/// What is decided at the old decider and not yet at the new one.
fn bring_over(next: &mut State) {
    let from = next.places[OLD];
    let to = &mut next.places[NEW];
    to.registered |= from.registered;
    for (key, decided) in to.points.iter_mut().zip(from.points) {
        match (*key, decided) {
            (Key::Free, decided) => *key = decided,
            (Key::Committed, Key::Purged) => *key = Key::Purged,
            _ => {}
        }
    }
}
