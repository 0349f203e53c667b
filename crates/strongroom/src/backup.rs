//! Making one recovery point.
//!
//! One thread walks ([`walk`]), several read and seal ([`capture`]), packs go to the store in the background
//! ([`packer`]). Memory is bounded by the packs in hand, by [`walk`]'s limit of files in flight and by the
//! directories on the way down, not by the number of files.

mod capture;
mod changes;
mod checkpoint;
mod exclude;
mod frame;
#[cfg(test)]
mod hostile;
mod jobs;
mod known;
mod lane;
mod list;
mod owners;
mod packer;
mod roots;
mod stand_in;
mod tally;
mod walk;

pub(crate) use changes::UseChanges;
pub(crate) use exclude::Excludes;
pub(crate) use known::{Known, lock};
pub(crate) use list::ListWriter;
pub(crate) use packer::{BlockWriter, Packer};
pub(crate) use roots::is_below;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use chrono::{DateTime, Utc};
use strongroom_crypto::BlockType;
use strongroom_vault::chain;
use strongroom_vault::format::{
    ChunkAddress, ListPieceRef, MachineId, Names, PathText, PointStats, PreviousPoint,
    SkippedEntry, SourceId, Structure,
};
use strongroom_vault::points::{self, PointRef};
use strongroom_vault::{Committed, LeftBehind, PackDirectory, Session};

use checkpoint::Checkpoints;
use jobs::JobQueue;
use roots::Roots;
use tally::Tally;
use walk::{Parents, Walk};

use crate::engine::Strongroom;
use crate::monitor::{Monitor, Phase};
use crate::options::BackupOptions;
use crate::protected::Protected;
use crate::report::{BackupReport, PointState};
use crate::tree::TreeReader;
use crate::{Error, Result};

/// A machine that keeps no id of its own: it cannot tell its dead sessions from living ones of others.
const NO_MACHINE: MachineId = MachineId::from_bytes([0; 16]);

/// The point that a new one is built on.
struct Base {
    blake3: [u8; 32],
    structure: Structure,
    names: Names,
}

impl Strongroom {
    /// Makes one recovery point of the source.
    ///
    /// Unchanged files are told from the previous point alone. What cannot be read is left out, with a reason in
    /// the report, and the point is partial. An interrupted run leaves its packs and checkpoints for the next.
    ///
    /// # Errors
    /// When no root can be reached, the vault cannot be used, or [`BackupOptions::cancel`] was used; then no
    /// point is made.
    pub fn backup(&self, options: &BackupOptions, monitor: &dyn Monitor) -> Result<BackupReport> {
        self.stopped_by(&options.cancel).back_up(options, monitor)
    }

    fn back_up(&self, options: &BackupOptions, monitor: &dyn Monitor) -> Result<BackupReport> {
        let excludes = Excludes::new(&options.excludes)?;
        let protected = self.protected(&options.protected)?;
        let roots = Roots::resolve(&options.roots, &protected)?;
        monitor.phase(Phase::Preparing);
        let source = SourceId::from_bytes(self.vault().domain()?.source_id(&options.source));
        let machine = MachineId::from_bytes(options.machine);
        let started_at = self.now();
        let (session, checkpoint) = if options.dry_run {
            (None, None)
        } else {
            let left = if machine == NO_MACHINE {
                None
            } else {
                let fencing =
                    Session::fence_predecessors(self.vault(), source, machine, started_at);
                self.wait(fencing)?
            };
            let session = self.wait(Session::begin(self.vault(), source, machine, started_at))?;
            (Some(Arc::new(session)), left)
        };
        let place = Place {
            options,
            roots: &roots,
            excludes: &excludes,
            protected: &protected,
            monitor,
            session: session.as_ref(),
            started_at,
        };
        let outcome = self.make_point(&place, source, machine, checkpoint);
        if let (Err(error), Some(session)) = (&outcome, &session)
            && error.is_full()
        {
            self.give_up(session, error);
        }
        outcome
    }

    /// Ends a session for which the vault has no room: a sweep that is to make some must not wait for it. When not even
    /// that can be written, the sweep waits as for any session that has died.
    fn give_up(&self, session: &Session, error: &Error) {
        let abandon = || Ok(self.wait(session.give_up(&error.to_string()))?);
        if let Err(error) = self.with_ballast(abandon) {
            tracing::warn!(session = %session.id(), %error, "the session stays open");
        }
    }

