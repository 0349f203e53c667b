//! Changes of alerts.

use chrono::{DateTime, Utc};

use super::Change;
use crate::alert::{Alert, AlertId, NewAlert, Resolution};
use crate::error::{Error, Result};
use crate::record::Record;
use crate::store::{Reading, Span, Table};
use crate::ticket;

impl Change {
    /// Raises an alert: a new one, or once more the one of its key that is not resolved. Its `seen_count` tells which.
    ///
    /// # Errors
    /// [`Error::Limit`] when its key is empty or too long; [`Error::CannotBeSilenced`] for a security alert that is to
    /// resolve itself.
    pub fn raise_alert(&self, new: &NewAlert, now: DateTime<Utc>) -> Result<Alert> {
        let alert = match self.open_alert(&new.key)? {
            Some(open) => open.seen_again(new, now)?,
            None => {
                let last = self.write.first(Table::Alerts, &Span::all().reversed())?;
                let last = last.and_then(|(key, _)| AlertId::from_key(&key));
                let id = ticket::next(last.map(|id| id.0), now)?;
                Alert::raised(AlertId(id), new, now)?
            }
        };
        self.put_alert(&alert)?;
        Ok(alert)
    }

    /// Resolves the alert of a key, and tells which; `None` when none is open.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn resolve_alert(
        &self,
        key: &str,
        resolution: Resolution,
        now: DateTime<Utc>,
    ) -> Result<Option<Alert>> {
        let Some(open) = self.open_alert(key)? else {
            return Ok(None);
        };
        let resolved = open.resolved(resolution, now)?;
        self.put_alert(&resolved)?;
        Ok(Some(resolved))
    }

    /// Notes that somebody has seen an alert and acts.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::AlreadyResolved`].
    pub fn acknowledge_alert(&self, id: AlertId, now: DateTime<Utc>) -> Result<Alert> {
        self.change_alert(id, |alert| alert.acknowledged(now))
    }

    /// Wants no notice of an alert before an instant.
    ///
    /// # Errors
    /// [`Error::CannotBeSilenced`] for a security alert, [`Error::NotFound`], or [`Error::AlreadyResolved`].
    pub fn silence_alert(&self, id: AlertId, until: DateTime<Utc>) -> Result<Alert> {
        self.change_alert(id, |alert| alert.silenced(until))
    }

    /// Notes that a person was told of an alert.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn note_notice(&self, id: AlertId, now: DateTime<Utc>) -> Result<Alert> {
        self.change_alert(id, |alert| Ok(alert.noticed(now)))
    }

    /// Resolves the alerts whose time is over, and returns them.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn resolve_alerts_that_are_over(&self, now: DateTime<Utc>) -> Result<Vec<Alert>> {
        let mut over = Vec::new();
        for entry in self.write.scan(Table::OpenAlerts, Span::all()) {
            let (_, id) = entry?;
            let alert = self.known_alert(&id)?;
            if alert.is_over_at(now) {
                let resolved = alert.resolved(Resolution::TimeOver, now)?;
                self.put_alert(&resolved)?;
                over.push(resolved);
            }
        }
        Ok(over)
    }

    fn change_alert(
        &self,
        id: AlertId,
        change: impl FnOnce(&Alert) -> Result<Alert>,
    ) -> Result<Alert> {
        let not_found = || Error::NotFound {
            what: "alert",
            id: id.to_string(),
        };
        let alert = self.get::<Alert>(&id.key())?.ok_or_else(not_found)?;
        let next = change(&alert)?;
        self.put_alert(&next)?;
        Ok(next)
    }

    pub(crate) fn open_alert(&self, key: &str) -> Result<Option<Alert>> {
        match self.write.get(Table::OpenAlerts, key.as_bytes())? {
            Some(id) => self.known_alert(&id).map(Some),
            None => Ok(None),
        }
    }

    fn known_alert(&self, id: &[u8]) -> Result<Alert> {
        let missing = || Error::corrupt("an alert that is listed is not there");
        self.get(id)?.ok_or_else(missing)
    }

    pub(crate) fn put_alert(&self, alert: &Alert) -> Result<()> {
        self.put(alert)?;
        let (key, id) = (alert.key.as_bytes(), Record::key(alert));
        if alert.is_open() {
            self.write.put(Table::OpenAlerts, key, &id)?;
        } else if self.write.get(Table::OpenAlerts, key)? == Some(id) {
            self.write.remove(Table::OpenAlerts, key)?;
        }
        Ok(())
    }
}
