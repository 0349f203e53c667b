//! Sources, and what their points add up to.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::key::push_text;
use crate::point::PointId;
use crate::record::{Record, check_text};
use crate::store::Table;

/// The longest name of a machine or a source, in bytes.
pub const NAME_MAX_BYTES: usize = 1024;

/// Names a source: two machines may each have one called `home`.
///
/// ```
/// use strongroom_catalog::SourceName;
///
/// assert_eq!(SourceName::new("laptop", "home").to_string(), "laptop/home");
/// assert_eq!(SourceName::local("tank/home").to_string(), "tank/home");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceName {
    /// The machine; empty where there is only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// The name on that machine.
    pub name: String,
}

impl SourceName {
    /// A source of a machine.
    #[must_use]
    pub fn new(machine: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            machine: machine.into(),
            name: name.into(),
        }
    }

    /// A source of the only machine.
    #[must_use]
    pub fn local(name: impl Into<String>) -> Self {
        Self::new("", name)
    }

    /// What all keys of this source begin with.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        let mut key = Vec::new();
        push_text(&mut key, &self.machine);
        push_text(&mut key, &self.name);
        key
    }

    pub(crate) fn check(&self) -> Result<()> {
        if !self.machine.is_empty() {
            check_text("the name of a machine", &self.machine, NAME_MAX_BYTES)?;
        }
        check_text("the name of a source", &self.name, NAME_MAX_BYTES)
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.machine.is_empty() {
            write!(f, "{}/", self.machine)?;
        }
        f.write_str(&self.name)
    }
}

/// What the points of a source add up to. Made from the points alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// Points that are not deleted.
    pub points_count: u64,
    /// Points that are deleted softly.
    pub deleted_count: u64,
    /// The newest point that is not deleted, and when it was taken.
    pub newest: Option<NewestPoint>,
    /// Sum over the points that are not deleted.
    pub stored_bytes: u64,
}

/// The newest point of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NewestPoint {
    /// Its id.
    pub id: PointId,
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// Bytes of all files in it.
    pub logical_bytes: u64,
}

impl Source {
    pub(crate) fn without_points(name: SourceName) -> Self {
        Self {
            name,
            points_count: 0,
            deleted_count: 0,
            newest: None,
            stored_bytes: 0,
        }
    }
}

impl Record for Source {
    const KIND: u8 = 2;
    const TABLE: Table = Table::Sources;

    fn key(&self) -> Vec<u8> {
        self.name.prefix()
    }

    fn check(&self) -> Result<()> {
        self.name.check()
    }
}
