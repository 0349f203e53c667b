//! A vault in two places of which place 0 decides, until its owner makes place 1 decide: a new generation.
//!
//! One session and one sweeper of either generation, and the owner. Those of the old one reach both places all the time:
//! nobody has told them. Place 0 is either dropped, as if it were lost for its owner, or stays as an ordinary place.

mod new;
mod old;
mod owner;
mod tests;

use crate::cycle::{Cycle, Key};
use crate::explore::{Model, Steps};
use crate::rule::{Rule, Rules};
use crate::step::{On, Step, Worker};
use new::{NewAgent, NewSweeper};
use old::{OldAgent, OldSweeper};
use owner::Owner;

/// Switches.
#[derive(Clone, Copy, Debug)]
struct Failover {
    rules: Rules,
    /// The old decider stays as an ordinary place.
    keeps: bool,
    /// How many packs are copied from place to place.
    copies_count: u8,
}

const PLACES_COUNT: usize = 2;
/// Decides in the old generation.
const OLD: usize = 0;
/// Decides in the new one.
const NEW: usize = 1;
/// The point that was there before.
const FIRST: usize = 0;
/// The point of the old generation's session.
const OLD_POINT: usize = 1;
/// The point of the new generation's session.
const NEW_POINT: usize = 2;

/// What one place holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Place {
    packs: u8,
    /// The new generation's closing stands here.
    closed: bool,
    /// The registration of the old session.
    registered: bool,
    points: [Key; 3],
    /// The plan of the old generation's cycle.
    plan: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    places: [Place; PLACES_COUNT],
    next_pack: u8,
    copies_count: u8,
    /// The old generation's cycle at its decider, its plan apart.
    old_cycle: Cycle<u8>,
    old_pin: Option<u8>,
    new_cycle: Cycle<u8>,
    /// The new session is registered, and what it pinned.
    new_registered: bool,
    new_pin: Option<u8>,
    /// The new generation is in force; what the old plans name that count in it.
    opened: Option<u8>,
    /// The old session has told its user that there is a point.
    reported: bool,
    /// A session of the old generation has made a point of the new one.
    strayed: bool,
    old_agent: OldAgent,
    old_sweeper: OldSweeper,
    new_agent: NewAgent,
    new_sweeper: NewSweeper,
    owner: Owner,
    copying: Option<(usize, usize)>,
}

impl State {
    /// Whether the decider of a generation knows a root.
    fn live(&self, decider: usize) -> bool {
        self.places[decider].points.contains(&Key::Committed)
    }
}

fn step(kind: &'static str, what: &'static str, on: On) -> Step {
    Step {
        worker: Worker(kind, 0),
        what,
        on,
    }
}

impl Failover {
    const fn without(self, rule: Rule) -> Self {
        Self {
            rules: self.rules.without(rule),
            ..self
        }
    }

    const fn hold(&self, rule: Rule) -> bool {
        self.rules.hold(rule)
    }

    /// The packs that the new generation's workers list.
    const fn new_listing(&self, state: &State) -> u8 {
        if self.keeps {
            state.places[NEW].packs | state.places[OLD].packs
        } else {
            state.places[NEW].packs
        }
    }

    /// What stored plans name, for the new generation's workers.
    fn new_dead(&self, state: &State) -> u8 {
        let mut dead = state.opened.unwrap_or_default() | state.new_cycle.plan.unwrap_or_default();
        if !self.hold(Rule::CountedPlans) {
            dead |= state.places[NEW].plan.unwrap_or_default();
        }
        dead
    }

    /// Points are purged where the generation decides; the copy of the link may fail.
    fn retention(&self, state: &State, out: &mut Steps<State>) {
        for point in [FIRST, OLD_POINT] {
            if state.places[OLD].points[point] == Key::Committed {
                let mut next = *state;
                next.places[OLD].points[point] = Key::Purged;
                let on = On::Number(point);
                out.push((step("old retention", "purges point", on), next));
            }
        }
        for point in [FIRST, OLD_POINT, NEW_POINT] {
            if state.opened.is_some() && state.places[NEW].points[point] == Key::Committed {
                let mut next = *state;
                next.places[NEW].points[point] = Key::Purged;
                let on = On::Number(point);
                out.push((step("new retention", "purges point", on), next));
            }
        }
    }

    /// A copier of the old generation may sleep with a pack in its hands.
    fn copier(&self, state: &State, out: &mut Steps<State>) {
        if let Some((pack, to)) = state.copying {
            let mut next = *state;
            next.copying = None;
            next.places[to].packs |= 1 << pack;
            out.push((step("copier", "writes it to place", On::Number(to)), next));
            return;
        }
        if state.copies_count == 0 {
            return;
        }
        for (from, to) in [(OLD, NEW), (NEW, OLD)] {
            let dead = state.places[OLD].plan.unwrap_or_default();
            let lacking = state.places[from].packs & !state.places[to].packs & !dead;
            for pack in crate::step::bits(lacking) {
                let mut next = *state;
                next.copies_count -= 1;
                next.copying = Some((pack, to));
                out.push((step("copier", "reads pack", On::Number(pack)), next));
            }
        }
    }
}

impl Model for Failover {
    type State = State;

    fn initial(&self) -> State {
        let mut place = Place {
            packs: 1,
            ..Place::default()
        };
        place.points[FIRST] = Key::Committed;
        State {
            places: [place; PLACES_COUNT],
            next_pack: 1,
            copies_count: self.copies_count,
            ..State::default()
        }
    }

    fn successors(&self, state: &State, out: &mut Steps<State>) {
        self.retention(state, out);
        self.copier(state, out);
        self.old_agent(state, out);
        self.old_sweeper(state, out);
        self.owner(state, out);
        if state.opened.is_some() {
            self.new_agent(state, out);
            self.new_sweeper(state, out, 1);
        }
    }

    fn loss(&self, state: &State) -> Option<&'static str> {
        if state.strayed {
            return Some("a session of the old generation has made a point of the new one");
        }
        if state.opened.is_none() {
            let gone = state.places.iter().all(|place| place.packs == 0);
            return (state.live(OLD) && gone).then_some("a root's chunk is gone");
        }
        let told = state.places[NEW].points[OLD_POINT];
        if self.keeps && state.reported && !matches!(told, Key::Committed | Key::Purged) {
            return Some("a point that was reported is none");
        }
        let gone = self.new_listing(state) == 0;
        (state.live(NEW) && gone).then_some("a root's chunk is gone")
    }

    fn settled(&self, state: &State) -> Option<State> {
        state.opened?;
        Some(State {
            copies_count: 0,
            old_agent: OldAgent::Done,
            old_sweeper: OldSweeper::Done,
            new_agent: NewAgent::Done,
            new_sweeper: NewSweeper::Idle,
            owner: Owner::Done,
            copying: None,
            ..*state
        })
    }

    fn leak(&self, settled: &State) -> Option<&'static str> {
        let mut state = *settled;
        let mut steps = Steps::new();
        for _ in 0..2 {
            loop {
                self.new_sweeper(&state, &mut steps, 1);
                let Some((_, next)) = steps.first() else {
                    break;
                };
                state = *next;
                steps.clear();
            }
            // The same room is used for the next cycle: what its plan named stays dead.
            let dead = self.new_dead(&state);
            state.opened = Some(dead);
            state.new_cycle = Cycle::default();
        }
        let clean = self.new_listing(&state).count_ones() == u32::from(state.live(NEW));
        self.loss(&state)
            .or(if clean { None } else { Some("garbage stays") })
    }
}
