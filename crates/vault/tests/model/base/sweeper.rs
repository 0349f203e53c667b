//! A sweeper of one chunk.

use super::{Base, State};
use crate::cycle::{self, Key};
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::{On, Step, Worker, bits};

/// Where a sweeper is, in the cycle at the position `cycle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Sweeper {
    #[default]
    Idle,
    Begun {
        cycle: usize,
    },
    Listed {
        cycle: usize,
        packs: u8,
        index: u8,
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
    Planning {
        cycle: usize,
        plan: u8,
    },
    Unindexing {
        cycle: usize,
        plan: u8,
    },
    DoneEarly {
        cycle: usize,
        plan: u8,
    },
    Deleting {
        cycle: usize,
        plan: u8,
    },
    Finishing {
        cycle: usize,
    },
}

impl Base {
    /// The next step of a sweeper that begins no cycle at or after the position `limit`.
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
        let mut next = *state;
        let mut on = On::Nothing;
        let (to, what) = match state.sweepers[sweeper] {
            Sweeper::Idle => return self.begin(state, sweeper, limit, out),
            Sweeper::Begun { cycle } => (
                Sweeper::Listed {
                    cycle,
                    packs: state.packs,
                    index: state.index,
                },
                "lists packs",
            ),
            Sweeper::Listed {
                cycle,
                packs,
                index,
            } => {
                let condemned = packs & !self.keeper(state, packs, index);
                (Sweeper::Marking { cycle, condemned }, "lists points")
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
                Sweeper::Planning {
                    cycle,
                    plan: self.plan(state, cycle, live),
                },
                "makes its plan",
            ),
            Sweeper::Planning { cycle, plan: own } => {
                let stored = *next.cycles[cycle].plan.get_or_insert(own);
                let plan = if self.hold(Rule::StoredPlan) {
                    stored
                } else {
                    own
                };
                on = On::Packs(plan);
                (
                    Sweeper::Unindexing { cycle, plan },
                    "creates or follows the plan of",
                )
            }
            Sweeper::Unindexing { cycle, plan } => {
                next.index &= !plan;
                let late = self.hold(Rule::DoneLast);
                (
                    if late {
                        Sweeper::Deleting { cycle, plan }
                    } else {
                        Sweeper::DoneEarly { cycle, plan }
                    },
                    "unindexes",
                )
            }
            Sweeper::DoneEarly { cycle, plan } => {
                next.cycles[cycle].done = true;
                (Sweeper::Deleting { cycle, plan }, "is done early")
            }
            Sweeper::Deleting { cycle, plan } => {
                next.packs &= !plan;
                on = On::Packs(plan);
                (Sweeper::Finishing { cycle }, "deletes")
            }
            Sweeper::Finishing { cycle } => {
                next.cycles[cycle].done = true;
                on = On::Number(cycle + 1);
                (Sweeper::Idle, "is done with cycle")
            }
        };
        next.sweepers[sweeper] = to;
        out.push((
            Step {
                worker: Worker("sweeper", sweeper),
                what,
                on,
            },
            next,
        ));
    }

    fn begin(&self, state: &State, sweeper: usize, limit: usize, out: &mut Steps<State>) {
        let newest = cycle::newest(&state.cycles);
        let open = newest.filter(|&position| !state.cycles[position].done);
        let mut go = |to, what, cycle| {
            let mut next = *state;
            next.sweepers[sweeper] = to;
            out.push((
                Step {
                    worker: Worker("sweeper", sweeper),
                    what,
                    on: On::Number(cycle + 1),
                },
                next,
            ));
        };
        if let Some(cycle) = open {
            go(Sweeper::Waiting { cycle }, "resumes cycle", cycle);
        }
        let cycle = newest.map_or(0, |position| position + 1);
        if cycle < limit && (open.is_none() || !self.hold(Rule::SerialCycles)) {
            go(Sweeper::Begun { cycle }, "begins cycle", cycle);
        }
    }

    /// The one copy that a mark keeps.
    fn keeper(&self, state: &State, packs: u8, index: u8) -> u8 {
        let listed = if self.hold(Rule::KeepListed) {
            self.findable(packs, index)
        } else {
            index
        };
        let candidates = listed & !self.dead(state);
        let kept = if self.keep_newest {
            bits(candidates).next_back()
        } else {
            bits(candidates).next()
        };
        kept.filter(|_| state.live()).map_or(0, |pack| 1 << pack)
    }

    fn wait(&self, state: &State, sweeper: usize, cycle: usize, out: &mut Steps<State>) {
        let worker = Worker("sweeper", sweeper);
        let mut open = false;
        for agent in 0..self.agents_count {
            let blocks = cycle::blocks(state.sessions[agent], state.points[agent + 1], cycle);
            if blocks && self.hold(Rule::WaitForSessions) {
                open = true;
                let mut next = *state;
                if self.hold(Rule::CommitOrFence) {
                    next.points[agent + 1] = Key::Fenced;
                } else {
                    next.sweepers[sweeper] = Sweeper::Decided { cycle };
                }
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

    /// The mark of a cycle less what has to be rescued.
    fn plan(&self, state: &State, cycle: usize, live: bool) -> u8 {
        let mark = state.cycles[cycle].mark.unwrap_or_default();
        if !live || !self.hold(Rule::Recheck) {
            return mark;
        }
        let listed = match (self.hold(Rule::KeepListed), self.hold(Rule::FindableCopy)) {
            (false, _) => state.index,
            (_, false) => state.packs,
            _ => self.findable(state.packs, state.index),
        };
        let listed = listed & !self.dead(state);
        if listed & !mark != 0 {
            mark
        } else {
            mark & !listed
        }
    }
}
