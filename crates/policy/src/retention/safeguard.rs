//! What keeps points that no rule keeps any more.

use chrono::{DateTime, TimeDelta, Utc};

use crate::Policy;

/// True when two or more runs have fallen due after the newest success, and none succeeded.
pub(crate) fn is_silent(policy: &Policy, newest_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let next = |after| policy.next_after(after).filter(|due| due.at <= now);
    next(newest_at).and_then(|first| next(first.at)).is_some()
}

/// Whether a clock can be believed before points are expired by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockState {
    /// It goes on from what was seen before.
    Plausible,
    /// It shows an earlier time than what was seen before. Expiring waits.
    Backwards,
    /// It is more than seven days ahead of what was seen before. Expiring waits for somebody to confirm it.
    FarAhead,
}

/// How far a clock may be ahead of the newest thing that was seen, days.
pub const PLAUSIBLE_DAYS: i64 = 7;

/// Compares a clock with the newest instant that the source, its vault or the last run has seen. Decisions at an
/// implausible time should be shown, not carried out: so a clock that is wrong loses nothing.
#[must_use]
pub fn clock_state(now: DateTime<Utc>, newest_seen_at: DateTime<Utc>) -> ClockState {
    let ahead = now.signed_duration_since(newest_seen_at);
    if ahead < TimeDelta::zero() {
        ClockState::Backwards
    } else if ahead > TimeDelta::days(PLAUSIBLE_DAYS) {
        ClockState::FarAhead
    } else {
        ClockState::Plausible
    }
}

/// Points of one source that may expire in one run without confirmation, at least.
const FEW_POINTS: usize = 5;

/// How many of the points of one source may expire in one run before somebody confirms it: five or a tenth, whichever
/// is more. A policy that was written in error then loses little before it is seen.
///
/// ```
/// # use strongroom_policy::retention::most_points_at_once;
/// assert_eq!([12, 50, 87, 1000].map(most_points_at_once), [5, 5, 8, 100]);
/// ```
#[must_use]
pub fn most_points_at_once(standing_count: usize) -> usize {
    FEW_POINTS.max(standing_count / 10)
}

/// How many of a vault's bytes may be given up in one run before somebody confirms it: a fifth.
#[must_use]
pub fn most_bytes_at_once(vault_bytes: u64) -> u64 {
    vault_bytes / 5
}
