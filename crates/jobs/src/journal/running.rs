//! One job in this process, from its start to its end.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use strongroom::{Cancel, Clock};
use strongroom_catalog::{
    Catalog, Change, Drill, Failure, Job, JobEvent, JobId, NewJob, Point, PointId,
};

use super::{Entry, JobMonitor, Journal};
use crate::alerts::alerts_after;
use crate::error::{Error, Result};

/// Between two looks at what has changed.
const TICK: Duration = Duration::from_secs(1);

/// How a job has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It is done; with warnings, if there were any.
    Completed {
        /// The point that it has made.
        recovery_point: Option<PointId>,
    },
    /// It has stopped because it was asked to.
    Cancelled,
    /// It has ended without its result.
    Failed(Failure),
}

/// What the points of the vault have come to by a job.
#[derive(Debug, Clone, Default)]
pub enum NewPoints {
    /// They are as they were, or nobody knows.
    #[default]
    Unknown,
    /// This one is new.
    One(Box<Point>),
    /// These are all.
    All(Vec<Point>),
}

/// A job that runs in this process. Dropped without [`end`](Self::end), it is found as one that was interrupted.
pub struct RunningJob {
    journal: Journal,
    monitor: Arc<JobMonitor>,
    clock: Arc<dyn Clock>,
    ticker: Ticker,
    lock: File,
}

impl std::fmt::Debug for RunningJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RunningJob").field(&self.monitor).finish()
    }
}

impl Journal {
    /// Begins a job: a new one, or the one of this id that was [scheduled](Journal::schedule). `cancel` is used when
    /// somebody wants it to stop.
    ///
    /// # Errors
    /// When it cannot be written down; the caller decides whether that keeps the work from being done.
    /// [`Error::is_job_over`] when it was stopped before it began.
    pub fn begin(
        &self,
        new: NewJob,
        scheduled: Option<JobId>,
        cancel: Cancel,
        clock: Arc<dyn Clock>,
    ) -> Result<RunningJob> {
        let now = clock.now();
        let (job, entry, lock) = self.with_catalog(now, |catalog| {
            let job = catalog.change(|change| {
                let id = match scheduled {
                    Some(id) => id,
                    None => change.create_job(new, now)?.id,
                };
                change.note_job(id, &JobEvent::Started, now)
            })?;
            // While the catalog is open nobody else looks for jobs without a process.
            let entry = Entry::new(&self.running_dir(), job.id);
            let lock = entry.lock()?.ok_or(Error::Refused {
                reason: format!("job {} runs already", job.id),
            })?;
            entry.write(&job)?;
            Ok((job, entry, lock))
        })?;
        let monitor = Arc::new(JobMonitor::new(job, entry, cancel, Arc::clone(&clock)));
        Ok(RunningJob {
            journal: self.clone(),
            ticker: Ticker::start(Arc::clone(&monitor)),
            monitor,
            clock,
            lock,
        })
    }
}

impl RunningJob {
    /// Where the job tells what it does.
    #[must_use]
    pub fn monitor(&self) -> Arc<JobMonitor> {
        Arc::clone(&self.monitor)
    }

    /// Writes down how it has ended, what the points have come to, and what a person should know of it.
    ///
    /// # Errors
    /// When that cannot be written to the catalog; whoever opens it next does it then.
    pub fn end(mut self, ending: Ending, points: NewPoints, drill: Option<&Drill>) -> Result<Job> {
        self.ticker.join();
        let (now, entry) = (self.clock.now(), self.entry());
        let before = self.monitor.standing();
        let job = ended(&before, ending, now).unwrap_or(before);
        entry.write(&job)?;
        // The lock is kept, so that nobody takes the job for a dead one meanwhile.
        self.journal.with_catalog(now, |catalog| {
            catalog.change(|change| {
                change.merge_job(&job)?;
                drill.map_or(Ok(()), |drill| change.note_drill(drill))?;
                keep_point(change, &points)?;
                let alerts = alerts_after(&job);
                alerts
                    .iter()
                    .try_for_each(|alert| alert.apply(change, now).map(drop))
            })?;
            keep_points(catalog, points)?;
            entry.remove()
        })?;
        drop(self.lock);
        Ok(job)
    }

    fn entry(&self) -> Entry {
        Entry::new(&self.journal.running_dir(), self.monitor.standing().id)
    }
}

fn ended(
    job: &Job,
    ending: Ending,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Job, strongroom_catalog::IllegalEvent> {
    match ending {
        Ending::Completed { recovery_point } => {
            job.after(&JobEvent::Completed { recovery_point }, now)
        }
        Ending::Cancelled => {
            let asked = job.after(&JobEvent::CancelRequested, now);
            asked
                .as_ref()
                .unwrap_or(job)
                .after(&JobEvent::Cancelled, now)
        }
        Ending::Failed(failure) => job.after(&JobEvent::Failed(failure), now),
    }
}

fn keep_point(change: &Change, points: &NewPoints) -> strongroom_catalog::Result<()> {
    match points {
        NewPoints::One(point) => change.put_point(point),
        NewPoints::Unknown | NewPoints::All(_) => Ok(()),
    }
}

fn keep_points(catalog: &Catalog, points: NewPoints) -> Result<()> {
    if let NewPoints::All(points) = points {
        let points = points.into_iter().map(Ok::<_, strongroom_catalog::Error>);
        catalog.rebuild(points)?;
    }
    Ok(())
}

/// The thread that shows others how the job stands.
#[derive(Debug)]
struct Ticker {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Without a thread for it nobody sees progress, but the job runs.
    fn start(monitor: Arc<JobMonitor>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&is_over);
        let tick = move || {
            while !shared.load(Ordering::Acquire) {
                std::thread::park_timeout(TICK);
                if let Err(error) = monitor.tick() {
                    tracing::debug!(%error, "nobody sees how a job stands");
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(tick);
        Self {
            is_over,
            thread: thread.ok(),
        }
    }

    /// After this it writes nothing any more.
    fn join(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let ended = thread.join();
            debug_assert!(ended.is_ok());
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.join();
    }
}
