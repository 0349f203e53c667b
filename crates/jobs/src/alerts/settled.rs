//! Alerts about security that somebody has taken up.

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_catalog::{Alert, AlertClass, AlertState};

/// So long after somebody has taken it up, an alert about security is still shown to everybody, days: as long as what was
/// deleted can be brought back at least.
pub const SETTLED_DAYS: i64 = 14;

/// True when an alert about security is over: somebody has taken it up, it has not happened again, and whoever else should
/// know has had [the time](SETTLED_DAYS) to see it. Others end with their causes.
#[must_use]
pub fn is_settled(alert: &Alert, now: DateTime<Utc>) -> bool {
    let is_taken_up =
        alert.class == AlertClass::Security && alert.state == AlertState::Acknowledged;
    let end = |at: DateTime<Utc>| at + TimeDelta::days(SETTLED_DAYS) <= now;
    is_taken_up && alert.acknowledged_at.is_some_and(end)
}
