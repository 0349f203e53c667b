//! How a job has ended, as far as schedules care.

use serde::{Deserialize, Serialize};

/// How a job has ended. What it came to stands in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is done as far as it could be.
    DoneWithWarnings,
    /// It has failed.
    Failed,
    /// It did not begin, because another job of the same kind of work was running.
    Busy,
    /// A person has stopped it.
    Stopped,
    /// It was stopped because the program ends, or its process is gone: it is to be done again.
    Interrupted,
}

impl Outcome {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::DoneWithWarnings => "done_with_warnings",
            Self::Failed => "failed",
            Self::Busy => "busy",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        }
    }
}
