//! What a sweep may do between its view and its mark: move blocks, rewrite them, give up duplicates.

use super::store::{self, Names, Reach, Remap};
use super::sweeper::{At, View};
use super::{Blocks, State};
use crate::explore::Steps;
use crate::rule::Rule;
use crate::step::{On, Step, Worker, bits};

impl Blocks {
    /// Every kind of housekeeping that the view gives a reason for. Reading what will be stored elsewhere is one
    /// operation, storing it another: a worker may sleep between them, and then bring back what was deleted meanwhile.
    pub(crate) fn housekeep(
        &self,
        state: &State,
        sweeper: usize,
        view: View,
        out: &mut Steps<State>,
    ) {
        if !state.store.has_room() {
            return;
        }
        let reached = state
            .store
            .reach(view.live, view.listed.remaps, Remap::default());
        let mut go = |at, what, on| {
            let mut next = *state;
            next.sweepers[sweeper].at = at;
            out.push((
                Step {
                    worker: Worker("sweeper", sweeper),
                    what,
                    on,
                },
                next,
            ));
        };
        if self.moves {
            for pack in bits(view.listed.packs & state.store.present.packs) {
                let all = state.store.blocks_in(1 << pack);
                let blocks = bits(all)
                    .filter(|&block| self.live_in(state, reached, block) != 0)
                    .fold(0, |set, block| set | 1 << block);
                if blocks != 0 && blocks != all {
                    go(
                        At::Moving { view, blocks },
                        "reads the live blocks of pack",
                        On::Number(pack),
                    );
                }
            }
        }
        let there = bits(
            state
                .store
                .blocks_in(view.listed.packs & state.store.present.packs),
        );
        for block in there.filter(|&block| state.store.is_honest(block)) {
            let contents = self.live_in(state, reached, block);
            let from = number(block);
            if self.rewrites && contents != 0 && contents != state.store.contents_of(block) {
                go(
                    At::Rewriting {
                        view,
                        from,
                        contents,
                    },
                    "reads the live chunks of block",
                    On::Number(block),
                );
            }
            for other in bits(self.duplicates_of(state, view, reached, block)) {
                let contents = contents & self.live_in(state, reached, other);
                let remap = Remap {
                    from,
                    to: number(other),
                    contents,
                    signed: true,
                };
                go(
                    At::Remapping { view, remap },
                    "gives up what it finds elsewhere of block",
                    On::Number(block),
                );
            }
        }
    }

    /// The live contents of a block.
    fn live_in(&self, state: &State, reached: Names, block: usize) -> u8 {
        store::contents(reached & store::names(number(block), state.store.contents_of(block)))
    }

    /// Other blocks that hold something live that this one holds too, and that no remap connects with it in this
    /// direction yet. Only a worker that can read the target may say so, therefore junk is none of them.
    fn duplicates_of(&self, state: &State, view: View, reached: Names, block: usize) -> u8 {
        if !self.gives_up {
            return 0;
        }
        let here = self.live_in(state, reached, block);
        let packs = view.listed.packs & state.store.present.packs;
        bits(state.store.blocks_in(packs) & !(1 << block))
            .filter(|&other| {
                state.store.is_honest(other) && self.live_in(state, reached, other) & here != 0
            })
            .filter(|&other| {
                let from = store::names(number(block), here);
                let to = store::names(number(other), here);
                state
                    .store
                    .reach(from, view.listed.remaps, Remap::default())
                    & to
                    == 0
            })
            .fold(0, |set, other| set | 1 << other)
    }

    /// Stores what was read, and then the remap.
    pub(crate) fn upload(&self, state: &State, sweeper: usize, out: &mut Steps<State>) {
        let mut next = *state;
        let mut on = On::Nothing;
        let own = &mut next.sweepers[sweeper];
        let what = match own.at {
            At::Moving { mut view, blocks } => {
                let Some(pack) = next.store.add_pack(blocks) else {
                    return;
                };
                view.listed.packs |= 1 << pack;
                own.at = At::Ready { view };
                on = On::Number(usize::from(pack));
                "uploads moved blocks as pack"
            }
            At::Rewriting {
                mut view,
                from,
                contents,
            } => {
                let Some((pack, block)) = next.store.add_pack_of(contents) else {
                    return;
                };
                let remap = Remap {
                    from,
                    to: block,
                    contents,
                    signed: true,
                };
                view.listed.packs |= 1 << pack;
                own.at = At::Remapping { view, remap };
                if !self.hold(Rule::RemapBeforePlan) {
                    own.owed = remap;
                    own.at = At::Ready { view };
                }
                on = On::Number(usize::from(pack));
                "uploads rewritten chunks as pack"
            }
            At::Remapping { mut view, remap } => {
                let Some(made) = next.store.add_remap(remap) else {
                    return;
                };
                view.listed.remaps |= 1 << made;
                own.at = At::Ready { view };
                "creates the remap"
            }
            _ => return,
        };
        out.push((
            Step {
                worker: Worker("sweeper", sweeper),
                what,
                on,
            },
            next,
        ));
    }

    /// A hostile agent of the domain: a block that does not hold what it says, and a remap to it.
    pub(crate) fn attack(&self, state: &State, out: &mut Steps<State>) {
        let mut next = *state;
        let what = match state.attack {
            super::Attack::Start => {
                let Some(block) = next.store.add_junk_of(1) else {
                    return;
                };
                next.attack = super::Attack::Uploaded { block };
                "uploads junk under the name of a chunk"
            }
            super::Attack::Uploaded { block } => {
                next.store.add_remap(Remap {
                    from: 0,
                    to: block,
                    contents: 1,
                    signed: false,
                });
                next.attack = super::Attack::Over;
                "creates a remap to it"
            }
            super::Attack::Over => return,
        };
        out.push((
            Step {
                worker: Worker("hostile agent", 0),
                what,
                on: On::Nothing,
            },
            next,
        ));
    }

    /// The names that a reader finds.
    pub(crate) fn readable(&self, state: &State) -> Names {
        let transitive = self.hold(Rule::RemapTransitive);
        state.store.readable(if transitive {
            Reach::Exact
        } else {
            Reach::OneHop
        })
    }
}

fn number(block: usize) -> u8 {
    u8::try_from(block).expect("few blocks")
}
