//! Recovery points.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::key::push_instant_descending;
use crate::record::{Record, check_text};
use crate::source::SourceName;
use crate::store::Table;

/// The longest id of a point, in bytes.
pub const POINT_ID_MAX_BYTES: usize = 1024;

/// What the owner of a point calls it: an id in a vault, the name of a ZFS snapshot, the name of a dump.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PointId(String);

impl PointId {
    /// This text; it is checked when it is written.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_text("the id of a point", &self.0, POINT_ID_MAX_BYTES)
    }
}

impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a point holds everything that was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointState {
    /// All entries are in it.
    #[default]
    Complete,
    /// Some were skipped.
    Partial,
    /// It cannot be read, or not wholly.
    Damaged,
}

/// What keeps a point from expiring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Until somebody releases it.
    Open,
    /// Up to, not including, an instant.
    Until(DateTime<Utc>),
}

/// Immutable state of one source at `taken_at`, as it is listed. What is not known is zero, empty or `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Point {
    /// What its owner calls it.
    pub id: PointId,
    /// Whose state it is.
    pub source: SourceName,
    /// When the state was that of the source.
    pub taken_at: DateTime<Utc>,
    /// When the store had it, by the store's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<DateTime<Utc>>,
    /// The point that it was built on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PointId>,
    /// Civil times of the scheduled runs that it was made for; `None` for a point outside of any schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Vec<String>>,
    /// Complete, partial or damaged.
    #[serde(default)]
    pub state: PointState,
    /// Everything in it that is no directory.
    #[serde(default)]
    pub files_count: u64,
    /// Directories in it.
    #[serde(default)]
    pub dirs_count: u64,
    /// Entries that are not, or not wholly, in it.
    #[serde(default)]
    pub skipped_count: u64,
    /// Bytes of all files in it.
    #[serde(default)]
    pub logical_bytes: u64,
    /// Raw file content that was new in it.
    #[serde(default)]
    pub unique_bytes: u64,
    /// What the store received for it.
    #[serde(default)]
    pub stored_bytes: u64,
    /// Free key–value pairs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Keeps it from expiring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Explicit retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<DateTime<Utc>>,
    /// When it was deleted, softly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<DateTime<Utc>>,
    /// Names of the rules that keep it, as retention said last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_because: Vec<String>,
    /// When it expires if nothing else happens, as retention said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

impl Point {
    /// A complete point of which nothing else is known.
    #[must_use]
    pub fn new(id: impl Into<String>, source: SourceName, taken_at: DateTime<Utc>) -> Self {
        Self {
            id: PointId::new(id),
            source,
            taken_at,
            written_at: None,
            previous: None,
            slots: None,
            state: PointState::Complete,
            files_count: 0,
            dirs_count: 0,
            skipped_count: 0,
            logical_bytes: 0,
            unique_bytes: 0,
            stored_bytes: 0,
            tags: BTreeMap::new(),
            hold: None,
            retain_until: None,
            deleted_at: None,
            kept_because: Vec::new(),
            expires_at: None,
        }
    }

    /// True when it is deleted, softly.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// Its key in the order of sources and, within one, newest first.
    pub(crate) fn source_key(&self) -> Vec<u8> {
        let mut key = self.source.prefix();
        push_instant_descending(&mut key, self.taken_at);
        key.extend_from_slice(self.id.as_str().as_bytes());
        key
    }
}

impl Record for Point {
    const KIND: u8 = 1;
    const TABLE: Table = Table::Points;
    /// More than a manifest may hold of tags: no point is refused for what it is.
    const MAX_BYTES: usize = 64 * 1024 * 1024;

    fn key(&self) -> Vec<u8> {
        self.id.as_str().as_bytes().to_vec()
    }

    fn check(&self) -> Result<()> {
        self.id.check()?;
        self.previous.iter().try_for_each(PointId::check)?;
        self.source.check()
    }
}
