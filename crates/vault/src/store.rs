//! Object stores as a vault needs them: deadlines, retries, create-once with read-back, in one place or in several.

mod generations;
mod mirror;
mod outage;
mod place;
mod receive;
mod single;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use strongroom_crypto::Entropy;

use crate::error::in_object;
use crate::format::{DomainId, FormatError, Generation, PlaceMode};
use crate::pace::Pace;
use crate::{Error, Result};
pub(crate) use generations::Authority;
pub(crate) use mirror::Mirror;
pub use place::PlaceView;
pub(crate) use place::{Place, is_free, is_slot};
pub(crate) use single::Single;

/// Outcome of [`Store::create_once`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The object is there, with our content.
    Ours,
    /// Someone else made it before; this is its content.
    Theirs(Bytes),
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Name of the object.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub written_at: DateTime<Utc>,
}

/// What was read of an object, and in which places its copies were not good.
#[derive(Debug)]
pub(crate) struct Checked<T> {
    pub(crate) value: T,
    /// The place that had a good copy.
    pub(crate) good: usize,
    /// Places whose copy is damaged or missing.
    pub(crate) hurt: Vec<usize>,
}

/// Where the objects of a vault are: one object store, or several of which one decides (protocol.md, "Mirror").
/// Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    kind: Kind,
    /// Bits of features that only who knows them may write beside; whoever has one set here writes nothing.
    unknown_features: u32,
}

#[derive(Debug, Clone)]
enum Kind {
    One(Single),
    Many(Arc<Mirror>),
}

impl From<Arc<dyn ObjectStore>> for Store {
    fn from(inner: Arc<dyn ObjectStore>) -> Self {
        Self::new(inner)
    }
}

impl<T: ObjectStore> From<Arc<T>> for Store {
    fn from(inner: Arc<T>) -> Self {
        Self::new(inner)
    }
}

