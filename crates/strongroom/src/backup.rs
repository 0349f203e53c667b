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
mod jobs;
mod known;
mod lane;
mod list;
mod owners;
mod packer;
mod roots;
mod tally;
mod walk;

pub(crate) use changes::UseChanges;
pub(crate) use known::lock;

use std::sync::{Arc, mpsc};

use chrono::{DateTime, Utc};
use strongroom_crypto::BlockType;
use strongroom_vault::format::{
    ChunkAddress, ListPieceRef, MachineId, Names, PathText, PointStats, PreviousPoint, SessionId,
    SkippedEntry, SourceId, Structure,
};
use strongroom_vault::{Committed, PackDirectory, Session};

use checkpoint::Checkpoints;
pub(crate) use exclude::Excludes;
use jobs::JobQueue;
use known::Known;
use list::ListWriter;
use packer::Packer;
use roots::Roots;
use tally::Tally;
use walk::{Parents, Walk};

use crate::engine::Strongroom;
use crate::monitor::{Monitor, Phase};
use crate::options::BackupOptions;
use crate::report::{BackupReport, PointState};
use crate::tree::TreeReader;
use crate::{Error, Result};

/// The point that a new one is built on.
struct Base {
    sid: SessionId,
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
        let excludes = Excludes::new(&options.excludes)?;
        let roots = Roots::resolve(&options.roots)?;
        monitor.phase(Phase::Preparing);
        let source = SourceId::from_bytes(self.vault().domain()?.source_id(&options.source));
        let machine = MachineId::from_bytes(options.machine);
        let started_at = self.now();
        let (session, checkpoint) = if options.dry_run {
            (None, None)
        } else {
            let left = self.wait(Session::fence_predecessors(
                self.vault(),
                source,
                machine,
                started_at,
            ))?;
            let session = self.wait(Session::begin(self.vault(), source, machine, started_at))?;
            (Some(Arc::new(session)), left)
        };
        let base = self.newest_point(source, monitor)?;
        let directory = self.wait(PackDirectory::list(self.vault()))?;
        let parents = self.parents(base.as_ref(), checkpoint);
        let known = Arc::new(Known::new(self.clone(), directory));
        let packer = Packer::new(self.clone(), session.clone(), known, monitor);
        monitor.phase(Phase::Reading);
        let run = Run {
            engine: self,
            options,
            roots: &roots,
            excludes: &excludes,
            monitor,
            packer: &packer,
        };
        let base_list = base.as_ref().map_or(&[][..], |base| &base.structure.list);
        let gathered = run.gather(session.as_ref(), parents, base_list, started_at)?;
        self.finish(&run, session, source, machine, base, started_at, gathered)
    }

    /// The newest readable point of a source. One that is damaged is passed over with a warning: the new point
    /// then stands on an older one, or reads everything.
    fn newest_point(&self, source: SourceId, monitor: &dyn Monitor) -> Result<Option<Base>> {
        let mut points = self.wait(strongroom_vault::points::of_source(self.vault(), source))?;
        points.sort_by_key(|point| std::cmp::Reverse(point.sid));
        for point in points {
            match self.wait(strongroom_vault::points::read(self.vault(), &point)) {
                Ok(Some(read)) => {
                    return Ok(Some(Base {
                        sid: point.sid,
                        blake3: read.blake3,
                        structure: read.structure,
                        names: read.names,
                    }));
                }
                Ok(None) => {}
                Err(error) if error.is_corruption() => {
                    let reason = format!(
                        "recovery point {} is damaged and not built upon: {error}",
                        point.sid
                    );
                    monitor.warning(&crate::Skipped {
                        path: Vec::new(),
                        reason,
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn parents(
        &self,
        base: Option<&Base>,
        checkpoint: Option<strongroom_vault::LeftBehind>,
    ) -> Parents {
        let tree = TreeReader::new(self.clone());
        let base_root =
            base.and_then(|base| Some((tree.root(base.names.tree).ok()?, base.names.tree)));
        let base_started_secs = base.map_or(0, |base| base.structure.started_at.timestamp());
        let checkpoint = checkpoint.and_then(|left| {
            let root = tree.root(left.tree?).ok()?;
            Some((root, left.started_at.timestamp()))
        });
        Parents {
            base: base_root,
            base_started_secs,
            checkpoint,
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "everything that a manifest says comes together here"
    )]
    fn finish(
        &self,
        run: &Run<'_, '_>,
        session: Option<Arc<Session>>,
        source: SourceId,
        machine: MachineId,
        base: Option<Base>,
        started_at: DateTime<Utc>,
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
        if let Some(session) = session {
            run.monitor.phase(Phase::Finishing);
            let stats = stats_of(&tally, run.packer.stored_bytes());
            let prev = base.as_ref().map(|base| PreviousPoint {
                sid: base.sid,
                blake3: base.blake3.into(),
            });
            let structure = Structure {
                source,
                sid: session.id(),
                seq: base.as_ref().map_or(1, |base| base.structure.seq + 1),
                prev,
                pin: session.epoch(),
                machine,
                started_at,
                taken_at,
                state: state.as_str().to_owned(),
                list,
                stats,
                hold_until: run.options.hold_until,
                retain_until: run.options.retain_until,
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

/// What the parts of one run share.
struct Run<'a, 'm> {
    engine: &'a Strongroom,
    options: &'a BackupOptions,
    roots: &'a Roots,
    excludes: &'a Excludes,
    monitor: &'m dyn Monitor,
    packer: &'a Packer<'m>,
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
        session: Option<&Arc<Session>>,
        parents: Parents,
        base_list: &[ListPieceRef],
        now: DateTime<Utc>,
    ) -> Result<Gathered<'m>> {
        let queue = JobQueue::default();
        let (sender, done) = mpsc::channel();
        let tools = (self.engine.chunker()?, self.engine.hasher(BlockType::Data)?);
        std::thread::scope(|scope| {
            for _ in 0..self.options.workers_count.max(1) {
                let (queue, sender, tools) = (&queue, sender.clone(), tools.clone());
                scope.spawn(move || capture::work(self.packer, queue, tools, &sender));
            }
            drop(sender);
            let checkpoints = Checkpoints::new(session, self.options, now);
            let mut walk = Walk::new(self, &queue, &done, checkpoints)?;
            for missing in &self.roots.missing {
                walk.tally.skip(&missing.path, missing.reason.clone());
            }
            // A base whose tree cannot be read gives no list either: counts are then made afresh.
            let base_list = if parents.base.is_some() {
                base_list
            } else {
                &[]
            };
            let outcome = walk.run(parents);
            if let Err(error) = &outcome {
                if matches!(error, Error::Cancelled) && session.is_some() {
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
            let list = ListWriter::new(self.engine, self.packer)?
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
