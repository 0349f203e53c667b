//! The daemon's socket: one JSON object a line, for whoever runs as the same user.
//!
//! What is kept in files (halts, requests to stop) needs no socket; a daemon is only told to look. What it is asked for that
//! no file could say is to run something, to say how it is, and to tell what happens.

mod client;
mod server;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom_catalog::JobId;

use crate::duty::Duty;
use crate::error::{Error, Result};

pub use client::{Client, Events};
pub use server::{Answer, Listeners, Server};

/// The longest line, in bytes.
pub const LINE_MAX_BYTES: usize = 64 * 1024;

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Request {
    /// Something is to be run now.
    Run {
        /// What it is.
        duty: Duty,
        /// How, in the words of the program that embeds the daemon.
        args: Vec<String>,
        /// Where relative paths in these words begin.
        dir: PathBuf,
    },
    /// Something has changed: look again.
    Wake,
    /// How is the daemon?
    Status,
    /// What happens is to be told, a line for each event, until the client goes.
    Follow,
}

/// What a daemon answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reply {
    /// It is done.
    Done,
    /// It is written down as this job, and will begin.
    Scheduled {
        /// The job.
        job: JobId,
    },
    /// How it is.
    Status {
        /// Its process.
        process: u32,
        /// When it began.
        since: DateTime<Utc>,
    },
    /// It is not done.
    Refused {
        /// Why.
        reason: String,
    },
}

/// Calls `act` with a name of the socket that is short enough for the system, which takes a hundred bytes or so.
fn with_short_name<T>(path: &Path, act: impl FnOnce(&Path) -> std::io::Result<T>) -> Result<T> {
    const SHORT_BYTES: usize = 100;
    let failed = || Error::io("use the socket", path);
    if path.as_os_str().len() <= SHORT_BYTES {
        return act(path).map_err(failed());
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return act(path).map_err(failed());
    };
    let dir = std::fs::File::open(parent).map_err(failed())?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&dir);
    let short = Path::new("/proc/self/fd")
        .join(number.to_string())
        .join(name);
    act(&short).map_err(failed())
}
