//! What proves that data is there: objects that were read and found good, and restores that were compared.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::key::{push_instant_descending, push_text};
use crate::point::{POINT_ID_MAX_BYTES, PointId};
use crate::record::{Record, check_text};
use crate::source::SourceName;
use crate::store::Table;

/// What was looked at. The numbers stand in keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A pack, or whatever holds the data of many points.
    Pack = 1,
    /// A recovery point.
    Point = 2,
}

/// How closely it was looked at; more is later. The numbers stand in keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyLevel {
    /// It is there and its parts go together.
    Structure = 1,
    /// Its bytes are those that were stored.
    Hashes = 2,
    /// Its content could be opened.
    Data = 3,
}

/// An object that was found good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// What kind of object.
    pub kind: ObjectKind,
    /// Its name, at most 1024 bytes.
    pub object: String,
    /// How closely it was looked at.
    pub level: VerifyLevel,
    /// When.
    pub at: DateTime<Utc>,
}

impl Verified {
    pub(crate) fn prefix(kind: ObjectKind, level: VerifyLevel) -> Vec<u8> {
        vec![kind as u8, level as u8]
    }

    pub(crate) fn key_of(kind: ObjectKind, level: VerifyLevel, object: &str) -> Vec<u8> {
        let mut key = Self::prefix(kind, level);
        key.extend_from_slice(object.as_bytes());
        key
    }
}

impl Record for Verified {
    const KIND: u8 = 5;
    const TABLE: Table = Table::Verified;

    fn key(&self) -> Vec<u8> {
        Self::key_of(self.kind, self.level, &self.object)
    }

    fn check(&self) -> Result<()> {
        check_text("the name of an object", &self.object, POINT_ID_MAX_BYTES)
    }
}

/// A point that was really restored, and compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Drill {
    /// Whose point it was.
    pub source: SourceName,
    /// The point.
    pub point: PointId,
    /// When.
    pub at: DateTime<Utc>,
    /// Files that were compared.
    pub files_count: u64,
    /// Bytes that were restored.
    pub restored_bytes: u64,
    /// Files that did not come back as they were: with none, the point is proven restorable.
    pub differing_count: u64,
}

impl Drill {
    /// A drill in which nothing differed.
    #[must_use]
    pub fn new(source: SourceName, point: PointId, at: DateTime<Utc>) -> Self {
        Self {
            source,
            point,
            at,
            files_count: 0,
            restored_bytes: 0,
            differing_count: 0,
        }
    }

    /// True when everything came back as it was.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        self.differing_count == 0
    }
}

impl Record for Drill {
    const KIND: u8 = 6;
    const TABLE: Table = Table::Drills;

    fn key(&self) -> Vec<u8> {
        let mut key = self.source.prefix();
        push_instant_descending(&mut key, self.at);
        push_text(&mut key, self.point.as_str());
        key
    }

    fn check(&self) -> Result<()> {
        self.source.check()?;
        self.point.check()
    }
}
