//! What can go wrong with jobs.

use std::io;
use std::path::PathBuf;

/// What went wrong, by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The catalog refuses.
    #[error(transparent)]
    Catalog(#[from] strongroom_catalog::Error),
    /// A file or a socket of jobs cannot be used.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another daemon runs with this directory.
    #[error("another daemon is running")]
    DaemonRuns,
    /// No daemon runs with this directory.
    #[error("no daemon is running")]
    NoDaemon,
    /// The daemon did not do what it was asked to.
    #[error("the daemon refuses: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
    /// What was said on the socket is no message of this program.
    #[error("what came from the daemon's socket is no message: {reason}")]
    Protocol {
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