impl Store {
    /// One object store.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self::of(Single::new(inner))
    }

    pub(crate) fn of(place: Single) -> Self {
        Self::of_kind(Kind::One(place))
    }

    fn of_kind(kind: Kind) -> Self {
        Self {
            kind,
            unknown_features: 0,
        }
    }

    /// The same store, to which nothing is written if there are such bits among the features of its vault.
    pub(crate) fn with_unknown_features(mut self, bits: u32) -> Self {
        self.unknown_features |= bits;
        self
    }

    /// Refuses where a vault may only be read (format.md §3). Whatever changes a store asks this first.
    pub(crate) fn require_writable(&self) -> Result<()> {
        match self.unknown_features {
            0 => Ok(()),
            bits => Err(Error::ReadOnly {
                bit: bits.trailing_zeros(),
            }),
        }
    }

    /// Two or three places, of which the first decides: URL for people, mode, and the store itself. All must be there.
    #[must_use]
    pub fn mirror(places: Vec<(String, PlaceMode, Arc<dyn ObjectStore>)>) -> Self {
        let places = places
            .into_iter()
            .map(|(url, mode, inner)| Place::new(url, mode, Ok(Single::new(inner))))
            .collect();
        Self::of_places(places, Vec::new(), None)
    }

    /// These places, by the configuration or by a generation that this authority has signed, and those that the vault was
    /// in before.
    pub(crate) fn of_places(
        places: Vec<Place>,
        former: Vec<Place>,
        generation: Option<(Generation, Authority)>,
    ) -> Self {
        let mirror = Mirror::new(places, former, generation);
        Self::of_kind(Kind::Many(Arc::new(mirror)))
    }

    /// Places that the vault has left by a failover and that can be reached, each as a store of its own. What is there and
    /// nowhere else is not part of the vault, and can be copied into it.
    #[must_use]
    pub fn left_places(&self) -> Vec<(String, Self)> {
        let former = self.as_mirror().map(Mirror::former).unwrap_or_default();
        let reached = former.iter().filter_map(|place| {
            let store = Self::of_kind(Kind::One(place.store()?));
            Some((place.view().url, store))
        });
        reached.collect()
    }

    /// The generation of a vault whose owner has made another place decide; 0 before that.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.as_mirror().map_or(0, Mirror::number)
    }

    /// Says that a generation of this number was seen before. Where the places show only older ones, nothing is written
    /// from here on: somebody decides elsewhere.
    pub fn require_generation(&self, number: u64) {
        if let Some(mirror) = self.as_mirror().filter(|mirror| mirror.number() < number) {
            mirror.newer.get_or_init(|| number);
        }
    }

    /// Whether the stored plan of a sweep cycle counts in this generation.
    pub(crate) fn counts_cycle(&self, domain: &DomainId, cycle: u64) -> bool {
        let generation = self.as_mirror().and_then(Mirror::generation);
        generation.is_none_or(|generation| generation.counts(domain, cycle))
    }

    /// Where stored plans may be carried out now, for [`Store::delete_planned`].
    pub(crate) async fn ready_for_plans(&self, domain: &DomainId) -> Result<Vec<usize>> {
        match self.as_mirror() {
            None => Ok(Vec::new()),
            Some(mirror) => mirror.ready_for_plans(domain).await,
        }
    }

    /// Deletes what a stored plan names, in the places that are ready for it.
    pub(crate) async fn delete_planned(&self, ready: &[usize], name: &str) -> Result<()> {
        self.require_writable()?;
        match &self.kind {
            Kind::One(store) => store.delete(name).await,
            Kind::Many(mirror) => mirror.delete_planned(ready, name).await,
        }
    }

    /// Each of its places as a store of its own.
    pub(crate) fn each(&self) -> Vec<Self> {
        match &self.kind {
            Kind::One(_) => vec![self.clone()],
            Kind::Many(mirror) => {
                let stores = mirror.places().iter().filter_map(Place::store);
                let each = stores.map(|store| Self::of_kind(Kind::One(store)));
                each.map(|store| store.with_unknown_features(self.unknown_features))
                    .collect()
            }
        }
    }

    /// Whether what it lists of what is decided once is all that there is, and not what another place than the decider had
    /// heard of.
    pub(crate) fn decides(&self) -> bool {
        self.as_mirror().is_none_or(Mirror::decides)
    }

    pub(crate) fn as_mirror(&self) -> Option<&Mirror> {
        match &self.kind {
            Kind::One(_) => None,
            Kind::Many(mirror) => Some(mirror),
        }
    }

    /// How it is called: by the store itself, or by the URLs of its places.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::One(store) => store.inner().to_string(),
            Kind::Many(mirror) => mirror.describe(),
        }
    }

    /// The places of a mirrored vault as this handle has found them; none for a vault in one place.
    #[must_use]
    pub fn places(&self) -> Vec<PlaceView> {
        self.as_mirror().map(Mirror::views).unwrap_or_default()
    }

    /// Sets how long an operation waits for a store that has answered before and does not now, e.g. while a network is
    /// away or until a credential is renewed: 10 minutes at first. One that has never answered is given up after six
    /// tries within seconds. All clones are of the same patience.
    pub fn set_patience(&self, patience: Duration) {
        match &self.kind {
            Kind::One(store) => store.set_patience(patience),
            Kind::Many(mirror) => mirror.set_patience(patience),
        }
    }

    /// Sets how fast bytes may go to the store and come from it, now and in what is under way; `None`, as at first, is as
    /// fast as they can. All clones, and all places of a mirror, keep one pace together.
    ///
    /// Places that [`open_store`](crate::open_store) and [`create_store`](crate::create_store) reach by HTTP are sent and
    /// asked for pieces of 64 KiB and less. To a directory, or a store that the caller has made, an object goes whole when
    /// all of it has had its turn, and what is read of a directory is read so, too. Objects below 16 KiB do not wait for
    /// larger ones. Time in which the pace holds something back counts against no deadline and no patience.
    pub fn set_pace(&self, pace: Option<Arc<dyn Pace>>) {
        match &self.kind {
            Kind::One(store) => store.set_pace(pace),
            Kind::Many(mirror) => mirror.set_pace(pace.as_ref()),
        }
    }

    /// The pace that counts here, now and after every change, for another store that shall keep it, too; `None` where no
    /// place could be opened.
    #[must_use]
    pub fn pace(&self) -> Option<Arc<dyn Pace>> {
        let pacer = match &self.kind {
            Kind::One(store) => Some(store.pacer()),
            Kind::Many(mirror) => mirror.pacer(),
        };
        pacer.map(|pacer| Arc::new(pacer.clone()) as Arc<dyn Pace>)
    }

    /// Whether the pace holds something back now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        match &self.kind {
            Kind::One(store) => store.is_held(),
            Kind::Many(mirror) => mirror.is_held(),
        }
    }

    /// Creates an object that must not exist. An unclear answer is settled by reading the object back: on success
    /// the object is durable and holds exactly these bytes, or someone else's.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; when the store refuses, or stays unclear after all tries.
    pub async fn create_once(&self, name: &str, parts: &[Bytes]) -> Result<Created> {
        self.require_writable()?;
        match &self.kind {
            Kind::One(store) => store.create_once(name, parts).await,
            Kind::Many(mirror) => mirror.create_once(name, parts).await,
        }
    }

    /// Reads a whole object of at most `max_bytes`.
    ///
    /// # Errors
    /// [`Error::Missing`], or when the store fails or the object is larger.
    pub async fn read(&self, name: &str, max_bytes: u64) -> Result<Bytes> {
        let read = self.read_checked(name, max_bytes, Ok).await?;
        Ok(read.value)
    }

    /// Reads a range; shorter only where the object ends.
    ///
    /// # Errors
    /// [`Error::Missing`], or when the store fails or the range begins behind the end.
    pub async fn read_range(&self, name: &str, range: Range<u64>) -> Result<Bytes> {
        let read = self.read_range_checked(name, range, Ok).await?;
        Ok(read.value)
    }

    /// Reads a whole object; of several copies the first that the check lets pass.
    pub(crate) async fn read_checked<T>(
        &self,
        name: &str,
        max_bytes: u64,
        check: impl Fn(Bytes) -> Result<T, FormatError>,
    ) -> Result<Checked<T>> {
        match &self.kind {
            Kind::One(store) => {
                let read = store.read(name, max_bytes).await?;
                only(in_object(&name, check(read)))
            }
            Kind::Many(mirror) => {
                let read = |store: Single| async move { store.read(name, max_bytes).await };
                mirror.first_good(name, read, check).await
            }
        }
    }

    /// Reads a range of an object; of several copies the first that the check lets pass.
    pub(crate) async fn read_range_checked<T>(
        &self,
        name: &str,
        range: Range<u64>,
        check: impl Fn(Bytes) -> Result<T, FormatError>,
    ) -> Result<Checked<T>> {
        match &self.kind {
            Kind::One(store) => {
                let read = store.read_range(name, range).await?;
                only(in_object(&name, check(read)))
            }
            Kind::Many(mirror) => {
                let read = |store: Single| {
                    let range = range.clone();
                    async move { store.read_range(name, range).await }
                };
                mirror.first_good(name, read, check).await
            }
        }
    }

    /// Puts a whole good copy in the place of one that is damaged or missing.
    pub(crate) async fn replace(&self, at_place: usize, name: &str, content: &Bytes) -> Result<()> {
        self.require_writable()?;
        match self
            .as_mirror()
            .and_then(|mirror| mirror.places().get(at_place))
        {
            Some(place) => place.replace(name, content).await,
            None => Err(Error::NotPermitted("a second place")),
        }
    }

    /// All objects below a prefix, in no order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        match &self.kind {
            Kind::One(store) => store.list(prefix).await,
            Kind::Many(mirror) => mirror.list(prefix).await,
        }
    }

    /// Length of an object.
    ///
    /// # Errors
    /// [`Error::Missing`], or when the store fails.
    pub async fn length(&self, name: &str) -> Result<u64> {
        match &self.kind {
            Kind::One(store) => store.length(name).await,
            Kind::Many(mirror) => {
                let look = |store: Single| async move { store.length(name).await };
                Ok(mirror.first_good(name, look, Ok).await?.value)
            }
        }
    }

    /// Whether an object exists.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn exists(&self, name: &str) -> Result<bool> {
        match self.length(name).await {
            Ok(_) => Ok(true),
            Err(Error::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What time it is by the store's clock: when an object that is written now was written.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], or when the store fails.
    pub async fn now(&self, entropy: &dyn Entropy) -> Result<DateTime<Utc>> {
        self.require_writable()?;
        match &self.kind {
            Kind::One(store) => store.now(entropy).await,
            Kind::Many(mirror) => mirror.now(entropy).await,
        }
    }

    /// Deletes an object; one that does not exist is deleted already.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], or when the store fails.
    pub async fn delete(&self, name: &str) -> Result<()> {
        self.require_writable()?;
        match &self.kind {
            Kind::One(store) => store.delete(name).await,
            Kind::Many(mirror) => mirror.delete(name).await,
        }
    }
}

fn only<T>(value: Result<T>) -> Result<Checked<T>> {
    value.map(|value| Checked {
        value,
        good: 0,
        hurt: Vec::new(),
    })
}
