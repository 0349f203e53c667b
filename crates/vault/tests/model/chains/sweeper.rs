//! A sweep that ends purged points, and a session beside it.

use super::link;
use super::{Chains, Objects, State};
use crate::cycle::{self, Key};
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::{On, Step, Worker};

/// Where the session is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Agent {
    #[default]
    Start,
    Registered,
    Read {
        epoch: u8,
        condemned: u8,
    },
    Pinned {
        condemned: u8,
    },
    Uploading,
    Ready {
        pack: u8,
    },
    Done,
}

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
    },
    Marking {
        cycle: usize,
        condemned: Objects,
    },
    Waiting {
        cycle: usize,
    },
    Decided {
        cycle: usize,
    },
    Planning {
        cycle: usize,
        plan: Objects,
    },
    Deleting {
        cycle: usize,
        plan: Objects,
    },
    Finishing {
        cycle: usize,
    },
}

impl Chains {
    /// The next operation of the session.
    pub(crate) fn agent(&self, state: &State, out: &mut Steps<State>) {
        let mut next = *state;
        let mut on = On::Nothing;
        let (to, what) = match state.agent {
            Agent::Start => {
                next.session.registered = true;
                (Agent::Registered, "registers")
            }
            Agent::Registered => {
                let void = state
                    .void_marks
                    .iter()
                    .rposition(|&void| void)
                    .map_or(0, cycle::number);
                let counted = if self.hold(Rule::MarkSigned) { 0 } else { void };
                let marks = state
                    .cycles
                    .iter()
                    .filter(|cycle| !cycle.done)
                    .filter_map(|cycle| cycle.mark);
                let condemned = marks.fold(0, |all, mark| all | mark.packs);
                let epoch = cycle::epoch(&state.cycles).max(counted);
                on = On::Number(usize::from(epoch));
                (
                    Agent::Read { epoch, condemned },
                    "reads that the newest mark is",
                )
            }
            Agent::Read { .. } if state.session.pin.is_some() && self.hold(Rule::OwnPin) => {
                (Agent::Done, "finds a pin that is not its own")
            }
            Agent::Read { epoch, condemned } => {
                next.session.pin.get_or_insert(epoch);
                (Agent::Pinned { condemned }, "pins")
            }
            Agent::Pinned { condemned } => {
                let usable = state.packs & !condemned;
                on = On::Packs(usable);
                let to = if usable == 0 {
                    Agent::Uploading
                } else {
                    Agent::Ready {
                        pack: usable & usable.wrapping_neg(),
                    }
                };
                (to, "lists packs; it can use")
            }
            Agent::Uploading => {
                next.packs |= 2;
                (Agent::Ready { pack: 2 }, "uploads pack 1")
            }
            Agent::Ready { pack } if state.key == Key::Free => {
                next.key = Key::Committed;
                next.used = pack;
                (Agent::Done, "commits")
            }
            Agent::Ready { .. } => (Agent::Done, "finds its fence"),
            Agent::Done => return,
        };
        next.agent = to;
        out.push((
            Step {
                worker: Worker("agent", 0),
                what,
                on,
            },
            next,
        ));
    }

