//! A sweeper: it lists all places that it can reach.

use super::{DECIDER, Mirror, PLACES_COUNT, State};
use crate::cycle::{self, Key};
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::{On, Step, Worker};

/// Where a sweeper is, in the cycle at the position `cycle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Sweeper {
    #[default]
    Idle,
    Begun {
        cycle: usize,
    },
    Half {
        cycle: usize,
        packs: u8,
    },
    Listed {
        cycle: usize,
        packs: u8,
    },
    Marking {
        cycle: usize,
        condemned: u8,
    },
    Waiting {
        cycle: usize,
    },
    Decided {
        cycle: usize,
    },
    Rechecked {
        cycle: usize,
        live: bool,
    },
    HalfAgain {
        cycle: usize,
        live: bool,
        packs: u8,
    },
    Planning {
        cycle: usize,
        plan: u8,
    },
    Deleting {
        cycle: usize,
        plan: u8,
        place: usize,
    },
    Finishing {
        cycle: usize,
    },
}

impl Mirror {
    /// The next operations of a sweeper. It needs the decider for every one of them.
    #[expect(
        clippy::too_many_lines,
        reason = "a table: one entry for each state of the worker"
    )]
    pub(crate) fn sweep(
        &self,
        state: &State,
        sweeper: usize,
        limit: usize,
        out: &mut Steps<State>,
    ) {
        let worker = Worker("sweeper", sweeper);
        let mut next = *state;
        let mut on = On::Nothing;
        if !state.up(DECIDER) {
            return;
        }
        let (to, what) = match state.sweepers[sweeper] {
            Sweeper::Idle => return begin(state, sweeper, limit, out),
            Sweeper::Begun { cycle } => (
                Sweeper::Half {
                    cycle,
                    packs: state.listing(0),
                },
                "lists place 0",
            ),
            Sweeper::Half { cycle, packs } => (
                Sweeper::Listed {
                    cycle,
                    packs: packs | state.listing(1),
                },
                "lists place 1",
            ),
            Sweeper::Listed { cycle, packs } => {
                let candidates = packs & !self.dead(state);
                let keeper = if state.live() {
                    candidates & candidates.wrapping_neg()
                } else {
                    0
                };
                (
                    Sweeper::Marking {
                        cycle,
                        condemned: packs & !keeper,
                    },
                    "lists points",
                )
            }
            Sweeper::Marking { cycle, condemned } => {
                let mark = *next.cycles[cycle].mark.get_or_insert(condemned);
                on = On::Packs(mark);
                (Sweeper::Waiting { cycle }, "creates or follows the mark of")
            }
            Sweeper::Waiting { cycle } => return self.wait(state, sweeper, cycle, out),
            Sweeper::Decided { cycle } => (
                Sweeper::Rechecked {
                    cycle,
                    live: state.live(),
                },
                "lists points again",
            ),
            Sweeper::Rechecked { cycle, live } => (
                Sweeper::HalfAgain {
                    cycle,
                    live,
                    packs: state.listing(0),
                },
                "lists place 0 again",
            ),
            Sweeper::HalfAgain { cycle, live, packs } => {
                let mark = state.cycles[cycle].mark.unwrap_or_default();
                let candidates = (packs | state.listing(1)) & !self.dead(state);
                let replaced = !live || candidates & !mark != 0;
                let whole = mark & !self.dead(state);
                let rescuable = if self.hold(Rule::RescueUnlisted) {
                    whole
                } else {
                    candidates
                };
                let rescued = if replaced { 0 } else { rescuable };
                (
                    Sweeper::Planning {
                        cycle,
                        plan: mark & !rescued,
                    },
                    "lists place 1 again",
                )
            }
            Sweeper::Planning { cycle, plan } => {
                let plan = *next.cycles[cycle].plan.get_or_insert(plan);
                on = On::Packs(plan);
                (
                    Sweeper::Deleting {
                        cycle,
                        plan,
                        place: 0,
                    },
                    "creates or follows the plan of",
                )
            }
            Sweeper::Deleting { cycle, plan, place } => {
                on = On::Number(place);
                let what = if state.up(place) {
                    "deletes on place"
                } else {
                    "skips place"
                };
                if state.up(place) {
                    next.places[place].packs &= !plan;
                    next.places[place].applied |= 1 << cycle;
                }
                let last = place + 1 == PLACES_COUNT;
                let to = Sweeper::Deleting {
                    cycle,
                    plan,
                    place: place + 1,
                };
                (
                    if last {
                        Sweeper::Finishing { cycle }
                    } else {
                        to
                    },
                    what,
                )
            }
            Sweeper::Finishing { cycle } => {
                next.cycles[cycle].done = true;
                (Sweeper::Idle, "is done with its cycle")
            }
        };
        next.sweepers[sweeper] = to;
        out.push((Step { worker, what, on }, next));
    }

    fn wait(&self, state: &State, sweeper: usize, cycle: usize, out: &mut Steps<State>) {
        let worker = Worker("sweeper", sweeper);
        let mut open = false;
        for agent in 0..self.agents_count {
            if cycle::blocks(state.sessions[agent], state.points[agent + 1], cycle) {
                open = true;
                let mut next = *state;
                next.points[agent + 1] = Key::Fenced;
                out.push((
                    Step {
                        worker,
                        what: "fences agent",
                        on: On::Number(agent),
                    },
                    next,
                ));
            }
        }
        if !open {
            let mut next = *state;
            next.sweepers[sweeper] = Sweeper::Decided { cycle };
            out.push((
                Step {
                    worker,
                    what: "finds no older session",
                    on: On::Nothing,
                },
                next,
            ));
        }
    }
}

fn begin(state: &State, sweeper: usize, limit: usize, out: &mut Steps<State>) {
    let newest = cycle::newest(&state.cycles);
    let open = newest.filter(|&position| !state.cycles[position].done);
    let position = open.unwrap_or_else(|| newest.map_or(0, |position| position + 1));
    if position >= limit {
        return;
    }
    let mut next = *state;
    let (to, what) = match open {
        Some(cycle) => (Sweeper::Waiting { cycle }, "resumes cycle"),
        None => (Sweeper::Begun { cycle: position }, "begins cycle"),
    };
    next.sweepers[sweeper] = to;
    out.push((
        Step {
            worker: Worker("sweeper", sweeper),
            what,
            on: On::Number(position + 1),
        },
        next,
    ));
}
