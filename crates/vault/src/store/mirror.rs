//! A vault in several places, of which one decides (protocol.md, "Mirror").
//!
//! * What is decided once is created at the decider first and listed there only; the other places get copies.
//! * Packs and index segments go to any place that is up and count when one has them; they are listed in all.
//! * Anything is read from any place, and of a damaged copy the next one is tried.
//! * What a place misses while it is away, it gets by [`catch_up`](crate::catch_up()).

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::future::join_all;
use strongroom_crypto::Entropy;
use tokio::time::Instant;

use super::generations::{Authority, is_of_a_generation};
use super::outage::{DEFAULT_PATIENCE, is_absence};
use super::place::{is_copied, is_free, is_slot};
use super::single::Single;
use super::{Checked, Created, Listed, Place, PlaceView};
use crate::error::in_object;
use crate::format::{FormatError, Generation, PlaceConfig, PlaceMode};
use crate::pace::{Pace, Pacer};
use crate::{Error, Result};

/// While all places are away, all are asked again after so long.
const PAUSE: Duration = Duration::from_secs(5);

/// Two or three places; the first decides.
#[derive(Debug)]
pub(crate) struct Mirror {
    places: Vec<Place>,
    /// Those that older generations had and this one has not.
    former: Vec<Place>,
    /// A handle that was opened while its decider was away writes nothing for as long as it lives: what it has read
    /// elsewhere may be old.
    has_decider: bool,
    /// What is in force instead of the configuration's list of places, and whose signature was taken for the owner's.
    pub(super) generation: Option<(Generation, Authority)>,
    pub(super) authority: OnceLock<Authority>,
    /// A newer generation that is known although no place shows it: then this handle only reads.
    pub(super) newer: OnceLock<u64>,
    patience: std::sync::Mutex<Duration>,
}

impl Mirror {
    pub(super) fn new(
        places: Vec<Place>,
        former: Vec<Place>,
        generation: Option<(Generation, Authority)>,
    ) -> Self {
        let has_decider = places.first().is_some_and(Place::is_up);
        Self {
            places,
            former,
            has_decider,
            generation,
            authority: OnceLock::new(),
            newer: OnceLock::new(),
            patience: std::sync::Mutex::new(DEFAULT_PATIENCE),
        }
    }

    pub(super) fn describe(&self) -> String {
        let urls: Vec<&str> = self.places.iter().map(|place| place.url.as_str()).collect();
        urls.join(" + ")
    }

    pub(super) fn views(&self) -> Vec<PlaceView> {
        self.places.iter().map(Place::view).collect()
    }

