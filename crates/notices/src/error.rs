//! What can go wrong with notices.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

type Cause = Box<dyn StdError + Send + Sync>;

/// What went wrong, by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings are wrong.
    #[error("{}{message}", place(*.line))]
    Settings {
        /// Which line of the text, from 1, where that is known.
        line: Option<usize>,
        /// What is wrong with it.
        message: String,
    },
    /// Nobody answers, or not as they should: try again later.
    #[error("{place} cannot be reached")]
    Unreachable {
        /// Server, program or socket.
        place: String,
        /// Why.
        source: Cause,
    },
    /// It took too long.
    #[error("{place} did not answer within {timeout_secs} s")]
    TimedOut {
        /// Server or program.
        place: String,
        /// How long it was waited for.
        timeout_secs: u32,
    },
    /// The other side is not who it should be, or its certificate cannot be checked.
    #[error("{place} could not prove who it is")]
    Untrusted {
        /// The server.
        place: String,
        /// Why.
        source: Cause,
    },
    /// It was understood and refused.
    #[error("{place} refused the notice: {said}")]
    Refused {
        /// Server or program.
        place: String,
        /// What it said.
        said: String,
        /// It may be taken later.
        is_passing: bool,
    },
    /// A file that the settings name cannot be used.
    #[error("the {what} {} cannot be used", path.display())]
    File {
        /// What it is.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The process ended while it was sending: nobody knows whether the notice has arrived.
    #[error("the program ended while it was sending")]
    Interrupted,
    /// The record of what was sent is damaged, or from a newer version.
    #[error("the record of sent notices cannot be read: {reason}")]
    Record {
        /// What does not fit.
        reason: String,
    },
    /// The catalog could not be read.
    #[error("the catalog could not be read")]
    Catalog(#[from] strongroom_catalog::Error),
}

impl Error {
    /// True when another notice through the same channel would meet the same.
    #[must_use]
    pub fn is_of_channel(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }

    /// True when it may go away by itself.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Interrupted => true,
            Self::Refused { is_passing, .. } => *is_passing,
            _ => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Settings { .. } => "mend that line; docs/guide/notices.md has all keys",
            Self::Unreachable { .. } => {
                "check name, port and tls, and that a firewall lets this machine connect"
            }
            Self::TimedOut { .. } => {
                "check name and port; a server that wants TLS from the start needs tls = \"implicit\""
            }
            Self::Untrusted { .. } => {
                "check the name of the server; for an authority of your own set ca_file, else mend the clock"
            }
            Self::Interrupted
            | Self::Refused {
                is_passing: true, ..
            } => "wait: it is tried again",
            Self::Refused { .. } => "check user, secret, sender and recipient with whoever runs it",
            Self::File { .. } => "check the path, and that this user may read the file",
            Self::Record { .. } => "move the file away; what is open is then told once more",
            Self::Catalog(_) => "see what the catalog says",
        }
    }

    pub(crate) fn unreachable(place: &str, source: impl Into<Cause>) -> Self {
        Self::Unreachable {
            place: place.to_owned(),
            source: source.into(),
        }
    }
}

/// The error and its causes in one line, no text twice.
pub(crate) fn in_one_line(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        next = cause.source();
    }
    line
}

fn place(line: Option<usize>) -> String {
    line.map_or(String::new(), |line| format!("line {line}: "))
}

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
