//! Bringing a recovery point, or a part of it, back.
//!
//! One thread walks the tree and makes directories and special files ([`walk`]); several write the content of files
//! ([`file`]). A directory gets its owner, mode and times when the last of its entries stands ([`scope`]). Everything below
//! the target is reached by descriptor: nothing that is planted there while the restore runs leads it elsewhere.

mod content;
mod file;
mod links;
mod run;
mod scope;
mod special;
mod start;
mod walk;

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};

use strongroom_vault::format::SessionId;

use crate::engine::Strongroom;
use crate::monitor::{Monitor, Phase};
use crate::options::RestoreOptions;
use crate::report::RestoreReport;
use crate::{Error, Result};
use file::FileJob;
use run::Run;
use walk::Walk;

/// Files that may wait for a worker; each keeps its directory open.
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
        monitor.phase(Phase::Preparing);
        let open = self.open_point(point)?;
        let starts = start::resolve(&open, options)?;
        let run = Run::new(self, options, monitor, &open);
        if options.paths.is_empty() {
            monitor.found(open.files_count, open.logical_bytes);
        }
        monitor.phase(Phase::Writing);
        let (sender, receiver) = sync_channel::<FileJob<'_>>(JOBS_WAITING);
        let receiver = Mutex::new(receiver);
        let bases = std::thread::scope(|scope| {
            let workers = if options.dry_run {
                0
            } else {
                self.workers_count(options.workers_count)
            };
            for _ in 0..workers {
                scope.spawn(|| work(&run, &receiver));
            }
            let mut walk = Walk::new(&run, sender);
            let outcome = starts.into_iter().try_for_each(|start| walk.restore(start));
            if let Err(error) = outcome {
                run.fail(error);
            }
            walk.into_bases()
        });
        if !options.dry_run && !run.is_stopped() {
            monitor.phase(Phase::Finishing);
            for (dir, path) in bases {
                let action = "make durable what was written to";
                dir.sync_filesystem().map_err(|source| Error::File {
                    action,
                    path,
                    source,
                })?;
            }
        }
        run.finish()
    }
}

fn work<'r>(run: &'r Run<'r>, jobs: &Mutex<Receiver<FileJob<'r>>>) {
    loop {
        // The lock is held while waiting: the others wait for the lock instead.
        let next = crate::backup::lock(jobs).recv();
        let Ok(job) = next else { return };
        let link = job.link;
        let path = job.path();
        let outcome = if run.is_stopped() {
            Ok(None)
        } else {
            file::restore(run, &job)
        };
        let place = match outcome {
            Ok(place) => place,
            Err(error) => {
                if let Err(fatal) = run.settle(&path, error) {
                    run.fail(fatal);
                }
                None
            }
        };
        if let Some(link) = link {
            run.links
                .done(link, place.and_then(|name| job.scope.place_of(&name)));
        }
    }
}