    fn make_point(
        &self,
        place: &Place<'_, '_>,
        source: SourceId,
        machine: MachineId,
        checkpoint: Option<LeftBehind>,
    ) -> Result<BackupReport> {
        let (started_at, monitor) = (place.started_at, place.monitor);
        let base = self.newest_point(source, started_at, monitor)?;
        monitor.phase(Phase::Reading);
        let parents = self.parents(base.as_ref(), checkpoint, started_at, monitor)?;
        let base_list = base.as_ref().map_or(&[][..], |base| &base.structure.list);
        let run = self.run(place, false)?;
        match run.gather(place, parents, base_list) {
            Err(error) if error.is_corruption() => {
                let reason =
                    format!("what earlier runs left is damaged, all is read again: {error}");
                monitor.warning(&crate::Skipped {
                    path: Vec::new(),
                    reason,
                });
            }
            outcome => {
                return self.finish(&run, place, source, machine, base, outcome?);
            }
        }
        // Without parents nothing of the vault is read but tables of contents, and no metadata of old is built upon.
        let run = self.run(place, true)?;
        let gathered = run.gather(place, Parents::default(), &[])?;
        self.finish(&run, place, source, machine, base, gathered)
    }

    /// A run that knows what the vault holds now; one that is `wary` refers to no metadata that it has not written.
    fn run<'a, 'm>(&'a self, place: &Place<'a, 'm>, wary: bool) -> Result<Run<'a, 'm>> {
        let unusable = place.session.map(|session| session.unusable().clone());
        let mut directory = self.wait(PackDirectory::list_without(
            self.vault(),
            &unusable.unwrap_or_default(),
        ))?;
        if wary {
            directory.forget_metadata();
        }
        let known = Arc::new(Known::new(self.clone(), directory));
        let session = place.session.cloned();
        Ok(Run {
            engine: self,
            options: place.options,
            roots: place.roots,
            excludes: place.excludes,
            protected: place.protected,
            monitor: place.monitor,
            packer: Packer::new(self.clone(), session, known, place.monitor),
        })
    }

    /// The newest readable point of a source. One that is damaged is passed over with a warning: the new point
    /// then stands on an older one, or reads everything.
    ///
    /// Ids are ordered by the clocks of their makers. Behind one from the future stand newer ones that were built on
    /// it: of those, the one furthest in the history counts. Copied points stand under names that are newer than they
    /// are, so only a point under its own name is known to be newer than all behind it.
    fn newest_point(
        &self,
        source: SourceId,
        now: DateTime<Utc>,
        monitor: &dyn Monitor,
    ) -> Result<Option<Base>> {
        let mut points = self.wait(points::of_source(self.vault(), source))?;
        points.sort_by_key(|point| std::cmp::Reverse(point.sid));
        let (mut past, mut future): (Option<Base>, Option<Base>) = (None, None);
        for point in points {
            let Some(base) = self.standing(&point, monitor)? else {
                continue;
            };
            let is_original = base.structure.sid == point.sid;
            if base.structure.started_at > now {
                let seq = |base: &Base| base.structure.seq;
                if future.as_ref().is_none_or(|best| seq(best) < seq(&base)) {
                    future = Some(base);
                }
                continue;
            }
            let sid = |base: &Base| base.structure.sid;
            if past.as_ref().is_none_or(|best| sid(best) < sid(&base)) {
                past = Some(base);
            }
            if is_original {
                break;
            }
        }
        let candidates = future.into_iter().chain(past);
        // Of two equally far in the history, the one from the future stays.
        Ok(candidates.reduce(|best, other| {
            if best.structure.seq < other.structure.seq {
                other
            } else {
                best
            }
        }))
    }

