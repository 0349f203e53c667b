//! The crate's error.

use std::path::PathBuf;

use crate::system::User;

/// What went wrong, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The vault, or the recovery point in it.
    #[error(transparent)]
    Engine(#[from] strongroom::Error),
    /// The directory to mount on does not exist, or is none.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The directory to mount on holds something, which would be hidden.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The directory carries a mount of another program that has died.
    #[error("{} carries a mount whose program has ended", .0.display())]
    Dead(PathBuf),
    /// The directory cannot be looked at.
    #[error("cannot look at {}", path.display())]
    Look {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system has no FUSE, or does not let this process use it.
    #[error("this system does not let file systems be mounted by programs")]
    NoFuse(#[source] std::io::Error),
    /// An ordinary user needs `fusermount3`, which is not there.
    #[error("fusermount3 is not installed")]
    NoHelper,
    /// Mounting failed for another reason.
    #[error("cannot mount on {}", path.display())]
    Refused {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is in use and stays mounted.
    #[error("{} is in use{}", path.display(), list(users))]
    Busy {
        /// The directory.
        path: PathBuf,
        /// Who uses it, as far as this process may know.
        users: Vec<User>,
    },
    /// Unmounting failed for another reason.
    #[error("cannot unmount {}", path.display())]
    Unmount {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that serves the mount ended with an error.
    #[error("the mount ended by itself")]
    Session(#[source] std::io::Error),
}

/// ` by bash (12), less (34)`; nothing where nobody is known.
fn list(users: &[User]) -> String {
    if users.is_empty() {
        return String::new();
    }
    let names: Vec<String> = users.iter().map(User::to_string).collect();
    format!(" by {}", names.join(", "))
}

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
