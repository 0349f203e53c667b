//! When there may be something to tell though nothing has happened.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use strongroom_catalog::{Alert, AlertClass};

use super::REPEAT_MINUTES;
use crate::deliver::FAILING_MINUTES;
use crate::sent::{Ledger, Sent};
use crate::settings::{Frequency, Settings};

/// The first instant after `now` at which [`plan`](crate::plan), or [`failing_alerts`](crate::failing_alerts), may say more
/// than now although no alert has changed: a pause is over, an hour begins, a silence ends. It may be too early, never too
/// late. `None`: only when an alert changes.
#[must_use]
pub fn look_at(
    alerts: &[Alert],
    settings: &Settings,
    sent: &Sent,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let audiences = settings.audiences();
    let ledgers = audiences
        .iter()
        .filter_map(|audience| sent.ledger(&audience.destination));
    let of_ledgers = ledgers.flat_map(|ledger| of_ledger(ledger, alerts));
    let silences = alerts.iter().filter_map(|alert| alert.silenced_until);
    let is_digested = |alert: &Alert| alert.class != AlertClass::Security;
    let is_hourly = settings.frequency == Frequency::Hourly && alerts.iter().any(is_digested);
    let hour = TimeDelta::hours(1);
    let begun = now.duration_trunc(hour).ok().filter(|_| is_hourly);
    let all = of_ledgers
        .chain(silences)
        .chain(begun.map(|begun| begun + hour));
    all.filter(|at| *at > now).min()
}

fn of_ledger(ledger: &Ledger, alerts: &[Alert]) -> Vec<DateTime<Utc>> {
    let failing = ledger.failing.iter().flat_map(|failing| {
        let alarm = failing.since + TimeDelta::minutes(FAILING_MINUTES);
        [failing.next_at, alarm]
    });
    let repeats = alerts.iter().filter_map(|alert| {
        let told = ledger.told.get(&alert.id)?;
        let is_again = alert.class == AlertClass::Security && alert.seen_count > told.seen_count;
        is_again.then_some(told.at + TimeDelta::minutes(REPEAT_MINUTES))
    });
    failing.chain(repeats).collect()
}
