//! A session: it uses what is usable under its pin and uploads the rest.

use super::store::{self, Names, Objects, Reach, Remap};
use super::{Blocks, State};
use crate::cycle::{self, Key};
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::{On, Step, Worker};

/// Where a session is. `condemned` is what it may not use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Agent {
    #[default]
    Start,
    Registered,
    Read {
        epoch: u8,
        condemned: Objects,
    },
    Pinned {
        condemned: Objects,
    },
    Listed {
        condemned: Objects,
        packs: u8,
    },
    Uploading {
        names: Names,
        missing: u8,
    },
    Ready {
        names: Names,
    },
    Done,
}

impl Blocks {
    /// The next operation of a session.
    pub(crate) fn agent(&self, state: &State, agent: usize, out: &mut Steps<State>) {
        let mut next = *state;
        let mut on = On::Nothing;
        let (to, what) = match state.agents[agent] {
            Agent::Start => {
                next.sessions[agent].registered = true;
                (Agent::Registered, "registers")
            }
            Agent::Registered => {
                let epoch = cycle::epoch(&state.cycles);
                (
                    Agent::Read {
                        epoch,
                        condemned: self.unusable(state),
                    },
                    "reads the newest mark",
                )
            }
            Agent::Read { epoch, condemned } => {
                next.sessions[agent].pin = Some(epoch);
                on = On::Number(usize::from(epoch));
                (Agent::Pinned { condemned }, "pins")
            }
            Agent::Pinned { condemned } => {
                let packs = state.store.present.packs & !condemned.packs;
                on = On::Packs(packs);
                (
                    Agent::Listed { condemned, packs },
                    "lists packs; it can use",
                )
            }
            Agent::Listed { condemned, packs } => {
                return self.choose(state, agent, condemned, packs, out);
            }
            Agent::Uploading { names, missing } => {
                let Some((pack, block)) = next.store.add_pack_of(missing) else {
                    return;
                };
                on = On::Number(usize::from(pack));
                (
                    Agent::Ready {
                        names: names | store::names(block, missing),
                    },
                    "uploads pack",
                )
            }
            Agent::Ready { names }
                if state.points[agent + super::FIRST_POINTS_COUNT].key == Key::Free =>
            {
                next.points[agent + super::FIRST_POINTS_COUNT] = super::Point {
                    key: Key::Committed,
                    list: names,
                };
                (Agent::Done, "commits")
            }
            Agent::Ready { .. } => (Agent::Done, "finds its fence"),
            Agent::Done => return,
        };
        next.agents[agent] = to;
        out.push((
            Step {
                worker: Worker("agent", agent),
                what,
                on,
            },
            next,
        ));
    }

    fn unusable(&self, state: &State) -> Objects {
        if !self.hold(Rule::SkipCondemned) {
            return Objects::default();
        }
        let marks = state
            .cycles
            .iter()
            .filter(|cycle| !cycle.done)
            .filter_map(|cycle| cycle.mark);
        marks.fold(Objects::default(), |all, mark| Objects {
            packs: all.packs | mark.packs,
            remaps: all.remaps | mark.remaps,
        })
    }

    /// Lists remaps and decides what to use for each chunk. Whether it finds an old or a new name first depends on
    /// whether it carries a record over or looks into an index, so both are tried.
    fn choose(
        &self,
        state: &State,
        agent: usize,
        condemned: Objects,
        packs: u8,
        out: &mut Steps<State>,
    ) {
        let remaps = self.covering(&state.store) & !condemned.remaps;
        let objects = Objects { packs, remaps };
        let usable = state
            .store
            .resolvable(objects, Remap::default(), Reach::Exact);
        let oldest = first_of_each(usable, self.needs[agent], true);
        let newest = first_of_each(usable, self.needs[agent], false);
        let mut go = |names, what| {
            let missing = self.needs[agent] & !store::contents(names);
            let mut next = *state;
            next.agents[agent] = if missing == 0 {
                Agent::Ready { names }
            } else {
                Agent::Uploading { names, missing }
            };
            out.push((
                Step {
                    worker: Worker("agent", agent),
                    what,
                    on: On::Nothing,
                },
                next,
            ));
        };
        go(oldest, "lists remaps and takes the oldest names");
        if newest != oldest {
            go(newest, "lists remaps and takes the newest names");
        }
    }
}

/// For each wanted content the first usable name, from the oldest or the newest block.
fn first_of_each(usable: Names, wanted: u8, oldest: bool) -> Names {
    let mut taken = 0;
    for step in 0..store::BLOCKS_COUNT {
        let block = if oldest {
            step
        } else {
            store::BLOCKS_COUNT - 1 - step
        };
        let missing = wanted & !store::contents(taken);
        taken |= usable & store::names(u8::try_from(block).expect("few blocks"), missing);
    }
    taken
}
