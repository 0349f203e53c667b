//! Reading: one state of the catalog.

use chrono::{DateTime, Utc};

use crate::alert::{Alert, AlertId};
use crate::error::{Error, Result};
use crate::job::{Job, JobId, JobKind};
use crate::key::last_number_descending;
use crate::point::{Point, PointId};
use crate::proof::{Drill, ObjectKind, Verified, VerifyLevel};
use crate::record::{Record, decode};
use crate::sample::Sample;
use crate::source::{Source, SourceName};
use crate::store::{Entry, Read, Reading, Span, Table};

/// What the catalog holds at one instant. Iterators hold a few records at a time.
#[derive(Debug)]
pub struct Snapshot {
    read: Read,
}

impl Snapshot {
    pub(crate) fn new(read: Read) -> Self {
        Self { read }
    }

    /// All records of a kind within a span.
    pub(crate) fn records<R: Record>(&self, span: Span) -> impl Iterator<Item = Result<R>> {
        self.read
            .scan(R::TABLE, span)
            .map(|entry| entry.and_then(|(_, value)| decode(&value)))
    }

    /// The records that the entries of another table name.
    fn named<R: Record>(
        &self,
        table: Table,
        span: Span,
        key: impl Fn(Entry) -> Option<Vec<u8>>,
    ) -> impl Iterator<Item = Result<R>> {
        self.read.scan(table, span).map(move |entry| {
            let key = key(entry?).ok_or_else(|| Error::corrupt("a key is too short"))?;
            let record = self.get(&key)?;
            record.ok_or_else(|| Error::corrupt("a table names a record that is not there"))
        })
    }

    fn get<R: Record>(&self, key: &[u8]) -> Result<Option<R>> {
        let value = self.read.get(R::TABLE, key)?;
        value.map(|value| decode(&value)).transpose()
    }

    /// A point.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn point(&self, id: &PointId) -> Result<Option<Point>> {
        self.get(id.as_str().as_bytes())
    }

    /// All points, deleted ones too, in the order of their ids.
    pub fn points(&self) -> impl Iterator<Item = Result<Point>> {
        self.records(Span::all())
    }

    /// The points of a source, deleted ones too, newest first.
    pub fn points_of(&self, source: &SourceName) -> impl Iterator<Item = Result<Point>> {
        let prefix = source.prefix();
        let id_at = prefix.len() + INSTANT_BYTES;
        let id = move |(key, _): Entry| key.get(id_at..).map(<[u8]>::to_vec);
        self.named(Table::PointsBySource, Span::prefix(&prefix), id)
    }

    /// A source that has points.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn source(&self, name: &SourceName) -> Result<Option<Source>> {
        self.get(&name.prefix())
    }

    /// All sources that have points, in the order of machines and names.
    pub fn sources(&self) -> impl Iterator<Item = Result<Source>> {
        self.records(Span::all())
    }

    /// A job.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn job(&self, id: JobId) -> Result<Option<Job>> {
        self.get(&id.key())
    }

    /// All jobs, newest first.
    pub fn jobs(&self) -> impl Iterator<Item = Result<Job>> {
        self.records(Span::all().reversed())
    }

    /// The jobs of a source, newest first.
    pub fn jobs_of(&self, source: &SourceName) -> impl Iterator<Item = Result<Job>> {
        let id = |(key, _): Entry| Some(JobId(last_number_descending(&key)?).key());
        self.named(Table::JobsBySource, Span::prefix(&source.prefix()), id)
    }

    /// The jobs that have not ended, oldest first.
    pub fn unfinished_jobs(&self) -> impl Iterator<Item = Result<Job>> {
        self.named(Table::UnfinishedJobs, Span::all(), |(key, _)| Some(key))
    }

    /// The newest job of a kind of a source that satisfies a condition: the last run, the last success, the run of a
    /// slot.
    ///
    /// ```
    /// # use strongroom_catalog::{Catalog, JobKind, SourceName};
    /// # let catalog = Catalog::in_memory()?;
    /// let (snapshot, home) = (catalog.snapshot()?, SourceName::local("home"));
    /// let last_success = snapshot.last_job(&home, &JobKind::Backup, |job| job.state.is_success())?;
    /// let of_slot = snapshot.last_job(&home, &JobKind::Backup, |job| job.is_for_slot("2026-03-28T18:00"))?;
    /// # assert_eq!((last_success, of_slot), (None, None));
    /// # Ok::<(), strongroom_catalog::Error>(())
    /// ```
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_job(
        &self,
        source: &SourceName,
        kind: &JobKind,
        condition: impl Fn(&Job) -> bool,
    ) -> Result<Option<Job>> {
        let is_it = |job: &Result<Job>| match job {
            Ok(job) => job.kind == *kind && condition(job),
            Err(_) => true,
        };
        self.jobs_of(source).find(is_it).transpose()
    }

    /// An alert.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn alert(&self, id: AlertId) -> Result<Option<Alert>> {
        self.get(&id.key())
    }

    /// All alerts, newest first.
    pub fn alerts(&self) -> impl Iterator<Item = Result<Alert>> {
        self.records(Span::all().reversed())
    }

    /// The alerts that are not resolved, in the order of their keys.
    pub fn open_alerts(&self) -> impl Iterator<Item = Result<Alert>> {
        self.named(Table::OpenAlerts, Span::all(), |(_, id)| Some(id))
    }

    /// The alert of a key that is not resolved.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open_alert(&self, key: &str) -> Result<Option<Alert>> {
        match self.read.get(Table::OpenAlerts, key.as_bytes())? {
            Some(id) => self.get(&id),
            None => Ok(None),
        }
    }

    /// When an object was last found good, at this level.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn verified_at(
        &self,
        kind: ObjectKind,
        level: VerifyLevel,
        object: &str,
    ) -> Result<Option<DateTime<Utc>>> {
        let verified = self.get::<Verified>(&Verified::key_of(kind, level, object))?;
        Ok(verified.map(|verified| verified.at))
    }

    /// All objects of a kind that were found good at a level, in the order of their names.
    pub fn verified(
        &self,
        kind: ObjectKind,
        level: VerifyLevel,
    ) -> impl Iterator<Item = Result<Verified>> {
        self.records(Span::prefix(&Verified::prefix(kind, level)))
    }

    /// The drills of a source, newest first.
    pub fn drills_of(&self, source: &SourceName) -> impl Iterator<Item = Result<Drill>> {
        self.records(Span::prefix(&source.prefix()))
    }

    /// The newest drill of a source in which everything came back: "last proven restorable".
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_proof(&self, source: &SourceName) -> Result<Option<Drill>> {
        let is_it = |drill: &Result<Drill>| drill.as_ref().map_or(true, Drill::is_proof);
        self.drills_of(source).find(is_it).transpose()
    }

    /// The history of sizes of a source, or of all together, oldest first.
    pub fn samples(&self, source: Option<&SourceName>) -> impl Iterator<Item = Result<Sample>> {
        self.records(Span::prefix(&Sample::prefix(source)))
    }
}

/// Bytes of an instant in a key.
const INSTANT_BYTES: usize = 12;
