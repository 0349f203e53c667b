//! Delete, undelete, purge, hold and release of one point, with an agent that writes what it may not, beside a sweep.

mod link;
mod sweeper;
mod tests;
mod writers;

use crate::cycle::{CYCLES_COUNT, Cycles, Key, Session};
use crate::explore::{Model, Steps};
use crate::rule::{Rule, Rules};
use crate::step::{On, Step, Worker};
use link::{Chain, Link};
use sweeper::{Agent, Sweeper};
use writers::Writer;

/// Bounds and switches.
#[derive(Clone, Copy, Debug)]
struct Chains {
    rules: Rules,
    /// At most one.
    agents_count: usize,
    sweepers_count: usize,
    cycles_count: usize,
    links_count: usize,
    attacks_count: u8,
    /// The creation of the manifest may arrive a second time.
    late_manifest: bool,
    /// The first links.
    links: &'static [Link],
}

const SWEEPERS_COUNT: usize = 2;

/// What a mark condemns and a plan deletes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Objects {
    packs: u8,
    manifest: bool,
}

/// Pack 0 holds the chunk of the point; the agent needs the same chunk and may upload it as pack 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    chain: Chain,
    manifest: bool,
    late_manifest: bool,
    /// The links were deleted, which is against the rules.
    forgotten: bool,
    packs: u8,
    cycles: Cycles<Objects>,
    void_marks: [bool; CYCLES_COUNT],
    time_has_passed: bool,
    attacks_count: u8,
    owner: Writer,
    maintenance: Writer,
    sweepers: [Sweeper; SWEEPERS_COUNT],
    agent: Agent,
    session: Session,
    /// Where the agent commits or is fenced, and the pack that its point uses.
    key: Key,
    used: u8,
}

impl Chains {
    const fn without(self, rule: Rule) -> Self {
        Self {
            rules: self.rules.without(rule),
            ..self
        }
    }

    const fn hold(&self, rule: Rule) -> bool {
        self.rules.hold(rule)
    }
}

/// Whether the signed links say that the point has ended.
fn ended(state: &State) -> bool {
    link::status(&state.chain, Rules::ALL).purged
}

impl Model for Chains {
    type State = State;

    fn initial(&self) -> State {
        let mut chain = Chain::default();
        chain[..self.links.len()].copy_from_slice(self.links);
        State {
            chain,
            manifest: true,
            late_manifest: self.late_manifest,
            forgotten: false,
            packs: 1,
            cycles: Cycles::default(),
            void_marks: [false; CYCLES_COUNT],
            time_has_passed: false,
            attacks_count: self.attacks_count,
            owner: Writer::Idle,
            maintenance: Writer::Idle,
            sweepers: [Sweeper::Idle; SWEEPERS_COUNT],
            agent: if self.agents_count > 0 {
                Agent::Start
            } else {
                Agent::Done
            },
            session: Session::default(),
            key: Key::Free,
            used: 0,
        }
    }

    fn successors(&self, state: &State, out: &mut Steps<State>) {
        self.owner(state, out);
        self.maintenance(state, out);
        self.attack(state, out);
        self.agent(state, out);
        for sweeper in 0..self.sweepers_count {
            self.sweep(state, sweeper, self.cycles_count, out);
        }
        if state.late_manifest && !state.manifest {
            let next = State {
                manifest: true,
                late_manifest: false,
                ..*state
            };
            let worker = Worker("network", 0);
            out.push((
                Step {
                    worker,
                    what: "repeats the creation of the manifest",
                    on: On::Nothing,
                },
                next,
            ));
        }
    }

    fn loss(&self, state: &State) -> Option<&'static str> {
        let there = state.manifest && state.packs & 1 != 0;
        if state.key == Key::Committed && state.packs & state.used == 0 {
            return Some("a chunk of the agent's point is gone");
        }
        if ended(state) || there || (state.forgotten && !state.manifest) {
            return None;
        }
        Some("a point is gone that no signed link has ended")
    }

    fn canonical(&self, mut state: State) -> State {
        state.sweepers[..self.sweepers_count].sort_unstable();
        state
    }

    fn settled(&self, state: &State) -> Option<State> {
        Some(State {
            attacks_count: 0,
            late_manifest: false,
            time_has_passed: false,
            owner: Writer::Idle,
            maintenance: Writer::Idle,
            agent: Agent::Done,
            sweepers: [Sweeper::Idle; SWEEPERS_COUNT],
            ..*state
        })
    }

    fn leak(&self, settled: &State) -> Option<&'static str> {
        let mut state = *settled;
        let mut steps = Steps::new();
        let mut begun_count = 0;
        loop {
            self.sweep(&state, 0, CYCLES_COUNT, &mut steps);
            let Some((_, next)) = steps.first() else {
                break;
            };
            if matches!(next.sweepers[0], Sweeper::Begun { .. }) {
                begun_count += 1;
            }
            if begun_count > 2 {
                break;
            }
            state = *next;
            steps.clear();
        }
        let own = if ended(&state) { 0 } else { 1 };
        let needed = own
            | if state.key == Key::Committed {
                state.used
            } else {
                0
            };
        let clean = state.packs == needed && state.manifest != ended(&state);
        self.loss(&state)
            .or(if clean { None } else { Some("garbage stays") })
    }
}
