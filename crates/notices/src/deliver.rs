//! Sending what is due, and noting what has arrived.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use strongroom_catalog::{AlertClass, AlertId, NewAlert, Severity};

use crate::channel::Channels;
use crate::error::Result;
use crate::notice::Notice;
use crate::sent::Sent;

/// A destination that has failed for so long is an alert of its own, minutes.
pub(crate) const FAILING_MINUTES: i64 = 60;
/// What the keys of those alerts begin with.
pub(crate) const FAILING: &str = "notices_failing";

/// What became of a notice.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The notice.
    pub notice: Notice,
    /// Why it has not arrived.
    pub outcome: Result<()>,
}

impl Delivery {
    /// The alerts that a person was told of by it.
    pub fn told(&self) -> impl Iterator<Item = AlertId> {
        let items = self.notice.items.iter();
        let told = items.filter(|_| self.outcome.is_ok());
        told.map(|item| item.alert.id)
    }
}

/// Sends notices one after the other. `keep` is called before and after each one with the record, to make it durable: a
/// process that ends in between sends at most one of them again, and not at once.
///
/// Where one has failed, the destination gets no more of them in this call, and neither does the channel when all of its
/// recipients would meet the same. What was not sent is planned again.
///
/// # Errors
/// Those of `keep`: nothing is sent when it cannot be noted.
pub fn deliver(
    due: Vec<Notice>,
    channels: &Channels,
    sent: &mut Sent,
    clock: impl Fn() -> DateTime<Utc>,
    mut keep: impl FnMut(&Sent) -> Result<()>,
) -> Result<Vec<Delivery>> {
    let mut deliveries: Vec<Delivery> = Vec::new();
    for notice in due {
        let channel = &notice.destination.channel;
        let is_hopeless = |before: &Delivery| match &before.outcome {
            Err(error) if error.is_of_channel() => before.notice.destination.channel == *channel,
            Err(_) => before.notice.destination == notice.destination,
            Ok(()) => false,
        };
        if let Some(before) = deliveries.iter().find(|before| is_hopeless(before)) {
            // Another recipient behind the same channel waits as well, without having been tried.
            if let Err(error) = &before.outcome {
                sent.failed_once(&notice.destination, error, clock());
            }
            keep(sent)?;
            continue;
        }
        sent.trying(&notice.destination, clock());
        keep(sent)?;
        let outcome = channels.send(&notice);
        match &outcome {
            Ok(()) => sent.delivered(&notice, clock()),
            Err(error) => sent.failed(&notice.destination, error, clock()),
        }
        keep(sent)?;
        deliveries.push(Delivery { notice, outcome });
    }
    Ok(deliveries)
}

/// The alert of each destination that has failed for an hour, and the keys of those that have not: they are over. Other
/// channels tell of them.
#[must_use]
pub fn failing_alerts(
    sent: &Sent,
    destinations: &[crate::Destination],
    now: DateTime<Utc>,
) -> (Vec<NewAlert>, Vec<String>) {
    let failing: BTreeMap<_, _> = sent.failing().collect();
    let (mut raised, mut over) = (Vec::new(), Vec::new());
    for destination in destinations {
        let name = destination.to_string();
        let key = format!("{FAILING}:{name}");
        let failing = failing.get(name.as_str());
        let minutes = failing.map_or(0, |failing| (now - failing.since).num_minutes());
        match failing.filter(|_| minutes >= FAILING_MINUTES) {
            Some(failing) => {
                let message = format!("notices by {name} do not arrive: {}", failing.reason);
                let (class, severity) = (AlertClass::Health, Severity::Error);
                let mut alert = NewAlert::new(key, class, severity, FAILING, message);
                alert.help = Some("run `strongroom-agent notices test`".to_owned());
                raised.push(alert);
            }
            None => over.push(key),
        }
    }
    (raised, over)
}
