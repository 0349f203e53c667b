//! The engine's error.

use std::path::PathBuf;

use strongroom_vault::format::SessionId;

use crate::monitor::Skipped;
use crate::seed::SeedProblem;

/// What went wrong, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller's [`Cancel`](crate::Cancel) was used.
    #[error("cancelled")]
    Cancelled,
    /// A problem with the vault or its store; see the source.
    #[error(transparent)]
    Vault(#[from] strongroom_vault::Error),
    /// A key, passphrase or sealing problem.
    #[error(transparent)]
    Crypto(#[from] strongroom_crypto::Error),
    /// A file of the source or the target could not be used at all.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The thread pool or runtime could not be set up.
    #[error("cannot start the engine")]
    Runtime(#[source] std::io::Error),
    /// No root of the source can be reached; these are they, with the reasons.
    #[error("nothing to back up{}", unreachable(.0))]
    NothingToBackUp(Vec<Skipped>),
    /// The paths of the roots are longer, all together, than a recovery point can name.
    #[error("too many paths: a recovery point can name 1 MiB of them")]
    TooManyRoots,
    /// A path given as a root is not absolute or is below another one in a way that cannot be kept.
    #[error("{} is not an absolute path", .0.display())]
    NotAbsolute(PathBuf),
    /// A glob pattern is not valid.
    #[error("pattern {pattern:?} is not valid")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        source: globset::Error,
    },
    /// No recovery point matches.
    #[error("no recovery point matches {0:?}")]
    NoSuchPoint(String),
    /// More than one recovery point matches.
    #[error("{0:?} matches more than one recovery point")]
    AmbiguousPoint(String),
    /// The point holds no such path.
    #[error("the recovery point holds no {}", String::from_utf8_lossy(.0).escape_debug())]
    NoSuchPath(Vec<u8>),
    /// The path is a directory (or a file) where the other is needed.
    #[error("{} is not a {needed}", String::from_utf8_lossy(.path).escape_debug())]
    WrongKind {
        /// The path.
        path: Vec<u8>,
        /// What it would have to be.
        needed: &'static str,
    },
    /// The content of a single root was asked for, but there are several.
    #[error("the content of one directory can be put into the target itself, but {0} were named")]
    NotOneRoot(usize),
    /// The target of a restore is no directory.
    #[error("the target {} is not a directory", .0.display())]
    TargetNotDirectory(PathBuf),
    /// It is, holds or lies in a place that the run must not touch: its own vault, or what the caller protects.
    #[error("{} belongs to the vault in use or is otherwise protected", .0.display())]
    Protected(PathBuf),
    /// A restored file reads back differently from what was written: the disk or the memory is not to be trusted.
    #[error("{} reads back differently from what was written", .0.display())]
    ReadBack(PathBuf),
    /// A thread of the engine ended by a panic, mostly one of the caller's [`Monitor`](crate::Monitor).
    #[error("a worker thread died")]
    WorkerDied,
    /// Tree or list records do not follow the format.
    #[error("the tree is damaged: {0}")]
    TreeDamaged(&'static str),
    /// The point is held: it must be released first.
    #[error("recovery point {0} is held")]
    Held(SessionId),
    /// The point is the last of its source that can be restored.
    #[error("recovery point {0} is the last of its source")]
    LastPoint(SessionId),
    /// Soft deletions would end by a clock that does not seem right.
    #[error("soft deletions are not ended")]
    Brake(#[source] crate::expire::Brake),
    /// Disks that are no seed for this vault.
    #[error(transparent)]
    Seed(#[from] SeedProblem),
    /// Another run fenced this session before it could commit.
    #[error("session {0} was fenced by another run")]
    Fenced(SessionId),
}

/// The first of the roots that cannot be reached, and how many more there are.
fn unreachable(roots: &[Skipped]) -> String {
    let Some((first, more)) = roots.split_first() else {
        return ": no path was given".to_owned();
    };
    let path = String::from_utf8_lossy(&first.path);
    let others = match more.len() {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    format!(": {}: {}{others}", path.escape_debug(), first.reason)
}

/// Result with the engine's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// True when stored bytes are damaged or missing.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        match self {
            Self::Vault(error) => error.is_corruption(),
            Self::TreeDamaged(_) | Self::Seed(SeedProblem::Damaged { .. }) => true,
            _ => false,
        }
    }

    /// True when the vault has no room left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Vault(error) => error.io_kind() == Some(std::io::ErrorKind::StorageFull),
            _ => false,
        }
    }

    pub(crate) fn file(action: &'static str, path: &[u8], source: std::io::Error) -> Self {
        use std::os::unix::ffi::OsStrExt;
        Self::File {
            action,
            path: PathBuf::from(std::ffi::OsStr::from_bytes(path)),
            source,
        }
    }
}
