//! Who is told what now: a pure function of alerts, settings and what was told before.

mod look;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use strongroom_catalog::{Alert, AlertClass, Resolution, Snapshot};

use crate::deliver::FAILING_MINUTES;
use crate::error::Result;
use crate::notice::{Item, Notice, Telling};
use crate::sent::{Ledger, Told};
use crate::settings::{Audience, Frequency, Settings};

pub use look::look_at;

/// What has ended longer ago is told no more.
pub const OWED_DAYS: i64 = 3;
/// As [`OWED_DAYS`], for alerts about security.
pub const SECURITY_OWED_DAYS: i64 = 30;
/// An alert about security that is raised again is told again, but not more often than this, minutes.
pub const REPEAT_MINUTES: i64 = 15;
/// More alerts than this for one recipient at once are told together.
pub const BUNDLE_COUNT: usize = 10;
/// The most alerts in one notice; what goes beyond it is told in another one.
pub const NOTICE_MAX_COUNT: usize = 100;

/// Codes of jobs that were not meant to run to their end: nobody is told.
const QUIET_CODES: [&str; 2] = ["busy", "cancelled"];

/// The alerts that [`plan`] must be given: those that are open, and those that have ended within
/// [`SECURITY_OWED_DAYS`].
///
/// # Errors
/// When the catalog cannot be read.
pub fn alerts_of_interest(snapshot: &Snapshot, now: DateTime<Utc>) -> Result<Vec<Alert>> {
    let since = now - TimeDelta::days(SECURITY_OWED_DAYS);
    let is_wanted = |alert: &Alert| alert.resolved_at.is_none_or(|end| end > since);
    let mut wanted = Vec::new();
    for alert in snapshot.alerts() {
        let alert = alert?;
        if is_wanted(&alert) {
            wanted.push(alert);
        }
    }
    Ok(wanted)
}

/// The notices that are due now.
///
/// * *Each* alert is told at once, and that it is over, too. An alert that was over before it could be told is told
///   once.
/// * *Hourly*, each recipient is told once an hour what was raised before the hour began and is not over, and what is over
///   of what was told before. What came and went in between is not told.
/// * Security is told at once, to everyone, whatever the settings say and whether or not it is over; raised again, it is
///   told again.
/// * Nobody is told of jobs that were cancelled or found another one running, nor of what is silenced.
/// * A destination that fails is left alone until its pause is over, and then told what there is to tell by then: together,
///   when it has failed for an hour.
#[must_use]
pub fn plan(
    alerts: &[Alert],
    settings: &Settings,
    sent: &crate::Sent,
    now: DateTime<Utc>,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    for audience in settings.audiences() {
        let unknown = Ledger::new(now);
        let ledger = sent.ledger(&audience.destination).unwrap_or(&unknown);
        let failing = ledger.failing.as_ref();
        if failing.is_some_and(|failing| !failing.may_try_at(now)) {
            continue;
        }
        let view = View {
            audience: &audience,
            settings,
            ledger,
            now,
        };
        let items = alerts.iter().filter_map(|alert| view.item(alert));
        let (security, others): (Vec<Item>, Vec<Item>) =
            items.partition(|item| item.alert.class == AlertClass::Security);
        let groups = match view.is_hourly() {
            true => [grouped(security, false), grouped(others, true)].concat(),
            false => grouped([security, others].concat(), view.was_away()),
        };
        let notice =
            |items| Notice::new(audience.destination.clone(), &settings.machine, items, now);
        notices.extend(groups.into_iter().map(notice));
    }
    notices
}

/// One notice for each item, or few for many, in the order of importance.
fn grouped(mut items: Vec<Item>, is_together: bool) -> Vec<Vec<Item>> {
    items.sort_by_key(|Item { alert, telling }| {
        let is_security = alert.class == AlertClass::Security;
        (
            !is_security,
            telling.is_end(),
            std::cmp::Reverse(alert.severity),
            alert.id,
        )
    });
    let together = match is_together || items.len() > BUNDLE_COUNT {
        true => NOTICE_MAX_COUNT,
        false => 1,
    };
    items.chunks(together).map(<[Item]>::to_vec).collect()
}

