//! Bringing a recovery point, or a part of it, back.
//!
//! One thread walks the tree and makes directories and special files ([`walk`]); several write the content of files
//! ([`file`]). A directory gets its owner, mode and times when the last of its entries stands ([`scope`]). Everything below
//! the target is reached by descriptor: nothing that is planted there while the restore runs leads it elsewhere.

mod directory;
mod durable;
mod extra;
mod file;
mod links;
mod run;
mod scope;
mod spared;
mod special;
mod start;
mod walk;
mod workers;

use std::sync::mpsc::sync_channel;

use strongroom_vault::format::SessionId;

use crate::Result;
use crate::engine::Strongroom;
use crate::monitor::{Monitor, Phase};
use crate::options::RestoreOptions;
use crate::report::RestoreReport;
use file::FileJob;
use run::Run;
use walk::Walk;
use workers::Workers;

/// Files that may wait for a worker.
const JOBS_WAITING: usize = 64;

impl Strongroom {
    /// Restores a recovery point, or the paths of it that the options name.
    ///
    /// What cannot be restored is left out, with a reason in the report. An entry that exists with the right content is left
    /// as it is, so that an interrupted restore that is started again goes on where it stopped. Bytes are durable on return.
    ///
    /// # Errors
    /// When the point or the target cannot be used at all, the target's disk is full, or
    /// [`RestoreOptions::cancel`] was used. Damage of single files is no error: it stands in the report.
    pub fn restore(
        &self,
        point: &SessionId,
        options: &RestoreOptions,
        monitor: &dyn Monitor,
    ) -> Result<RestoreReport> {
        self.stopped_by(&options.cancel)
            .bring_back(point, options, monitor)
    }

    fn bring_back(
        &self,
        point: &SessionId,
        options: &RestoreOptions,
        monitor: &dyn Monitor,
    ) -> Result<RestoreReport> {
        monitor.phase(Phase::Preparing);
        let open = self.open_point(point)?;
        let starts = start::resolve(&open, options)?;
        let run = Run::new(self, options, monitor, &open)?;
        if options.paths.is_empty() {
            monitor.found(open.files_count, open.logical_bytes);
        }
        monitor.phase(Phase::Writing);
        let workers_count = if options.dry_run {
            0
        } else {
            self.workers_count(options.workers_count)
        };
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel::<FileJob<'_>>(JOBS_WAITING);
            let workers = Workers::start(scope, &run, receiver, workers_count);
            let outcome = Walk::open(&run, sender)
                .and_then(|mut walk| starts.into_iter().try_for_each(|start| walk.restore(start)));
            if let Err(error) = outcome {
                run.fail(error);
            }
            workers.join(&run);
        });
        if !options.dry_run && !run.is_stopped() {
            monitor.phase(Phase::Finishing);
            run.durable.finish(&walk::target_path(&options.target))?;
        }
        run.finish()
    }
}
