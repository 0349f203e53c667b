//! What a running job tells of itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strongroom::{Cancel, Clock, Monitor, Skipped};
use strongroom_catalog::{Job, JobEvent, Phase, Progress, WARNINGS_MAX_COUNT, Warning};

use super::Entry;
use crate::error::Result;

/// Follows one job, from as many threads as work on it. What it counts is seen by others within a second.
pub struct JobMonitor {
    job: Mutex<Job>,
    found_bytes: AtomicU64,
    expected_bytes: AtomicU64,
    done_bytes: AtomicU64,
    done_count: AtomicU64,
    warnings_count: AtomicU64,
    is_changed: AtomicBool,
    clock: Arc<dyn Clock>,
    cancel: Cancel,
    entry: Entry,
}

impl std::fmt::Debug for JobMonitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let id = self.entry.id;
        f.debug_struct("JobMonitor")
            .field("job", &id)
            .finish_non_exhaustive()
    }
}

impl JobMonitor {
    pub(super) fn new(job: Job, entry: Entry, cancel: Cancel, clock: Arc<dyn Clock>) -> Self {
        Self {
            job: Mutex::new(job),
            found_bytes: AtomicU64::new(0),
            expected_bytes: AtomicU64::new(0),
            done_bytes: AtomicU64::new(0),
            done_count: AtomicU64::new(0),
            warnings_count: AtomicU64::new(0),
            is_changed: AtomicBool::new(false),
            clock,
            cancel,
            entry,
        }
    }

    /// How many bytes there were the last time: a guess of how many there will be.
    pub fn expect(&self, bytes: u64) {
        self.expected_bytes.store(bytes, Relaxed);
    }

    /// Notes that something was not as it should be.
    pub fn warn(&self, code: &str, message: &str) {
        let before_count = self.warnings_count.fetch_add(1, Relaxed);
        if usize::try_from(before_count).is_ok_and(|count| count < WARNINGS_MAX_COUNT) {
            self.note(&JobEvent::Warned(Warning {
                code: code.to_owned(),
                message: message.to_owned(),
            }));
        }
        self.is_changed.store(true, Relaxed);
    }

    /// The process is about to end because it was told to, without waiting for the job: whoever finds it will know that it
    /// was meant.
    pub fn give_up(&self) {
        self.note(&JobEvent::CancelRequested);
        if let Err(error) = self.entry.write(&self.standing()) {
            tracing::debug!(%error, "not noted that a job is given up");
        }
    }

    /// The job as it stands.
    #[must_use]
    pub fn standing(&self) -> Job {
        let mut job = self.job().clone();
        let expected = self
            .found_bytes
            .load(Relaxed)
            .max(self.expected_bytes.load(Relaxed));
        let progress = Progress {
            done_bytes: self.done_bytes.load(Relaxed),
            expected_bytes: (expected > 0).then_some(expected),
            done_count: self.done_count.load(Relaxed),
            expected_count: None,
        };
        let event = JobEvent::Progressed(progress);
        job = job.after(&event, self.clock.now()).unwrap_or(job);
        job.warnings_count = job.warnings_count.max(self.warnings_count.load(Relaxed));
        job
    }

    /// Something has happened to the job. What cannot happen in its state does not.
    pub(super) fn note(&self, event: &JobEvent) {
        let mut job = self.job();
        if let Ok(next) = job.after(event, self.clock.now()) {
            *job = next;
        }
        self.is_changed.store(true, Relaxed);
    }

    /// Shows others what has changed, and looks whether somebody wants the job to stop.
    pub(super) fn tick(&self) -> Result<()> {
        if !self.cancel.is_cancelled() && self.entry.is_stop_requested() {
            self.cancel.cancel();
        }
        if self.cancel.is_cancelled()
            && self.job().state == strongroom_catalog::JobState::InProgress
        {
            self.note(&JobEvent::CancelRequested);
        }
        if self.is_changed.swap(false, Relaxed) {
            self.entry.write(&self.standing())?;
        }
        Ok(())
    }

    fn job(&self) -> MutexGuard<'_, Job> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        if self.job().phase() != Some(&phase) {
            self.note(&JobEvent::Entered(phase));
        }
    }
}

impl Monitor for JobMonitor {
    fn phase(&self, phase: strongroom::Phase) {
        use strongroom::Phase as Stage;
        self.enter(match phase {
            Stage::Preparing => Phase::PreparingStorage,
            // What is written last is read back before it counts.
            Stage::Verifying | Stage::Finishing => Phase::Verifying,
            _ => Phase::TransferringData,
        });
    }

    fn found(&self, _files_count: u64, bytes: u64) {
        self.found_bytes.fetch_add(bytes, Relaxed);
        self.is_changed.store(true, Relaxed);
    }

    fn done(&self, files_count: u64, bytes: u64) {
        self.done_count.fetch_add(files_count, Relaxed);
        self.done_bytes.fetch_add(bytes, Relaxed);
        self.is_changed.store(true, Relaxed);
    }

    fn warning(&self, warning: &Skipped) {
        let path = String::from_utf8_lossy(&warning.path);
        self.warn("skipped", &format!("{path}: {}", warning.reason));
    }
}