    /// What stands under a name, unless it is a fence, gone, or damaged, which is warned of.
    fn standing(&self, point: &PointRef, monitor: &dyn Monitor) -> Result<Option<Base>> {
        let is_gone = |sid| {
            let named = PointRef { sid, ..*point };
            let chain = self.wait(chain::of_point(self.vault(), &named));
            chain.map(|chain| chain.is_gone())
        };
        if is_gone(point.sid)? {
            return Ok(None);
        }
        match self.wait(points::read(self.vault(), point)) {
            Ok(Some(read)) if read.copied.is_some() && is_gone(read.structure.sid)? => Ok(None),
            Ok(Some(read)) => Ok(Some(Base {
                blake3: read.blake3,
                structure: read.structure,
                names: read.names,
            })),
            Ok(None) => Ok(None),
            Err(error) if error.is_corruption() => {
                let reason = format!(
                    "recovery point {} is damaged and not built upon: {error}",
                    point.sid
                );
                monitor.warning(&crate::Skipped {
                    path: Vec::new(),
                    reason,
                });
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What a walk compares with. A root that is damaged is none, with a warning; any other failure ends the run.
    fn parents(
        &self,
        base: Option<&Base>,
        checkpoint: Option<LeftBehind>,
        now: DateTime<Utc>,
        monitor: &dyn Monitor,
    ) -> Result<Parents> {
        let tree = TreeReader::new(self.clone());
        let root = |at| match tree.root(at) {
            Ok(root) => Ok(Some(root)),
            Err(error) if error.is_corruption() => {
                let reason = format!("an earlier tree is damaged and not built upon: {error}");
                monitor.warning(&crate::Skipped {
                    path: Vec::new(),
                    reason,
                });
                Ok(None)
            }
            Err(error) => Err(error),
        };
        // What was read by a clock that was ahead proves nothing about changes since.
        let started = |at: DateTime<Utc>| if at > now { i64::MIN } else { at.timestamp() };
        let mut parents = Parents::default();
        if let Some(base) = base {
            let at = base.names.tree;
            parents.base = root(at)?.map(|record| (record, at));
            parents.base_started_secs = started(base.structure.started_at);
        }
        if let Some(left) = checkpoint
            && let Some(at) = left.tree
        {
            let record = root(at)?;
            parents.checkpoint = record.map(|record| (record, started(left.started_at)));
        }
        Ok(parents)
    }

    fn finish(
        &self,
        run: &Run<'_, '_>,
        place: &Place<'_, '_>,
        source: SourceId,
        machine: MachineId,
        base: Option<Base>,
        gathered: Gathered<'_>,
    ) -> Result<BackupReport> {
        let Gathered { root, list, tally } = gathered;
        let taken_at = self.now();
        let state = if tally.skipped_count == 0 {
            PointState::Complete
        } else {
            PointState::Partial
        };
        let mut recovery_point = None;
        if let Some(session) = place.session {
            run.monitor.phase(Phase::Finishing);
            let stats = stats_of(&tally, run.packer.stored_bytes());
            let prev = base.as_ref().map(|base| PreviousPoint {
                sid: base.structure.sid,
                blake3: base.blake3.into(),
            });
            let structure = Structure {
                source,
                sid: session.id(),
                // A forged point may have the highest number there is.
                seq: base
                    .as_ref()
                    .map_or(1, |base| base.structure.seq.saturating_add(1)),
                prev,
                pin: session.epoch(),
                machine,
                started_at: place.started_at,
                taken_at,
                state: state.as_str().to_owned(),
                list,
                stats,
                hold_until: run.options.hold_until,
                retain_until: run.options.retain_until,
                slots: run.options.slots.clone(),
                writer: concat!("strongroom ", env!("CARGO_PKG_VERSION")).to_owned(),
                ..Structure::for_vault(self.vault().id(), self.vault().domain_id())
            };
            let names = run.names(root, &tally);
            match self.wait(session.commit(structure, names))? {
                Committed::Point { bytes } => run.packer.add_stored(bytes),
                Committed::Fenced => return Err(Error::Fenced(session.id())),
            }
            recovery_point = Some(session.id());
        }
        Ok(BackupReport {
            recovery_point,
            source: run.options.source.clone(),
            state,
            taken_at,
            files_count: tally.files_count,
            dirs_count: tally.dirs_count,
            files_new_count: tally.files_new_count,
            files_changed_count: tally.files_changed_count,
            files_unchanged_count: tally.files_unchanged_count,
            logical_bytes: tally.logical_bytes,
            unique_bytes: tally.unique_bytes,
            stored_bytes: run.packer.stored_bytes(),
            skipped: tally.skipped,
            skipped_count: tally.skipped_count,
        })
    }
}

/// What does not change when a run has to begin again.
struct Place<'a, 'm> {
    options: &'a BackupOptions,
    roots: &'a Roots,
    excludes: &'a Excludes,
    protected: &'a Protected,
    monitor: &'m dyn Monitor,
    session: Option<&'a Arc<Session>>,
    started_at: DateTime<Utc>,
}

/// What the parts of one run share.
struct Run<'a, 'm> {
    engine: &'a Strongroom,
    options: &'a BackupOptions,
    roots: &'a Roots,
    excludes: &'a Excludes,
    protected: &'a Protected,
    monitor: &'m dyn Monitor,
    packer: Packer<'m>,
}

/// What reading the source has brought.
struct Gathered<'m> {
    root: ChunkAddress,
    list: Vec<ListPieceRef>,
    tally: Tally<'m>,
}

impl<'m> Run<'_, 'm> {
    /// Reads the source; on return everything but the manifest is durable.
    fn gather(
        &self,
        place: &Place<'_, 'm>,
        parents: Parents,
        base_list: &[ListPieceRef],
    ) -> Result<Gathered<'m>> {
        let queue = JobQueue::default();
        let (sender, done) = mpsc::channel();
        let tools = (self.engine.chunker()?, self.engine.hasher(BlockType::Data)?);
        std::thread::scope(|scope| {
            // However this ends, by an error or a panic, nobody waits for more.
            let _end = queue.abandon_at_end();
            for _ in 0..self.engine.workers_count(self.options.workers_count) {
                let (queue, sender, tools) = (&queue, sender.clone(), tools.clone());
                // A panic is told through the channel; the scope would raise it again.
                scope.spawn(move || {
                    let work = || capture::work(&self.packer, queue, tools, &sender);
                    let _told = catch_unwind(AssertUnwindSafe(work));
                });
            }
            drop(sender);
            let checkpoints = Checkpoints::new(place.session, self.options, place.started_at);
            let mut walk = Walk::new(self, &queue, &done, checkpoints)?;
            for missing in &self.roots.missing {
                walk.tally.skip(&missing.path, missing.reason.clone());
            }
            for lacking in &self.options.lacking {
                walk.tally.skip(&lacking.path, lacking.reason.clone());
            }
            // A base whose tree cannot be read gives no list either: counts are then made afresh.
            let base_list = if parents.base.is_some() {
                base_list
            } else {
                &[]
            };
            let outcome = walk.run(parents);
            if let Err(error) = &outcome {
                if matches!(error, Error::Cancelled)
                    && place.session.is_some()
                    && !walk.is_short_of_workers
                {
                    let kept = walk.checkpoint();
                    tracing::debug!(?kept, "checkpoint on cancellation");
                }
                queue.abandon();
            }
            let root = outcome?;
            queue.close();
            walk.join_workers()?;
            walk.frames.flush()?;
            let changes = std::mem::take(&mut walk.frames.changes);
            let list = ListWriter::new(self.engine, &self.packer)?
                .derive(base_list, changes.into_sorted())?;
            self.packer.flush()?;
            Ok(Gathered {
                root,
                list,
                tally: walk.tally,
            })
        })
    }

    fn names(&self, tree: ChunkAddress, tally: &Tally<'_>) -> Names {
        let skipped = tally
            .skipped
            .iter()
            .map(|skipped| SkippedEntry {
                path: PathText::from_bytes(&skipped.path),
                reason: skipped.reason.clone(),
            })
            .collect();
        Names {
            source: self.options.source.clone(),
            host: self.options.host.clone(),
            roots: self
                .roots
                .paths
                .iter()
                .map(|path| PathText::from_bytes(path))
                .collect(),
            tags: self.options.tags.clone(),
            users: tally.owners.users(),
            groups: tally.owners.groups(),
            skipped,
            ..Names::with_tree(tree)
        }
    }
}

fn stats_of(tally: &Tally<'_>, stored_bytes: u64) -> PointStats {
    PointStats {
        files_count: tally.files_count,
        dirs_count: tally.dirs_count,
        files_new_count: tally.files_new_count,
        files_changed_count: tally.files_changed_count,
        files_unchanged_count: tally.files_unchanged_count,
        logical_bytes: tally.logical_bytes,
        unique_bytes: tally.unique_bytes,
        stored_bytes,
        skipped_count: tally.skipped_count,
    }
}
