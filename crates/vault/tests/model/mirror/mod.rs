//! A vault in two places, of which place 0 decides; either may be away for a while.

mod copier;
mod session;
mod sweeper;
mod tests;

use crate::cycle::{self, CYCLES_COUNT, Cycles, Key, Session};
use crate::explore::{Model, Steps};
use crate::rule::{Rule, Rules};
use crate::step::{On, Step, Worker};
use copier::{Copier, catch_up};
use session::Agent;
use sweeper::Sweeper;

/// Bounds and switches.
#[derive(Clone, Copy, Debug)]
struct Mirror {
    rules: Rules,
    agents_count: usize,
    sweepers_count: usize,
    cycles_count: usize,
    /// How often a place may go away.
    outages_count: u8,
    /// How many packs are copied from place to place.
    copies_count: u8,
    /// Which places may go away.
    can_fail: [bool; PLACES_COUNT],
    /// Whether the first pack is in both places at the beginning, or on the decider only.
    copied: bool,
}

const AGENTS_COUNT: usize = 2;
const SWEEPERS_COUNT: usize = 2;
const PLACES_COUNT: usize = 2;
/// Where everything that is decided once is created first.
const DECIDER: usize = 0;

/// What one place holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Place {
    away: bool,
    packs: u8,
    /// The cycles whose plans it has carried out, as a bit set.
    applied: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    places: [Place; PLACES_COUNT],
    next_pack: u8,
    outages_count: u8,
    copies_count: u8,
    cycles: Cycles<u8>,
    sessions: [Session; AGENTS_COUNT],
    /// The point that was there before, then those of the agents.
    points: [Key; AGENTS_COUNT + 1],
    /// Points that were committed elsewhere than on the decider, which is against the rules.
    elsewhere: [bool; AGENTS_COUNT],
    agents: [Agent; AGENTS_COUNT],
    sweepers: [Sweeper; SWEEPERS_COUNT],
    copier: Copier,
}

impl State {
    /// Whether a place can be reached.
    const fn up(&self, place: usize) -> bool {
        !self.places[place].away
    }

    /// Whether the decider knows a root.
    fn live(&self) -> bool {
        self.points.contains(&Key::Committed)
    }

    /// What a listing of a place shows; nothing if it is away.
    const fn listing(&self, place: usize) -> u8 {
        if self.up(place) {
            self.places[place].packs
        } else {
            0
        }
    }
}

impl Mirror {
    const fn without(self, rule: Rule) -> Self {
        Self {
            rules: self.rules.without(rule),
            ..self
        }
    }

    const fn hold(&self, rule: Rule) -> bool {
        self.rules.hold(rule)
    }

    /// What stored plans name: a pack that is listed nevertheless is dead.
    fn dead(&self, state: &State) -> u8 {
        if !self.hold(Rule::SubtractPlans) {
            return 0;
        }
        if self.hold(Rule::PlansKept) {
            return cycle::planned(&state.cycles);
        }
        let everywhere = state.places[0].applied & state.places[1].applied;
        let lagging = state
            .cycles
            .iter()
            .enumerate()
            .filter(|(position, _)| everywhere & (1 << position) == 0);
        lagging
            .filter_map(|(_, cycle)| cycle.plan)
            .fold(0, |all, plan| all | plan)
    }

    fn outages(&self, state: &State, out: &mut Steps<State>) {
        for place in 0..PLACES_COUNT {
            let worker = Worker("place", place);
            let mut next = *state;
            next.places[place].away = state.up(place);
            if !state.up(place) {
                out.push((
                    Step {
                        worker,
                        what: "is back",
                        on: On::Nothing,
                    },
                    next,
                ));
            } else if state.outages_count > 0 && self.can_fail[place] {
                next.outages_count -= 1;
                out.push((
                    Step {
                        worker,
                        what: "goes away",
                        on: On::Nothing,
                    },
                    next,
                ));
            }
        }
    }

    fn expire(&self, state: &State, out: &mut Steps<State>) {
        for point in 0..=self.agents_count {
            if state.points[point] == Key::Committed && state.up(DECIDER) {
                let mut next = *state;
                next.points[point] = Key::Purged;
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
    }
}

impl Model for Mirror {
    type State = State;

    fn initial(&self) -> State {
        let place = Place {
            packs: 1,
            ..Place::default()
        };
        let mut state = State {
            places: [place; PLACES_COUNT],
            next_pack: 1,
            outages_count: self.outages_count,
            copies_count: self.copies_count,
            ..State::default()
        };
        if !self.copied {
            state.places[1].packs = 0;
        }
        state.points[0] = Key::Committed;
        state.agents[self.agents_count..].fill(Agent::Done);
        state
    }

    fn successors(&self, state: &State, out: &mut Steps<State>) {
        self.outages(state, out);
        self.expire(state, out);
        self.copier(state, out);
        for place in 0..PLACES_COUNT {
            catch_up(state, place, out);
        }
        for agent in 0..self.agents_count {
            self.agent(state, agent, out);
        }
        for sweeper in 0..self.sweepers_count {
            self.sweep(state, sweeper, self.cycles_count, out);
        }
    }

    fn loss(&self, state: &State) -> Option<&'static str> {
        let live = state.live() || state.elsewhere.contains(&true);
        let gone = state.places.iter().all(|place| place.packs == 0);
        if state
            .elsewhere
            .iter()
            .zip(&state.points[1..])
            .any(|(&other, &key)| other && key == Key::Fenced)
        {
            return Some("a session is both committed and fenced");
        }
        (live && gone).then_some("a root's chunk is gone")
    }

    fn canonical(&self, mut state: State) -> State {
        state.sweepers[..self.sweepers_count].sort_unstable();
        state
    }

    fn settled(&self, state: &State) -> Option<State> {
        let mut quiet = State {
            outages_count: 0,
            copies_count: 0,
            agents: [Agent::Done; AGENTS_COUNT],
            sweepers: [Sweeper::Idle; SWEEPERS_COUNT],
            copier: Copier::Idle,
            ..*state
        };
        for place in &mut quiet.places {
            place.away = false;
        }
        Some(quiet)
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
        let packs = state.places.iter().fold(0, |all, place| all | place.packs);
        let clean = packs.count_ones() == u32::from(state.live());
        self.loss(&state)
            .or(if clean { None } else { Some("garbage stays") })
    }
}
