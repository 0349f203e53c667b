//! Where the chunks of rewritten blocks are now.

use std::collections::HashSet;

use crate::error::in_object;
use crate::format::{
    BlockName, ChunkAddress, FormatError, ObjectKind, ObjectName, Remap, RemapId, RemapRun,
    open_signed,
};
use crate::{Error, Result, Vault};

/// More steps from an old address to a new one are damage (format.md §12).
const STEPS_MAX: usize = 64;

/// All remaps of a domain.
#[derive(Clone, Debug, Default)]
pub struct Remaps {
    ids: Vec<RemapId>,
    /// Ascending.
    hops: Vec<Hop>,
    /// Positions in `hops`, ascending by the block that they lead to.
    by_target: Vec<u32>,
}

/// A run of one of the remaps.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hop {
    run: RemapRun,
    /// Position in `ids`.
    remap: u32,
}

/// An address that remaps lead to.
#[derive(Copy, Clone, Debug)]
struct Step {
    at: ChunkAddress,
    /// The step that it was reached from, and by which remap; `None` for the beginning.
    from: Option<(usize, u32)>,
}

/// Where a chunk is, by remaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) at: ChunkAddress,
    /// The remaps on the way there.
    pub(crate) by: Vec<RemapId>,
}

impl Remaps {
    /// Reads all remaps. One that vanishes meanwhile is not needed any more; one that is damaged is passed over with
    /// a warning: its chunks are then missed by whoever looks for them, and told as missing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load(vault: &Vault) -> Result<Self> {
        Self::load_without(vault, &HashSet::new()).await
    }

    /// As [`Remaps::load`], as if these were not there: those that a sweep condemns or has deleted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load_without(vault: &Vault, unusable: &HashSet<RemapId>) -> Result<Self> {
        let mut remaps = Self::default();
        let listed = vault
            .store()
            .list(&format!("remap/{}", vault.domain_id()))
            .await?;
        for line in listed {
            let Some(name @ ObjectName::Remap { remap: id, .. }) = ObjectName::parse(&line.name)
            else {
                continue;
            };
            if unusable.contains(&id) {
                continue;
            }
            let read = vault
                .store()
                .read(&line.name, ObjectKind::Remap.max_bytes())
                .await;
            let opened = match read {
                Ok(object) => in_object(&name, open(vault, &name, &object)),
                Err(error) => Err(error),
            };
            match opened {
                Ok(remap) => remaps.take_in(id, &remap),
                Err(Error::Missing { .. }) => {}
                Err(error) if error.is_corruption() => {
                    tracing::warn!(remap = line.name, %error, "a remap cannot be used");
                }
                Err(error) => return Err(error),
            }
        }
        remaps.arrange();
        Ok(remaps)
    }

    /// Takes in one remap.
    pub fn add(&mut self, id: RemapId, remap: &Remap) {
        self.take_in(id, remap);
        self.arrange();
    }

    fn take_in(&mut self, id: RemapId, remap: &Remap) {
        let position = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        self.ids.push(id);
        let hop = |run: &RemapRun| Hop {
            run: *run,
            remap: position,
        };
        self.hops.extend(remap.runs.iter().map(hop));
    }

    fn arrange(&mut self) {
        self.hops.sort_unstable();
        let hops = &self.hops;
        self.by_target = (0..=u32::MAX).zip(hops).map(|(at, _)| at).collect();
        self.by_target
            .sort_unstable_by_key(|at| hops.get(*at as usize).map(|hop| hop.run.new));
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Their ids.
    pub(crate) fn ids(&self) -> &[RemapId] {
        &self.ids
    }

    /// The address of a chunk in a block that is there, reached by one or more remaps; `None` where none leads to one.
    #[must_use]
    pub fn resolve(
        &self,
        at: ChunkAddress,
        is_there: impl Fn(BlockName) -> bool,
    ) -> Option<ChunkAddress> {
        let steps = self.explore(at, |_| true);
        let mut others = steps.iter().skip(1);
        others
            .find(|step| is_there(step.at.block_name()))
            .map(|step| step.at)
    }

    /// Where a chunk should be read from now on, through remaps that count: as far as they lead to blocks that are
    /// there. `None` where it should stay.
    ///
    /// All addresses of one chunk give the same answer, also where remaps lead round in a circle: so of two copies that
    /// were given up for each other one stays.
    pub(crate) fn settle(
        &self,
        at: ChunkAddress,
        is_there: impl Fn(BlockName) -> bool,
        counts: impl Fn(&RemapId) -> bool,
    ) -> Option<Found> {
        let steps = self.explore(at, &counts);
        let there = |step: &Step| is_there(step.at.block_name());
        let leads_on = |step: &Step| {
            let beyond = self.explore(step.at, &counts);
            beyond.iter().skip(1).any(there)
        };
        let ends = steps.iter().enumerate().filter(|(_, step)| there(step));
        let end = ends.min_by_key(|(_, step)| (leads_on(step), step.at))?;
        (end.0 > 0).then(|| Found {
            at: end.1.at,
            by: self.way_to(&steps, end.0),
        })
    }

    /// All addresses that remaps lead to from here, with the remaps on the way to each.
    pub(crate) fn reach(&self, at: ChunkAddress) -> Vec<Found> {
        let steps = self.explore(at, |_| true);
        let others = steps.iter().enumerate().skip(1);
        let found = others.map(|(end, step)| Found {
            at: step.at,
            by: self.way_to(&steps, end),
        });
        found.collect()
    }

    /// All addresses from which remaps lead here.
    pub(crate) fn sources(&self, at: ChunkAddress) -> Vec<ChunkAddress> {
        let mut found = vec![at];
        let mut next = 0;
        while let Some(&at) = found.get(next)
            && next < STEPS_MAX
        {
            next += 1;
            for old in self.hops_to(at) {
                if !found.contains(&old) {
                    found.push(old);
                }
            }
        }
        found.split_off(1)
    }

    /// The blocks that are rewritten, each once.
    pub(crate) fn rewritten(&self) -> impl Iterator<Item = BlockName> {
        let mut last = None;
        self.hops.iter().filter_map(move |hop| {
            let name = hop.run.old.block_name();
            (last.replace(name) != Some(name)).then_some(name)
        })
    }

    /// What is reached from an address, nearest first, itself in front.
    fn explore(&self, at: ChunkAddress, counts: impl Fn(&RemapId) -> bool) -> Vec<Step> {
        let mut steps = vec![Step { at, from: None }];
        let mut next = 0;
        while let Some(step) = steps.get(next).copied()
            && next < STEPS_MAX
        {
            for hop in self.hops_from(step.at) {
                let is_counted = self.ids.get(hop.remap as usize).is_some_and(&counts);
                let Some(new) = hop.run.resolve(step.at).filter(|_| is_counted) else {
                    continue;
                };
                if steps.iter().all(|known| known.at != new) {
                    let from = Some((next, hop.remap));
                    steps.push(Step { at: new, from });
                }
            }
            next += 1;
        }
        steps
    }

    fn way_to(&self, steps: &[Step], end: usize) -> Vec<RemapId> {
        let mut way = Vec::new();
        let mut at = end;
        while let Some((from, remap)) = steps.get(at).and_then(|step| step.from) {
            way.extend(self.ids.get(remap as usize));
            at = from;
        }
        way
    }

    fn hops_from(&self, at: ChunkAddress) -> impl Iterator<Item = &Hop> {
        let name = at.block_name();
        let first = self
            .hops
            .partition_point(|hop| hop.run.old.block_name() < name);
        let rest = self.hops.get(first..).unwrap_or_default();
        rest.iter()
            .take_while(move |hop| hop.run.old.block_name() == name)
            .filter(move |hop| hop.run.resolve(at).is_some())
    }

    fn hops_to(&self, at: ChunkAddress) -> impl Iterator<Item = ChunkAddress> {
        let name = at.block_name();
        let run = |at: &u32| self.hops.get(*at as usize).map(|hop| hop.run);
        let target = move |at: &u32| run(at).map(|run| run.new.block_name());
        let first = self.by_target.partition_point(|at| target(at) < Some(name));
        let rest = self.by_target.get(first..).unwrap_or_default();
        rest.iter()
            .take_while(move |at| target(at) == Some(name))
            .filter_map(move |position| {
                let run = run(position)?;
                let offset = at.chunk.checked_sub(run.new.chunk)?;
                (offset < run.count).then_some(ChunkAddress {
                    chunk: run.old.chunk.checked_add(offset)?,
                    ..run.old
                })
            })
    }
}

