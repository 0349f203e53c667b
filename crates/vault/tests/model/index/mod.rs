//! One chunk, and the index as objects: segments that name packs, merged and given up by sweeps, and what sessions leave
//! below `sess/`.
//!
//! Here nobody looks into a pack that no segment names, so that a pack which the index has lost is lost. The code does
//! look (`FindableCopy`): what this model calls a loss costs it reads. All rules of the base model are in force.

mod session;
mod sweeper;
mod tests;

use crate::cycle::{self, CYCLES_COUNT, Cycles, Key, Session};
use crate::explore::{Model, Steps};
use crate::rule::{Rule, Rules};
use crate::step::{On, Step, Worker, bits};
use session::Agent;
use sweeper::Sweeper;

/// Bounds and switches.
#[derive(Clone, Copy, Debug)]
struct Index {
    rules: Rules,
    agents_count: usize,
    sweepers_count: usize,
    cycles_count: usize,
    /// So many merged segments can be written.
    merges_count: u8,
    /// The newest segments may be given up first, and not only the oldest.
    any_order: bool,
    /// One upload of a segment may arrive a second time, at any later moment.
    late_uploads: bool,
}

const AGENTS_COUNT: usize = 2;
const SWEEPERS_COUNT: usize = 2;
const SEGMENTS_COUNT: usize = 8;

/// What a plan names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Plan {
    packs: u8,
    segments: u8,
    /// Those whose registration and pin go.
    sessions: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    packs: u8,
    next_pack: u8,
    /// The segments that are there.
    segments: u8,
    /// The packs that each of them names, once it was created.
    names: [u8; SEGMENTS_COUNT],
    next_segment: u8,
    /// Segments whose upload may still arrive again.
    late: u8,
    merges_left: u8,
    /// Marks and plans of packs.
    cycles: Cycles<u8>,
    /// What else a stored plan names.
    plans: [Plan; CYCLES_COUNT],
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

    /// The packs that some of these segments name.
    fn named(&self, segments: u8) -> u8 {
        bits(segments).fold(0, |packs, segment| packs | self.names[segment])
    }

    /// Segments that any plan names.
    fn planned_segments(&self) -> u8 {
        let plans = self.plans.iter();
        plans.fold(0, |all, plan| all | plan.segments)
    }

    fn add_segment(&mut self, packs: u8) -> usize {
        let segment = usize::from(self.next_segment);
        self.names[segment] = packs;
        self.segments |= 1 << segment;
        self.next_segment += 1;
        segment
    }
}

impl Index {
    const fn without(self, rule: Rule) -> Self {
        Self {
            rules: self.rules.without(rule),
            ..self
        }
    }

    const fn hold(&self, rule: Rule) -> bool {
        self.rules.hold(rule)
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

    fn deliver_late(&self, state: &State, out: &mut Steps<State>) {
        for segment in bits(state.late & !state.segments) {
            let next = State {
                segments: state.segments | 1 << segment,
                late: 0,
                ..*state
            };
            let step = Step {
                worker: Worker("network", 0),
                what: "repeats the upload of segment",
                on: On::Number(segment),
            };
            out.push((step, next));
        }
    }
}

impl Model for Index {
    type State = State;

    fn initial(&self) -> State {
        let mut points = [Key::Free; AGENTS_COUNT + 1];
        points[0] = Key::Committed;
        let mut agents = [Agent::Done; AGENTS_COUNT];
        agents[..self.agents_count].fill(Agent::Start);
        let mut names = [0; SEGMENTS_COUNT];
        names[0] = 1;
        State {
            packs: 1,
            next_pack: 1,
            segments: 1,
            names,
            next_segment: 1,
            late: u8::from(self.late_uploads),
            merges_left: self.merges_count,
            cycles: Cycles::default(),
            plans: [Plan::default(); CYCLES_COUNT],
            sessions: [Session::default(); AGENTS_COUNT],
            points,
            agents,
            sweepers: [Sweeper::Idle; SWEEPERS_COUNT],
        }
    }

    fn successors(&self, state: &State, out: &mut Steps<State>) {
        self.expire(state, out);
        self.deliver_late(state, out);
        for agent in 0..self.agents_count {
            self.agent(state, agent, out);
        }
        for sweeper in 0..self.sweepers_count {
            self.sweep(state, sweeper, self.cycles_count, out);
        }
    }

    fn loss(&self, state: &State) -> Option<&'static str> {
        let is_lost = state.live() && state.packs & state.named(state.segments) == 0;
        is_lost.then_some("the pack of a root's chunk is in no segment")
    }

    fn canonical(&self, mut state: State) -> State {
        state.sweepers[..self.sweepers_count].sort_unstable();
        state
    }

    fn settled(&self, state: &State) -> Option<State> {
        Some(State {
            late: 0,
            merges_left: 0,
            agents: [Agent::Done; AGENTS_COUNT],
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
        let one = u32::from(state.live());
        let clean = state.packs.count_ones() == one && state.segments.count_ones() == one;
        let quiet = state.sessions.iter().all(|session| !session.registered);
        self.loss(&state).or(match (clean, quiet) {
            (false, _) => Some("garbage stays"),
            (_, false) => Some("a finished session stays"),
            _ => None,
        })
    }
}
