//! The journal of jobs of one machine: a catalog that is opened for moments, and a file for each job that runs.
//!
//! ```text
//! catalog.lock          locked by whoever has the catalog open: alone with it, and with what follows
//! catalog.redb          jobs, alerts, points
//! running/<job>.lock    locked as long as the process lives that runs the job
//! running/<job>.json    the job as it stands, at most a second old
//! running/<job>.stop    somebody wants it to stop
//! ```
//! So a job is seen and can be stopped from everywhere, with or without a daemon, and one whose process was killed is found
//! by whoever looks next.

mod collect;
mod entry;
mod monitor;
mod running;

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use strongroom_catalog::{
    AlertClass, Catalog, Error as CatalogError, Job, JobEvent, JobId, JobState, NewAlert, NewJob,
    Options, Recovery, Severity,
};

use crate::duty::Duty;
use crate::error::{Error, Result};

pub(crate) use entry::Entry;
pub use monitor::JobMonitor;
pub use running::{Ending, NewPoints, RunningJob};

/// How long a catalog that somebody else has open is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
/// It is open for moments, and small.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Where the jobs of a machine are written down.
#[derive(Debug, Clone)]
pub struct Journal {
    dir: PathBuf,
}

impl Journal {
    /// The journal in a directory, which is the program's own and stands.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where the catalog is.
    #[must_use]
    pub fn catalog_path(&self) -> PathBuf {
        self.dir.join("catalog.redb")
    }

    pub(crate) fn running_dir(&self) -> PathBuf {
        self.dir.join("running")
    }

    /// Opens the catalog for a moment, and ends the jobs whose processes are gone. Waits a few seconds while somebody else
    /// has it. A damaged one is moved aside, with an alert, and a new one takes over what can be saved.
    ///
    /// # Errors
    /// Those of the closure, and when the catalog cannot be had.
    pub fn with_catalog<T>(
        &self,
        now: DateTime<Utc>,
        act: impl FnOnce(&Catalog) -> Result<T>,
    ) -> Result<T> {
        // A catalog that is made anew in place of a damaged one is closed for a moment before it has taken over what can be
        // saved: whoever came first then would have an empty one, and the rest would be lost.
        let lock = self.lock()?;
        let catalog = self.open(now)?;
        self.collect(&catalog, now)?;
        let result = act(&catalog);
        drop(catalog);
        drop(lock);
        result
    }

