//! A sweeper that merges segments, and gives up those of which nothing is missed.

use super::{Index, Plan, State};
use crate::cycle::{self, Key};
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::{On, Step, Worker, bits};

/// Where a sweeper is, in the cycle at the position `cycle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Sweeper {
    #[default]
    Idle,
    Begun {
        cycle: usize,
    },
    Surveyed {
        cycle: usize,
        condemned: u8,
    },
    Waiting {
        cycle: usize,
    },
    Decided {
        cycle: usize,
    },
    Rechecked {
        cycle: usize,
        live: bool,
    },
    Planning {
        cycle: usize,
        plan: Plan,
        /// What a segment that is not written yet will name; 0 for none.
        promised: u8,
    },
    DeletingPacks {
        cycle: usize,
        plan: Plan,
        promised: u8,
    },
    DeletingSegments {
        cycle: usize,
        plan: Plan,
        promised: u8,
    },
    DeletingSessions {
        cycle: usize,
        plan: Plan,
        promised: u8,
    },
    Finishing {
        cycle: usize,
        promised: u8,
    },
}

impl Index {
    /// The next steps of a sweeper that begins no cycle at or after the position `limit`.
    #[expect(
        clippy::too_many_lines,
        reason = "a table: one entry for each state of the worker"
    )]
    pub(crate) fn sweep(
        &self,
        state: &State,
        sweeper: usize,
        limit: usize,
        out: &mut Steps<State>,
    ) {
        let mut next = *state;
        let mut on = On::Nothing;
        let (to, what) = match state.sweepers[sweeper] {
            Sweeper::Idle => return self.begin(state, sweeper, limit, out),
            Sweeper::Begun { cycle } => {
                self.merge(state, sweeper, out);
                let condemned = state.packs & !self.keeper(state);
                (
                    Sweeper::Surveyed { cycle, condemned },
                    "lists packs, index and points",
                )
            }
            Sweeper::Surveyed { cycle, condemned } => {
                let mark = *next.cycles[cycle].mark.get_or_insert(condemned);
                on = On::Packs(mark);
                (Sweeper::Waiting { cycle }, "creates or follows the mark of")
            }
            Sweeper::Waiting { cycle } => return self.wait(state, sweeper, cycle, out),
            Sweeper::Decided { cycle } => (
                Sweeper::Rechecked {
                    cycle,
                    live: state.live(),
                },
                "lists points again",
            ),
            Sweeper::Rechecked { cycle, live } => {
                for newest_first in [false, true]
                    .into_iter()
                    .take(1 + usize::from(self.any_order))
                {
                    self.make_plan(state, sweeper, (cycle, live), newest_first, out);
                }
                return;
            }
            Sweeper::Planning {
                cycle,
                plan,
                promised,
            } => {
                if next.cycles[cycle].plan.is_none() {
                    next.cycles[cycle].plan = Some(plan.packs);
                    next.plans[cycle] = plan;
                }
                let plan = next.plans[cycle];
                on = On::Packs(plan.packs);
                (
                    Sweeper::DeletingPacks {
                        cycle,
                        plan,
                        promised,
                    },
                    "creates or follows the plan of",
                )
            }
            Sweeper::DeletingPacks {
                cycle,
                plan,
                promised,
            } => {
                next.packs &= !plan.packs;
                on = On::Packs(plan.packs);
                (
                    Sweeper::DeletingSegments {
                        cycle,
                        plan,
                        promised,
                    },
                    "deletes packs",
                )
            }
            Sweeper::DeletingSegments {
                cycle,
                plan,
                promised,
            } => {
                next.segments &= !plan.segments;
                on = On::Packs(plan.segments);
                (
                    Sweeper::DeletingSessions {
                        cycle,
                        plan,
                        promised,
                    },
                    "deletes segments",
                )
            }
            Sweeper::DeletingSessions {
                cycle,
                plan,
                promised,
            } => {
                for agent in bits(plan.sessions) {
                    next.sessions[agent] = cycle::Session::default();
                }
                on = On::Packs(plan.sessions);
                (
                    Sweeper::Finishing { cycle, promised },
                    "deletes what is left of sessions",
                )
            }
            Sweeper::Finishing { cycle, promised } => {
                next.cycles[cycle].done = true;
                if promised != 0 {
                    next.add_segment(promised);
                }
                on = On::Number(cycle + 1);
                (Sweeper::Idle, "is done with cycle")
            }
        };
        next.sweepers[sweeper] = to;
        let worker = Worker("sweeper", sweeper);
        out.push((Step { worker, what, on }, next));
    }

    fn begin(&self, state: &State, sweeper: usize, limit: usize, out: &mut Steps<State>) {
        let newest = cycle::newest(&state.cycles);
        let open = newest.filter(|&position| !state.cycles[position].done);
        let cycle = newest.map_or(0, |position| position + 1);
        let (to, what, cycle) = match open {
            Some(cycle) => (Sweeper::Waiting { cycle }, "resumes cycle", cycle),
            None if cycle < limit => (Sweeper::Begun { cycle }, "begins cycle", cycle),
            None => return,
        };
        let mut next = *state;
        next.sweepers[sweeper] = to;
        let step = Step {
            worker: Worker("sweeper", sweeper),
            what,
            on: On::Number(cycle + 1),
        };
        out.push((step, next));
    }

    /// Writes one segment with all that those say which are there.
    fn merge(&self, state: &State, sweeper: usize, out: &mut Steps<State>) {
        let packs = self.counting(state, state.segments) & !cycle::planned(&state.cycles);
        if state.merges_left == 0 || packs == 0 || !self.hold(Rule::MergedFirst) {
            return;
        }
        let mut next = *state;
        next.merges_left -= 1;
        let segment = next.add_segment(packs);
        next.late |= u8::from(self.late_uploads) << segment;
        let step = Step {
            worker: Worker("sweeper", sweeper),
            what: "merges all into segment",
            on: On::Number(segment),
        };
        out.push((step, next));
    }

    /// What is named by those of these segments that count.
    fn counting(&self, state: &State, segments: u8) -> u8 {
        let dead = if self.hold(Rule::PlannedSegmentIsDead) {
            state.planned_segments()
        } else {
            0
        };
        state.named(segments & !dead)
    }

    /// The one copy that a mark keeps.
    fn keeper(&self, state: &State) -> u8 {
        let found = state.packs & state.named(state.segments) & !cycle::planned(&state.cycles);
        let kept = bits(found).next().filter(|_| state.live());
        kept.map_or(0, |pack| 1 << pack)
    }

    fn wait(&self, state: &State, sweeper: usize, cycle: usize, out: &mut Steps<State>) {
        let worker = Worker("sweeper", sweeper);
        let mut open = false;
        for agent in 0..self.agents_count {
            if cycle::blocks(state.sessions[agent], state.points[agent + 1], cycle) {
                open = true;
                let mut next = *state;
                next.points[agent + 1] = Key::Fenced;
                let step = Step {
                    worker,
                    what: "fences agent",
                    on: On::Number(agent),
                };
                out.push((step, next));
            }
        }
        if !open {
            let mut next = *state;
            next.sweepers[sweeper] = Sweeper::Decided { cycle };
            let step = Step {
                worker,
                what: "finds no older session",
                on: On::Nothing,
            };
            out.push((step, next));
        }
    }

    fn make_plan(
        &self,
        state: &State,
        sweeper: usize,
        (cycle, live): (usize, bool),
        newest_first: bool,
        out: &mut Steps<State>,
    ) {
        let (plan, promised) = self.plan(state, cycle, live, newest_first);
        let mut next = *state;
        next.sweepers[sweeper] = Sweeper::Planning {
            cycle,
            plan,
            promised,
        };
        let step = Step {
            worker: Worker("sweeper", sweeper),
            what: "makes its plan with segments",
            on: On::Packs(plan.segments),
        };
        out.push((step, next));
    }

    /// The mark of a cycle less what has to be rescued, the segments of which nothing is missed then, and the sessions
    /// that are decided.
    fn plan(&self, state: &State, cycle: usize, live: bool, newest_first: bool) -> (Plan, u8) {
        let mark = state.cycles[cycle].mark.unwrap_or_default();
        let listed = state.packs & state.named(state.segments) & !cycle::planned(&state.cycles);
        let packs = match live && listed & !mark == 0 {
            true => mark & !listed,
            false => mark,
        };
        let dead = match self.hold(Rule::PlannedPacksOnly) {
            true => cycle::planned(&state.cycles) | packs,
            false => cycle::planned(&state.cycles) | mark,
        };
        let missed = state.named(state.segments) & !dead;
        let promised = match self.hold(Rule::MergedFirst) || state.merges_left == 0 {
            true => 0,
            false => missed,
        };
        let is_decided = |agent: usize| state.points[agent + 1] != Key::Free;
        let left = |agent: &usize| {
            state.sessions[*agent].registered
                && (is_decided(*agent) || !self.hold(Rule::DecidedSessions))
        };
        let sessions = (0..self.agents_count)
            .filter(left)
            .fold(0, |sessions, agent| sessions | 1 << agent);
        let segments = self.spent(state, dead, promised, newest_first);
        let plan = Plan {
            packs,
            segments,
            sessions,
        };
        (plan, promised)
    }

    /// The segments that say nothing but what is dead and what the rest says, too.
    fn spent(&self, state: &State, dead: u8, promised: u8, newest_first: bool) -> u8 {
        let mut spent = 0;
        let mut order: Vec<usize> = bits(state.segments).collect();
        if newest_first {
            order.reverse();
        }
        for segment in order {
            let rest = state.segments & !(1 << segment);
            let rest = match self.hold(Rule::GiveUpOneByOne) {
                true => rest & !spent,
                false => rest,
            };
            let said = self.counting(state, rest) | promised | dead;
            if state.names[segment] & !said == 0 {
                spent |= 1 << segment;
            }
        }
        spent
    }
}
