//! One chunk, sessions, sweepers and cycles: the protocol without blocks, and the rules that everything else rests on.

mod session;
mod sweeper;
mod tests;

use crate::cycle::{self, CYCLES_COUNT, Cycle, Cycles, Key, Session};
use crate::explore::{Model, Steps};
use crate::rule::{Rule, Rules};
use crate::step::{On, Step, Worker, bits};
use session::Agent;
use sweeper::Sweeper;

/// Bounds and switches.
#[derive(Clone, Copy, Debug)]
struct Base {
    rules: Rules,
    agents_count: usize,
    sweepers_count: usize,
    cycles_count: usize,
    /// Whoever meets a listed pack that no index segment names looks into it; otherwise only the index counts.
    index_is_hint: bool,
    /// A fenced session has indexed a second pack after it was swept.
    stale_index: bool,
    /// A mark keeps the newest copy and not the oldest.
    keep_newest: bool,
    /// One upload may arrive a second time, at any later moment.
    late_uploads: bool,
}

const AGENTS_COUNT: usize = 3;
const SWEEPERS_COUNT: usize = 2;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    packs: u8,
    index: u8,
    next_pack: u8,
    /// Packs whose upload may still arrive again.
    late: u8,
    cycles: Cycles<u8>,
    sessions: [Session; AGENTS_COUNT],
    /// The point that was there before, then those of the agents.
    points: [Key; AGENTS_COUNT + 1],
    agents: [Agent; AGENTS_COUNT],
    sweepers: [Sweeper; SWEEPERS_COUNT],
}

impl State {
    fn live(&self) -> bool {
        self.points.contains(&Key::Committed)
    }
}

impl Base {
    const fn without(self, rule: Rule) -> Self {
        Self {
            rules: self.rules.without(rule),
            ..self
        }
    }

    const fn hold(&self, rule: Rule) -> bool {
        self.rules.hold(rule)
    }

    /// What can be read of a listing and an index.
    const fn findable(&self, packs: u8, index: u8) -> u8 {
        if self.index_is_hint {
            packs
        } else {
            packs & index
        }
    }

    /// What was planned for deletion and may not count, even if it is there.
    fn dead(&self, state: &State) -> u8 {
        if self.hold(Rule::PlannedIsDead) {
            cycle::planned(&state.cycles)
        } else {
            0
        }
    }

    fn expire(&self, state: &State, out: &mut Steps<State>) {
        for point in 0..=self.agents_count {
            if state.points[point] == Key::Committed {
                let mut next = *state;
                next.points[point] = Key::Purged;
                let step = Step {
                    worker: Worker("retention", 0),
                    what: "purges point",
                    on: On::Number(point),
                };
                out.push((step, next));
            }
        }
    }

    /// Deletes what was decided and seems to be over, which is against the rules.
    fn forget(&self, state: &State, out: &mut Steps<State>) {
        let worker = Worker("janitor", 0);
        let newest = cycle::newest(&state.cycles).unwrap_or_default();
        for position in (0..newest).filter(|_| !self.hold(Rule::CyclesKept)) {
            let mut next = *state;
            next.cycles[position] = Cycle::default();
            out.push((
                Step {
                    worker,
                    what: "forgets cycle",
                    on: On::Number(position + 1),
                },
                next,
            ));
        }
        for agent in (0..self.agents_count).filter(|_| !self.hold(Rule::FencesKept)) {
            let mut next = *state;
            if next.points[agent + 1] == Key::Fenced {
                next.points[agent + 1] = Key::Free;
                out.push((
                    Step {
                        worker,
                        what: "forgets the fence of agent",
                        on: On::Number(agent),
                    },
                    next,
                ));
            }
        }
    }

    fn deliver_late(&self, state: &State, out: &mut Steps<State>) {
        for pack in bits(state.late & !state.packs) {
            let next = State {
                packs: state.packs | 1 << pack,
                late: 0,
                ..*state
            };
            let step = Step {
                worker: Worker("network", 0),
                what: "repeats the upload of",
                on: On::Number(pack),
            };
            out.push((step, next));
        }
    }
}

impl Model for Base {
    type State = State;

    fn initial(&self) -> State {
        let mut points = [Key::Free; AGENTS_COUNT + 1];
        points[0] = Key::Committed;
        let mut agents = [Agent::Done; AGENTS_COUNT];
        agents[..self.agents_count].fill(Agent::Start);
        State {
            packs: 1,
            index: if self.stale_index { 3 } else { 1 },
            next_pack: if self.stale_index { 2 } else { 1 },
            late: u8::from(self.late_uploads),
            cycles: Cycles::default(),
            sessions: [Session::default(); AGENTS_COUNT],
            points,
            agents,
            sweepers: [Sweeper::Idle; SWEEPERS_COUNT],
        }
    }

    fn successors(&self, state: &State, out: &mut Steps<State>) {
        self.expire(state, out);
        self.deliver_late(state, out);
        self.forget(state, out);
        for agent in 0..self.agents_count {
            self.agent(state, agent, out);
        }
        for sweeper in 0..self.sweepers_count {
            self.sweep(state, sweeper, self.cycles_count, out);
        }
    }

    fn loss(&self, state: &State) -> Option<&'static str> {
        let unreadable = state.live() && self.findable(state.packs, state.index) == 0;
        unreadable.then_some("a root's chunk is gone")
    }

    fn canonical(&self, mut state: State) -> State {
        state.sweepers[..self.sweepers_count].sort_unstable();
        state
    }

    fn settled(&self, state: &State) -> Option<State> {
        let agents = [Agent::Done; AGENTS_COUNT];
        Some(State {
            late: 0,
            agents,
            sweepers: [Sweeper::Idle; SWEEPERS_COUNT],
            ..*state
        })
    }

    fn leak(&self, settled: &State) -> Option<&'static str> {
        let limit = cycle::two_more(&settled.cycles).min(CYCLES_COUNT);
        let mut state = *settled;
        let mut steps = Steps::new();
        loop {
            self.sweep(&state, 0, limit, &mut steps);
            let Some((_, next)) = steps.first() else {
                break;
            };
            state = *next;
            steps.clear();
        }
        let clean = state.packs.count_ones() == u32::from(state.live());
        self.loss(&state)
            .or(if clean { None } else { Some("garbage stays") })
    }
}