    fn lock(&self) -> Result<File> {
        let path = self.dir.join("catalog.lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(Error::io("open", &path))?;
        let until = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(CatalogError::InUse.into()),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
            }
        }
    }

    fn open(&self, now: DateTime<Utc>) -> Result<Catalog> {
        let until = Instant::now() + PATIENCE;
        let path = self.catalog_path();
        loop {
            let options = Options {
                cache_bytes: CACHE_BYTES,
            };
            match Catalog::open_or_recover(&path, options) {
                Ok(opened) => {
                    if let Some(recovery) = &opened.recovery {
                        tell_recovery(&opened.catalog, recovery, now)?;
                    }
                    return Ok(opened.catalog);
                }
                Err(CatalogError::InUse) if Instant::now() < until => std::thread::sleep(PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes down a job that is to begin later.
    ///
    /// # Errors
    /// When the catalog cannot be had or written.
    pub fn schedule(&self, new: NewJob, now: DateTime<Utc>) -> Result<Job> {
        self.with_catalog(now, |catalog| {
            Ok(catalog.change(|change| change.create_job(new, now))?)
        })
    }

    /// The newest jobs, newest first; those that run, as they stand.
    ///
    /// # Errors
    /// When the catalog or a running job cannot be read.
    pub fn jobs(&self, most_count: usize, now: DateTime<Utc>) -> Result<Vec<Job>> {
        let mut jobs: Vec<Job> = self.with_catalog(now, |catalog| {
            let snapshot = catalog.snapshot()?;
            let jobs = snapshot.jobs().take(most_count);
            Ok(jobs.collect::<strongroom_catalog::Result<_>>()?)
        })?;
        let running = self.running()?;
        for job in &mut jobs {
            let newer = running.iter().find(|other| other.id == job.id);
            if let Some(newer) = newer.filter(|newer| newer.revision >= job.revision) {
                job.clone_from(newer);
            }
        }
        Ok(jobs)
    }

    /// The jobs that run now, as they stand, oldest first. Needs no catalog.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn running(&self) -> Result<Vec<Job>> {
        let mut running = Vec::new();
        for entry in Entry::all(&self.running_dir())? {
            if entry.is_alive()? {
                running.extend(entry.read());
            }
        }
        running.sort_by_key(|job| job.id);
        Ok(running)
    }

    /// What is being done by the jobs that run now.
    ///
    /// # Errors
    /// As [`Journal::running`].
    pub fn running_duties(&self) -> Result<std::collections::BTreeSet<Duty>> {
        let duty = |job: Job| Duty {
            kind: job.kind,
            source: job.source,
        };
        Ok(self.running()?.into_iter().map(duty).collect())
    }

    /// Asks a job to stop: one that runs notices within a second, one that has not begun does not begin. Returns it as it
    /// stood before.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] when there is no such job; [`CatalogError::IllegalEvent`] when it has ended.
    pub fn stop(&self, id: JobId, now: DateTime<Utc>) -> Result<Job> {
        self.with_catalog(now, |catalog| {
            let known = catalog.snapshot()?.job(id)?;
            let not_found = || CatalogError::NotFound {
                what: "job",
                id: id.to_string(),
            };
            let job = known.ok_or_else(not_found)?;
            match job.state {
                JobState::InProgress | JobState::Cancelling => {
                    Entry::new(&self.running_dir(), id).request_stop()?;
                }
                _ => {
                    let event = JobEvent::CancelRequested;
                    catalog.change(|change| change.note_job(id, &event, now))?;
                }
            }
            Ok(job)
        })
    }

    /// Ends the jobs that were to begin and never did, because the program that should have started them is gone.
    ///
    /// # Errors
    /// When the catalog cannot be had or written.
    pub fn give_up_scheduled(&self, now: DateTime<Utc>) -> Result<Vec<Job>> {
        self.with_catalog(now, |catalog| {
            let unfinished: Vec<Job> = catalog
                .snapshot()?
                .unfinished_jobs()
                .collect::<strongroom_catalog::Result<_>>()?;
            let scheduled = unfinished
                .iter()
                .filter(|job| job.state == JobState::Scheduled);
            let event = JobEvent::Failed(never_begun());
            let ended = catalog.change(|change| {
                let end = |job: &Job| change.note_job(job.id, &event, now);
                scheduled
                    .map(end)
                    .collect::<strongroom_catalog::Result<Vec<Job>>>()
            })?;
            Ok(ended)
        })
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn never_begun() -> strongroom_catalog::Failure {
    strongroom_catalog::Failure {
        code: strongroom_catalog::Failure::INTERRUPTED.to_owned(),
        message: "the daemon that should have started the job ended before".to_owned(),
        help: Some("start it again".to_owned()),
    }
}

fn tell_recovery(catalog: &Catalog, recovery: &Recovery, now: DateTime<Utc>) -> Result<()> {
    let moved_to = recovery.moved_to.display();
    let message = format!(
        "the catalog was damaged and is made anew: {}",
        recovery.cause
    );
    let (class, severity) = (AlertClass::Health, Severity::Warning);
    let mut alert = NewAlert::new(
        "catalog_damaged",
        class,
        severity,
        "catalog_damaged",
        message,
    );
    alert.help = Some(format!(
        "no recovery point is lost; the old file lies at {moved_to} and may be removed; look at the disk"
    ));
    alert.resolves_at = now.checked_add_signed(chrono::TimeDelta::days(14));
    catalog.change(|change| change.raise_alert(&alert, now))?;
    Ok(())
}

impl Error {
    /// True when a job was stopped before it began, or has ended.
    #[must_use]
    pub fn is_job_over(&self) -> bool {
        matches!(self, Self::Catalog(CatalogError::IllegalEvent(_)))
    }
}
