//! A sweeper: it views, perhaps moves or rewrites, marks, waits, checks again, plans and deletes.

use super::store::{self, Names, Objects, Reach, Remap, Store};
use super::{Blocks, FIRST_POINTS_COUNT, State};
use crate::cycle;
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::{On, Step, Worker, bits};

/// What a sweeper knows before its mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct View {
    pub(crate) listed: Objects,
    pub(crate) live: Names,
}

/// Where a sweeper is, in the cycle at the position `cycle`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum At {
    #[default]
    Idle,
    Begun,
    Listed {
        view: View,
    },
    Remapped {
        view: View,
    },
    Viewed {
        view: View,
    },
    Moving {
        view: View,
        blocks: u8,
    },
    Rewriting {
        view: View,
        from: u8,
        contents: u8,
    },
    Remapping {
        view: View,
        remap: Remap,
    },
    Ready {
        view: View,
    },
    Marking {
        condemned: Objects,
    },
    Waiting,
    Decided,
    Rechecked {
        live: Names,
    },
    Planning {
        plan: Objects,
    },
    Owing {
        plan: Objects,
    },
    Deleting {
        plan: Objects,
    },
    Finishing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sweeper {
    pub(crate) at: At,
    pub(crate) cycle: u8,
    /// A remap that it will create later, which is against the rules.
    pub(crate) owed: Remap,
}

