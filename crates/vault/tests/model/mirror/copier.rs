//! How a place gets what it missed.

use super::{DECIDER, Mirror, State};
use crate::explore::Steps;
use crate::step::{On, Step, Worker, bits};

/// What the copier has in its hands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Copier {
    #[default]
    Idle,
    Holding {
        pack: usize,
        to: usize,
    },
}

impl Mirror {
    /// Copies a pack that one place lacks. It may sleep with the pack in its hands.
    pub(crate) fn copier(&self, state: &State, out: &mut Steps<State>) {
        let worker = Worker("copier", 0);
        if let Copier::Holding { pack, to } = state.copier {
            if state.up(to) {
                let mut next = State {
                    copier: Copier::Idle,
                    ..*state
                };
                next.places[to].packs |= 1 << pack;
                out.push((
                    Step {
                        worker,
                        what: "writes it to place",
                        on: On::Number(to),
                    },
                    next,
                ));
            }
            return;
        }
        if state.copies_count == 0 || !state.up(DECIDER) {
            return;
        }
        for (from, to) in [(0, 1), (1, 0)] {
            let lacking = state.listing(from) & !state.places[to].packs & !self.dead(state);
            for pack in bits(lacking) {
                let copies_count = state.copies_count - 1;
                let next = State {
                    copier: Copier::Holding { pack, to },
                    copies_count,
                    ..*state
                };
                out.push((
                    Step {
                        worker,
                        what: "reads pack",
                        on: On::Number(pack),
                    },
                    next,
                ));
            }
        }
    }
}

/// A place that is up carries out a plan that it missed. It need not: what a plan names is dead, and the next cycle
/// that lists it condemns it again.
pub(crate) fn catch_up(state: &State, place: usize, out: &mut Steps<State>) {
    if !state.up(place) || !state.up(DECIDER) {
        return;
    }
    let missed = |position: &usize| {
        let cycle = state.cycles[*position];
        cycle.done && state.places[place].applied & (1 << position) == 0
    };
    if let Some(position) = (0..state.cycles.len()).find(missed) {
        let mut next = *state;
        next.places[place].packs &= !state.cycles[position].plan.unwrap_or_default();
        next.places[place].applied |= 1 << position;
        let step = Step {
            worker: Worker("place", place),
            what: "catches up with cycle",
            on: On::Number(position + 1),
        };
        out.push((step, next));
    }
}
