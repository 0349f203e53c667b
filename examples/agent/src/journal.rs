//! Every command that does a job writes it down: so it is seen by `jobs`, stopped by `jobs stop`, and followed by alerts.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use strongroom::{Cancel, SystemClock};
use strongroom_catalog::{Drill, Failure, JobId, JobKind, NewJob, PointId, SourceName};
use strongroom_jobs::alerts::{BUSY, REFUSED};
use strongroom_jobs::{Ending, JobMonitor, Journal, NewPoints, RunningJob};

use crate::cli::Command;
use crate::fail::{Code, Fail, Problem, Result};
use crate::run::Agent;

/// The job that this process is at, and what the catalog should know of it.
#[derive(Default)]
pub(crate) struct Current {
    monitor: RefCell<Option<Arc<JobMonitor>>>,
    points: RefCell<NewPoints>,
    drill: RefCell<Option<Drill>>,
    has_news: Cell<bool>,
}

impl Current {
    /// Where the job tells what it does; `None` when it is not written down.
    pub(crate) fn monitor(&self) -> Option<Arc<JobMonitor>> {
        self.monitor.borrow().clone()
    }

    /// What the points have come to; asked for only if somebody wants to know.
    pub(crate) fn note_points(&self, points: impl FnOnce() -> Result<NewPoints>) -> Result<()> {
        if self.monitor.borrow().is_some() {
            self.points.replace(points()?);
        }
        Ok(())
    }

    /// There may be alerts that people are to be told of.
    pub(crate) fn note_news(&self) {
        self.has_news.set(true);
    }

    pub(crate) fn has_news(&self) -> bool {
        self.has_news.get()
    }

    pub(crate) fn note_drill(&self, drill: Drill) {
        self.drill.replace(Some(drill));
    }
}

/// How what a job returns tells its end.
pub(crate) trait Ends {
    fn code(&self) -> Code;

    fn recovery_point(&self) -> Option<PointId> {
        None
    }
}

impl Ends for Code {
    fn code(&self) -> Code {
        *self
    }
}

/// The journal of this machine.
pub(crate) fn journal(agent: &Agent) -> Result<Journal> {
    agent.state.prepare().map(Journal::new)
}

/// The job that a command is, unless it only looks or sees to that by itself.
pub(crate) fn job_of(agent: &Agent, command: &Command) -> Option<(NewJob, Cancel)> {
    let (kind, source) = match command {
        Command::Restore(args) if args.writes() => (JobKind::Restore, args.source()),
        Command::Verify(_) => (JobKind::Verify, None),
        Command::Drill(args) => (JobKind::Drill, args.source()),
        Command::Expire(args) if !args.dry_run => (JobKind::Expire, None),
        Command::Sweep(args) if !args.dry_run => (JobKind::Sweep, None),
        Command::Copy(args) if !args.dry_run => (JobKind::Copy, None),
        Command::Repair(args) if !args.dry_run => (JobKind::Repair, None),
        Command::Seed(_) => (JobKind::Seed, None),
        _ => return None,
    };
    let cancel = match kind {
        // They have no place to stop at but the end: a signal ends them at once, which harms nothing.
        JobKind::Expire | JobKind::Sweep => Cancel::new(),
        _ => agent.interrupts.token(),
    };
    Some((NewJob::new(kind, source.map(SourceName::local)), cancel))
}

/// Does something as a job. Trouble with the journal is told, and keeps nothing from being done.
pub(crate) fn as_job<T: Ends>(
    agent: &Agent,
    new: NewJob,
    cancel: Cancel,
    act: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let is_asked = new.slots.is_none() && !agent.globals.scheduled;
    let Some(job) = begin(agent, new, cancel)? else {
        return act();
    };
    agent.current.note_news();
    let monitor = job.monitor();
    agent.current.monitor.replace(Some(Arc::clone(&monitor)));
    agent.interrupts.follow(Some(Arc::clone(&monitor)));
    let outcome = act();
    agent.interrupts.follow(None);
    agent.current.monitor.replace(None);
    let ending = ending(is_asked, &monitor, &outcome);
    let (points, drill) = (agent.current.points.take(), agent.current.drill.take());
    if let Err(error) = job.end(ending, points, drill.as_ref()) {
        let fail = Fail::from(error);
        tell(agent, "the end of this job is not written down yet", &fail);
    }
    outcome
}

