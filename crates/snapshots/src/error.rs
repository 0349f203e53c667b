//! What can go wrong with snapshots.

use std::io;
use std::path::PathBuf;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The place where snapshots are written down cannot be used.
    #[error("cannot use {}", path.display())]
    Journal {
        /// Which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A program has refused.
    #[error("{program}: {said}")]
    Tool {
        /// Which.
        program: String,
        /// What it says.
        said: String,
    },
}

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
