//! A session that needs the one chunk.

use super::{Index, State};
use crate::cycle::{self, Key};
use crate::explore::Steps;
use crate::step::{On, Step, Worker};

/// Where a session is. `condemned` is what it may not use.
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
    Listed {
        usable: u8,
    },
    Indexing {
        pack: u8,
    },
    Ready,
    Done,
}

impl Index {
    pub(crate) fn agent(&self, state: &State, agent: usize, out: &mut Steps<State>) {
        let mut next = *state;
        let mut on = On::Nothing;
        let (to, what) = match state.agents[agent] {
            Agent::Start => {
                next.sessions[agent].registered = true;
                (Agent::Registered, "registers")
            }
            Agent::Registered => (
                Agent::Read {
                    epoch: cycle::epoch(&state.cycles),
                    condemned: cycle::condemned(&state.cycles) | cycle::planned(&state.cycles),
                },
                "reads the newest mark",
            ),
            Agent::Read { epoch, condemned } => {
                next.sessions[agent].pin = Some(epoch);
                on = On::Number(usize::from(epoch));
                (Agent::Pinned { condemned }, "pins")
            }
            Agent::Pinned { condemned } => (
                Agent::Listed {
                    usable: state.packs & !condemned,
                },
                "lists packs",
            ),
            Agent::Listed { usable } => {
                let usable = usable & state.named(state.segments);
                on = On::Packs(usable);
                if usable == 0 {
                    let pack = state.next_pack;
                    next.packs |= 1 << pack;
                    next.next_pack += 1;
                    (Agent::Indexing { pack }, "can use none and uploads; index")
                } else {
                    (Agent::Ready, "loads the index; it can use")
                }
            }
            Agent::Indexing { pack } => {
                let segment = next.add_segment(1 << pack);
                next.late |= u8::from(self.late_uploads) << segment;
                on = On::Number(segment);
                (Agent::Ready, "creates segment")
            }
            Agent::Ready if state.points[agent + 1] == Key::Free => {
                next.points[agent + 1] = Key::Committed;
                (Agent::Done, "commits")
            }
            Agent::Ready => (Agent::Done, "finds its fence"),
            Agent::Done => return,
        };
        next.agents[agent] = to;
        let worker = Worker("agent", agent);
        out.push((Step { worker, what, on }, next));
    }
}
