//! A place that joins a vault in several: a new generation names it, and it counts once it has everything.

use chrono::{DateTime, Utc};

use super::{FailoverReport, choose, hand_on, owned};
use crate::catch_up::fill;
use crate::error::in_object;
use crate::format::{ObjectKind, ObjectName, PlaceConfig, PlaceMode, VaultConfig};
use crate::store::{Mirror, Place, Single, Store};
use crate::{BlockReader, CaughtUp, Error, Result, Vault, VaultUrl, is_same_place, open_store};

/// What came of adding a place; with `dry_run`, what would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedPlace {
    /// The new generation; `None` when the vault had the place already, and only what it lacks was brought there.
    pub failover: Option<FailoverReport>,
    /// What the place got; `None` with `dry_run`.
    pub filled: Option<CaughtUp>,
}

/// Adds the place at `url`, which gets everything at once or, with [`PlaceMode::Asynchronous`], later. A new generation
/// begins, by the same decider and with one place more, so all sessions that are open end, and `vault` decides nothing
/// afterwards. Then the place gets everything, its configuration last: it counts as one when it has that. A call that was
/// cut is finished by the same call with the vault opened again, as is the filling of a disk that was replaced.
///
/// # Errors
/// As [`failover`](super::failover()); [`Error::Location`] when the vault is in three places, or when it was at this one
/// before and has left it; [`Error::VaultExists`], [`Error::OtherVault`] or [`Error::Missing`] when something else is
/// there; [`Error::StoreRefused`]. What keeps the place from being filled stands in the report.
pub async fn add_place(
    vault: &Vault,
    url: &VaultUrl,
    mode: PlaceMode,
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<AddedPlace> {
    let (mirror, signer) = owned(vault)?;
    mirror.require_decider()?;
    let places = mirror.configs();
    let is_it = |place: &&PlaceConfig| is_same_place(&place.url, url.as_str());
    if let Some(known) = places.iter().find(is_it) {
        let filled = match dry_run {
            true => None,
            false => Some(fill_at(vault, url, known).await?),
        };
        return Ok(AddedPlace {
            failover: None,
            filled,
        });
    }
    let left = mirror.former().iter().map(|place| place.view().url);
    let left: Vec<String> = left.chain(named_first(vault)).collect();
    let list = choose::longer(&places, &left, url.as_str(), mode)?;
    if dry_run {
        let report = hand_on(vault, mirror, &signer, &list, true, now).await?;
        return Ok(AddedPlace {
            failover: Some(report),
            filled: None,
        });
    }
    vault.store().require_writable()?;
    let opened = Store::of(url.make()?);
    let objects = opened.list("").await?;
    if objects
        .iter()
        .any(|line| ObjectName::parse(&line.name).is_some())
    {
        return Err(Error::VaultExists);
    }
    crate::probe(&opened, &**vault.entropy()).await?;
    let report = hand_on(vault, mirror, &signer, &list, false, now).await?;
    let vault = &reopened(vault, mirror, url).await?;
    let added = list.last().ok_or(Error::NotPermitted("a place"))?;
    Ok(AddedPlace {
        failover: Some(report),
        filled: Some(fill_at(vault, url, added).await?),
    })
}

fn named_first(vault: &Vault) -> impl Iterator<Item = String> {
    let places = vault.config().places.iter();
    places.map(|place| place.url.clone())
}

/// The vault as the new generation has it.
async fn reopened(vault: &Vault, mirror: &Mirror, url: &VaultUrl) -> Result<Vault> {
    let decider = mirror.places().first().map(|place| place.view().url);
    let decider = decider.ok_or(Error::NotPermitted("a place"))?;
    let store = open_store(&url.with_url(&decider)).await?;
    store.set_pace(vault.store().pace());
    vault.beside(store).await
}

/// Brings everything to a place of the list.
async fn fill_at(vault: &Vault, url: &VaultUrl, place: &PlaceConfig) -> Result<CaughtUp> {
    let opened = url.make()?;
    require_ours(vault, &opened, place).await?;
    let place = Place::new(place.url.clone(), place.mode, Ok(opened));
    let reader = BlockReader::new(vault.clone(), 0, 1 << 20);
    fill(vault, &reader, &place).await
}

/// Nothing of another vault is there.
async fn require_ours(vault: &Vault, opened: &Single, place: &PlaceConfig) -> Result<()> {
    let name = ObjectName::Config.to_string();
    match opened.read(&name, ObjectKind::Config.max_bytes()).await {
        Ok(object) => {
            let found = in_object(&name, VaultConfig::parse_unverified(&object))?.vault_id;
            if found == *vault.id() {
                return Ok(());
            }
            Err(Error::OtherVault {
                place: place.url.clone(),
                found,
                expected: *vault.id(),
            })
        }
        Err(Error::Missing { .. }) => {
            let ours = vault.store().list("keys").await?;
            let is_ours = |name: &String| ours.iter().any(|line| line.name == *name);
            let there = opened.list("keys").await?.into_iter();
            match there.map(|line| line.name).all(|name| is_ours(&name)) {
                true => Ok(()),
                false => Err(Error::Missing { object: name }),
            }
        }
        Err(error) => Err(error),
    }
}