    /// Its places as they stand in a list of places.
    pub(crate) fn configs(&self) -> Vec<PlaceConfig> {
        self.views().into_iter().map(PlaceConfig::from).collect()
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(crate) fn former(&self) -> &[Place] {
        &self.former
    }

    pub(super) fn set_patience(&self, patience: Duration) {
        *self
            .patience
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = patience;
        for store in self.stores() {
            store.set_patience(patience);
        }
    }

    pub(super) fn set_pace(&self, pace: Option<&Arc<dyn Pace>>) {
        for store in self.stores() {
            store.set_pace(pace.cloned());
        }
    }

    pub(super) fn pacer(&self) -> Option<&Pacer> {
        self.stores().map(Single::pacer).next()
    }

    pub(super) fn is_held(&self) -> bool {
        self.stores().any(Single::is_held)
    }

    /// The places that could be opened.
    fn stores(&self) -> impl Iterator<Item = &Single> {
        self.places
            .iter()
            .filter_map(|place| place.patient.as_ref())
    }

    /// None at all while no place has ever answered: somebody may be waiting to be told.
    fn patience(&self) -> Duration {
        let stores = self.places.iter().filter_map(|place| place.quick().ok());
        if !stores.into_iter().any(Single::has_answered) {
            return Duration::ZERO;
        }
        *self
            .patience
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The place that decides, for a write or a listing that decides something.
    pub(super) fn decider(&self) -> Result<(&Place, &Single)> {
        let decider = self.places.first().ok_or(Error::NotPermitted("a place"))?;
        if let Some(&generation) = self.newer.get() {
            return Err(Error::Superseded {
                place: decider.url.clone(),
                generation,
            });
        }
        match &decider.patient {
            // A short absence is waited out: nobody else can decide.
            Some(store) if self.has_decider && decider.is_awaited() => Ok((decider, store)),
            _ => Err(decider.error()),
        }
    }

    /// Whether what the decider says is final.
    pub(super) fn decides(&self) -> bool {
        self.has_decider && self.newer.get().is_none()
    }

    /// An error while the decider is away, or was when this handle was opened.
    pub(crate) fn require_decider(&self) -> Result<()> {
        self.decider().map(|_| ())
    }

    pub(super) async fn create_once(&self, name: &str, parts: &[Bytes]) -> Result<Created> {
        if is_free(name) {
            return self.create_anywhere(name, parts).await;
        }
        let (decider, store) = self.decider()?;
        let created = decided(decider, store.create_once(name, parts).await)?;
        if is_of_a_generation(name) {
            decided(decider, self.look(decider, store).await)?;
        }
        if created == Created::Ours && is_copied(name) {
            let others = self.synchronous().filter(|(position, _)| *position > 0);
            let copies = others.map(|(_, place)| self.copy_decided(store, place, name, parts));
            let mut failed = join_all(copies).await.into_iter().filter_map(Result::err);
            // Whatever else fails is caught up.
            if let Some(error) = failed.find(|error| matches!(error, Error::Superseded { .. })) {
                return Err(error);
            }
        }
        Ok(created)
    }

    /// The places that are written to at once, as far as they are up.
    fn synchronous(&self) -> impl Iterator<Item = (usize, &Place)> {
        let is_up =
            |(_, place): &(usize, &Place)| place.mode != PlaceMode::Asynchronous && place.is_up();
        self.places.iter().enumerate().filter(is_up)
    }

    /// One place is enough. While there is none, all are asked again and again, as long as patience lasts.
    async fn create_anywhere(&self, name: &str, parts: &[Bytes]) -> Result<Created> {
        let mut failing_since = None;
        loop {
            let creates = self
                .synchronous()
                .map(|(_, place)| create_at(place, name, parts));
            let outcomes = join_all(creates).await;
            let (done, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
            let mut created = done.into_iter().flatten();
            if let Some(first) = created.next() {
                return Ok(created.find(|it| *it != Created::Ours).unwrap_or(first));
            }
            let mut errors = failed.into_iter().filter_map(Result::err);
            let error = errors.next().unwrap_or_else(|| self.nobody());
            let passes = is_absence(&error) || errors.any(|error| is_absence(&error));
            let since = *failing_since.get_or_insert_with(Instant::now);
            if !passes || since.elapsed() > self.patience() {
                return Err(error);
            }
            tokio::time::sleep(PAUSE.min(self.patience())).await;
            self.places.iter().for_each(Place::forgive);
        }
    }

    fn nobody(&self) -> Error {
        let away = self.places.iter().find(|place| !place.is_up());
        away.or(self.places.first())
            .map_or(Error::NotPermitted("a place"), Place::error)
    }

    /// Reads from the first place whose copy passes the check. Missing is only what every place says is missing, or
    /// the decider where it decides.
    pub(super) async fn first_good<R, T, F: Future<Output = Result<R>>>(
        &self,
        name: &str,
        read: impl Fn(Single) -> F,
        check: impl Fn(R) -> Result<T, FormatError>,
    ) -> Result<Checked<T>> {
        let mut failing_since = None;
        loop {
            let (error, is_answered) = match self.look_round(name, &read, &check).await {
                Ok(checked) => return Ok(checked),
                Err(failed) => failed,
            };
            let since = *failing_since.get_or_insert_with(Instant::now);
            if is_answered || !is_absence(&error) || since.elapsed() > self.patience() {
                return Err(error);
            }
            tokio::time::sleep(PAUSE.min(self.patience())).await;
            self.places.iter().for_each(Place::forgive);
        }
    }

    /// Asks each place once. With the error it tells whether any place answered at all.
    async fn look_round<R, T, F: Future<Output = Result<R>>>(
        &self,
        name: &str,
        read: &impl Fn(Single) -> F,
        check: &impl Fn(R) -> Result<T, FormatError>,
    ) -> Result<Checked<T>, (Error, bool)> {
        let (mut hurt, mut damage, mut absence) = (Vec::new(), None, None);
        for (at, place) in self.places.iter().enumerate() {
            let Some(store) = place.quick().ok().cloned().filter(|_| place.is_up()) else {
                absence.get_or_insert_with(|| place.error());
                continue;
            };
            let outcome = read(store).await;
            match outcome.and_then(|read| in_object(&name, check(read))) {
                Ok(value) => {
                    place.forgive();
                    let good = at;
                    return Ok(Checked { value, good, hurt });
                }
                Err(error @ Error::Missing { .. }) if self.is_decided(name, at) => {
                    return Err((error, true));
                }
                Err(error) if error.is_corruption() => {
                    hurt.push(at);
                    // Damage says more than absence of an object.
                    if !matches!(error, Error::Missing { .. }) || damage.is_none() {
                        damage = Some(error);
                    }
                }
                Err(error) => {
                    place.note(&error);
                    absence = Some(if is_absence(&error) {
                        place.error()
                    } else {
                        error
                    });
                }
            }
        }
        let error = absence.or(damage).unwrap_or_else(|| self.nobody());
        Err((error, !hurt.is_empty()))
    }

    /// Whether this place's word about a name is final.
    fn is_decided(&self, name: &str, at: usize) -> bool {
        at == 0 && self.decides() && !is_free(name)
    }

    /// Of the decider; for packs and segments of all places together.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        if is_free(prefix) {
            return self.list_everywhere(prefix).await;
        }
        if self.decides() {
            let (decider, store) = self.decider()?;
            return decided(decider, store.list(prefix).await);
        }
        // Nothing that this handle reads decides anything.
        let mut error = None;
        for place in self.places.iter().filter(|place| place.is_up()) {
            match place.list(prefix).await {
                Ok(lines) => return Ok(lines),
                Err(failed) => error = Some(failed),
            }
        }
        Err(error.unwrap_or_else(|| self.nobody()))
    }

    async fn list_everywhere(&self, prefix: &str) -> Result<Vec<Listed>> {
        let up = self.places.iter().filter(|place| place.is_up());
        let mut union: BTreeMap<String, Listed> = BTreeMap::new();
        let (mut error, mut is_answered) = (None, false);
        for listed in join_all(up.map(|place| place.list(prefix))).await {
            match listed {
                Ok(lines) => {
                    is_answered = true;
                    lines.into_iter().for_each(|line| add(&mut union, line));
                }
                Err(failed) => error = Some(failed),
            }
        }
        if is_answered {
            Ok(union.into_values().collect())
        } else {
            Err(error.unwrap_or_else(|| self.nobody()))
        }
    }

    /// A removed key must open nothing anywhere, so all places are needed for it, and none in which a newer generation may
    /// have seen it before. All else that a place keeps because it is away stands in a plan, by which it catches up.
    pub(super) async fn delete(&self, name: &str) -> Result<()> {
        if is_slot(name)
            && let Some(away) = self.places.iter().find(|place| !place.is_up())
        {
            return Err(away.error());
        }
        let others = self.places.iter().skip(1).filter(|place| place.is_up());
        let deletes = join_all(others.map(|place| place.delete(name))).await;
        let mut failed = deletes.into_iter().filter_map(Result::err);
        if let Some(error) = failed.find(|_| is_slot(name)) {
            return Err(error);
        }
        let (decider, store) = self.decider()?;
        decided(decider, store.delete(name).await)?;
        if is_slot(name) {
            for place in &self.places {
                self.look_at(place).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn now(&self, entropy: &dyn Entropy) -> Result<DateTime<Utc>> {
        let (decider, store) = self.decider()?;
        decided(decider, store.now(entropy).await)
    }
}

/// A copy may be cut short: the longest line counts.
fn add(union: &mut BTreeMap<String, Listed>, line: Listed) {
    match union.get_mut(&line.name) {
        Some(known) if known.bytes >= line.bytes => {}
        Some(known) => *known = line,
        None => {
            union.insert(line.name.clone(), line);
        }
    }
}

/// What the decider says, or that it is away.
pub(super) fn decided<T>(decider: &Place, outcome: Result<T>) -> Result<T> {
    match outcome {
        Err(error) if is_absence(&error) => {
            decider.give_up(&error);
            Err(decider.error())
        }
        Ok(value) => {
            decider.forgive();
            Ok(value)
        }
        outcome => outcome,
    }
}

/// A place that takes nothing more, for want of room or rights, is away, too.
pub(super) async fn create_at(place: &Place, name: &str, parts: &[Bytes]) -> Result<Created> {
    let created = place.quick()?.create_once(name, parts).await;
    match &created {
        Ok(_) => place.forgive(),
        Err(error) => place.note(error),
    }
    created
}