    /// The next operations of a sweeper.
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
            Sweeper::Idle => return begin(state, sweeper, limit, out),
            Sweeper::Begun { cycle } => (
                Sweeper::Listed {
                    cycle,
                    packs: state.packs,
                },
                "lists packs",
            ),
            Sweeper::Listed { cycle, packs } => {
                let condemned = Objects {
                    packs: packs & !self.needed(state),
                    manifest: false,
                };
                (
                    Sweeper::Marking { cycle, condemned },
                    "lists points and chains",
                )
            }
            Sweeper::Marking { .. } if state.void_marks[position(state.sweepers[sweeper])] => {
                (Sweeper::Idle, "finds its number void")
            }
            Sweeper::Marking { cycle, condemned } => {
                let mark = *next.cycles[cycle].mark.get_or_insert(condemned);
                on = On::Packs(mark.packs);
                (Sweeper::Waiting { cycle }, "creates or follows the mark of")
            }
            Sweeper::Waiting { cycle } if cycle::blocks(state.session, state.key, cycle) => {
                next.key = Key::Fenced;
                (Sweeper::Waiting { cycle }, "fences the agent")
            }
            Sweeper::Waiting { cycle } => (Sweeper::Decided { cycle }, "finds no older session"),
            Sweeper::Decided { cycle } => {
                let mark = state.cycles[cycle].mark.unwrap_or_default();
                let manifest = state.manifest && self.ended(state);
                let plan = Objects {
                    packs: mark.packs & !self.needed(state),
                    manifest,
                };
                (
                    Sweeper::Planning { cycle, plan },
                    "lists points and chains again",
                )
            }
            Sweeper::Planning { cycle, plan } => {
                let plan = *next.cycles[cycle].plan.get_or_insert(plan);
                on = On::Packs(plan.packs);
                (
                    Sweeper::Deleting { cycle, plan },
                    "creates or follows the plan of",
                )
            }
            Sweeper::Deleting { plan, .. } if plan != Objects::default() => {
                return self.delete(state, sweeper, out);
            }
            Sweeper::Deleting { cycle, .. } => {
                (Sweeper::Finishing { cycle }, "has deleted everything")
            }
            Sweeper::Finishing { cycle } => {
                next.cycles[cycle].done = true;
                (Sweeper::Idle, "is done with its cycle")
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

    /// Deletes one object of the plan; either kind may come first.
    fn delete(&self, state: &State, sweeper: usize, out: &mut Steps<State>) {
        let Sweeper::Deleting { cycle, plan } = state.sweepers[sweeper] else {
            return;
        };
        let worker = Worker("sweeper", sweeper);
        if plan.manifest {
            let mut next = State {
                manifest: false,
                ..*state
            };
            if !self.hold(Rule::ChainKept) {
                next.chain = link::Chain::default();
                next.forgotten = true;
            }
            next.sweepers[sweeper] = Sweeper::Deleting {
                cycle,
                plan: Objects {
                    manifest: false,
                    ..plan
                },
            };
            out.push((
                Step {
                    worker,
                    what: "deletes the manifest",
                    on: On::Nothing,
                },
                next,
            ));
        }
        if plan.packs != 0 {
            let first = plan.packs & plan.packs.wrapping_neg();
            let mut next = State {
                packs: state.packs & !first,
                ..*state
            };
            next.sweepers[sweeper] = Sweeper::Deleting {
                cycle,
                plan: Objects {
                    packs: plan.packs & !first,
                    ..plan
                },
            };
            out.push((
                Step {
                    worker,
                    what: "deletes pack",
                    on: On::Packs(first),
                },
                next,
            ));
        }
    }

    /// Whether the point has ended, as the sweeper reads its chain.
    fn ended(&self, state: &State) -> bool {
        link::status(&state.chain, self.rules).purged
    }

    /// The packs that roots need.
    fn needed(&self, state: &State) -> u8 {
        let own = if state.manifest && !self.ended(state) {
            1
        } else {
            0
        };
        own | if state.key == Key::Committed {
            state.used
        } else {
            0
        }
    }
}

const fn position(sweeper: Sweeper) -> usize {
    match sweeper {
        Sweeper::Marking { cycle, .. } => cycle,
        _ => 0,
    }
}

fn begin(state: &State, sweeper: usize, limit: usize, out: &mut Steps<State>) {
    let newest = cycle::newest(&state.cycles);
    let open = newest.filter(|&position| !state.cycles[position].done);
    let mut position = open.unwrap_or_else(|| newest.map_or(0, |position| position + 1));
    while open.is_none() && state.void_marks.get(position) == Some(&true) {
        position += 1;
    }
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
