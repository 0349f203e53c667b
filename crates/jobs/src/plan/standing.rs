//! How things stand: what has run, what runs, what is halted.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use strongroom_policy::{Due, LastRuns};

use super::{Failed, Rules};
use crate::duty::Duty;
use crate::halts::Halts;
use crate::outcome::Outcome;

/// What is known of one duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DutyStanding {
    /// Which of its runs were made.
    pub runs: LastRuns,
    /// The last one, if it failed.
    pub failed: Option<Failed>,
}

impl DutyStanding {
    /// It has run so far, and nothing has failed.
    #[must_use]
    pub fn new(runs: LastRuns) -> Self {
        Self { runs, failed: None }
    }

    /// Notes how a run has ended. True when that settles it: it will not be made again.
    ///
    /// One that a person has stopped is settled, since that was meant; one that failed is not, nor one that did not begin
    /// because another job was running, which counts for no try.
    pub fn note(&mut self, due: &Due, outcome: Outcome, now: DateTime<Utc>) -> bool {
        match outcome {
            Outcome::Done | Outcome::DoneWithWarnings | Outcome::Stopped => {
                self.failed = None;
                let is_new = |slot: &_| !self.runs.has_run(*slot);
                if due.slots.iter().any(is_new) {
                    self.runs.record(due, now);
                }
                true
            }
            Outcome::Failed => {
                self.failed = Some(Failed::again(self.failed, due.at, now));
                false
            }
            Outcome::Busy => {
                let before = self.failed.filter(|failed| failed.due_at == due.at);
                let tries_count = before.map_or(1, |failed| failed.tries_count);
                self.failed = Some(Failed {
                    due_at: due.at,
                    tries_count,
                    at: now,
                });
                false
            }
            Outcome::Interrupted => false,
        }
    }
}

/// How all duties of a machine stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Each duty. One that is not there does not start.
    pub duties: BTreeMap<Duty, DutyStanding>,
    /// What runs, whoever has started it.
    pub running: BTreeSet<Duty>,
    /// What a person has halted.
    pub halts: Halts,
}

impl Standing {
    /// Tells what the clock shows; to be done before [`next`](super::next).
    pub fn observe(&mut self, now: DateTime<Utc>) {
        for known in self.duties.values_mut() {
            known.runs.observe(now);
        }
    }

    /// Forgets duties that the rules do not have any more.
    pub fn keep_only(&mut self, rules: &Rules) {
        let wanted: BTreeSet<&Duty> = rules.duties.iter().map(|one| &one.duty).collect();
        self.duties.retain(|duty, _| wanted.contains(duty));
    }
}
