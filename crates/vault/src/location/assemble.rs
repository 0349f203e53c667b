//! From one URL to the store of a vault, in however many places it is.

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
    Ok(Store::of_places(places, None))
}

async fn assemble(location: &VaultUrl, opened: Single, config: &VaultConfig) -> Result<Store> {
    let is_named = |place: &PlaceConfig| is_same_place(&place.url, &location.url);
    if !config.places.iter().any(is_named) {
        let urls: Vec<&str> = config
            .places
            .iter()
            .map(|place| place.url.as_str())
            .collect();
        return Err(Error::Location {
            url: location.url.clone(),
            reason: format!(
                "the vault says that it is at {}: name one of these",
                urls.join(" and ")
            ),
        });
    }
    let opening = config.places.iter().map(|place| async {
        if is_named(place) {
            Ok(opened.clone())
        } else {
            open_other(place, location, config).await
        }
    });
    let mut found = futures::future::join_all(opening).await;
    let generation = newest_of(&found, config).await;
    let list = generation
        .as_ref()
        .map(|(generation, _)| &generation.places);
    let places = list.unwrap_or(&config.places).iter().map(|place| {
        let at = config.places.iter().position(|it| it.url == place.url);
        let found = at.and_then(|at| found.get_mut(at));
        let absent = || {
            Err(Error::NoVault {
                place: place.url.clone(),
            })
        };
        let inner = found.map_or_else(absent, |found| std::mem::replace(found, absent()));
        Place::new(place.url.clone(), place.mode, inner)
    });
    Ok(Store::of_places(places.collect(), generation))
}

/// The newest generation that any of these places shows. Its owner's key is that of a configuration which is not proven
/// yet: who opens the vault compares.
async fn newest_of(
    opened: &[Result<Single>],
    config: &VaultConfig,
) -> Option<(Generation, Authority)> {
    let authority = Authority {
        vault_id: config.vault_id,
        owner: parse_hex(&config.owner_public_key)?,
    };
    let stores = opened
        .iter()
        .flatten()
        .map(|place| Store::of(place.clone()));
    let found = stores.map(async |store| newest_at(&store, authority).await);
    let found = futures::future::join_all(found).await.into_iter().flatten();
    let newest = found.max_by_key(|generation| generation.number)?;
    Some((newest, authority))
}

/// A place that does not tell is as good as one that has none: what must not be missed stands in the others, too.
async fn newest_at(store: &Store, authority: Authority) -> Option<Generation> {
    let lines = store.list("gen").await.ok()?;
    let mut names: Vec<u64> = lines
        .iter()
        .filter_map(|line| match ObjectName::parse(&line.name) {
            Some(ObjectName::Opening { number }) => Some(number),
            _ => None,
        })
        .collect();
    names.sort_unstable();
    for number in names.into_iter().rev() {
        let name = ObjectName::Opening { number };
        let object = store
            .read(&name.to_string(), ObjectKind::Opening.max_bytes())
            .await
            .ok()?;
        match Generation::open(&object, &name, &authority.vault_id, &authority.owner) {
            Ok(generation) => return Some(generation),
            Err(error) => tracing::warn!(%name, %error, "an opening is void"),
        }
    }
    None
}

/// Another place of the vault; one that holds something else, or nothing because it is not mounted, is away.
async fn open_other(
    place: &PlaceConfig,
    location: &VaultUrl,
    config: &VaultConfig,
) -> Result<Single> {
    let opened = open_place(&place.url, false, &location.settings)?;
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
            place: place.url.clone(),
        })
    }
}
