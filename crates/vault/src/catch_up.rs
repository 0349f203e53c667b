//! What a place of a mirrored vault has missed (protocol.md, "Mirror").

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::future::join_all;

use crate::format::{Header, ObjectKind, ObjectName};
use crate::store::{Mirror, Place, is_free, is_slot};
use crate::sweep::Cycles;
use crate::{BlockReader, Error, Result, Vault};

/// Beginnings of names that are decided once, the configuration apart.
const DECIDED: [&str; 8] = [
    "gen", "keys", "chain", "gc", "remap", "notice", "sess", "points",
];
/// No object that is no pack is longer.
const OBJECT_MAX_BYTES: u64 = 257 << 20;

/// What one place lacked, and what was done about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaughtUp {
    /// Where the place is.
    pub place: String,
    /// Why it could not be looked at, or not be finished.
    pub away: Option<String>,
    /// Objects that it lacked and the others had.
    pub lacking_count: u64,
    /// Bytes of these.
    pub lacking_bytes: u64,
    /// Objects that it has got now.
    pub copied_count: u64,
    /// Bytes of these.
    pub copied_bytes: u64,
    /// Objects that it had to give up because a sweep did so while it was away.
    pub deleted_count: u64,
    /// Objects that are damaged wherever they are; they were not copied.
    pub damaged: Vec<String>,
}

/// Gives every place what it lacks and takes from it what sweeps have deleted meanwhile; with `dry_run`, only tells what
/// that would be. What is decided once goes from the decider to the others, never back; packs go from any place that has
/// a whole one. A vault in one place lacks nothing.
///
/// # Errors
/// [`Error::PlaceAway`] when the decider cannot be reached; [`Error::ReadOnly`]. A place that fails is told in its line.
pub async fn catch_up(vault: &Vault, reader: &BlockReader, dry_run: bool) -> Result<Vec<CaughtUp>> {
    let Some(mirror) = vault.store().as_mirror() else {
        return Ok(Vec::new());
    };
    if !dry_run {
        vault.store().require_writable()?;
    }
    let (run, held) = Run::new(vault, mirror, reader, dry_run).await?;
    let mut told = Vec::new();
    for (place, objects) in mirror.places().iter().zip(held) {
        told.push(run.place(place, objects).await);
    }
    Ok(told)
}

/// Gives one place everything, the configuration last: from then on it counts as a place.
pub(crate) async fn fill(vault: &Vault, reader: &BlockReader, place: &Place) -> Result<CaughtUp> {
    vault.store().require_writable()?;
    let mirror = vault.store().as_mirror();
    let mirror = mirror.ok_or(Error::NotPermitted("a vault in several places"))?;
    let (run, _) = Run::new(vault, mirror, reader, false).await?;
    Ok(run.place(place, everything(place).await).await)
}

/// What the decider says that there is, with lengths.
async fn decided(vault: &Vault) -> Result<Held> {
    let config = ObjectName::Config.to_string();
    let mut names = BTreeMap::from([(config.clone(), vault.store().length(&config).await?)]);
    for prefix in DECIDED {
        let lines = vault.store().list(prefix).await?;
        names.extend(lines.into_iter().map(|line| (line.name, line.bytes)));
    }
    Ok(names)
}

async fn everything(place: &Place) -> Result<Held> {
    let lines = place.list("").await?;
    Ok(lines
        .into_iter()
        .map(|line| (line.name, line.bytes))
        .collect())
}

/// Names of a place's objects with lengths.
type Held = BTreeMap<String, u64>;

struct Run<'a> {
    vault: &'a Vault,
    mirror: &'a Mirror,
    reader: &'a BlockReader,
    dry_run: bool,
    /// What every place is to have.
    wanted: Held,
    /// What plans name.
    dead: BTreeSet<String>,
}

impl<'a> Run<'a> {
    /// Finds out what there is, and what each place of the vault has of it.
    async fn new(
        vault: &'a Vault,
        mirror: &'a Mirror,
        reader: &'a BlockReader,
        dry_run: bool,
    ) -> Result<(Self, Vec<Result<Held>>)> {
        // What another place says that there is may be old.
        mirror.require_decider()?;
        // Plans first: what they name is dead, wherever it is listed afterwards.
        let dead = Cycles::planned(vault).await?;
        let mut wanted = decided(vault).await?;
        let held = join_all(mirror.places().iter().map(everything)).await;
        for (name, bytes) in held.iter().flatten().flatten() {
            if is_free(name) && !dead.contains(name) {
                let longest = wanted.entry(name.clone()).or_default();
                *longest = u64::max(*longest, *bytes);
            }
        }
        let run = Self {
            vault,
            mirror,
            reader,
            dry_run,
            wanted,
            dead,
        };
        Ok((run, held))
    }

