//! Who writes links: the owner, maintenance in a hurry, and an agent that may not.

use super::link::{self, Link};
use super::{Chains, State};
use crate::explore::Steps;
use crate::step::{On, Step, Worker};

/// Where a writer of links is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Writer {
    #[default]
    Idle,
    Ready {
        link: Link,
        number: usize,
    },
}

impl Chains {
    /// The owner writes every link that makes sense to it.
    pub(crate) fn owner(&self, state: &State, out: &mut Steps<State>) {
        let worker = Worker("owner", 0);
        let Writer::Idle = state.owner else {
            return self.create(state, worker, |state| &mut state.owner, out);
        };
        let status = link::status(&state.chain, self.rules);
        let sensible = [
            (
                Link::Delete,
                !status.deleted && !status.purged,
                "reads the chain to delete",
            ),
            (
                Link::Undelete,
                status.deleted && !status.purged,
                "reads the chain to undelete",
            ),
            (
                Link::Hold,
                !status.held && !status.purged,
                "reads the chain to hold",
            ),
            (
                Link::TimedHold,
                !status.held && !status.purged,
                "reads the chain to hold for a time",
            ),
            (
                Link::Release,
                status.held && !status.purged,
                "reads the chain to release",
            ),
        ];
        for (link, _, what) in sensible.into_iter().filter(|(_, sense, _)| *sense) {
            let number = link::next_number(&state.chain, self.rules);
            let next = State {
                owner: Writer::Ready { link, number },
                ..*state
            };
            out.push((
                Step {
                    worker,
                    what,
                    on: On::Number(number),
                },
                next,
            ));
        }
    }

    /// Maintenance deletes, purges and ends timed holds. It purges held points too, as if its clock were ahead.
    pub(crate) fn maintenance(&self, state: &State, out: &mut Steps<State>) {
        let worker = Worker("maintenance", 0);
        let Writer::Idle = state.maintenance else {
            return self.create(state, worker, |state| &mut state.maintenance, out);
        };
        let status = link::status(&state.chain, self.rules);
        let over = status.held_for_a_time && state.time_has_passed;
        let sensible = [
            (
                Link::Delete,
                !status.just_deleted && !status.purged,
                "reads the chain to delete",
            ),
            (
                Link::Purge,
                status.deleted && !status.purged,
                "reads the chain to purge",
            ),
            (
                Link::TimedRelease,
                over && !status.purged,
                "reads the chain to end a hold",
            ),
        ];
        for (link, _, what) in sensible.into_iter().filter(|(_, sense, _)| *sense) {
            let number = link::next_number(&state.chain, self.rules);
            let next = State {
                maintenance: Writer::Ready { link, number },
                ..*state
            };
            out.push((
                Step {
                    worker,
                    what,
                    on: On::Number(number),
                },
                next,
            ));
        }
        if !state.time_has_passed {
            let next = State {
                time_has_passed: true,
                ..*state
            };
            out.push((
                Step {
                    worker: Worker("clock", 0),
                    what: "passes the time of holds",
                    on: On::Nothing,
                },
                next,
            ));
        }
    }

    /// Creates a link, or finds its number taken. Who is careful begins again, who is hasty tries the next number.
    fn create(
        &self,
        state: &State,
        worker: Worker,
        own: fn(&mut State) -> &mut Writer,
        out: &mut Steps<State>,
    ) {
        let mut next = *state;
        let Writer::Ready { link, number } = *own(&mut next) else {
            return;
        };
        *own(&mut next) = Writer::Idle;
        if number >= self.links_count {
            return;
        }
        let on = On::Number(number);
        if state.chain[number] == Link::Free {
            next.chain[number] = link;
            out.push((
                Step {
                    worker,
                    what: said(link),
                    on,
                },
                next,
            ));
            return;
        }
        out.push((
            Step {
                worker,
                what: "finds a link at",
                on,
            },
            next,
        ));
        *own(&mut next) = Writer::Ready {
            link,
            number: number + 1,
        };
        out.push((
            Step {
                worker,
                what: "skips, without a look, the link at",
                on,
            },
            next,
        ));
    }

    /// A hostile agent writes void links, void marks and pins of others.
    pub(crate) fn attack(&self, state: &State, out: &mut Steps<State>) {
        if state.attacks_count == 0 {
            return;
        }
        let worker = Worker("hostile agent", 0);
        let weaker = State {
            attacks_count: state.attacks_count - 1,
            ..*state
        };
        for number in 0..self.links_count {
            if state.chain[number] == Link::Free {
                let mut next = weaker;
                next.chain[number] = Link::Void;
                out.push((
                    Step {
                        worker,
                        what: "writes an unsigned purge at",
                        on: On::Number(number),
                    },
                    next,
                ));
            }
        }
        if state.session.registered && state.session.pin.is_none() {
            let mut next = weaker;
            next.session.pin = Some(u8::MAX);
            out.push((
                Step {
                    worker,
                    what: "writes a high pin for the agent",
                    on: On::Nothing,
                },
                next,
            ));
        }
        for cycle in 0..self.cycles_count {
            if state.cycles[cycle].mark.is_none()
                && !state.void_marks[cycle]
                && self.agents_count > 0
            {
                let mut next = weaker;
                next.void_marks[cycle] = true;
                out.push((
                    Step {
                        worker,
                        what: "writes an unsigned mark",
                        on: On::Number(cycle + 1),
                    },
                    next,
                ));
            }
        }
    }
}

const fn said(link: Link) -> &'static str {
    match link {
        Link::Free | Link::Void => "writes nothing at",
        Link::Delete => "writes a delete at",
        Link::Undelete => "writes an undelete at",
        Link::Purge => "writes a purge at",
        Link::Hold => "writes a hold at",
        Link::TimedHold => "writes a timed hold at",
        Link::Release => "writes a release at",
        Link::TimedRelease => "writes the end of a hold at",
    }
}
