//! From one URL to the store of a vault, in however many places it is.

use std::collections::BTreeMap;

use super::{StoreSettings, is_same_place, open_place};
use crate::format::{
    Generation, ObjectKind, ObjectName, PlaceConfig, PlaceMode, VaultConfig, parse_hex,
};
use crate::store::{Authority, Place, Single, Store};
use crate::{Error, Result};

/// Where a vault is, and what it is reached with.
#[derive(Debug, Clone)]
pub struct VaultUrl {
    url: String,
    settings: StoreSettings,
}

impl VaultUrl {
    /// A URL as [`open_url`](super::open_url) takes them, with settings of the caller's.
    #[must_use]
    pub fn new(url: &str, settings: StoreSettings) -> Self {
        Self {
            url: url.to_owned(),
            settings,
        }
    }

    /// Another place, reached with the same settings.
    pub(crate) fn with_url(&self, url: &str) -> Self {
        Self::new(url, self.settings.clone())
    }

    /// Opens the place itself, whatever vault is there; a directory that does not exist is made.
    pub(crate) fn make(&self) -> Result<Single> {
        open_place(&self.url, true, &self.settings)
    }

    /// The URL itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }
}

/// With the settings of the environment.
impl From<&str> for VaultUrl {
    fn from(url: &str) -> Self {
        Self::new(url, StoreSettings::from_env())
    }
}

impl From<&String> for VaultUrl {
    fn from(url: &String) -> Self {
        url.as_str().into()
    }
}

/// Opens the store of a vault that exists: the place that the URL names and, where its configuration says that the
/// vault is in several, all of them. Places that cannot be reached are left out for the time being; without the one
/// that decides nothing can be written.
///
/// # Errors
/// As [`open_url`](super::open_url); [`Error::Location`] when the URL names none of the vault's places.
pub async fn open_store(location: &VaultUrl) -> Result<Store> {
    let opened = open_place(&location.url, false, &location.settings)?;
    let store = Store::of(opened.clone());
    let name = ObjectName::Config.to_string();
    let config = match store.read(&name, ObjectKind::Config.max_bytes()).await {
        Ok(object) => VaultConfig::parse_unverified(&object),
        // Whoever opens the vault finds out what that means.
        Err(Error::Missing { .. } | Error::Object { .. }) => return Ok(store),
        Err(error) => return Err(error),
    };
    match config {
        Ok(config) if !config.places.is_empty() => assemble(location, opened, &config).await,
        Ok(_) | Err(_) => Ok(store),
    }
}

/// Makes the places of a vault that does not exist yet: the first decides.
///
/// # Errors
/// As [`open_url`](super::open_url), for any of them.
pub fn create_store(places: &[(VaultUrl, PlaceMode)]) -> Result<Store> {
    if let [(only, _)] = places {
        return Ok(Store::of(open_place(&only.url, true, &only.settings)?));
    }
    let open = |(place, mode): &(VaultUrl, PlaceMode)| {
        let opened = open_place(&place.url, true, &place.settings)?;
        Ok(Place::new(place.url.clone(), *mode, Ok(opened)))
    };
    let places = places.iter().map(open).collect::<Result<Vec<_>>>()?;
    Ok(Store::of_places(places, Vec::new(), None))
}

async fn assemble(location: &VaultUrl, opened: Single, config: &VaultConfig) -> Result<Store> {
    let mut known = Known::look(location, opened, config).await;
    let is_location = |place: &PlaceConfig| is_same_place(&place.url, &location.url);
    if !known.named().any(is_location) {
        let urls = config.places.iter().map(|place| place.url.as_str());
        let urls: Vec<&str> = urls.collect();
        return Err(Error::Location {
            url: location.url.clone(),
            reason: format!(
                "the vault says that it is at {}: name one of these",
                urls.join(" and ")
            ),
        });
    }
    let newest = known.generations.last_key_value();
    let newest = newest.map(|(_, generation)| generation.clone());
    let list = newest.as_ref().map_or(&config.places, |it| &it.places);
    let places = list.iter().map(|place| known.take(place)).collect();
    let former = known.rest().collect();
    let generation = newest.zip(known.authority);
    Ok(Store::of_places(places, former, generation))
}

/// The places that a vault has or had, as far as those that can be reached tell, and its generations. Their owner's key is
/// that of a configuration which is not proven yet: who opens the vault compares.
struct Known<'a> {
    config: &'a VaultConfig,
    authority: Option<Authority>,
    places: Vec<(String, Result<Single>)>,
    generations: BTreeMap<u64, Generation>,
}

