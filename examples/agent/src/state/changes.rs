//! How much the runs of a source have found changed: what is usual, and what is not. Losing it costs a while in which nothing
//! is unusual.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strongroom::BackupReport;
use strongroom_notices::Run;

use super::State;
use crate::fail::Result;

/// So many runs are remembered.
const RUNS_COUNT: usize = 14;

/// What is remembered of a source.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Changes {
    /// Files of the newest point.
    files_count: u64,
    /// The last runs after the first, oldest first.
    runs: Vec<Run>,
}

/// A run, and those before it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) run: Run,
    pub(crate) history: Vec<Run>,
}

impl State {
    /// Remembers what a backup has found, and compares it with those before; `None` for the first of a source.
    pub(crate) fn compare(
        &self,
        vault_id: &str,
        report: &BackupReport,
    ) -> Result<Option<Compared>> {
        let text = self.read_memory(vault_id, "changes.json")?;
        let known = text.and_then(|text| serde_json::from_str(&text).ok());
        let mut all: BTreeMap<String, Changes> = known.unwrap_or_default();
        let before = all.get(&report.source).cloned();
        let is_first = before.is_none();
        let (after, compared) = before.unwrap_or_default().after(
            report.files_count,
            report.files_changed_count,
            report.files_unchanged_count,
        );
        all.insert(report.source.clone(), after);
        let text = serde_json::json!(all).to_string();
        self.keep_memory(vault_id, "changes.json", &format!("{text}\n"))?;
        Ok(Some(compared).filter(|_| !is_first))
    }
}

impl Changes {
    fn after(self, files_count: u64, changed_count: u64, unchanged_count: u64) -> (Self, Compared) {
        let still_count = changed_count.saturating_add(unchanged_count);
        let run = Run {
            before_count: self.files_count,
            changed_count,
            gone_count: self.files_count.saturating_sub(still_count),
        };
        let mut runs = self.runs.clone();
        runs.push(run);
        let too_many = runs.len().saturating_sub(RUNS_COUNT);
        runs.drain(..too_many);
        let compared = Compared {
            run,
            history: self.runs,
        };
        (Self { files_count, runs }, compared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_what_is_neither_changed_nor_as_it_was() {
        let before = Changes {
            files_count: 100,
            runs: Vec::new(),
        };
        // 60 were renamed: they are new under their new names.
        let (after, compared) = before.after(100, 10, 30);
        let run = Run {
            before_count: 100,
            changed_count: 10,
            gone_count: 60,
        };
        assert_eq!(
            compared,
            Compared {
                run,
                history: Vec::new()
            }
        );
        let (after, compared) = after.after(100, 0, 100);
        assert_eq!(compared.history, [run]);
        let after = (0..50).fold(after, |after, _| after.after(100, 0, 100).0);
        assert_eq!(after.runs.len(), RUNS_COUNT);
    }
}
