//! A key slot that is removed while the owner begins a new generation, and adds a place to it.
//!
//! Place 0 decides in the old generation and is either dropped, as if it were lost for its owner, or stays; place 1 decides in
//! the new one, place 2 is a place of both, and place 3 is added. Whoever removes the slot has not heard of it.

mod tests;

use crate::explore::{Model, Steps};
use crate::rule::{Rule, Rules};
use crate::step::{On, Step, Worker};

/// Switches.
#[derive(Clone, Copy, Debug)]
struct Slots {
    rules: Rules,
    /// The old decider stays as an ordinary place.
    keeps: bool,
}

const OLD: usize = 0;
const NEW: usize = 1;
const ADDED: usize = 3;
/// The order in which a slot is removed: at the decider last.
const REMOVED: [usize; 3] = [1, 2, OLD];
const PLACES_COUNT: usize = 4;

/// What one place holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Place {
    slot: bool,
    closed: bool,
}

/// How far the remover is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Remover {
    /// So many places have been done with.
    Deletes(usize),
    Looks(usize),
    /// It has told its user that the slot is gone.
    Reported,
    /// A newer generation was found: its user has to do it again.
    Told,
}

/// How far the owner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Closes(usize),
    /// The slot is looked for at this place, to be brought to the new decider.
    Brings(usize),
    /// It was found, and the new decider has none.
    Carries(usize),
    Opens,
    /// The generation is in force: the added place gets what the decider has.
    Fills,
    FillsSlot,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    places: [Place; PLACES_COUNT],
    remover: Remover,
    owner: Owner,
}

fn step(kind: &'static str, what: &'static str, place: usize) -> Step {
    Step {
        worker: Worker(kind, 0),
        what,
        on: On::Number(place),
    }
}

impl Slots {
    const fn without(self, rule: Rule) -> Self {
        Self {
            rules: self.rules.without(rule),
            ..self
        }
    }

    /// Whether the owner reaches a place of the old generation.
    const fn reaches(&self, place: usize) -> bool {
        self.keeps || place != OLD
    }

    fn remover(&self, state: &State, out: &mut Steps<State>) {
        let mut next = *state;
        let (to, what, place) = match state.remover {
            Remover::Deletes(at) => {
                let place = REMOVED[at];
                next.places[place].slot = false;
                let to = match at + 1 < REMOVED.len() {
                    true => Remover::Deletes(at + 1),
                    false if self.rules.hold(Rule::LookAfterRemoving) => Remover::Looks(0),
                    false => Remover::Reported,
                };
                (to, "deletes the slot at place", place)
            }
            Remover::Looks(at) => {
                let place = REMOVED[at];
                let to = match (state.places[place].closed, at + 1 < REMOVED.len()) {
                    (true, _) => Remover::Told,
                    (false, true) => Remover::Looks(at + 1),
                    (false, false) => Remover::Reported,
                };
                (to, "looks for a closing at place", place)
            }
            Remover::Reported | Remover::Told => return,
        };
        next.remover = to;
        out.push((step("remover", what, place), next));
    }

    fn owner(&self, state: &State, out: &mut Steps<State>) {
        let mut next = *state;
        let after = |place| match place + 1 < ADDED {
            true => Owner::Brings(place + 1),
            false => Owner::Opens,
        };
        let (to, what, place) = match state.owner {
            Owner::Closes(place) => {
                next.places[place].closed = self.reaches(place);
                let to = match place + 1 < ADDED {
                    true => Owner::Closes(place + 1),
                    false => Owner::Brings(OLD),
                };
                (to, "closes place, if it is there,", place)
            }
            Owner::Brings(from) => {
                let places = &state.places;
                let is_lacking = places[from].slot && !places[NEW].slot && self.reaches(from);
                let to = match is_lacking {
                    true => Owner::Carries(from),
                    false => after(from),
                };
                (to, "looks for slots to bring over at place", from)
            }
            Owner::Carries(from) => {
                next.places[NEW].slot = true;
                (after(from), "brings the slot from place", from)
            }
            Owner::Opens => (Owner::Fills, "opens the generation at place", NEW),
            Owner::Fills => {
                let to = match state.places[NEW].slot {
                    true => Owner::FillsSlot,
                    false => Owner::Done,
                };
                (to, "reads the slots of place", NEW)
            }
            Owner::FillsSlot => {
                next.places[ADDED].slot = true;
                (Owner::Done, "writes the slot to place", ADDED)
            }
            Owner::Done => return,
        };
        next.owner = to;
        out.push((step("owner", what, place), next));
    }
}

impl Model for Slots {
    type State = State;

    fn initial(&self) -> State {
        let mut places = [Place::default(); PLACES_COUNT];
        for place in places.iter_mut().take(ADDED) {
            place.slot = true;
        }
        State {
            places,
            remover: Remover::Deletes(0),
            owner: Owner::Closes(OLD),
        }
    }

    fn successors(&self, state: &State, out: &mut Steps<State>) {
        self.remover(state, out);
        self.owner(state, out);
    }

    fn loss(&self, state: &State) -> Option<&'static str> {
        let is_there = state.places.iter().any(|place| place.slot);
        let is_told = state.remover == Remover::Reported;
        (is_told && is_there).then_some("a key that was reported removed opens the vault")
    }
}