    async fn place(&self, place: &Place, objects: Result<Held>) -> CaughtUp {
        let mut told = CaughtUp {
            place: place.view().url,
            ..CaughtUp::default()
        };
        let objects = match objects {
            Ok(objects) => objects,
            Err(error) => {
                told.away = Some(place.view().away.unwrap_or_else(|| error.to_string()));
                return told;
            }
        };
        let lacking: Vec<(&String, u64)> = self
            .wanted
            .iter()
            .filter(|(name, bytes)| is_lacking(name, **bytes, objects.get(*name).copied()))
            .map(|(name, bytes)| (name, *bytes))
            .collect();
        told.lacking_count = lacking.len() as u64;
        told.lacking_bytes = lacking.iter().map(|(_, bytes)| bytes).sum();
        if self.dry_run {
            return told;
        }
        match self.fill(place, &lacking, &mut told).await {
            Ok(true) => {}
            // Nothing is deleted where a link or a plan does not stand: a failover to this place would not know of it.
            Ok(false) => return told,
            Err(error) => {
                told.away = Some(error.to_string());
                return told;
            }
        }
        for name in objects.keys() {
            if !self.dead.contains(name) && !self.is_removed(name).await {
                continue;
            }
            match place.delete(name).await {
                Ok(()) => told.deleted_count += 1,
                // An agent need not be able to.
                Err(error) => tracing::warn!(name, %error, "a dead object stays for now"),
            }
        }
        told
    }

    /// Whether this is a key slot that the decider has not: whoever copied it has slept while it was removed.
    async fn is_removed(&self, name: &str) -> bool {
        // It may have been made since the decider was listed.
        is_slot(name)
            && !self.wanted.contains_key(name)
            && matches!(self.vault.store().exists(name).await, Ok(false))
    }

    /// Whether all links and plans stand at the place now.
    async fn fill(
        &self,
        place: &Place,
        lacking: &[(&String, u64)],
        told: &mut CaughtUp,
    ) -> Result<bool> {
        let mut ordered: Vec<_> = lacking.iter().collect();
        ordered.sort_by_key(|(name, _)| rank(name));
        self.mirror.look_at(place).await?;
        let (mut is_looked_at, mut is_decided) = (false, true);
        for &(name, _) in ordered {
            if rank(name) >= rank("points") && !is_looked_at {
                self.mirror.look_at(place).await?;
                is_looked_at = true;
            }
            let content = match self.whole(name).await {
                Ok(content) => content,
                // A sweep may have deleted it meanwhile.
                Err(Error::Missing { .. }) => {
                    is_decided &= !decides_deletions(name);
                    continue;
                }
                Err(error) if error.is_corruption() => {
                    told.damaged.push(name.clone());
                    is_decided &= !decides_deletions(name);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if is_free(name) {
                place.replace(name, &content).await?;
            } else {
                place.create(name, &content).await?;
            }
            told.copied_count += 1;
            told.copied_bytes += content.len() as u64;
        }
        if !is_looked_at {
            self.mirror.look_at(place).await?;
        }
        Ok(is_decided)
    }

    /// The bytes of an object, of a pack only such as are checked.
    async fn whole(&self, name: &str) -> Result<Bytes> {
        if let Some(ObjectName::Pack { is_data, pack, .. }) = ObjectName::parse(name) {
            let kind = if is_data {
                ObjectKind::DataPack
            } else {
                ObjectKind::MetaPack
            };
            return self.reader.whole_pack(pack, kind).await;
        }
        let read = self
            .vault
            .store()
            .read_checked(name, OBJECT_MAX_BYTES, |object| {
                Header::parse_any(&object)?;
                Ok(object)
            });
        Ok(read.await?.value)
    }
}

/// The order in which a place gets what it lacks: links before the plans that go with them, registrations before points,
/// and the configuration last, for a place that has it counts as one. Between registrations and points it is asked whether
/// a newer generation has begun there.
fn rank(name: &str) -> usize {
    let first = name.split('/').next().unwrap_or_default();
    let decided = DECIDED.iter().position(|prefix| *prefix == first);
    match decided {
        Some(at) if first != "points" => at,
        None if is_free(name) => DECIDED.len(),
        Some(_) => DECIDED.len() + 1,
        None => DECIDED.len() + 2,
    }
}

/// Links and plans: they are never deleted, so one that is missing is lost.
fn decides_deletions(name: &str) -> bool {
    matches!(name.split('/').next(), Some("chain" | "gc"))
}

/// What is not there, and a pack that was cut off. Nothing else is ever written over.
fn is_lacking(name: &str, wanted_bytes: u64, own_bytes: Option<u64>) -> bool {
    match own_bytes {
        None => true,
        Some(own) => {
            own < wanted_bytes && matches!(ObjectName::parse(name), Some(ObjectName::Pack { .. }))
        }
    }
}
