//! Carrying out a plan: batches of points, each point by a session of its own.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::batch::Batch;
use super::fetch::{self, Checker, Reading, Wanted};
use super::plan::{CopyPlan, MissingPoint, sources_of};
use super::{CopyOptions, CopyReport, CopyWatch, keys};
use crate::format::{LinkOp, MachineId, ObjectName, SessionId};
use crate::points::{self, PointRef};
use crate::{BlockReader, Error, Result, Session, Vault, chain};

/// Points of one batch: their sessions read the marks of sweeps and the listing of packs together.
const BATCH_POINTS: usize = 32;
/// Bytes after which a batch takes no further point.
const BATCH_BYTES: u64 = 1 << 30;
/// Carries out a plan: what the target lacks is brought there, oldest points first. A point is made only when all that
/// it needs is durable; what is damaged keeps the points that need it away, and no others.
///
/// # Errors
/// When a store fails or the key does not permit it. Points that were made before stay.
pub async fn copy(
    source: &Vault,
    target: &Vault,
    reader: &BlockReader,
    plan: &CopyPlan,
    options: &CopyOptions,
    watch: &dyn CopyWatch,
) -> Result<CopyReport> {
    if !plan.deletions.is_empty() {
        target.signer()?;
    }
    let mut run = Run {
        source,
        target,
        reader,
        options,
        watch,
        checker: Arc::new(Checker::new(source)),
        report: CopyReport {
            present_count: plan.present_count,
            damaged: plan.damaged.clone(),
            ..CopyReport::default()
        },
    };
    run.bring_keys(plan).await?;
    run.fence_predecessors(plan).await?;
    let mut rest = plan.missing.as_slice();
    while !rest.is_empty() && !run.is_stopped() {
        let (batch, after) = rest.split_at(batch_len(rest));
        Batch::begin(&mut run, batch).await?.finish().await?;
        rest = after;
    }
    if !run.is_stopped() {
        run.link(plan).await?;
        run.remove_keys(plan).await?;
    }
    Ok(run.report)
}

/// How many of these points make the next batch; at least one.
fn batch_len(points: &[MissingPoint]) -> usize {
    let mut bytes = 0_u64;
    let fits = points.iter().take(BATCH_POINTS).take_while(|point| {
        let is_first = bytes == 0;
        bytes = bytes.saturating_add(point.blocks_bytes.max(1));
        is_first || bytes <= BATCH_BYTES
    });
    fits.count().max(1)
}

/// What the copies of a machine register as: another than its backups, which fence the dead ones of their own.
fn copier(machine: MachineId) -> MachineId {
    let hash = blake3::Hasher::new()
        .update(b"strongroom copy")
        .update(machine.as_bytes())
        .finalize();
    let first = hash.as_bytes().first_chunk().copied();
    MachineId::from_bytes(first.unwrap_or_default())
}

/// What all batches share.
pub(super) struct Run<'a> {
    pub(super) source: &'a Vault,
    pub(super) target: &'a Vault,
    pub(super) reader: &'a BlockReader,
    pub(super) options: &'a CopyOptions,
    pub(super) watch: &'a dyn CopyWatch,
    pub(super) checker: Arc<Checker>,
    pub(super) report: CopyReport,
}

impl Run<'_> {
    pub(super) fn is_stopped(&mut self) -> bool {
        self.report.is_stopped |= self.watch.is_stopped();
        self.report.is_stopped
    }

    /// Begins to read a pack of the source.
    pub(super) fn begin(&self, wanted: Wanted) -> Reading {
        fetch::begin(self.source, &self.checker, wanted)
    }

    pub(super) fn machine(&self) -> MachineId {
        copier(self.options.machine)
    }

    async fn bring_keys(&mut self, plan: &CopyPlan) -> Result<()> {
        for slot in &plan.keys.add {
            if keys::bring(self.source, self.target.store(), *slot).await? {
                self.report.slots_added_count += 1;
            }
        }
        self.report.slots_stale_count = plan.keys.stale.len() as u64;
        Ok(())
    }

    async fn remove_keys(&mut self, plan: &CopyPlan) -> Result<()> {
        for slot in &plan.keys.remove {
            let name = ObjectName::Slot(*slot).to_string();
            self.target.store().delete(&name).await?;
            self.report.slots_removed_count += 1;
        }
        Ok(())
    }

    /// Declares this machine's copies dead that never ended, so that no sweep waits for them.
    async fn fence_predecessors(&self, plan: &CopyPlan) -> Result<()> {
        if *self.options.machine.as_bytes() == [0; 16] {
            return Ok(());
        }
        for source in sources_of(&plan.missing) {
            let now = self.watch.now();
            Session::fence_predecessors(self.target, source, self.machine(), now).await?;
        }
        Ok(())
    }

    /// Holds and deletions, as links of the target's own chains.
    async fn link(&mut self, plan: &CopyPlan) -> Result<()> {
        let may_sign = self.target.signer().is_ok();
        let here = points_of(self.target, plan).await?;
        for hold in &plan.holds {
            if !here.contains(&hold.point.sid) {
                continue;
            }
            if !may_sign {
                self.report.holds_left_count += 1;
                continue;
            }
            self.append(&hold.point, LinkOp::Hold, hold.until, "held at the source")
                .await?;
            self.report.holds_copied_count += 1;
        }
        for point in &plan.deletions {
            let reason = "deleted at the source";
            if self.append(point, LinkOp::Delete, None, reason).await? {
                self.report.deleted.push(point.sid);
            }
        }
        Ok(())
    }

    /// False when the chain does not permit it any more.
    async fn append(
        &self,
        point: &PointRef,
        op: LinkOp,
        until: Option<DateTime<Utc>>,
        reason: &str,
    ) -> Result<bool> {
        let now = self.watch.now();
        match chain::append(self.target, point, op, until, reason, now).await {
            Ok(_) => Ok(true),
            Err(Error::NotInThisState { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Ids of the points that the target has now, if anything is to be held.
async fn points_of(target: &Vault, plan: &CopyPlan) -> Result<HashSet<SessionId>> {
    if plan.holds.is_empty() {
        return Ok(HashSet::new());
    }
    let identified = points::identify_all(target, points::all(target).await?).await;
    let ids = identified
        .into_iter()
        .filter_map(|(_, found)| found.ok().flatten());
    Ok(ids.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::SourceId;

    fn point(blocks_bytes: u64) -> MissingPoint {
        let sid = SessionId::new(0, [0; 10]);
        let source = SourceId::from_bytes([0; 8]);
        MissingPoint {
            id: sid,
            name: PointRef { sid, source },
            taken_at: DateTime::UNIX_EPOCH,
            written_at: DateTime::UNIX_EPOCH,
            blocks_count: 0,
            blocks_bytes,
        }
    }

    #[test]
    fn batches_are_bounded_by_points_and_bytes() {
        let small = vec![point(0); 100];
        assert_eq!(batch_len(&small), BATCH_POINTS);
        assert_eq!(batch_len(&small[..3]), 3);
        let large = vec![point(BATCH_BYTES + 1); 3];
        assert_eq!(batch_len(&large), 1, "one always fits");
        let half = vec![point(BATCH_BYTES / 2); 5];
        assert_eq!(batch_len(&half), 2);
    }

    #[test]
    fn a_copier_is_another_machine_than_the_one_that_backs_up() {
        let machine = MachineId::from_bytes([7; 16]);
        assert_ne!(copier(machine), machine);
        assert_eq!(copier(machine), copier(machine));
    }
}
