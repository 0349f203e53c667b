//! When a run that failed is tried again.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How often, and how soon. Pauses double.
///
/// # Defaults
/// After a quarter of an hour, at most four hours apart, six times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// The first pause, seconds.
    pub first_secs: u32,
    /// The longest pause, seconds.
    pub longest_secs: u32,
    /// How often a run is tried again; then the next one is waited for.
    pub most_count: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first_secs: 15 * 60,
            longest_secs: 4 * 60 * 60,
            most_count: 6,
        }
    }
}

/// A run that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// When the run was due.
    pub due_at: DateTime<Utc>,
    /// How often it has failed.
    pub tries_count: u32,
    /// When it failed last.
    pub at: DateTime<Utc>,
}

impl Failed {
    /// The run has failed at `at`, perhaps once more.
    #[must_use]
    pub fn again(before: Option<Self>, due_at: DateTime<Utc>, at: DateTime<Utc>) -> Self {
        let before = before.filter(|failed| failed.due_at == due_at);
        let tries_count = before.map_or(0, |failed| failed.tries_count);
        Self {
            due_at,
            tries_count: tries_count.saturating_add(1),
            at,
        }
    }
}

impl Retry {
    /// Never.
    #[must_use]
    pub fn never() -> Self {
        Self {
            most_count: 0,
            ..Self::default()
        }
    }

    /// When the run is tried again; `None` when no more. A failure of the future, by a clock that was set back since, is
    /// as if it were now.
    #[must_use]
    pub fn at(&self, failed: &Failed, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let again_count = failed.tries_count.checked_sub(1)?;
        if again_count >= self.most_count {
            return None;
        }
        let factor = 1_i64.checked_shl(again_count.min(30)).unwrap_or(1);
        let secs = i64::from(self.first_secs).saturating_mul(factor);
        let pause = TimeDelta::seconds(secs.min(i64::from(self.longest_secs)));
        failed.at.min(now).checked_add_signed(pause)
    }
}
