//! Mending what is damaged, as far as the vault itself can: nothing is made up, and nothing is deleted.
//!
//! A plan is made first, from what stands in the store alone; carrying it out adds objects and changes none. Whoever
//! stops in between leaves packs that no point needs, and the next plan is made from what stands then.
//!
//! | what is hurt | is mended from |
//! |---|---|
//! | an index segment | the tables of contents of the packs that no other segment names |
//! | a sealed block in a damaged pack, whole itself | itself: it moves into a new pack |
//! | a chunk of a block that is gone | an equal chunk elsewhere, mostly one that a later backup has stored anew |
//! | a piece of a reference list | the tree of its point |
//! | a manifest | the root piece that its session has written: as a new point that says so |

mod execute;
mod lost;
mod needs;
mod replacements;
mod salvage;
mod walk;

use std::sync::Arc;

use strongroom_vault::PackDirectory;
use strongroom_vault::format::{BlockName, ChunkAddress, ObjectKind, PackId, Remap, SessionId};
use strongroom_vault::points::PointRef;

use crate::engine::Strongroom;
use crate::monitor::{Cancel, Monitor, Phase};
use crate::{Error, Result};
use needs::Needs;
pub use salvage::Salvage;

/// What was mended may mend more: a chunk may be equal to one in a block that has to move first.
const ROUNDS_MAX: usize = 4;

/// How a repair goes about it.
///
/// # Defaults
/// Carried out at once; a machine without an id.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RepairOptions {
    /// Make the plan only.
    pub dry_run: bool,
    /// Random id of this machine: a repair of it that died before is ended.
    pub machine: [u8; 16],
    /// Points that somebody remembers to have seen: should their manifests be gone, they are looked for.
    pub remembered: Vec<PointRef>,
    /// Stops the run.
    pub cancel: Cancel,
}

/// A sealed block that moves out of a damaged pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockMove {
    /// Its name.
    pub block: BlockName,
    /// Where it can be read.
    pub pack: PackId,
    /// Data or metadata.
    pub kind: ObjectKind,
}

/// Pieces of a reference list that are written anew, each with the address that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRepair {
    /// Whose list.
    pub point: SessionId,
    /// Old address and raw bytes.
    pub pieces: Vec<(ChunkAddress, Vec<u8>)>,
}

/// What stays hurt of a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The point.
    pub point: SessionId,
    /// Absolute paths of the entries that cannot be restored, or not wholly; of a directory that cannot be read, with
    /// all below it.
    pub paths: Vec<Vec<u8>>,
}

/// What a repair does: a value, made before anything is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairPlan {
    /// Packs that an index segment is written for.
    pub index: Vec<(PackId, ObjectKind)>,
    /// Blocks that move.
    pub moves: Vec<BlockMove>,
    /// Chunks that are had elsewhere from then on: old address and new address.
    pub remaps: Vec<(ChunkAddress, ChunkAddress)>,
    /// Reference lists that are completed.
    pub lists: Vec<ListRepair>,
    /// Points whose manifest is lost, and what is left of them.
    pub salvage: Vec<Salvage>,
    /// What stays hurt.
    pub lost: Vec<Lost>,
}

impl RepairPlan {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
            && self.moves.is_empty()
            && self.remaps.is_empty()
            && self.lists.is_empty()
            && self.salvage.is_empty()
    }

    /// Adds what another plan does.
    fn take_in(&mut self, more: Self) {
        let known = std::mem::take(&mut self.index);
        let news = more.index.into_iter().filter(|pack| !known.contains(pack));
        let news: Vec<_> = news.collect();
        self.index = known;
        self.index.extend(news);
        self.moves.extend(more.moves);
        self.remaps.extend(more.remaps);
        self.lists.extend(more.lists);
        self.salvage.extend(more.salvage);
    }
}

/// Outcome of a repair.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RepairReport {
    /// What was done, or would be.
    pub plan: RepairPlan,
    /// The points that were made of what was salvaged, each with the one that it stands for.
    pub salvaged: Vec<(SessionId, SessionId)>,
}

impl Strongroom {
    /// Mends what can be mended from what stands in the vault. Which blocks are damaged it knows from notices that
    /// [`verify`](Strongroom::verify) has given, and from what is missing.
    ///
    /// # Errors
    /// [`NotPermitted`](strongroom_vault::Error::NotPermitted) without the keys of the domain and, unless `dry_run`, one
    /// that signs; when the store fails, or the call is cancelled.
    pub fn repair(&self, options: &RepairOptions, monitor: &dyn Monitor) -> Result<RepairReport> {
        self.stopped_by(&options.cancel).mend(options, monitor)
    }

    fn mend(&self, options: &RepairOptions, monitor: &dyn Monitor) -> Result<RepairReport> {
        self.vault().domain()?;
        if !options.dry_run {
            self.vault().signer()?;
        }
        let mut report = RepairReport::default();
        for _ in 0..ROUNDS_MAX {
            monitor.phase(Phase::Preparing);
            let plan = self.plan_repair(options);
            // What was assumed for the plan is true only once it is carried out.
            self.reader().forget_places();
            let plan = plan?;
            report.plan.lost.clone_from(&plan.lost);
            if options.dry_run || plan.is_empty() {
                report.plan.take_in(plan);
                break;
            }
            monitor.phase(Phase::Finishing);
            let salvaged = execute::carry_out(self, &plan, options, monitor)?;
            report.salvaged.extend(salvaged);
            report.plan.take_in(plan);
        }
        Ok(report)
    }

    fn plan_repair(&self, options: &RepairOptions) -> Result<RepairPlan> {
        let mut directory = self.wait(PackDirectory::list(self.vault()))?;
        let _told_by_verify = self.wait_or_stop(directory.load_index_lenient(self.vault()))??;
        let index = directory
            .unindexed()
            .map(|pack| (pack.pack_id, pack.kind))
            .collect();
        let needs = Needs::gather(self, &directory, options)?;
        let found = replacements::find(self, &directory, &needs.chunks, options)?;
        directory.add_remap(&Remap::of_chunks(found.remaps.clone()));
        self.reader().assume_places(Arc::new(directory));
        let lists = needs.rebuild_lists(self, options)?;
        let salvage = salvage::plan(self, &needs, options)?;
        let lost = lost::tell(self, &needs, &found.lost, &salvage, options)?;
        Ok(RepairPlan {
            index,
            moves: found.moves,
            remaps: found.remaps,
            lists,
            salvage,
            lost,
        })
    }
}

/// The value, or none where it is damaged.
fn unless_damaged<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_corruption() => {
            tracing::debug!(%error, "damaged");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl From<&RepairOptions> for strongroom_vault::format::MachineId {
    fn from(options: &RepairOptions) -> Self {
        Self::from_bytes(options.machine)
    }
}

/// A tree that cannot be counted to its end gives no list.
fn incomplete() -> Error {
    Error::TreeDamaged("a part of it cannot be read")
}
