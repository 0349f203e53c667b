//! What the program brings in which a daemon runs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use strongroom::Cancel;
use strongroom_catalog::JobId;
use strongroom_policy::LastRuns;

use super::Event;
use crate::duty::Duty;
use crate::halts::Halts;
use crate::outcome::Outcome;
use crate::plan::{Failed, Rules, Start};

/// What a person wants done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What it is.
    pub duty: Duty,
    /// The job that was written down for it.
    pub job: Option<JobId>,
    /// How, in the words of the program that embeds the daemon.
    pub args: Vec<String>,
    /// Where relative paths in these words begin.
    pub dir: PathBuf,
}

/// A job that is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// It is due.
    Scheduled(Start),
    /// Somebody asks for it.
    Asked(Asked),
}

impl Order {
    /// What is done.
    #[must_use]
    pub fn duty(&self) -> &Duty {
        match self {
            Self::Scheduled(start) => &start.duty,
            Self::Asked(asked) => &asked.duty,
        }
    }
}

/// The program in which a daemon runs: an agent, a server, a simulation. It knows the rules, does the work, and keeps what is
/// to be kept. Its own troubles it tells by itself; none of them ends the daemon.
pub trait Host: Sync {
    /// What is to be done. Asked often; a policy that has become wrong leaves the rules as they were.
    fn rules(&self, now: DateTime<Utc>) -> Rules;

    /// What a person has halted.
    fn halts(&self) -> Halts;

    /// Which runs of a duty were made. Of one that was never met before, none before `now`: and that is to be kept.
    fn last_runs(&self, duty: &Duty, now: DateTime<Utc>) -> LastRuns;

    /// Keeps that durably.
    fn keep_last_runs(&self, duty: &Duty, runs: &LastRuns);

    /// The last run of a duty, if it has failed.
    fn last_failure(&self, duty: &Duty) -> Option<Failed>;

    /// Keeps that durably, or that it has not: a daemon that is started anew does not begin to count anew.
    fn keep_last_failure(&self, duty: &Duty, failed: Option<&Failed>);

    /// What other processes are doing.
    fn running(&self) -> BTreeSet<Duty>;

    /// Does it, and returns when it has ended. Called from a thread for each job. Once `cancel` is used, it is to end soon:
    /// it is then [`Outcome::Stopped`].
    fn run(&self, order: &Order, cancel: &Cancel) -> Outcome;

    /// Called at the start, and every few hours.
    fn tidy(&self, now: DateTime<Utc>);

    /// Something has happened.
    fn tell(&self, event: &Event);
}
