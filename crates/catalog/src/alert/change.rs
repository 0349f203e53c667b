//! What may happen to an alert: pure functions from one state of it to the next.

use chrono::{DateTime, Utc};

use super::{Alert, AlertClass, AlertId, AlertState, NewAlert, Resolution};
use super::{CODE_MAX_BYTES, MESSAGE_MAX_BYTES};
use crate::error::{Error, Result};
use crate::text::shorten;

impl Alert {
    /// An alert that was not there.
    pub(crate) fn raised(id: AlertId, new: &NewAlert, at: DateTime<Utc>) -> Result<Self> {
        let alert = Self {
            id,
            revision: 0,
            key: new.key.clone(),
            severity: new.severity,
            class: new.class,
            code: String::new(),
            message: String::new(),
            help: None,
            source: None,
            job: None,
            state: AlertState::Active,
            first_seen_at: at,
            last_seen_at: at,
            seen_count: 0,
            acknowledged_at: None,
            resolved_at: None,
            resolution: None,
            silenced_until: None,
            resolves_at: None,
            noticed_at: None,
        };
        let raised = alert.seen_again(new, at)?;
        Ok(Self {
            revision: 0,
            ..raised
        })
    }

    /// The alert, raised once more. When it has become worse, or is about security, it is active again: whoever took it up
    /// knew of what was before. It is then no longer silenced.
    pub(crate) fn seen_again(&self, new: &NewAlert, at: DateTime<Utc>) -> Result<Self> {
        let is_security = [self.class, new.class].contains(&AlertClass::Security);
        if is_security && new.resolves_at.is_some() {
            return Err(self.cannot_be_silenced());
        }
        let is_news = is_security || new.severity > self.severity;
        let (code, message) = (new.code.as_str(), new.message.as_str());
        let help = new.help.as_deref();
        Ok(Self {
            severity: new.severity,
            // What was about security stays so: no later report takes that away.
            class: if is_security {
                AlertClass::Security
            } else {
                new.class
            },
            code: shorten(code, CODE_MAX_BYTES),
            message: shorten(message, MESSAGE_MAX_BYTES),
            help: help.map(|help| shorten(help, MESSAGE_MAX_BYTES)),
            source: new.source.clone(),
            job: new.job,
            state: if is_news {
                AlertState::Active
            } else {
                self.state
            },
            acknowledged_at: self.acknowledged_at.filter(|_| !is_news),
            silenced_until: self.silenced_until.filter(|_| !is_news),
            last_seen_at: at,
            seen_count: self.seen_count.saturating_add(1),
            resolves_at: new.resolves_at,
            ..self.changed()?
        })
    }

    /// The alert, taken up by somebody.
    pub(crate) fn acknowledged(&self, at: DateTime<Utc>) -> Result<Self> {
        Ok(Self {
            state: AlertState::Acknowledged,
            acknowledged_at: Some(self.acknowledged_at.unwrap_or(at)),
            ..self.changed()?
        })
    }

    /// The alert at its end.
    pub(crate) fn resolved(&self, resolution: Resolution, at: DateTime<Utc>) -> Result<Self> {
        Ok(Self {
            state: AlertState::Resolved,
            resolved_at: Some(at),
            resolution: Some(resolution),
            ..self.changed()?
        })
    }

    /// The alert, with no notice wanted before an instant.
    pub(crate) fn silenced(&self, until: DateTime<Utc>) -> Result<Self> {
        if self.class == AlertClass::Security {
            return Err(self.cannot_be_silenced());
        }
        Ok(Self {
            silenced_until: Some(until),
            ..self.changed()?
        })
    }

    /// The alert, of which a person was told. That may be after its end.
    pub(crate) fn noticed(&self, at: DateTime<Utc>) -> Self {
        Self {
            noticed_at: Some(at),
            revision: self.revision.saturating_add(1),
            ..self.clone()
        }
    }

