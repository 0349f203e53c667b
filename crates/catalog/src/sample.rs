//! The history of sizes, for forecasts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::key::push_instant;
use crate::record::Record;
use crate::source::SourceName;
use crate::store::Table;

/// How much there was at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Sample {
    /// Of which source; `None` for all of a vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceName>,
    /// When.
    pub at: DateTime<Utc>,
    /// Bytes of all files, of the newest point of each source.
    pub logical_bytes: u64,
    /// Bytes that the store holds.
    pub stored_bytes: u64,
    /// Points that are not deleted.
    pub points_count: u64,
}

impl Sample {
    /// An empty vault or source at this instant.
    #[must_use]
    pub fn new(source: Option<SourceName>, at: DateTime<Utc>) -> Self {
        Self {
            source,
            at,
            logical_bytes: 0,
            stored_bytes: 0,
            points_count: 0,
        }
    }

    /// What all keys of one history begin with.
    pub(crate) fn prefix(source: Option<&SourceName>) -> Vec<u8> {
        let of_source = source.map(SourceName::prefix);
        let mut key = vec![u8::from(of_source.is_some())];
        key.extend(of_source.unwrap_or_default());
        key
    }
}

impl Record for Sample {
    const KIND: u8 = 7;
    const TABLE: Table = Table::Samples;

    fn key(&self) -> Vec<u8> {
        let mut key = Self::prefix(self.source.as_ref());
        push_instant(&mut key, self.at);
        key
    }

    fn check(&self) -> Result<()> {
        self.source.iter().try_for_each(SourceName::check)
    }
}
