//! The file of metrics.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use strongroom_catalog::SourceName;
use strongroom_notices::{Sent, metrics, write_textfile};
use strongroom_policy::{Decision, LastRuns, Timetable};

use super::Desk;
use crate::commands::policy::file;
use crate::fail::Result;
use crate::run::now;

impl Desk {
    pub(super) fn write_metrics(&self, path: &Path, sent: &Sent) -> Result<()> {
        let at = now();
        let next_due = self.next_due(at);
        let text = self.journal.with_catalog(at, |catalog| {
            Ok(metrics(&catalog.snapshot()?, &next_due, sent, at))
        })??;
        Ok(write_textfile(path, &text)?)
    }

    /// When each source is due next, where the policy is good.
    fn next_due(&self, at: DateTime<Utc>) -> BTreeMap<SourceName, DateTime<Utc>> {
        let path = file::path(&self.state);
        let Ok(Some(read)) = path.and_then(|path| file::stored_at(&path)) else {
            return BTreeMap::new();
        };
        let zone = file::zone(&read.policy);
        let timetable =
            Timetable::new(read.policy.schedule.clone(), zone).with_catch_up(read.policy.catch_up);
        let one = |name: &String| {
            let runs = self.state.last_runs(name).ok().flatten();
            let runs = runs.unwrap_or_else(|| LastRuns::since(at));
            let due_at = match timetable.due_now(&runs, at) {
                Decision::Run { due, .. } => Some(due.at),
                Decision::Wait { until, .. } => until,
                _ => None,
            };
            Some((SourceName::local(name.clone()), due_at?))
        };
        let sources = read.policy.sources.iter();
        sources.filter_map(|source| one(&source.name)).collect()
    }
}