/// Only what an owner or a maintenance host has signed moves anything.
fn open(vault: &Vault, name: &ObjectName, object: &[u8]) -> Result<Remap, FormatError> {
    let key = vault.keys().toc().ok_or(FormatError::WrongObject)?;
    let signers = vault.signers();
    let (_, plain) = open_signed(ObjectKind::Remap, name, object, key, vault.id(), &signers)?;
    Remap::decode(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::PackId;

    fn at(pack: u8, chunk: u16) -> ChunkAddress {
        ChunkAddress {
            pack: PackId::from_bytes([pack; 16]),
            block: 0,
            chunk,
        }
    }

    fn id(number: u8) -> RemapId {
        RemapId::from_bytes([number; 16])
    }

    fn remaps(all: &[(u8, &[(ChunkAddress, ChunkAddress)])]) -> Remaps {
        let mut remaps = Remaps::default();
        for (number, chunks) in all {
            remaps.add(id(*number), &Remap::of_chunks(chunks.to_vec()));
        }
        remaps
    }

    fn is_in(packs: &[u8]) -> impl Fn(BlockName) -> bool {
        |name| packs.iter().any(|pack| name.pack == at(*pack, 0).pack)
    }

    #[test]
    fn a_chunk_settles_as_far_as_remaps_lead_to_what_is_there() {
        let remaps = remaps(&[
            (1, &[(at(1, 0), at(2, 5)), (at(1, 1), at(2, 6))]),
            (2, &[(at(2, 6), at(3, 0))]),
        ]);
        let settle = |from, packs: &[u8]| remaps.settle(from, is_in(packs), |_| true);
        let found = settle(at(1, 1), &[1, 2, 3]).expect("found");
        assert_eq!((found.at, found.by), (at(3, 0), vec![id(2), id(1)]));
        assert_eq!(settle(at(1, 1), &[1, 2]).expect("found").at, at(2, 6));
        assert_eq!(settle(at(1, 1), &[1]), None, "nowhere else");
        assert_eq!(settle(at(1, 2), &[1, 2, 3]), None, "no remap names it");
        let without = remaps.settle(at(1, 1), is_in(&[1, 2, 3]), |by| *by != id(2));
        assert_eq!(without.expect("found").at, at(2, 6));
        assert_eq!(remaps.resolve(at(1, 1), is_in(&[3])), Some(at(3, 0)));
        assert_eq!(remaps.sources(at(3, 0)), [at(2, 6), at(1, 1)]);
        assert_eq!(remaps.reach(at(1, 1)).len(), 2);
        assert_eq!(remaps.rewritten().count(), 2);
    }

    #[test]
    fn a_shorter_way_is_taken_and_the_longer_one_is_not_needed() {
        let remaps = remaps(&[
            (1, &[(at(1, 0), at(2, 0))]),
            (2, &[(at(2, 0), at(3, 0)), (at(1, 0), at(3, 0))]),
        ]);
        let found = remaps.settle(at(1, 0), is_in(&[1, 2, 3]), |_| true);
        assert_eq!(found.expect("found").by, [id(2)]);
    }

    #[test]
    fn a_circle_has_one_end() {
        let remaps = remaps(&[(1, &[(at(1, 0), at(2, 0))]), (2, &[(at(2, 0), at(1, 0))])]);
        let settle = |from, packs: &[u8]| remaps.settle(from, is_in(packs), |_| true);
        assert_eq!(settle(at(1, 0), &[1, 2]), None);
        assert_eq!(settle(at(2, 0), &[1, 2]).expect("found").at, at(1, 0));
        assert_eq!(settle(at(1, 0), &[2]).expect("found").at, at(2, 0));
    }

    /// A remap of a hostile owner: a long way costs no more than the format allows.
    #[test]
    fn a_way_ends_after_so_many_steps() {
        let way: Vec<_> = (0..200).map(|n| (at(n, 0), at(n + 1, 0))).collect();
        let remaps = remaps(&[(1, &way)]);
        assert_eq!(remaps.resolve(at(0, 0), is_in(&[64])), Some(at(64, 0)));
        assert_eq!(remaps.resolve(at(0, 0), is_in(&[66])), None);
        assert!(remaps.sources(at(200, 0)).len() <= 65);
    }
}