/// One recipient at one instant.
struct View<'a> {
    audience: &'a Audience,
    settings: &'a Settings,
    ledger: &'a Ledger,
    now: DateTime<Utc>,
}

impl View<'_> {
    fn is_hourly(&self) -> bool {
        self.settings.frequency == Frequency::Hourly && !self.audience.is_log
    }

    /// After an hour in which nothing has arrived, all that there is to tell is told together.
    fn was_away(&self) -> bool {
        let away = TimeDelta::minutes(FAILING_MINUTES);
        let failing = self.ledger.failing.as_ref();
        failing.is_some_and(|failing| failing.since + away <= self.now)
    }

    fn item(&self, alert: &Alert) -> Option<Item> {
        let told = self.ledger.told.get(&alert.id);
        let telling = match alert.class {
            AlertClass::Security => self.of_security(alert, told),
            _ => self.of_others(alert, told),
        };
        telling.map(|telling| Item {
            telling,
            alert: alert.clone(),
        })
    }

    /// Reads neither severities nor frequency nor silence: none of them may keep it back.
    fn of_security(&self, alert: &Alert, told: Option<&Told>) -> Option<Telling> {
        let days = SECURITY_OWED_DAYS;
        match (told, alert.resolved_at) {
            (None, None) => Some(Telling::Raised),
            (None, Some(end)) => self.is_owed(end, days).then_some(Telling::Passed),
            (Some(told), None) if alert.severity > told.severity => Some(Telling::Worse),
            (Some(told), None) => {
                let pause = TimeDelta::minutes(REPEAT_MINUTES);
                let is_time = told.at + pause <= self.now || told.at > self.now;
                let is_again = alert.seen_count > told.seen_count && is_time;
                is_again.then_some(Telling::Again)
            }
            (Some(told), Some(end)) => {
                (!told.is_over && self.is_owed(end, days)).then_some(Telling::Resolved)
            }
        }
    }

    fn of_others(&self, alert: &Alert, told: Option<&Told>) -> Option<Telling> {
        let is_quiet = alert.class == AlertClass::Job && QUIET_CODES.contains(&alert.code.as_str());
        if is_quiet || alert.is_silent_at(self.now) {
            return None;
        }
        let is_wanted = self.audience.severities.contains(&alert.severity);
        let is_superseded = alert.resolution == Some(Resolution::Superseded);
        let (telling, since) = match (told, alert.resolved_at) {
            (None, None) => (is_wanted.then_some(Telling::Raised)?, alert.first_seen_at),
            (None, Some(end)) => {
                let is_told = is_wanted && !self.is_hourly() && !is_superseded;
                let is_told = is_told && self.is_owed(end, OWED_DAYS);
                (is_told.then_some(Telling::Passed)?, end)
            }
            (Some(told), None) => {
                let is_worse = alert.severity > told.severity && is_wanted;
                (is_worse.then_some(Telling::Worse)?, told.at)
            }
            (Some(told), Some(end)) => {
                let is_told = self.settings.resolutions && !told.is_over && !is_superseded;
                let is_told = is_told && self.is_owed(end, OWED_DAYS);
                (is_told.then_some(Telling::Resolved)?, end)
            }
        };
        (!self.is_hourly() || self.is_due_in_digest(since)).then_some(telling)
    }

    /// True when something ended late enough to be told: since this recipient is known, and not too long ago.
    fn is_owed(&self, end: DateTime<Utc>, days: i64) -> bool {
        end >= self.ledger.since && end > self.now - TimeDelta::days(days)
    }

    /// True when the hour in which something happened is over, and no digest was sent since. What lies in the future is
    /// due as well: a clock that was set back must not keep it.
    fn is_due_in_digest(&self, since: DateTime<Utc>) -> bool {
        let Ok(hour) = self.now.duration_trunc(TimeDelta::hours(1)) else {
            return true;
        };
        let is_past = |at: DateTime<Utc>| at < hour || at > self.now;
        is_past(since) && self.ledger.digested_at.is_none_or(is_past)
    }
}

/// One test for each destination.
#[must_use]
pub fn test_notices(settings: &Settings, now: DateTime<Utc>) -> Vec<Notice> {
    let audiences = settings.audiences().into_iter();
    audiences
        .map(|audience| Notice::test(audience.destination, &settings.machine, now))
        .collect()
}
