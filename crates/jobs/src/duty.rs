//! What is to be done again and again.

use std::fmt;

use serde::{Deserialize, Serialize};
use strongroom_catalog::{JobKind, SourceName};

/// The backup of a source, or housekeeping. Each time that it is done is a job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Duty {
    /// What is done.
    pub kind: JobKind,
    /// To which source; `None` for what concerns a whole vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceName>,
}

impl Duty {
    /// The backup of a source.
    #[must_use]
    pub fn backup(source: SourceName) -> Self {
        Self::of(JobKind::Backup, source)
    }

    /// Something that is done to a source.
    #[must_use]
    pub fn of(kind: JobKind, source: SourceName) -> Self {
        Self {
            kind,
            source: Some(source),
        }
    }

    /// Housekeeping of a whole vault.
    #[must_use]
    pub fn housekeeping(kind: JobKind) -> Self {
        Self { kind, source: None }
    }

    /// Whether two of them exclude each other: there is one job of a source at a time, and one of housekeeping.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{} of {source}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}
