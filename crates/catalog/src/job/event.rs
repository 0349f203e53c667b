//! What may happen to a job: a pure function from one state of it to the next.

use chrono::{DateTime, Utc};

use super::{Failure, Job, JobId, JobState, PHASES_MAX_COUNT, Phase, PhaseEntry, Progress};
use super::{WARNINGS_MAX_COUNT, Warning};
use crate::point::PointId;

/// Something that happens to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobEvent {
    /// It begins.
    Started,
    /// It comes to another phase.
    Entered(Phase),
    /// So much is done.
    Progressed(Progress),
    /// Something was not as it should be, and the job goes on.
    Warned(Warning),
    /// It is asked to stop.
    CancelRequested,
    /// It has stopped because it was asked to.
    Cancelled,
    /// It is done. With warnings before, it has completed with warnings.
    Completed {
        /// The point that it has made.
        recovery_point: Option<PointId>,
    },
    /// It has ended without its result.
    Failed(Failure),
}

impl JobEvent {
    /// The state after it; `None` when it changes none.
    fn next_state(&self, job: &Job) -> Option<JobState> {
        match self {
            Self::Started => Some(JobState::InProgress),
            Self::CancelRequested if job.state == JobState::Scheduled => Some(JobState::Cancelled),
            Self::CancelRequested => Some(JobState::Cancelling),
            Self::Cancelled => Some(JobState::Cancelled),
            Self::Completed { .. } if job.warnings_count > 0 => {
                Some(JobState::CompletedWithWarnings)
            }
            Self::Completed { .. } => Some(JobState::Completed),
            Self::Failed(_) => Some(JobState::Failed),
            Self::Entered(_) | Self::Progressed(_) | Self::Warned(_) => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Started => "start",
            Self::Entered(_) => "enter a phase",
            Self::Progressed(_) => "make progress",
            Self::Warned(_) => "warn",
            Self::CancelRequested => "be asked to stop",
            Self::Cancelled => "be cancelled",
            Self::Completed { .. } => "complete",
            Self::Failed(_) => "fail",
        }
    }
}

/// Something cannot happen to a job in its state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("job {job} is {state} and cannot {event}")]
#[non_exhaustive]
pub struct IllegalEvent {
    /// Which job.
    pub job: JobId,
    /// Its state.
    pub state: JobState,
    /// What should have happened.
    pub event: &'static str,
}

impl Job {
    /// The job after something has happened to it.
    ///
    /// # Errors
    /// When that cannot happen in its state: see [`JobState::may_become`]. Phases, progress and warnings belong to jobs
    /// that run.
    pub fn after(&self, event: &JobEvent, at: DateTime<Utc>) -> Result<Self, IllegalEvent> {
        let illegal = || IllegalEvent {
            job: self.id,
            state: self.state,
            event: event.name(),
        };
        let mut next = self.clone();
        match event.next_state(self) {
            Some(state) if self.state.may_become(state) => next.state = state,
            None if matches!(self.state, JobState::InProgress | JobState::Cancelling) => {}
            _ => return Err(illegal()),
        }
        next.revision = self.revision.saturating_add(1);
        next.updated_at = at;
        if next.state.has_ended() {
            next.ended_at = Some(at);
        }
        next.note(event, at);
        Ok(next)
    }

    fn note(&mut self, event: &JobEvent, at: DateTime<Utc>) {
        match event {
            JobEvent::Started => self.started_at = Some(at),
            JobEvent::Entered(phase) => {
                if self.phases.len() < PHASES_MAX_COUNT {
                    self.phases.push(PhaseEntry {
                        phase: phase.clone(),
                        entered_at: at,
                    });
                }
            }
            JobEvent::Progressed(progress) => self.progress = *progress,
            JobEvent::Warned(warning) => {
                self.warnings_count = self.warnings_count.saturating_add(1);
                if self.warnings.len() < WARNINGS_MAX_COUNT {
                    self.warnings.push(warning.shortened());
                }
            }
            JobEvent::Completed { recovery_point } => {
                self.recovery_point.clone_from(recovery_point);
            }
            JobEvent::Failed(failure) => self.failure = Some(failure.shortened()),
            JobEvent::CancelRequested | JobEvent::Cancelled => {}
        }
    }

    /// The job as it is known to have ended when the process that ran it is gone: a job that was asked to stop has
    /// stopped, others that had begun have failed, and those that had not are still to come.
    #[must_use]
    pub fn after_interruption(&self, at: DateTime<Utc>) -> Self {
        let event = match self.state {
            JobState::InProgress => JobEvent::Failed(Failure::interrupted()),
            JobState::Cancelling => JobEvent::Cancelled,
            _ => return self.clone(),
        };
        self.after(&event, at).unwrap_or_else(|_| self.clone())
    }
}
