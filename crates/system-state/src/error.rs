//! What can go wrong with a system state.

use std::io;
use std::path::PathBuf;

/// What went wrong, by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It was written by a newer version.
    #[error("the system state has format {found}, this version reads up to {known}")]
    Newer {
        /// What stands in the index.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// A file of it is not what it should be.
    #[error("{file} of the system state cannot be read")]
    Malformed {
        /// Its name in the tree.
        file: String,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// A file of it is not there.
    #[error("{file} of the system state is not there")]
    Missing {
        /// Its name in the tree.
        file: String,
    },
    /// The tree cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