    /// True when its end is not come.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state != AlertState::Resolved
    }

    /// True when notices of it are not wanted at this instant.
    #[must_use]
    pub fn is_silent_at(&self, now: DateTime<Utc>) -> bool {
        self.silenced_until.is_some_and(|until| now < until)
    }

    /// True when it resolves itself at this instant.
    pub(crate) fn is_over_at(&self, now: DateTime<Utc>) -> bool {
        self.is_open() && self.resolves_at.is_some_and(|end| end <= now)
    }

    fn changed(&self) -> Result<Self> {
        if !self.is_open() {
            return Err(Error::AlreadyResolved {
                key: self.key.clone(),
            });
        }
        Ok(Self {
            revision: self.revision.saturating_add(1),
            ..self.clone()
        })
    }

    fn cannot_be_silenced(&self) -> Error {
        Error::CannotBeSilenced {
            key: self.key.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;

    fn at(minute: u32) -> DateTime<Utc> {
        format!("2026-03-28T12:{minute:02}:00Z").parse().unwrap()
    }

    fn new(class: AlertClass, severity: Severity) -> NewAlert {
        NewAlert::new(
            "disk_full:home",
            class,
            severity,
            "disk_full",
            "no space is left",
        )
    }

    #[test]
    fn a_repeated_alert_is_counted_and_stays_as_it_is() {
        let first = new(AlertClass::Health, Severity::Warning);
        let alert = Alert::raised(AlertId(7), &first, at(0)).unwrap();
        assert_eq!((alert.seen_count, alert.revision), (1, 0));
        let alert = alert.acknowledged(at(1)).unwrap().silenced(at(50)).unwrap();
        let again = alert.seen_again(&first, at(2)).unwrap();
        assert_eq!(again.state, AlertState::Acknowledged);
        assert_eq!((again.seen_count, again.revision), (2, 3));
        assert_eq!((again.first_seen_at, again.last_seen_at), (at(0), at(2)));
        assert!(again.is_silent_at(at(49)) && !again.is_silent_at(at(50)));
    }

    #[test]
    fn a_worse_alert_wants_to_be_seen_again() {
        let first = new(AlertClass::Health, Severity::Warning);
        let alert = Alert::raised(AlertId(7), &first, at(0)).unwrap();
        let alert = alert.acknowledged(at(1)).unwrap().silenced(at(50)).unwrap();
        let worse = new(AlertClass::Health, Severity::Critical);
        let worse = alert.seen_again(&worse, at(2)).unwrap();
        assert_eq!(worse.state, AlertState::Active);
        assert!(!worse.is_silent_at(at(3)));
        assert_eq!(worse.acknowledged_at, None);
    }

    #[test]
    fn a_security_alert_is_never_silent() {
        let first = new(AlertClass::Security, Severity::Warning);
        let alert = Alert::raised(AlertId(7), &first, at(0)).unwrap();
        assert!(matches!(
            alert.silenced(at(9)),
            Err(Error::CannotBeSilenced { .. })
        ));
        let lesser = new(AlertClass::Health, Severity::Informational);
        let again = alert.seen_again(&lesser, at(1)).unwrap();
        assert!(matches!(
            again.silenced(at(9)),
            Err(Error::CannotBeSilenced { .. })
        ));
        let passing = NewAlert {
            resolves_at: Some(at(5)),
            ..new(AlertClass::Security, Severity::Warning)
        };
        assert!(Alert::raised(AlertId(8), &passing, at(0)).is_err());
        assert!(alert.seen_again(&passing, at(1)).is_err());
        // Nor does one that was silenced before it came to be about security stay silent.
        let health = Alert::raised(AlertId(9), &lesser, at(0)).unwrap();
        let silenced = health.silenced(at(50)).unwrap();
        let security = new(AlertClass::Security, Severity::Informational);
        assert!(
            !silenced
                .seen_again(&security, at(1))
                .unwrap()
                .is_silent_at(at(2))
        );
    }

    #[test]
    fn security_that_is_met_again_is_taken_up_again() {
        let first = new(AlertClass::Security, Severity::Error);
        let alert = Alert::raised(AlertId(7), &first, at(0)).unwrap();
        let alert = alert.acknowledged(at(1)).unwrap();
        let again = alert.seen_again(&first, at(2)).unwrap();
        assert_eq!(
            (again.state, again.acknowledged_at),
            (AlertState::Active, None)
        );
    }

    #[test]
    fn nothing_but_a_notice_follows_the_end() {
        let first = new(AlertClass::Job, Severity::Error);
        let alert = Alert::raised(AlertId(7), &first, at(0)).unwrap();
        let alert = alert.resolved(Resolution::CauseGone, at(1)).unwrap();
        assert!(!alert.is_open());
        assert!(alert.acknowledged(at(2)).is_err());
        assert!(alert.silenced(at(2)).is_err());
        assert!(alert.seen_again(&first, at(2)).is_err());
        assert!(alert.resolved(Resolution::ByPerson, at(2)).is_err());
        assert_eq!(alert.noticed(at(2)).noticed_at, Some(at(2)));
    }
}
