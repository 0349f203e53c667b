//! A session that needs the one chunk.

use super::{Base, State};
use crate::cycle::{self, Key};
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::{On, Step, Worker};

/// Where a session is. `condemned` is what it may not use, `index` what it has loaded, `listed` an early listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Agent {
    #[default]
    Start,
    Unregistered {
        epoch: u8,
        condemned: u8,
    },
    Registered {
        listed: u8,
    },
    Read {
        epoch: u8,
        condemned: u8,
        listed: u8,
    },
    Pinned {
        condemned: u8,
        listed: u8,
    },
    Loaded {
        condemned: u8,
        listed: u8,
        index: u8,
    },
    Uploading,
    Indexing {
        pack: u8,
    },
    Ready,
    Done,
}

const ANY: u8 = u8::MAX;

impl Base {
    #[expect(
        clippy::too_many_lines,
        reason = "a table: one entry for each state of the worker"
    )]
    pub(crate) fn agent(&self, state: &State, agent: usize, out: &mut Steps<State>) {
        let mut next = *state;
        let mut on = On::Nothing;
        let (to, what) = match state.agents[agent] {
            Agent::Start if self.hold(Rule::RegisterBeforeMark) => {
                next.sessions[agent].registered = true;
                (Agent::Registered { listed: ANY }, "registers")
            }
            Agent::Start => {
                let (epoch, condemned) = self.read_marks(state);
                (
                    Agent::Unregistered { epoch, condemned },
                    "reads the newest mark",
                )
            }
            Agent::Unregistered { epoch, condemned } => {
                next.sessions[agent].registered = true;
                (
                    Agent::Read {
                        epoch,
                        condemned,
                        listed: ANY,
                    },
                    "registers",
                )
            }
            Agent::Registered { listed: ANY } if !self.hold(Rule::ListAfterMark) => (
                Agent::Registered {
                    listed: state.packs,
                },
                "lists packs",
            ),
            Agent::Registered { listed } => {
                let (epoch, condemned) = self.read_marks(state);
                (
                    Agent::Read {
                        epoch,
                        condemned,
                        listed,
                    },
                    "reads the newest mark",
                )
            }
            Agent::Read {
                epoch,
                condemned,
                listed,
            } => {
                next.sessions[agent].pin = Some(epoch);
                on = On::Number(usize::from(epoch));
                (Agent::Pinned { condemned, listed }, "pins")
            }
            Agent::Pinned { condemned, listed } => (
                Agent::Loaded {
                    condemned,
                    listed,
                    index: state.index,
                },
                "loads the index",
            ),
            Agent::Loaded {
                condemned,
                listed,
                index,
            } => {
                let listed = if self.hold(Rule::ListAfterMark) {
                    state.packs
                } else {
                    listed
                };
                let listed = if self.hold(Rule::ListPacks) {
                    self.findable(listed, index)
                } else {
                    index
                };
                let usable = listed & !condemned;
                on = On::Packs(usable);
                let to = if usable == 0 {
                    Agent::Uploading
                } else {
                    Agent::Ready
                };
                (to, "lists packs; it can use")
            }
            Agent::Uploading => {
                let pack = if self.hold(Rule::FreshPackIds) {
                    state.next_pack
                } else {
                    0
                };
                next.packs |= 1 << pack;
                next.next_pack += u8::from(self.hold(Rule::FreshPackIds));
                next.late |= if self.late_uploads { 1 << pack } else { 0 };
                on = On::Number(usize::from(pack));
                (Agent::Indexing { pack }, "uploads pack")
            }
            Agent::Indexing { pack } => {
                next.index |= 1 << pack;
                on = On::Number(usize::from(pack));
                (Agent::Ready, "indexes pack")
            }
            Agent::Ready
                if state.points[agent + 1] == Key::Free || !self.hold(Rule::CommitOrFence) =>
            {
                next.points[agent + 1] = Key::Committed;
                (Agent::Done, "commits")
            }
            Agent::Ready => (Agent::Done, "finds its fence"),
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

    /// The newest mark, and what may not be used because of marks and plans.
    fn read_marks(&self, state: &State) -> (u8, u8) {
        let condemned = if self.hold(Rule::SkipCondemned) {
            cycle::condemned(&state.cycles)
        } else {
            0
        };
        (cycle::epoch(&state.cycles), condemned | self.dead(state))
    }
}
