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
