//! What only this machine knows, as bytes that can be kept elsewhere: jobs, alerts, proofs, samples.
//!
//! ```text
//! {"journal":1}
//! {"job":{…}}                     any number of lines of one record each; a line that holds nothing known is passed over
//! {"end":{"records_count":42}}    without it, the journal is cut off
//! ```

mod merge;

use std::io::{BufRead, BufReader, Read, Write};

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::proof::{Drill, Verified};
use crate::record::{JOURNAL_MAX_BYTES, Record};
use crate::sample::Sample;
use crate::snapshot::Snapshot;
use crate::store::Span;

/// The newest version of a saved journal that is known.
const VERSION: u32 = 1;
/// The most lines that are read.
const LINES_MAX_COUNT: u64 = 16 * 1024 * 1024;

/// What an import has brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// Records that were not known, or that were newer than what was known.
    pub taken_count: u64,
    /// Records that were known as they are, or newer.
    pub known_count: u64,
    /// Records of a kind that only newer programs know.
    pub unknown_count: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    journal: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<Job>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alert: Option<Alert>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verified: Option<Verified>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drill: Option<Drill>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sample: Option<Sample>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<End>,
}

#[derive(Debug, Serialize, Deserialize)]
struct End {
    records_count: u64,
}

/// One record of the journals.
#[derive(Debug)]
pub(crate) enum JournalRecord {
    Job(Job),
    Alert(Alert),
    Verified(Verified),
    Drill(Drill),
    Sample(Sample),
}

impl JournalRecord {
    fn check(&self) -> Result<()> {
        match self {
            Self::Job(job) => job.check(),
            Self::Alert(alert) => alert.check(),
            Self::Verified(verified) => verified.check(),
            Self::Drill(drill) => drill.check(),
            Self::Sample(sample) => sample.check(),
        }
    }

    /// True when its state and its times go together: what has ended has an end.
    pub(crate) fn is_consistent(&self) -> bool {
        match self {
            Self::Job(job) => job.state.has_ended() == job.ended_at.is_some(),
            Self::Alert(alert) => alert.is_open() == alert.resolved_at.is_none(),
            Self::Verified(_) | Self::Drill(_) | Self::Sample(_) => true,
        }
    }
}

impl From<JournalRecord> for Line {
    fn from(record: JournalRecord) -> Self {
        let mut line = Self::default();
        match record {
            JournalRecord::Job(job) => line.job = Some(job),
            JournalRecord::Alert(alert) => line.alert = Some(alert),
            JournalRecord::Verified(verified) => line.verified = Some(verified),
            JournalRecord::Drill(drill) => line.drill = Some(drill),
            JournalRecord::Sample(sample) => line.sample = Some(sample),
        }
        line
    }
}

impl Line {
    fn record(self) -> Option<JournalRecord> {
        let job = self.job.map(JournalRecord::Job);
        let alert = || self.alert.map(JournalRecord::Alert);
        let verified = || self.verified.map(JournalRecord::Verified);
        let drill = || self.drill.map(JournalRecord::Drill);
        let sample = || self.sample.map(JournalRecord::Sample);
        job.or_else(alert)
            .or_else(verified)
            .or_else(drill)
            .or_else(sample)
    }
}

impl Snapshot {
    fn journal(&self) -> impl Iterator<Item = Result<JournalRecord>> {
        let jobs = self.records(Span::all());
        let alerts = self.records(Span::all());
        let verified = self.records(Span::all());
        let drills = self.records(Span::all());
        let samples = self.records(Span::all());
        jobs.map(|record| record.map(JournalRecord::Job))
            .chain(alerts.map(|record| record.map(JournalRecord::Alert)))
            .chain(verified.map(|record| record.map(JournalRecord::Verified)))
            .chain(drills.map(|record| record.map(JournalRecord::Drill)))
            .chain(samples.map(|record| record.map(JournalRecord::Sample)))
    }

