//! What was told to whom: with it a restart tells nothing twice and loses nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use strongroom_catalog::{Alert, AlertClass, AlertId, Severity};

use crate::error::{Error, Result};
use crate::notice::{Destination, Item, Notice};
use crate::settings::Settings;

const VERSION: u32 = 1;
/// The pause after the first failure, minutes; each further one doubles it.
const FIRST_PAUSE_MINUTES: i64 = 1;
/// The longest pause between two tries, minutes.
const LONGEST_PAUSE_MINUTES: i64 = 60;
/// A destination that has failed for so long is tried once a day.
pub const GIVEN_UP_DAYS: i64 = 3;
const GIVEN_UP_PAUSE_MINUTES: i64 = 24 * 60;
const REASON_MAX_CHARS: usize = 500;

/// What was told to whom. It holds an entry for each destination and each alert that is open or has just ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    version: u32,
    destinations: BTreeMap<String, Ledger>,
}

/// What one destination was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// What was over before is of no interest to it.
    pub(crate) since: DateTime<Utc>,
    #[serde(default)]
    pub(crate) told: BTreeMap<AlertId, Told>,
    /// When it was last told in a digest.
    #[serde(default)]
    pub(crate) digested_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub(crate) failing: Option<Failing>,
    /// Since when something is being sent: durable before it is, so that a program which dies each time it sends does not
    /// send each time it is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trying_at: Option<DateTime<Utc>>,
}

/// The last that was told of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) severity: Severity,
    pub(crate) seen_count: u64,
    pub(crate) at: DateTime<Utc>,
    /// That it is over was told, too.
    pub(crate) is_over: bool,
}

/// A destination that could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failing {
    /// Since when.
    pub since: DateTime<Utc>,
    /// How often it was tried.
    pub tries_count: u32,
    /// When it is tried again.
    pub next_at: DateTime<Utc>,
    /// Why it failed the last time.
    pub reason: String,
}

impl Failing {
    /// True when it may be tried. A clock that was set back does not make it wait longer.
    pub(crate) fn may_try_at(&self, now: DateTime<Utc>) -> bool {
        self.next_at <= now || self.next_at > now + TimeDelta::minutes(GIVEN_UP_PAUSE_MINUTES)
    }
}

impl Ledger {
    pub(crate) fn new(since: DateTime<Utc>) -> Self {
        Self {
            since,
            told: BTreeMap::new(),
            digested_at: None,
            failing: None,
            trying_at: None,
        }
    }

    fn fail(&mut self, error: &Error, now: DateTime<Utc>) {
        self.trying_at = None;
        let before = self.failing.take();
        let since = before.as_ref().map_or(now, |before| before.since.min(now));
        let tries_count = before.map_or(0, |before| before.tries_count);
        let doubled = FIRST_PAUSE_MINUTES << tries_count.min(6);
        let minutes = match error.is_passing() {
            _ if now - since >= TimeDelta::days(GIVEN_UP_DAYS) => GIVEN_UP_PAUSE_MINUTES,
            true => doubled.min(LONGEST_PAUSE_MINUTES),
            false => LONGEST_PAUSE_MINUTES,
        };
        let reason = crate::error::in_one_line(error);
        self.failing = Some(Failing {
            since,
            tries_count: tries_count.saturating_add(1),
            next_at: now + TimeDelta::minutes(minutes),
            reason: reason.chars().take(REASON_MAX_CHARS).collect(),
        });
    }
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            version: VERSION,
            destinations: BTreeMap::new(),
        }
    }
}