impl<'a> Known<'a> {
    /// A generation may name places that the configuration does not, and these may show newer ones.
    async fn look(location: &VaultUrl, opened: Single, config: &'a VaultConfig) -> Self {
        let owner = parse_hex(&config.owner_public_key);
        let mut known = Self {
            config,
            authority: owner.map(|owner| Authority {
                vault_id: config.vault_id,
                owner,
            }),
            places: Vec::new(),
            generations: BTreeMap::new(),
        };
        let mut new = vec![(location.url.clone(), Ok(opened))];
        while !new.is_empty() {
            known.learn(&new).await;
            known.places.append(&mut new);
            let opening = known.unseen().into_iter().map(async |url| {
                let opened = open_other(&url, location, config).await;
                (url, opened)
            });
            new = futures::future::join_all(opening).await;
        }
        known
    }

    /// Takes in the generations that these places show.
    async fn learn(&mut self, places: &[(String, Result<Single>)]) {
        let Some(authority) = self.authority else {
            return;
        };
        let stores = places.iter().filter_map(|(_, opened)| opened.as_ref().ok());
        let stores = stores.map(|place| Store::of(place.clone()));
        let known = &self.generations;
        let shown = stores.map(async |store| openings_at(&store, authority, known).await);
        let shown = futures::future::join_all(shown).await;
        let shown = shown.into_iter().flatten();
        self.generations
            .extend(shown.map(|generation| (generation.number, generation)));
    }

    /// All places that the configuration or a generation names.
    fn named(&self) -> impl Iterator<Item = &PlaceConfig> {
        let generations = self.generations.values();
        let later = generations.flat_map(|generation| &generation.places);
        self.config.places.iter().chain(later)
    }

    fn unseen(&self) -> Vec<String> {
        let mut unseen: Vec<String> = Vec::new();
        for place in self.named() {
            let mut seen = self.places.iter().map(|(url, _)| url).chain(&unseen);
            if !seen.any(|url| is_same_place(url, &place.url)) {
                unseen.push(place.url.clone());
            }
        }
        unseen
    }

    /// A place of the list that is in force.
    fn take(&mut self, place: &PlaceConfig) -> Place {
        let is_it = |(url, _): &(String, _)| is_same_place(url, &place.url);
        let opened = match self.places.iter().position(is_it) {
            Some(at) => self.places.swap_remove(at).1,
            None => Err(Error::NoVault {
                place: place.url.clone(),
            }),
        };
        Place::new(place.url.clone(), place.mode, opened)
    }

    /// Those that were not taken.
    fn rest(&mut self) -> impl Iterator<Item = Place> {
        let rest = std::mem::take(&mut self.places).into_iter();
        rest.map(|(url, opened)| Place::new(url, PlaceMode::Synchronous, opened))
    }
}

/// A place that does not tell is as good as one that has none: what must not be missed stands in the others, too.
async fn openings_at(
    store: &Store,
    authority: Authority,
    known: &BTreeMap<u64, Generation>,
) -> Vec<Generation> {
    let mut found = Vec::new();
    for line in store.list("gen").await.unwrap_or_default() {
        let Some(name @ ObjectName::Opening { number }) = ObjectName::parse(&line.name) else {
            continue;
        };
        if known.contains_key(&number) {
            continue;
        }
        let max_bytes = ObjectKind::Opening.max_bytes();
        let Ok(object) = store.read(&line.name, max_bytes).await else {
            continue;
        };
        match Generation::open(&object, &name, &authority.vault_id, &authority.owner) {
            Ok(generation) => found.push(generation),
            Err(error) => tracing::warn!(%name, %error, "an opening is void"),
        }
    }
    found
}

/// Another place of the vault; one that holds something else, or nothing because it is not mounted, is away.
async fn open_other(url: &str, location: &VaultUrl, config: &VaultConfig) -> Result<Single> {
    let opened = open_place(url, false, &location.settings)?;
    let store = Store::of(opened.clone());
    let name = ObjectName::Config.to_string();
    let is_ours = match store.read(&name, ObjectKind::Config.max_bytes()).await {
        Ok(object) => VaultConfig::parse_unverified(&object)
            .is_ok_and(|other| other.vault_id == config.vault_id),
        Err(Error::Missing { .. }) => false,
        Err(error) => return Err(error),
    };
    if is_ours {
        Ok(opened)
    } else {
        Err(Error::NoVault {
            place: url.to_owned(),
        })
    }
}
