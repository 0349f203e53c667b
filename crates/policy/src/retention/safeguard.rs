//! What keeps points that no rule keeps any more.

use chrono::{DateTime, Utc};

use crate::Policy;

/// True when two or more runs have fallen due after the newest success, and none succeeded.
pub(crate) fn is_silent(policy: &Policy, newest_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let first = policy.next_after(newest_at);
    let second = first.filter(|due_at| *due_at <= now).and_then(|due_at| policy.next_after(due_at));
    second.is_some_and(|due_at| due_at <= now)
}
