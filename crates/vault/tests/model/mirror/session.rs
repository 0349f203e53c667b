//! A session: packs to any place, everything else to the decider.

use super::{DECIDER, Mirror, PLACES_COUNT, State};
use crate::cycle::{self, Key};
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::{On, Step, Worker};

/// Where a session is. `unusable` is what it may not use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Agent {
    #[default]
    Start,
    Registered,
    Read {
        epoch: u8,
        unusable: u8,
    },
    Pinned {
        unusable: u8,
    },
    Listed {
        unusable: u8,
        packs: u8,
    },
    Uploading,
    Ready,
    Done,
}

impl Mirror {
    /// The next operations of a session.
    pub(crate) fn agent(&self, state: &State, agent: usize, out: &mut Steps<State>) {
        let worker = Worker("agent", agent);
        let mut next = *state;
        let mut on = On::Nothing;
        let at = state.agents[agent];
        if at == Agent::Uploading {
            return self.upload(state, agent, out);
        }
        if !state.up(DECIDER) {
            return self.agent_without_decider(state, agent, out);
        }
        let (to, what) = match at {
            Agent::Start => {
                next.sessions[agent].registered = true;
                (Agent::Registered, "registers")
            }
            Agent::Registered => {
                let unusable = cycle::condemned(&state.cycles) | self.dead(state);
                (
                    Agent::Read {
                        epoch: cycle::epoch(&state.cycles),
                        unusable,
                    },
                    "reads the newest mark and the plans",
                )
            }
            Agent::Read { epoch, unusable } => {
                next.sessions[agent].pin = Some(epoch);
                on = On::Number(usize::from(epoch));
                (Agent::Pinned { unusable }, "pins")
            }
            Agent::Pinned { unusable } => (
                Agent::Listed {
                    unusable,
                    packs: state.listing(DECIDER),
                },
                "lists place 0",
            ),
            Agent::Listed { unusable, packs } => {
                let usable = (packs | state.listing(1)) & !unusable;
                on = On::Packs(usable);
                (
                    if usable == 0 {
                        Agent::Uploading
                    } else {
                        Agent::Ready
                    },
                    "lists place 1; it can use",
                )
            }
            Agent::Ready if state.points[agent + 1] == Key::Free => {
                next.points[agent + 1] = Key::Committed;
                (Agent::Done, "commits")
            }
            Agent::Ready => (Agent::Done, "finds its fence"),
            Agent::Uploading | Agent::Done => return,
        };
        next.agents[agent] = to;
        out.push((Step { worker, what, on }, next));
    }

    /// What a session must not do on another place while the decider is away.
    fn agent_without_decider(&self, state: &State, agent: usize, out: &mut Steps<State>) {
        let worker = Worker("agent", agent);
        let mut next = *state;
        let what = match state.agents[agent] {
            Agent::Start if !self.hold(Rule::RegisterAtDecider) => {
                next.agents[agent] = Agent::Registered;
                "registers on place 1"
            }
            Agent::Ready if !self.hold(Rule::OneDecider) => {
                next.agents[agent] = Agent::Done;
                next.elsewhere[agent] = true;
                "commits on place 1"
            }
            _ => return,
        };
        out.push((
            Step {
                worker,
                what,
                on: On::Nothing,
            },
            next,
        ));
    }

    /// Packs go to any place that is up.
    fn upload(&self, state: &State, agent: usize, out: &mut Steps<State>) {
        for place in (0..PLACES_COUNT).filter(|&place| state.up(place)) {
            let mut next = *state;
            next.places[place].packs |= 1 << state.next_pack;
            next.next_pack += 1;
            next.agents[agent] = Agent::Ready;
            let step = Step {
                worker: Worker("agent", agent),
                what: "uploads a pack to place",
                on: On::Number(place),
            };
            out.push((step, next));
        }
    }
}