fn begin(agent: &Agent, new: NewJob, cancel: Cancel) -> Result<Option<RunningJob>> {
    let id = agent.globals.job.as_deref();
    let id: Option<JobId> = id.and_then(|id| id.parse().ok());
    let begun = journal(agent).and_then(|journal| {
        match journal.begin(new, id, cancel, Arc::new(SystemClock)) {
            Err(error) if id.is_some() && error.is_job_over() => {
                let help = "start it again if it is wanted after all";
                let message = "the job was stopped before it began";
                Err(Fail::new(Code::Cancelled, message, help))
            }
            begun => Ok(begun?),
        }
    });
    match begun {
        Ok(job) => Ok(Some(job)),
        Err(fail) if fail.code == Code::Cancelled => Err(fail),
        Err(fail) => {
            tell(agent, "this job is not written down", &fail);
            Ok(None)
        }
    }
}

fn tell(agent: &Agent, what: &str, fail: &Fail) {
    let causes = fail.causes.iter().map(|cause| format!(": {cause}"));
    let causes: String = causes.collect();
    agent
        .out
        .note(&format!("note: {what}: {}{causes}", fail.message));
}

fn ending<T: Ends>(is_asked: bool, monitor: &JobMonitor, outcome: &Result<T>) -> Ending {
    let fail = match outcome {
        Ok(done) => match done.code() {
            Code::Done | Code::Warnings => {
                if done.code() == Code::Warnings && monitor.standing().warnings_count == 0 {
                    monitor.warn("warning", "it was done with a warning");
                }
                let recovery_point = done.recovery_point();
                return Ending::Completed { recovery_point };
            }
            code => Fail::new(
                code,
                problem(code),
                "run the command again by hand to see more",
            ),
        },
        Err(fail) => fail.clone(),
    };
    if fail.code == Code::Cancelled {
        return Ending::Cancelled;
    }
    let causes: String = fail
        .causes
        .iter()
        .map(|cause| format!(": {cause}"))
        .collect();
    let is_told = is_asked && fail.is_of_request;
    Ending::Failed(Failure {
        code: if is_told { REFUSED } else { word(fail.code) }.to_owned(),
        message: format!("{}{causes}", fail.message),
        help: Some(fail.help),
    })
}

fn problem(code: Code) -> &'static str {
    match code {
        Code::Damage => "damage was found",
        Code::Busy => "another job is running",
        _ => "it has failed",
    }
}

/// A stable word for an exit code.
fn word(code: Code) -> &'static str {
    match code {
        Code::Done | Code::Failed => "failed",
        Code::Usage => "usage",
        Code::Warnings => "warnings",
        Code::Damage => "damage",
        Code::Key => "key",
        Code::Vault => "vault",
        Code::Busy => BUSY,
        Code::Cancelled => "cancelled",
    }
}

impl From<strongroom_jobs::Error> for Fail {
    fn from(error: strongroom_jobs::Error) -> Self {
        use strongroom_catalog::Error as CatalogError;
        use strongroom_jobs::Error;
        let problem = match &error {
            Error::DaemonRuns => Problem::DaemonRuns,
            Error::NoDaemon => Problem::NoDaemon,
            Error::Refused { .. } => Problem::DaemonRefuses,
            Error::Catalog(CatalogError::InUse) => Problem::CatalogBusy,
            Error::Catalog(CatalogError::NotFound { .. }) => Problem::NoSuchJob,
            Error::Catalog(CatalogError::NewerVersion { .. }) => Problem::CatalogNewer,
            Error::Catalog(
                CatalogError::IllegalEvent(_) | CatalogError::AlreadyResolved { .. },
            ) => Problem::NothingToDo,
            _ => Problem::CatalogUnusable,
        };
        Self::known(problem, error.to_string()).because(&error)
    }
}

impl From<strongroom_catalog::Error> for Fail {
    fn from(error: strongroom_catalog::Error) -> Self {
        strongroom_jobs::Error::from(error).into()
    }
}
