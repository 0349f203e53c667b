//! How long journals are kept.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::alert::{Alert, AlertClass};
use crate::catalog::Catalog;
use crate::change::Change;
use crate::error::Result;
use crate::job::{Job, JobKind};
use crate::proof::{Drill, Verified};
use crate::record::{Record, decode};
use crate::sample::Sample;
use crate::source::SourceName;
use crate::store::{Reading, Span};

/// How long records of each kind are kept, in days.
///
/// # Defaults
/// Jobs and alerts 90, security alerts 400, samples, drills and what was verified 800.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalLimits {
    /// Jobs after their end. The last job of each kind and source, and the last one with success, stay.
    pub jobs_days: u32,
    /// Alerts after their resolution.
    pub alerts_days: u32,
    /// Security alerts after their resolution.
    pub security_alerts_days: u32,
    /// Objects after they were found good.
    pub verified_days: u32,
    /// Drills. The last one of each source that was a proof stays.
    pub drills_days: u32,
    /// Samples.
    pub samples_days: u32,
}

impl Default for JournalLimits {
    fn default() -> Self {
        Self {
            jobs_days: 90,
            alerts_days: 90,
            security_alerts_days: 400,
            verified_days: 800,
            drills_days: 800,
            samples_days: 800,
        }
    }
}

/// How many records were removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trimmed {
    /// Jobs.
    pub jobs_count: u64,
    /// Alerts.
    pub alerts_count: u64,
    /// Objects that were found good.
    pub verified_count: u64,
    /// Drills.
    pub drills_count: u64,
    /// Samples.
    pub samples_count: u64,
}

impl Catalog {
    /// Removes what is older than the limits at this instant. What has not ended is never removed, and neither is what
    /// tells when a source was last run, last run with success, and last proven restorable.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn trim_journals(&self, limits: &JournalLimits, now: DateTime<Utc>) -> Result<Trimmed> {
        self.change(|change| {
            let mut last_jobs = LastJobs::default();
            let mut proven = HashSet::new();
            Ok(Trimmed {
                jobs_count: change.trim(true, |change, job: Job| {
                    let is_last = last_jobs.is_last(&job);
                    let is_over = job
                        .ended_at
                        .is_some_and(|at| is_past(at, limits.jobs_days, now));
                    let is_removed = is_over && !is_last;
                    if is_removed {
                        change.remove_job(&job)?;
                    }
                    Ok(is_removed)
                })?,
                alerts_count: change.trim_simple(|alert: &Alert| {
                    let days = match alert.class {
                        AlertClass::Security => limits.security_alerts_days,
                        AlertClass::Job | AlertClass::Health => limits.alerts_days,
                    };
                    alert.resolved_at.is_some_and(|at| is_past(at, days, now))
                })?,
                verified_count: change.trim_simple(|verified: &Verified| {
                    is_past(verified.at, limits.verified_days, now)
                })?,
                // Newest first within a source, by their key.
                drills_count: change.trim_simple(|drill: &Drill| {
                    let is_last = drill.is_proof() && proven.insert(drill.source.clone());
                    is_past(drill.at, limits.drills_days, now) && !is_last
                })?,
                samples_count: change
                    .trim_simple(|sample: &Sample| is_past(sample.at, limits.samples_days, now))?,
            })
        })
    }
}

impl Change {
    fn trim<R: Record>(
        &self,
        is_reverse: bool,
        mut remove: impl FnMut(&Self, R) -> Result<bool>,
    ) -> Result<u64> {
        let span = if is_reverse {
            Span::all().reversed()
        } else {
            Span::all()
        };
        let mut removed_count = 0;
        // A scan reads a page at a time, and goes on after the last key that it has read: what is removed behind it does
        // not disturb it.
        for entry in self.write.scan(R::TABLE, span) {
            if remove(self, decode(&entry?.1)?)? {
                removed_count += 1;
            }
        }
        Ok(removed_count)
    }

    fn trim_simple<R: Record>(&self, mut is_over: impl FnMut(&R) -> bool) -> Result<u64> {
        self.trim(false, |change, record: R| {
            let is_over = is_over(&record);
            if is_over {
                change.write.remove(R::TABLE, &record.key())?;
            }
            Ok(is_over)
        })
    }
}

/// Which jobs are the last of their kind and source, when jobs are met newest first.
#[derive(Default)]
struct LastJobs {
    met: HashSet<(JobKind, Option<SourceName>, bool)>,
}

impl LastJobs {
    fn is_last(&mut self, job: &Job) -> bool {
        let mut meet = |is_success| {
            let what = (job.kind.clone(), job.source.clone(), is_success);
            self.met.insert(what)
        };
        let is_last = meet(false);
        let is_last_success = job.state.is_success() && meet(true);
        is_last || is_last_success
    }
}

fn is_past(at: DateTime<Utc>, days: u32, now: DateTime<Utc>) -> bool {
    now.signed_duration_since(at) >= TimeDelta::days(i64::from(days))
}