impl Blocks {
    /// The next operations of a sweeper that begins no cycle at or after the position `limit`. The first is the one of a
    /// sweep that neither moves nor rewrites.
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
        let worker = Worker("sweeper", sweeper);
        let Sweeper { at, cycle, owed } = state.sweepers[sweeper];
        let slot = usize::from(cycle);
        let (to, what) = match at {
            At::Idle => return begin(state, sweeper, limit, out),
            At::Begun => {
                let listed = Objects {
                    packs: state.store.present.packs,
                    remaps: 0,
                };
                (
                    At::Listed {
                        view: View { listed, live: 0 },
                    },
                    "lists packs",
                )
            }
            At::Listed { mut view } => {
                view.listed.remaps = state.store.present.remaps;
                (At::Remapped { view }, "lists remaps")
            }
            At::Remapped { mut view } => {
                view.live = state.live();
                (At::Viewed { view }, "lists points")
            }
            At::Viewed { view } => {
                self.mark(state, sweeper, view, out);
                return self.housekeep(state, sweeper, view, out);
            }
            At::Ready { view } => return self.mark(state, sweeper, view, out),
            At::Moving { .. } | At::Rewriting { .. } | At::Remapping { .. } => {
                return self.upload(state, sweeper, out);
            }
            At::Marking { condemned } => {
                let mark = *next.cycles[slot].mark.get_or_insert(condemned);
                on = On::Packs(mark.packs);
                (At::Waiting, "creates or follows the mark of")
            }
            At::Waiting => return self.wait(state, sweeper, slot, out),
            At::Decided => (At::Rechecked { live: state.live() }, "lists points again"),
            At::Rechecked { live } => {
                let mark = state.cycles[slot].mark.unwrap_or_default();
                (
                    At::Planning {
                        plan: self.plan(&state.store, mark, live, owed),
                    },
                    "lists packs again and plans",
                )
            }
            At::Planning { plan } => {
                let plan = *next.cycles[slot].plan.get_or_insert(plan);
                on = On::Packs(plan.packs);
                let to = if owed.contents == 0 {
                    At::Deleting { plan }
                } else {
                    At::Owing { plan }
                };
                (to, "creates or follows the plan of")
            }
            At::Owing { plan } => {
                next.store.add_remap(owed);
                next.sweepers[sweeper].owed = Remap::default();
                (At::Deleting { plan }, "creates the remap it owes")
            }
            At::Deleting { plan } => {
                let (first, rest) = first_object(plan);
                next.store.delete(first);
                on = On::Packs(first.packs);
                let what = if first.remaps == 0 {
                    "deletes packs"
                } else {
                    "deletes a remap, packs"
                };
                (
                    if rest == Objects::default() {
                        At::Finishing
                    } else {
                        At::Deleting { plan: rest }
                    },
                    what,
                )
            }
            At::Finishing => {
                next.cycles[slot].done = true;
                (At::Idle, "is done with its cycle")
            }
        };
        next.sweepers[sweeper].at = to;
        if to == At::Idle {
            next.sweepers[sweeper] = Sweeper::default();
        }
        out.push((Step { worker, what, on }, next));
    }

    /// Computes a mark. Which of several copies is kept is the sweeper's choice, so both extremes are tried.
    fn mark(&self, state: &State, sweeper: usize, view: View, out: &mut Steps<State>) {
        let owed = state.sweepers[sweeper].owed;
        let old_first = self.condemn(&state.store, view, owed, true);
        let new_first = self.condemn(&state.store, view, owed, false);
        let mut go = |condemned, what| {
            let mut next = *state;
            next.sweepers[sweeper].at = At::Marking { condemned };
            out.push((
                Step {
                    worker: Worker("sweeper", sweeper),
                    what,
                    on: On::Nothing,
                },
                next,
            ));
        };
        go(old_first, "keeps the newest copies");
        if new_first != old_first {
            go(new_first, "keeps the oldest copies");
        }
    }

    /// What a mark condemns: packs one by one while all that is live still resolves in what is left, and remaps that no
    /// list reaches.
    fn condemn(&self, store: &Store, view: View, owed: Remap, old_first: bool) -> Objects {
        let remaps = view.listed.remaps & self.covering(store);
        let all = Objects {
            packs: view.listed.packs & store.present.packs,
            remaps,
        };
        let wanted = view.live & store.resolvable(all, owed, Reach::Exact);
        let mut kept = all;
        if self.hold(Rule::DropOneByOne) {
            for step in 0..store::PACKS_COUNT {
                let pack = if old_first {
                    step
                } else {
                    store::PACKS_COUNT - 1 - step
                };
                let without = Objects {
                    packs: kept.packs & !(1 << pack),
                    ..kept
                };
                if wanted & !store.resolvable(without, owed, Reach::Exact) == 0 {
                    kept = without;
                }
            }
        } else {
            kept.packs = each_by_itself(store, all, wanted);
        }
        let reached = store.reach(view.live, view.listed.remaps, owed);
        let mut needed = store.remaps_from(reached, view.listed.remaps);
        if !self.hold(Rule::RemapWhileListed) {
            needed = store.remaps_of_present(needed, all.packs);
        }
        // Of several ways to what is kept, one is.
        for remap in order(needed, old_first) {
            let without = Objects {
                remaps: kept.remaps & !(1 << remap),
                ..kept
            };
            if wanted & !store.resolvable(without, owed, Reach::Exact) == 0 {
                kept = without;
                needed &= !(1 << remap);
            }
        }
        let remaps = if self.hold(Rule::RemapInMark) {
            view.listed.remaps & !needed
        } else {
            0
        };
        Objects {
            packs: view.listed.packs & !kept.packs,
            remaps,
        }
    }

    /// A mark less what has to be rescued.
    fn plan(&self, store: &Store, mark: Objects, live: Names, owed: Remap) -> Objects {
        let remaps = self.covering(store);
        let condemned_counts = !self.hold(Rule::RemapRescued);
        let safe = Objects {
            packs: store.present.packs & !mark.packs,
            remaps: if condemned_counts {
                remaps
            } else {
                remaps & !mark.remaps
            },
        };
        let reach = if self.hold(Rule::RemapByChunk) {
            Reach::Exact
        } else {
            Reach::WholeBlock
        };
        let missing = live & !store.resolvable(safe, owed, reach);
        let reached = store.reach(missing, store.present.remaps, owed);
        let rescued = Objects {
            packs: store.packs_with(reached, mark.packs),
            remaps: store.remaps_from(reached, mark.remaps),
        };
        let remaps = if !self.hold(Rule::RemapInMark) {
            let needed = store.remaps_from(
                store.reach(live, store.present.remaps, owed),
                store.present.remaps,
            );
            store.present.remaps & !needed
        } else if condemned_counts || !self.hold(Rule::RemapWhileListed) {
            mark.remaps
        } else {
            mark.remaps & !rescued.remaps
        };
        Objects {
            packs: mark.packs & !rescued.packs,
            remaps,
        }
    }

    fn wait(&self, state: &State, sweeper: usize, slot: usize, out: &mut Steps<State>) {
        let worker = Worker("sweeper", sweeper);
        let mut open = false;
        for agent in 0..self.agents_count {
            let point = agent + FIRST_POINTS_COUNT;
            if cycle::blocks(state.sessions[agent], state.points[point].key, slot) {
                open = true;
                let mut next = *state;
                next.points[point].key = cycle::Key::Fenced;
                out.push((
                    Step {
                        worker,
                        what: "fences agent",
                        on: On::Number(agent),
                    },
                    next,
                ));
            }
        }
        if !open {
            let mut next = *state;
            next.sweepers[sweeper].at = At::Decided;
            out.push((
                Step {
                    worker,
                    what: "finds no older session",
                    on: On::Nothing,
                },
                next,
            ));
        }
    }
}

