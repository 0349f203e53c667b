//! Takes records of another copy of the journals into this one.

use super::JournalRecord;
use crate::alert::{Alert, Resolution};
use crate::change::Change;
use crate::error::Result;
use crate::job::{Failure, Job};
use crate::proof::Verified;
use crate::record::Record;

impl Change {
    /// Takes a record in, if it is new or newer than what is known; true when it was.
    pub(crate) fn merge(&self, record: JournalRecord) -> Result<bool> {
        record.check()?;
        match record {
            JournalRecord::Job(job) => self.merge_job(&job),
            JournalRecord::Alert(alert) => self.merge_alert(&alert),
            JournalRecord::Verified(verified) => {
                let known = self.get::<Verified>(&verified.key())?;
                let is_new = known.is_none_or(|known| known.at < verified.at);
                self.note_verified(std::iter::once(verified))?;
                Ok(is_new)
            }
            JournalRecord::Drill(drill) => self.merge_fact(&drill),
            JournalRecord::Sample(sample) => self.merge_fact(&sample),
        }
    }

    /// A fact does not change: what is known of its time stays.
    fn merge_fact<R: Record>(&self, fact: &R) -> Result<bool> {
        let is_new = self.get::<R>(&fact.key())?.is_none();
        if is_new {
            self.put(fact)?;
        }
        Ok(is_new)
    }

    /// Takes in a job that was followed elsewhere, as it stands there, if it is new or newer than what is known; true when
    /// it was. What runs jobs here knows those that run: one that comes from elsewhere and has not ended has lost its
    /// process.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) when a text is empty or too long.
    pub fn merge_job(&self, job: &Job) -> Result<bool> {
        // That it has ended is a guess, and no change that would make this copy newer than another one.
        let job = Job {
            revision: job.revision,
            ..job.after_interruption(job.updated_at)
        };
        match self.get::<Job>(&Record::key(&job))? {
            Some(known) if job_rank(&job) <= job_rank(&known) => return Ok(false),
            Some(known) => self.remove_job(&known)?,
            None => {}
        }
        self.put_job(&job)?;
        Ok(true)
    }

    fn merge_alert(&self, alert: &Alert) -> Result<bool> {
        let known = self.get::<Alert>(&Record::key(alert))?;
        if known.is_some_and(|known| alert_rank(alert) <= alert_rank(&known)) {
            return Ok(false);
        }
        // Of two open alerts of one key, the later goes on.
        match self.open_alert(&alert.key)?.filter(|_| alert.is_open()) {
            Some(open) if open.id < alert.id => {
                let end = open.resolved(Resolution::Superseded, alert.first_seen_at)?;
                self.put_alert(&end)?;
                self.put_alert(alert)?;
            }
            Some(open) if open.id > alert.id => {
                let end = alert.resolved(Resolution::Superseded, alert.last_seen_at)?;
                self.put_alert(&end)?;
            }
            _ => self.put_alert(alert)?,
        }
        Ok(true)
    }
}

/// Ended records are newer than those that have not; then the number of changes decides.
type Rank = (bool, u64);

fn job_rank(job: &Job) -> Rank {
    // That a job was interrupted is a guess, until its own end is met.
    let failure = job.failure.as_ref();
    let is_guess = failure.is_some_and(|failure| failure.code == Failure::INTERRUPTED);
    (job.state.has_ended() && !is_guess, job.revision)
}

fn alert_rank(alert: &Alert) -> Rank {
    (!alert.is_open(), alert.revision)
}
