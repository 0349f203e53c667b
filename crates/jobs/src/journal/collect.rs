//! Jobs whose processes are gone.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use strongroom_catalog::{Catalog, Job, JobId, JobState};

use super::{Entry, Journal};
use crate::alerts::alerts_after;
use crate::error::Result;

impl Journal {
    /// Ends the jobs whose processes are gone: as they have ended, where that was still written; else as interrupted, or as
    /// cancelled if they were asked to stop. Whoever calls this has the catalog open, and so is alone in it.
    pub(super) fn collect(&self, catalog: &Catalog, now: DateTime<Utc>) -> Result<()> {
        let (mut alive, mut dead) = (BTreeSet::new(), Vec::new());
        for entry in Entry::all(&self.running_dir())? {
            match entry.lock()? {
                Some(lock) => dead.push((entry, lock)),
                None => {
                    alive.insert(entry.id);
                }
            }
        }
        let unfinished: Vec<Job> = catalog
            .snapshot()?
            .unfinished_jobs()
            .collect::<strongroom_catalog::Result<_>>()?;
        let mut over: Vec<Job> = dead.iter().filter_map(|(entry, _)| entry.read()).collect();
        let is_told = |id: JobId, over: &[Job]| over.iter().any(|job| job.id == id);
        for job in unfinished {
            let is_lost = job.state != JobState::Scheduled && !alive.contains(&job.id);
            if is_lost && !is_told(job.id, &over) {
                over.push(job);
            }
        }
        if !over.is_empty() {
            catalog.change(|change| {
                for job in &over {
                    let ended = job.after_interruption(now);
                    change.merge_job(&ended)?;
                    for alert in alerts_after(&ended) {
                        alert.apply(change, now)?;
                    }
                }
                Ok(())
            })?;
        }
        // Only when that is durable: until then they are found again.
        for (entry, _lock) in &dead {
            entry.remove()?;
        }
        Ok(())
    }
}