/// The objects of a set, the oldest or the newest first.
fn order(set: u8, old_first: bool) -> Vec<usize> {
    let mut order: Vec<usize> = bits(set).collect();
    if !old_first {
        order.reverse();
    }
    order
}

fn begin(state: &State, sweeper: usize, limit: usize, out: &mut Steps<State>) {
    let newest = cycle::newest(&state.cycles);
    let open = newest.filter(|&position| !state.cycles[position].done);
    let position = open.unwrap_or_else(|| newest.map_or(0, |position| position + 1));
    if position >= limit {
        return;
    }
    let mut next = *state;
    let (at, what) = match open {
        Some(_) => (At::Waiting, "resumes cycle"),
        None => (At::Begun, "begins cycle"),
    };
    next.sweepers[sweeper] = Sweeper {
        at,
        cycle: cycle::number(position) - 1,
        owed: Remap::default(),
    };
    out.push((
        Step {
            worker: Worker("sweeper", sweeper),
            what,
            on: On::Number(position + 1),
        },
        next,
    ));
}

/// The packs that are kept if each live chunk is looked at by itself: one copy of its block, unless some remap has its
/// target anywhere. Two remaps between two blocks, one in each direction, keep neither.
fn each_by_itself(store: &Store, all: Objects, wanted: Names) -> u8 {
    let none = Objects {
        packs: all.packs,
        remaps: 0,
    };
    let there = store.resolvable(none, Remap::default(), Reach::Exact);
    let mut kept = 0;
    for name in (0..32)
        .map(|bit| 1 << bit)
        .filter(|name| store.reach(wanted, all.remaps, Remap::default()) & name != 0)
    {
        let beyond = store.reach(name, all.remaps, Remap::default()) & !name;
        if beyond & there == 0 {
            let copies = store.packs_with(name, all.packs);
            kept |= copies & copies.wrapping_neg();
        }
    }
    kept
}

/// The first object of a plan, and the others. Remaps go before packs.
fn first_object(plan: Objects) -> (Objects, Objects) {
    let mut first = Objects::default();
    if let Some(remap) = bits(plan.remaps).next() {
        first.remaps = 1 << remap;
    } else if let Some(pack) = bits(plan.packs).next() {
        first.packs = 1 << pack;
    }
    (
        first,
        Objects {
            packs: plan.packs & !first.packs,
            remaps: plan.remaps & !first.remaps,
        },
    )
}
