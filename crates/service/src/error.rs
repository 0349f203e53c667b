//! The crate's error.

/// What went wrong between an agent and its server, by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory of ours cannot be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file of ours does not hold what it should.
    #[error("{path} cannot be understood: {reason}")]
    Content {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// The folder for objects lies where one of its promises cannot be kept.
    #[error("{path} is not fit to keep vaults: {reason}")]
    Unfit {
        /// Which.
        path: String,
        /// Which promise.
        reason: String,
    },
    /// A name of an agent or vault, or a URL, is none.
    #[error("{what:?} is not valid: {reason}")]
    Invalid {
        /// What was given.
        what: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A certificate or key could not be made or read.
    #[error("certificate: {0}")]
    Certificate(String),
    /// The server refused.
    #[error("the server answered {status} {code}: {message}")]
    Refused {
        /// Status of the answer.
        status: u16,
        /// What it calls it.
        code: String,
        /// Its explanation.
        message: String,
    },
    /// The server gave no answer.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The vault's store failed.
    #[error(transparent)]
    Vault(#[from] strongroom_vault::Error),
}

/// Result with the crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Names the file that an error is about.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        |source| Self::File { path, source }
    }

    pub(crate) fn certificate(error: impl std::fmt::Display) -> Self {
        Self::Certificate(error.to_string())
    }
}
