//! The states of a job, and which may follow which.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It has not begun.
    Scheduled,
    /// It runs.
    InProgress,
    /// It runs and was asked to stop.
    Cancelling,
    /// It has stopped because it was asked to.
    Cancelled,
    /// It has done all.
    Completed,
    /// It has done all that it could; the rest is named.
    CompletedWithWarnings,
    /// It has ended without its result.
    Failed,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::InProgress,
        Self::Cancelling,
        Self::Cancelled,
        Self::Completed,
        Self::CompletedWithWarnings,
        Self::Failed,
    ];

    /// `scheduled`, `in_progress`, `cancelling`, `cancelled`, `completed`, `completed_with_warnings` or `failed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::InProgress => "in_progress",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
            Self::CompletedWithWarnings => "completed_with_warnings",
            Self::Failed => "failed",
        }
    }

    /// True when nothing can follow.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Scheduled | Self::InProgress | Self::Cancelling)
    }

    /// True when it has its result, whole or in part.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Completed | Self::CompletedWithWarnings)
    }

    /// Whether a job may go from this state to another.
    ///
    /// ```text
    /// scheduled ──▶ in_progress ──▶ completed, completed_with_warnings, failed
    ///     │              │                      ▲
    ///     │              └──▶ cancelling ───────┤
    ///     └─────────────────────────────────────┴──▶ cancelled, failed
    /// ```
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Scheduled => matches!(next, Self::InProgress | Self::Cancelled | Self::Failed),
            Self::InProgress => matches!(
                next,
                Self::Cancelling | Self::Completed | Self::CompletedWithWarnings | Self::Failed
            ),
            // It may have been done before it noticed.
            Self::Cancelling => next.has_ended(),
            _ => false,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_that_may_follow_each_other_are_these() {
        use JobState::*;
        let legal = [
            (Scheduled, InProgress),
            (Scheduled, Cancelled),
            (Scheduled, Failed),
            (InProgress, Cancelling),
            (InProgress, Completed),
            (InProgress, CompletedWithWarnings),
            (InProgress, Failed),
            (Cancelling, Cancelled),
            (Cancelling, Completed),
            (Cancelling, CompletedWithWarnings),
            (Cancelling, Failed),
        ];
        for from in JobState::ALL {
            for to in JobState::ALL {
                let is_legal = legal.contains(&(from, to));
                assert_eq!(from.may_become(to), is_legal, "{from} to {to}");
            }
            let text = serde_json::to_string(&from).unwrap();
            assert_eq!(text, format!("\"{from}\""));
        }
    }
}
