//! Changes of jobs.

use chrono::{DateTime, Utc};

use super::Change;
use crate::error::{Error, Result};
use crate::job::{Job, JobEvent, JobId, NewJob};
use crate::record::{Record, decode};
use crate::store::{Reading, Span, Table};
use crate::ticket;

impl Change {
    /// Makes a job, in the state `scheduled`.
    ///
    /// # Errors
    /// [`Error::Limit`] when a text is empty or too long.
    pub fn create_job(&self, new: NewJob, now: DateTime<Utc>) -> Result<Job> {
        let last = self.write.first(Table::Jobs, &Span::all().reversed())?;
        let last = last.and_then(|(key, _)| JobId::from_key(&key));
        let id = ticket::next(last.map(|id| id.0), now)?;
        let job = Job::new(JobId(id), new, now);
        self.put_job(&job)?;
        Ok(job)
    }

    /// Notes what has happened to a job, and tells what it has come to.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job, [`Error::IllegalEvent`] when this cannot happen to it.
    pub fn note_job(&self, id: JobId, event: &JobEvent, now: DateTime<Utc>) -> Result<Job> {
        let not_found = || Error::NotFound {
            what: "job",
            id: id.to_string(),
        };
        let job = self.get::<Job>(&id.key())?.ok_or_else(not_found)?;
        let next = job.after(event, now)?;
        self.put_job(&next)?;
        Ok(next)
    }

    /// Ends the jobs of processes that are gone, and returns them: for a program that has just begun and knows that no
    /// other one runs jobs. Those that were scheduled stay so.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn end_interrupted_jobs(&self, now: DateTime<Utc>) -> Result<Vec<Job>> {
        let mut ended = Vec::new();
        for entry in self.write.scan(Table::UnfinishedJobs, Span::all()) {
            let (key, _) = entry?;
            let job = self.write.get(Table::Jobs, &key)?;
            let job = job.ok_or_else(|| Error::corrupt("a job that is listed is not there"))?;
            let next = decode::<Job>(&job)?.after_interruption(now);
            if next.state.has_ended() {
                self.put_job(&next)?;
                ended.push(next);
            }
        }
        Ok(ended)
    }

    pub(crate) fn put_job(&self, job: &Job) -> Result<()> {
        self.put(job)?;
        if let Some(key) = job.source_key() {
            self.write.put(Table::JobsBySource, &key, &[])?;
        }
        if job.state.has_ended() {
            self.write.remove(Table::UnfinishedJobs, &job.key())?;
        } else {
            self.write.put(Table::UnfinishedJobs, &job.key(), &[])?;
        }
        Ok(())
    }

    pub(crate) fn remove_job(&self, job: &Job) -> Result<()> {
        self.write.remove(Table::Jobs, &job.key())?;
        if let Some(key) = job.source_key() {
            self.write.remove(Table::JobsBySource, &key)?;
        }
        self.write.remove(Table::UnfinishedJobs, &job.key())?;
        Ok(())
    }
}
