//! Whoever tells: one at a time on a machine, with the record of what was told.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use strongroom_catalog::{Alert, AlertId, Change, NewAlert, Resolution};

use crate::channel::Channels;
use crate::deliver::{Delivery, FAILING, deliver, failing_alerts};
use crate::error::{Error, Result};
use crate::notice::Notice;
use crate::plan::plan;
use crate::sent::{Sent, file_error};
use crate::settings::Settings;

/// The record of what was told, held by one process at a time, until it is dropped or the process ends.
///
/// What cannot be written down is told all the same: a full disk must not keep people from hearing of it. As long as this
/// lives it is not told twice; after that it may be.
#[derive(Debug)]
pub struct Teller {
    path: PathBuf,
    sent: Sent,
    trouble: Option<Error>,
    _lock: File,
}

impl Teller {
    /// Takes the record in this file; `None` while another process holds it. A damaged one is moved aside, to the same name
    /// with `.damaged`: what is open is then told once more.
    ///
    /// # Errors
    /// [`Error::File`] when the files cannot be used.
    pub fn take(path: &Path) -> Result<Option<Self>> {
        let lock = path.with_extension("lock");
        let fail = |source| file_error(&lock, source);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&lock).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        let (mut sent, trouble) = match Sent::load(path) {
            Err(error @ Error::Record { .. }) => {
                let aside = path.with_extension("json.damaged");
                fs::rename(path, &aside).map_err(|source| file_error(path, source))?;
                (Sent::default(), Some(error))
            }
            loaded => (loaded?, None),
        };
        // Nobody else is sending while the lock is held.
        sent.give_up_tries();
        Ok(Some(Self {
            path: path.to_owned(),
            sent,
            trouble,
            _lock: file,
        }))
    }

    /// What was told.
    #[must_use]
    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    /// What went wrong with the record since this was last asked.
    pub fn trouble(&mut self) -> Option<Error> {
        self.trouble.take()
    }

    /// Takes in the destinations of the settings, and forgets others.
    pub fn admit(&mut self, settings: &Settings, now: DateTime<Utc>) {
        self.sent.admit(settings, now);
    }

    /// What is due, given the [alerts of interest](crate::alerts_of_interest).
    pub fn due(
        &mut self,
        alerts: &[Alert],
        settings: &Settings,
        now: DateTime<Utc>,
    ) -> Vec<Notice> {
        self.sent.forget_all_but(alerts);
        plan(alerts, settings, &self.sent, now)
    }

    /// Sends notices, and notes each.
    pub fn tell(
        &mut self,
        due: Vec<Notice>,
        channels: &Channels,
        clock: impl Fn() -> DateTime<Utc>,
    ) -> Vec<Delivery> {
        let (path, trouble) = (&self.path, &mut self.trouble);
        let keep = |sent: &Sent| {
            if let Err(error) = sent.store(path) {
                *trouble = Some(error);
            }
            Ok(())
        };
        // It fails only where `keep` does.
        deliver(due, channels, &mut self.sent, clock, keep).unwrap_or_default()
    }

    /// What is to be noted after that: of which alerts people were told, and which destinations do not hear, or hear again.
    #[must_use]
    pub fn follow_up(
        &self,
        alerts: &[Alert],
        deliveries: &[Delivery],
        settings: &Settings,
        now: DateTime<Utc>,
    ) -> FollowUp {
        let (mut raised, _) = failing_alerts(&self.sent, &settings.destinations(), now);
        let is_standing = |alert: &&Alert| alert.is_open() && alert.code == FAILING;
        let standing: BTreeSet<&String> = alerts
            .iter()
            .filter(is_standing)
            .map(|alert| &alert.key)
            .collect();
        let failing: BTreeSet<String> = raised.iter().map(|new| new.key.clone()).collect();
        // One that stands is not raised again each time that somebody looks.
        raised.retain(|new| !standing.contains(&new.key));
        let over = standing.into_iter().filter(|key| !failing.contains(*key));
        FollowUp {
            told: deliveries.iter().flat_map(Delivery::told).collect(),
            over: over.cloned().collect(),
            raised,
        }
    }
}

/// What is to be noted in the catalog after telling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FollowUp {
    told: Vec<AlertId>,
    raised: Vec<NewAlert>,
    over: Vec<String>,
}

impl FollowUp {
    /// True when there is nothing to note.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.told.is_empty() && !self.is_news()
    }

    /// True when it is something to be told, too.
    #[must_use]
    pub fn is_news(&self) -> bool {
        !self.raised.is_empty() || !self.over.is_empty()
    }

    /// Notes it.
    ///
    /// # Errors
    /// When the catalog cannot be read or written.
    pub fn apply(&self, change: &Change, now: DateTime<Utc>) -> strongroom_catalog::Result<()> {
        for id in &self.told {
            match change.note_notice(*id, now) {
                // It was trimmed meanwhile.
                Ok(_) | Err(strongroom_catalog::Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for key in &self.over {
            change.resolve_alert(key, Resolution::CauseGone, now)?;
        }
        let raise = |new| change.raise_alert(new, now).map(drop);
        self.raised.iter().try_for_each(raise)
    }
}