    /// Writes all journals, and tells how many records they have. Records are about 500 bytes each, and compress well.
    ///
    /// # Errors
    /// When the catalog cannot be read, or the writer fails.
    pub fn export_journals(&self, mut out: impl Write) -> Result<u64> {
        let mut write = |line: &Line| {
            let mut text =
                serde_json::to_vec(line).map_err(|error| Error::corrupt(error.to_string()))?;
            text.push(b'\n');
            out.write_all(&text).map_err(|source| Error::Io {
                doing: "save the journals of",
                source,
            })
        };
        write(&Line {
            journal: Some(VERSION),
            ..Line::default()
        })?;
        let mut records_count = 0;
        for record in self.journal() {
            write(&record?.into())?;
            records_count += 1;
        }
        write(&Line {
            end: Some(End { records_count }),
            ..Line::default()
        })?;
        Ok(records_count)
    }
}

impl Catalog {
    /// Takes in what [`Snapshot::export_journals`] has written, here or in a catalog that is lost: all of it, or nothing
    /// when it is damaged. Of two copies of a record the newer one counts, so that doing it twice changes nothing. Jobs
    /// that were running when the journals were saved, and are not known here, have ended.
    ///
    /// # Errors
    /// [`Error::Journal`] names the line that is refused; [`Error::NewerVersion`].
    pub fn import_journals(&self, saved: impl Read) -> Result<Imported> {
        let mut lines = Lines::new(saved);
        let version = lines.next()?.and_then(|line| line.journal);
        match version {
            Some(VERSION) => {}
            Some(found) if found > VERSION => {
                return Err(Error::NewerVersion {
                    found,
                    supported: VERSION,
                });
            }
            _ => return Err(lines.refuse("it does not begin as a journal does")),
        }
        self.change(|change| {
            let mut imported = Imported::default();
            let mut records_count = 0;
            while let Some(line) = lines.next()? {
                if let Some(end) = line.end {
                    if end.records_count != records_count || lines.next()?.is_some() {
                        return Err(lines.refuse("it does not end where it should"));
                    }
                    return Ok(imported);
                }
                records_count += 1;
                let Some(record) = line.record() else {
                    imported.unknown_count += 1;
                    continue;
                };
                if !record.is_consistent() {
                    return Err(lines.refuse("its state and its times contradict each other"));
                }
                let is_taken = change.merge(record).map_err(|error| match error {
                    Error::Limit { .. } => lines.refuse(error.to_string()),
                    other => other,
                })?;
                if is_taken {
                    imported.taken_count += 1;
                } else {
                    imported.known_count += 1;
                }
            }
            Err(lines.refuse("it is cut off"))
        })
    }
}

/// Lines of JSON of bounded length.
struct Lines<R> {
    input: BufReader<R>,
    number: u64,
}

impl<R: Read> Lines<R> {
    fn new(input: R) -> Self {
        Self {
            input: BufReader::new(input),
            number: 0,
        }
    }

    fn refuse(&self, reason: impl Into<String>) -> Error {
        Error::Journal {
            line: self.number,
            reason: reason.into(),
        }
    }

    fn next(&mut self) -> Result<Option<Line>> {
        let mut text = Vec::new();
        let limit = u64::try_from(JOURNAL_MAX_BYTES).unwrap_or(u64::MAX);
        let read = self.input.by_ref().take(limit).read_until(b'\n', &mut text);
        read.map_err(|source| Error::Io {
            doing: "take journals into",
            source,
        })?;
        if text.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if text.pop() != Some(b'\n') {
            return Err(self.refuse("the line is cut off or too long"));
        }
        if self.number > LINES_MAX_COUNT {
            return Err(self.refuse("there are too many lines"));
        }
        let line = serde_json::from_slice(&text);
        line.map(Some)
            .map_err(|error| self.refuse(error.to_string()))
    }
}
