//! What can go wrong with a catalog.

use std::io;

use crate::job::IllegalEvent;

/// What went wrong, by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process, or another part of this one, has the catalog open: try again when it is done.
    #[error("the catalog is in use")]
    InUse,
    /// The file is damaged or no catalog: [`Catalog::open_or_recover`](crate::Catalog::open_or_recover) moves it aside
    /// and saves what it can.
    #[error("the catalog is damaged: {reason}")]
    Corrupt {
        /// What does not fit.
        reason: String,
    },
    /// A newer version has written it: update this program.
    #[error("the catalog has format {found}, and this program knows formats up to {supported}")]
    NewerVersion {
        /// Format of the file.
        found: u32,
        /// The newest format that is known here.
        supported: u32,
    },
    /// The file system refused. After a failed write the catalog must be opened anew.
    #[error("cannot {doing} the catalog")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// No such job or alert.
    #[error("there is no {what} {id}")]
    NotFound {
        /// `job` or `alert`.
        what: &'static str,
        /// The id asked for.
        id: String,
    },
    /// A job cannot do that in its state.
    #[error(transparent)]
    IllegalEvent(#[from] IllegalEvent),
    /// A security alert can neither be silenced nor resolve itself.
    #[error("security alert {key} cannot be silenced")]
    CannotBeSilenced {
        /// Its key.
        key: String,
    },
    /// The alert is resolved, so that nothing can be done to it any more.
    #[error("alert {key} is resolved")]
    AlreadyResolved {
        /// Its key.
        key: String,
    },
    /// A text or a record is empty or beyond its limit.
    #[error("{what} is not within its limits: {bytes} of 1 to {limit_bytes} bytes")]
    Limit {
        /// Which one.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The most allowed.
        limit_bytes: usize,
    },
    /// A saved journal is cut off, damaged, or none.
    #[error("line {line} of the saved journal is refused: {reason}")]
    Journal {
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The caller's recovery points ended with an error; nothing was replaced.
    #[error("the recovery points could not be listed")]
    Points(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub(crate) fn corrupt(reason: impl Into<String>) -> Self {
        Self::Corrupt {
            reason: reason.into(),
        }
    }

    /// True when only moving the file aside helps.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }
}

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
