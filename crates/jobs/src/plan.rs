//! What is to be started now, and when to look again: a pure function of what has run, the rules and an instant.

mod housekeeping;
mod retry;
mod standing;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use strongroom_catalog::JobKind;
use strongroom_policy::{Decision, Due, Missed, Timetable};

use crate::duty::Duty;

pub use housekeeping::housekeeping;
pub use retry::{Failed, Retry};
pub use standing::{DutyStanding, Standing};

/// A duty and when it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// What is done.
    pub duty: Duty,
    /// When.
    pub timetable: Timetable,
}

/// All that is to be done on a machine.
///
/// # Defaults
/// Nothing; two jobs at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rules {
    /// The duties.
    pub duties: Vec<Scheduled>,
    /// How many jobs run at once, at least one.
    pub most_at_once: usize,
    /// When a run that failed is tried again.
    pub retry: Retry,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            duties: Vec::new(),
            most_at_once: 2,
            retry: Retry::default(),
        }
    }
}

impl Rules {
    /// These duties, all else by default.
    #[must_use]
    pub fn new(duties: Vec<Scheduled>) -> Self {
        Self {
            duties,
            ..Self::default()
        }
    }
}

/// A job that is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// What is done.
    pub duty: Duty,
    /// The run that it is done for.
    pub due: Due,
    /// What was due before and will not be made up for.
    pub missed: Missed,
}

/// What to do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Next {
    /// To be started, in this order.
    pub start: Vec<Start>,
    /// When to look again if nothing happens before; never, where nothing is scheduled any more. What waits for the end of
    /// a job that runs does not count.
    pub look_at: Option<DateTime<Utc>>,
}

impl Next {
    fn look_at(&mut self, at: Option<DateTime<Utc>>) {
        self.look_at = self.look_at.into_iter().chain(at).min();
    }
}

/// Decides what is to be started at `now`, given how things stand.
///
/// * Of duties that exclude each other, one runs at a time; of all, no more than the rules permit. Backups come first, and
///   among equals what was due first.
/// * A run that failed is tried again as [`Retry`] says, until the next one of its duty is due.
/// * What is paused or stopped does not start. What was due meanwhile is made up for as the timetable says.
/// * The clock may be set as one likes: what has run is known by its slots (see [`LastRuns`](strongroom_policy::LastRuns)).
#[must_use]
pub fn next(standing: &Standing, rules: &Rules, now: DateTime<Utc>) -> Next {
    let mut next = Next::default();
    let mut ready = Vec::new();
    for scheduled in &rules.duties {
        match readiness(standing, rules, scheduled, now) {
            Readiness::Now(start) => ready.push(start),
            Readiness::Later(at) => next.look_at(at),
        }
    }
    ready.sort_by_key(|start| (start.duty.kind != JobKind::Backup, start.due.at));
    let mut busy: BTreeSet<Duty> = standing.running.clone();
    for start in ready {
        let is_free = !busy.iter().any(|other| other.excludes(&start.duty));
        if is_free && busy.len() < rules.most_at_once.max(1) {
            busy.insert(start.duty.clone());
            next.start.push(start);
        }
    }
    next
}

enum Readiness {
    Now(Start),
    Later(Option<DateTime<Utc>>),
}

fn readiness(
    standing: &Standing,
    rules: &Rules,
    scheduled: &Scheduled,
    now: DateTime<Utc>,
) -> Readiness {
    let Scheduled { duty, timetable } = scheduled;
    if let Some(halt) = standing.halts.of(duty, now) {
        return Readiness::Later(halt.until());
    }
    let Some(known) = standing.duties.get(duty) else {
        return Readiness::Later(None);
    };
    let (due, missed) = match timetable.due_now(&known.runs, now) {
        Decision::Run { due, missed } => (due, missed),
        Decision::Wait { until, .. } => return Readiness::Later(until),
        _ => return Readiness::Later(None),
    };
    let start = Start {
        duty: duty.clone(),
        due,
        missed,
    };
    let failed = known.failed.filter(|failed| failed.due_at == start.due.at);
    let Some(failed) = failed else {
        return Readiness::Now(start);
    };
    let retry_at = rules.retry.at(&failed, now);
    if retry_at.is_some_and(|at| at <= now) {
        return Readiness::Now(start);
    }
    let following = timetable
        .schedule
        .next_after(now.max(start.due.at), timetable.zone);
    let following = following.map(|due| timetable.start_of(&due));
    Readiness::Later(retry_at.into_iter().chain(following).min())
}
