//! One place of a mirrored vault, and which names are whose.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::outage::is_absence;
use super::single::Single;
use super::{Created, Listed};
use crate::format::{PlaceConfig, PlaceMode};
use crate::{Error, Result};

/// A place that was away is tried again after so long.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Whether an object goes to any place that is up and is listed in all: packs, and index segments, which are hints. All
/// other names are decided once, by the decider.
pub(crate) fn is_free(name: &str) -> bool {
    ["d", "m", "index"].contains(&first_part(name))
}

/// Whether copies of an object belong into all places; what a probe leaves does not.
pub(crate) fn is_copied(name: &str) -> bool {
    first_part(name) != "probe"
}

pub(crate) fn is_slot(name: &str) -> bool {
    first_part(name) == "keys"
}

fn first_part(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}

/// A place as it is told to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceView {
    /// Where it is.
    pub url: String,
    /// What it is for; the first is the decider.
    pub mode: PlaceMode,
    /// Why it cannot be used now; `None` when it can.
    pub away: Option<String>,
}

impl From<PlaceView> for PlaceConfig {
    fn from(view: PlaceView) -> Self {
        Self {
            url: view.url,
            mode: view.mode,
        }
    }
}

/// One place.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) url: String,
    pub(super) mode: PlaceMode,
    /// Gives up within seconds: others can do it.
    quick: Option<Single>,
    /// Waits: nobody else can do it.
    pub(super) patient: Option<Single>,
    away: Mutex<Option<Away>>,
}

#[derive(Debug)]
struct Away {
    since: Instant,
    reason: String,
    /// It was waited for, as long as patience lasts.
    was_awaited: bool,
}

impl Away {
    fn now(error: &Error, was_awaited: bool) -> Self {
        Self {
            since: Instant::now(),
            reason: reason_of(error),
            was_awaited,
        }
    }
}

impl Place {
    /// A place, or the reason why it cannot be opened.
    pub(crate) fn new(url: String, mode: PlaceMode, opened: Result<Single>) -> Self {
        let (patient, away) = match opened {
            Ok(store) => (Some(store), None),
            Err(error) => (None, Some(Away::now(&error, false))),
        };
        let quick = patient
            .as_ref()
            .map(|store| store.with_own_patience(Duration::ZERO));
        Self {
            url,
            mode,
            quick,
            patient,
            away: Mutex::new(away),
        }
    }

    /// The place itself, as one that gives up within seconds.
    pub(super) fn quick(&self) -> Result<&Single> {
        self.quick.as_ref().ok_or_else(|| self.error())
    }

    /// Everything below a prefix in this place alone.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        self.noted(self.quick()?.list(prefix).await)
    }

    /// Creates an object in this place alone.
    pub(crate) async fn create(&self, name: &str, content: &Bytes) -> Result<Created> {
        let parts = std::slice::from_ref(content);
        self.noted(self.quick()?.create_once(name, parts).await)
    }

    /// Reads a whole object of this place alone.
    pub(crate) async fn read(&self, name: &str, max_bytes: u64) -> Result<Bytes> {
        self.noted(self.quick()?.read(name, max_bytes).await)
    }

    /// Deletes an object in this place alone.
    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        self.noted(self.quick()?.delete(name).await)
    }

    /// Puts good bytes in the place of a copy that is damaged or missing.
    pub(crate) async fn replace(&self, name: &str, content: &Bytes) -> Result<()> {
        self.noted(self.quick()?.replace(name, content).await)
    }

    /// The outcome of something that this place was asked for, which tells whether it is there.
    fn noted<T>(&self, outcome: Result<T>) -> Result<T> {
        match &outcome {
            Ok(_) => self.forgive(),
            Err(error) if is_absence(error) => self.note(error),
            Err(_) => {}
        }
        outcome
    }

    /// Whether it is worth trying.
    pub(crate) fn is_up(&self) -> bool {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        self.quick.is_some()
            && away
                .as_ref()
                .is_none_or(|away| away.since.elapsed() >= LOOK_AGAIN_AFTER)
    }

    /// Whether it is worth waiting for: not if that was in vain just now.
    pub(super) fn is_awaited(&self) -> bool {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.as_ref()
            .is_none_or(|away| !away.was_awaited || away.since.elapsed() >= LOOK_AGAIN_AFTER)
    }

    /// It cannot be used, as it seems at first.
    pub(super) fn note(&self, error: &Error) {
        self.set_away(error, !self.is_awaited());
    }

    /// It cannot be used, and was waited for in vain.
    pub(super) fn give_up(&self, error: &Error) {
        self.set_away(error, true);
    }

    fn set_away(&self, error: &Error, was_awaited: bool) {
        tracing::warn!(place = self.url, %error, "a place cannot be used");
        let away = Away::now(error, was_awaited);
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = Some(away);
    }

    /// It answers, or shall be tried again at once.
    pub(super) fn forgive(&self) {
        if self.quick.is_some() {
            *self.away.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    pub(super) fn store(&self) -> Option<Single> {
        self.patient.clone()
    }

    pub(crate) fn view(&self) -> PlaceView {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        PlaceView {
            url: self.url.clone(),
            mode: self.mode,
            away: away.as_ref().map(|away| away.reason.clone()),
        }
    }

    pub(crate) fn error(&self) -> Error {
        let reason = self.view().away;
        Error::PlaceAway {
            place: self.url.clone(),
            reason: reason.unwrap_or_else(|| "it did not answer".to_owned()),
        }
    }
}

/// The whole chain of an error in one line.
fn reason_of(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whose_they_are() {
        for name in ["d/00/aa/bb", "m/00", "d", "index/00/0/x-0"] {
            assert!(is_free(name), "{name}");
        }
        for name in [
            "config",
            "keys/00",
            "points/00",
            "sess/x/reg",
            "gc/0",
            "chain/0",
            "remap/0",
            "probe/0",
        ] {
            assert!(!is_free(name), "{name}");
        }
        assert!(is_copied("config") && !is_copied("probe/00"));
        assert!(is_slot("keys/00") && !is_slot("config"));
    }
}