impl Sent {
    /// The record in a file; an empty one where there is none.
    ///
    /// # Errors
    /// [`Error::Record`] when it is damaged, [`Error::File`] when it cannot be read.
    pub fn load(path: &Path) -> Result<Self> {
        match fs::read(path) {
            Ok(bytes) => Self::from_json(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(file_error(path, source)),
        }
    }

    /// Writes the record so that after a crash the old or the new one is there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn store(&self, path: &Path) -> Result<()> {
        let replace = || {
            let beside = path.with_extension("new");
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&beside)?;
            file.write_all(&self.to_json())?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
            File::open(dir.unwrap_or(Path::new(".")))?.sync_all()
        };
        replace().map_err(|source| file_error(path, source))
    }

    /// The record as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The record from JSON.
    ///
    /// # Errors
    /// [`Error::Record`].
    pub fn from_json(json: &[u8]) -> Result<Self> {
        let record = |reason: String| Error::Record { reason };
        let sent: Self = serde_json::from_slice(json).map_err(|error| record(error.to_string()))?;
        if sent.version != VERSION {
            return Err(record(format!("it has version {}", sent.version)));
        }
        Ok(sent)
    }

    /// Takes in the destinations of the settings, and forgets others. Call it before [`plan`](crate::plan): a new
    /// destination hears of what is open, and of what happens from now on.
    pub fn admit(&mut self, settings: &Settings, now: DateTime<Utc>) {
        let mut before = std::mem::take(&mut self.destinations);
        for audience in settings.audiences() {
            let name = audience.destination.to_string();
            let ledger = before.remove(&name).unwrap_or_else(|| Ledger::new(now));
            self.destinations.insert(name, ledger);
        }
    }

    /// Forgets alerts that are not among these, which must be those of [`alerts_of_interest`](crate::alerts_of_interest).
    pub fn forget_all_but(&mut self, alerts: &[Alert]) {
        let known: BTreeSet<AlertId> = alerts.iter().map(|alert| alert.id).collect();
        for ledger in self.destinations.values_mut() {
            ledger.told.retain(|id, _| known.contains(id));
        }
    }

    /// Notes that a notice is about to be sent: to be kept before it is.
    pub fn trying(&mut self, destination: &Destination, now: DateTime<Utc>) {
        self.ledger_mut(destination, now).trying_at = Some(now);
    }

    /// What a process was sending when it ended has failed. Only for whoever knows that no other process is sending.
    pub fn give_up_tries(&mut self) {
        for ledger in self.destinations.values_mut() {
            if let Some(at) = ledger.trying_at {
                ledger.fail(&Error::Interrupted, at);
            }
        }
    }

    /// Notes that a notice has arrived.
    pub fn delivered(&mut self, notice: &Notice, now: DateTime<Utc>) {
        let ledger = self.ledger_mut(&notice.destination, now);
        ledger.failing = None;
        ledger.trying_at = None;
        // Security is told between digests, and keeps none from coming.
        let is_security = |item: &Item| item.alert.class == AlertClass::Security;
        if !notice.items.iter().all(is_security) {
            ledger.digested_at = Some(now);
        }
        for item in &notice.items {
            let told = Told {
                severity: item.alert.severity,
                seen_count: item.alert.seen_count,
                at: now,
                is_over: item.telling.is_end(),
            };
            ledger.told.insert(item.alert.id, told);
        }
    }

    /// Notes that a destination could not be told, and when to try again: after a minute, then twice as long each time
    /// up to an hour; at once after an hour when it does not look as if it will pass; once a day after
    /// [`GIVEN_UP_DAYS`].
    pub fn failed(&mut self, destination: &Destination, error: &Error, now: DateTime<Utc>) {
        self.ledger_mut(destination, now).fail(error, now);
    }

    /// As [`failed`](Self::failed), for one that waits already: nothing new is known of it.
    pub(crate) fn failed_once(
        &mut self,
        destination: &Destination,
        error: &Error,
        now: DateTime<Utc>,
    ) {
        let ledger = self.ledger(destination);
        let failing = ledger.and_then(|ledger| ledger.failing.as_ref());
        if failing.is_none_or(|failing| failing.may_try_at(now)) {
            self.failed(destination, error, now);
        }
    }

    /// The destinations that could not be told the last time.
    pub fn failing(&self) -> impl Iterator<Item = (&str, &Failing)> {
        let all = self.destinations.iter();
        all.filter_map(|(name, ledger)| Some((name.as_str(), ledger.failing.as_ref()?)))
    }

    pub(crate) fn ledger(&self, destination: &Destination) -> Option<&Ledger> {
        self.destinations.get(&destination.to_string())
    }

    fn ledger_mut(&mut self, destination: &Destination, now: DateTime<Utc>) -> &mut Ledger {
        let name = destination.to_string();
        let ledger = self.destinations.entry(name);
        ledger.or_insert_with(|| Ledger::new(now))
    }
}

pub(crate) fn file_error(path: &Path, source: io::Error) -> Error {
    Error::File {
        what: "record of sent notices",
        path: path.to_owned(),
        source,
    }
}
