//! Lists of chunks in blocks, moved copies, rewritten blocks and remaps.

mod housekeeping;
mod session;
mod store;
mod sweeper;
mod tests;

use crate::cycle::{self, CYCLES_COUNT, Cycles, Key, Session};
use crate::explore::{Model, Steps};
use crate::rule::{Rule, Rules};
use crate::step::{On, Step, Worker, bits};
use session::Agent;
use store::{Names, Objects, Remap, Store};
use sweeper::Sweeper;

/// Bounds and switches, and what stands in the store at the beginning.
#[derive(Clone, Copy, Debug)]
struct Blocks {
    rules: Rules,
    agents_count: usize,
    sweepers_count: usize,
    cycles_count: usize,
    /// The packs, each with its blocks, each with its contents.
    packs: &'static [&'static [u8]],
    /// The lists of the points.
    lists: [Names; FIRST_POINTS_COUNT],
    /// The contents that each agent backs up.
    needs: [u8; AGENTS_COUNT],
    moves: bool,
    rewrites: bool,
    gives_up: bool,
    /// One agent of the domain tries to replace a chunk.
    hostile: bool,
}

const AGENTS_COUNT: usize = 2;
const SWEEPERS_COUNT: usize = 2;
const FIRST_POINTS_COUNT: usize = 2;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Point {
    key: Key,
    list: Names,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Attack {
    Start,
    Uploaded {
        block: u8,
    },
    #[default]
    Over,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    store: Store,
    cycles: Cycles<Objects>,
    sessions: [Session; AGENTS_COUNT],
    /// The points that were there before, then those of the agents.
    points: [Point; AGENTS_COUNT + FIRST_POINTS_COUNT],
    agents: [Agent; AGENTS_COUNT],
    sweepers: [Sweeper; SWEEPERS_COUNT],
    attack: Attack,
}

impl State {
    /// The union of the lists of all roots.
    fn live(&self) -> Names {
        let roots = self
            .points
            .iter()
            .filter(|point| point.key == Key::Committed);
        roots.fold(0, |all, point| all | point.list)
    }
}

impl Blocks {
    const fn without(self, rule: Rule) -> Self {
        Self {
            rules: self.rules.without(rule),
            ..self
        }
    }

    const fn hold(&self, rule: Rule) -> bool {
        self.rules.hold(rule)
    }

    /// The remaps that sessions and sweeps count on.
    fn covering(&self, store: &Store) -> u8 {
        let all = store.present.remaps;
        if self.hold(Rule::RemapSigned) {
            store.signed(all)
        } else {
            all
        }
    }

    /// What is left that nothing needs.
    fn garbage(&self, state: &State) -> bool {
        let live = state.live();
        let present = Objects {
            remaps: self.covering(&state.store),
            ..state.store.present
        };
        let needed = |pack: usize| {
            let without = Objects {
                packs: present.packs & !(1 << pack),
                ..present
            };
            live & !state
                .store
                .resolvable(without, Remap::default(), store::Reach::Exact)
                != 0
        };
        let reached = state
            .store
            .reach(live, state.store.present.remaps, Remap::default());
        let listed = state.store.remaps_from(reached, state.store.present.remaps);
        !bits(present.packs).all(needed) || listed != state.store.present.remaps
    }
}

impl Model for Blocks {
    type State = State;

    fn initial(&self) -> State {
        let mut state = State {
            store: Store::with(self.packs),
            ..State::default()
        };
        for (point, list) in state.points.iter_mut().zip(self.lists) {
            *point = Point {
                key: if list == 0 {
                    Key::Purged
                } else {
                    Key::Committed
                },
                list,
            };
        }
        state.agents[self.agents_count..].fill(Agent::Done);
        if self.hostile {
            state.attack = Attack::Start;
        }
        state
    }

    fn successors(&self, state: &State, out: &mut Steps<State>) {
        for point in 0..state.points.len() {
            if state.points[point].key == Key::Committed {
                let mut next = *state;
                next.points[point] = Point {
                    key: Key::Purged,
                    list: 0,
                };
                let worker = Worker("retention", 0);
                out.push((
                    Step {
                        worker,
                        what: "purges point",
                        on: On::Number(point),
                    },
                    next,
                ));
            }
        }
        self.attack(state, out);
        for agent in 0..self.agents_count {
            self.agent(state, agent, out);
        }
        for sweeper in 0..self.sweepers_count {
            self.sweep(state, sweeper, self.cycles_count, out);
        }
    }

    fn loss(&self, state: &State) -> Option<&'static str> {
        (state.live() & !self.readable(state) != 0).then_some("a root's chunk is gone")
    }

    fn canonical(&self, mut state: State) -> State {
        state.sweepers[..self.sweepers_count].sort_unstable();
        state
    }

    fn settled(&self, state: &State) -> Option<State> {
        let agents = [Agent::Done; AGENTS_COUNT];
        Some(State {
            agents,
            sweepers: [Sweeper::default(); SWEEPERS_COUNT],
            attack: Attack::Over,
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
        self.loss(&state)
            .or(self.garbage(&state).then_some("garbage stays"))
    }
}
