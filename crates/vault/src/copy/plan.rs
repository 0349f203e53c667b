//! What a copy would do: a value to be shown, then carried out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::fetch::Bad;
use super::keys::{self, KeyChanges};
use super::needs::{Needs, Places};
use super::{CopyDamage, CopyOptions};
use crate::chain::{self, Chain};
use crate::format::{BlockName, Hold, SessionId, SourceId, Standing};
use crate::points::{self, PointRef};
use crate::{BlockReader, Error, PackDirectory, Result, Vault};

/// What a copy would do.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CopyPlan {
    /// Points that the target lacks, in the order in which they are copied: oldest first.
    pub missing: Vec<MissingPoint>,
    /// Points that the target has already.
    pub present_count: u64,
    /// Points that are deleted at the source, and that nobody asked for by name.
    pub deleted_count: u64,
    /// Points that are gone for ever at the target: they are not brought back.
    pub gone_count: u64,
    /// Wanted points that the source does not have.
    pub unknown: Vec<SessionId>,
    /// What is damaged at the source, and the points that are not copied for it.
    pub damaged: Vec<CopyDamage>,
    /// Key slots that differ.
    pub keys: KeyChanges,
    /// Holds that the target lacks.
    pub holds: Vec<HoldChange>,
    /// Points to be deleted at the target, softly.
    pub deletions: Vec<PointRef>,
}

/// A point that the target lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPoint {
    /// Its id.
    pub id: SessionId,
    /// Where it stands at the source.
    pub name: PointRef,
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// When a store had it first, as far as known.
    pub written_at: DateTime<Utc>,
    /// Blocks that neither the target nor a point before it in the plan has.
    pub blocks_count: u64,
    /// Bytes of these blocks, about: their share of their packs.
    pub blocks_bytes: u64,
}

/// A hold that the source has and the target has not, or not for so long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldChange {
    /// The point, by its own id.
    pub point: PointRef,
    /// Its end; `None` is until it is released.
    pub until: Option<DateTime<Utc>>,
}

impl CopyPlan {
    /// Blocks that would be copied.
    #[must_use]
    pub fn blocks_count(&self) -> u64 {
        self.missing.iter().map(|point| point.blocks_count).sum()
    }

    /// Their bytes, about.
    #[must_use]
    pub fn blocks_bytes(&self) -> u64 {
        self.missing.iter().map(|point| point.blocks_bytes).sum()
    }
}

/// A point as a listing and one short read show it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    name: PointRef,
    written_at: DateTime<Utc>,
}

type ById = BTreeMap<SessionId, Seen>;
type Chains = HashMap<SessionId, Chain>;

/// Compares both places and says what would be copied. Reads reference lists of points that are missing at the target,
/// and no tree. Nothing is written.
///
/// # Errors
/// When a store fails, or the key does not open points, lists and tables; [`Error::PlaceAway`] with deletions while the
/// decider of the source cannot be reached. Damage is no error: it stands in the plan.
pub async fn plan_copy(
    source: &Vault,
    target: Option<&Vault>,
    reader: &BlockReader,
    options: &CopyOptions,
) -> Result<CopyPlan> {
    if options.with_deletions
        && let Some(mirror) = source.store().as_mirror()
    {
        // What was deleted may have been undeleted where nobody can look.
        mirror.require_decider()?;
    }
    let mut damaged = Vec::new();
    let (there, chains_there) = match target {
        Some(target) => (
            seen(target, &ById::new(), &mut Vec::new()).await?,
            chain::all(target).await?,
        ),
        None => (ById::new(), Chains::new()),
    };
    let here = seen(source, &there, &mut damaged).await?;
    let chains_here = chain::all(source).await?;
    let mut plan = decide(&here, &chains_here, &there, &chains_there, options);
    plan.damaged = damaged;
    plan.keys = keys::compare(source, target).await?;
    measure(source, target, reader, &mut plan).await?;
    Ok(plan)
}

/// All points of a place by their ids. Those whose name is among `known` ids are not looked at.
async fn seen(vault: &Vault, known: &ById, damaged: &mut Vec<CopyDamage>) -> Result<ById> {
    let mut listed = points::all_observed(vault).await?;
    listed.sort_unstable_by_key(|(point, _)| point.sid);
    let written: HashMap<PointRef, DateTime<Utc>> = listed.iter().copied().collect();
    let (named, unnamed): (Vec<_>, Vec<_>) = listed
        .into_iter()
        .map(|(point, _)| point)
        .partition(|point| known.contains_key(&point.sid));
    let mut found: Vec<(SessionId, PointRef)> =
        named.into_iter().map(|name| (name.sid, name)).collect();
    for (name, identified) in points::identify_all(vault, unnamed).await {
        match identified {
            Ok(Some(id)) => found.push((id, name)),
            Ok(None) | Err(Error::Missing { .. }) => {}
            Err(error) if error.is_corruption() => {
                damaged.push(damage(
                    &error,
                    &name.object_name(vault.domain_id()),
                    name.sid,
                ));
            }
            Err(error) => return Err(error),
        }
    }
    let mut by_id = ById::new();
    for (id, name) in found {
        let written_at = written.get(&name).copied().unwrap_or_default();
        by_id.entry(id).or_insert(Seen { name, written_at });
    }
    Ok(by_id)
}

/// Which points are copied, held and deleted: a pure function of what both places say.
fn decide(
    here: &ById,
    chains_here: &Chains,
    there: &ById,
    chains_there: &Chains,
    options: &CopyOptions,
) -> CopyPlan {
    let of = |chains: &Chains, id: &SessionId| chains.get(id).copied().unwrap_or_default();
    let is_wanted = |id: &SessionId| options.points.is_empty() || options.points.contains(id);
    let mut plan = CopyPlan::default();
    for (id, seen) in here.iter().filter(|(id, _)| is_wanted(id)) {
        let (mine, other) = (of(chains_here, id), of(chains_there, id));
        let is_deleted = mine.is_deleted() && !options.points.contains(id);
        let is_there = there.contains_key(id);
        if other.is_gone() {
            plan.gone_count += 1;
        } else if is_there {
            plan.present_count += 1;
        } else if is_deleted || mine.is_gone() {
            plan.deleted_count += 1;
        } else {
            plan.missing.push(MissingPoint {
                id: *id,
                name: seen.name,
                taken_at: seen.written_at,
                written_at: seen.written_at,
                blocks_count: 0,
                blocks_bytes: 0,
            });
        }
        let stays = !other.is_gone() && (is_there || !(is_deleted || mine.is_gone()));
        if stays && let Some(until) = stronger(mine.state.hold, other.state.hold) {
            let point = PointRef {
                sid: *id,
                ..seen.name
            };
            plan.holds.push(HoldChange { point, until });
        }
    }
    if options.with_deletions {
        let deleted = there.iter().filter(|(id, _)| {
            let stands = of(chains_there, id).state.standing == Standing::Stands;
            is_wanted(id) && stands && of(chains_here, id).is_deleted()
        });
        plan.deletions = deleted
            .map(|(id, seen)| PointRef {
                sid: *id,
                ..seen.name
            })
            .collect();
    }
    let known: BTreeSet<&SessionId> = here.keys().collect();
    let unknown = options.points.iter().filter(|id| !known.contains(id));
    plan.unknown = unknown.copied().collect();
    plan
}

/// The end of a hold that protects longer than the other; a copy adds protection, and takes none away.
fn stronger(mine: Hold, other: Hold) -> Option<Option<DateTime<Utc>>> {
    match (mine, other) {
        (Hold::Unsaid | Hold::Released, _) | (_, Hold::ForEver) => None,
        (Hold::ForEver, _) => Some(None),
        (Hold::Until(mine), Hold::Until(other)) if mine <= other => None,
        (Hold::Until(until), _) => Some(Some(until)),
    }
}

/// Reads the manifests and lists of what is missing, and says how much that is. What cannot be read is not copied.
async fn measure(
    source: &Vault,
    target: Option<&Vault>,
    reader: &BlockReader,
    plan: &mut CopyPlan,
) -> Result<()> {
    if plan.missing.is_empty() {
        return Ok(());
    }
    let mut here = listed(source).await?;
    let there = match target {
        Some(target) => Some(listed(target).await?),
        None => None,
    };
    let mut needs = Needs::default();
    for mut point in std::mem::take(&mut plan.missing) {
        let mut outcome = Ok(true);
        // A sweep may have moved what was listed: who misses something looks again.
        for is_renewed in [false, true] {
            let places = Places {
                source: &here,
                target: there.as_ref(),
            };
            outcome = look_at(source, reader, &places, &mut needs, &mut point).await;
            if is_renewed || !matches!(outcome, Err(Error::Missing { .. })) {
                break;
            }
            here = listed(source).await?;
        }
        match outcome {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) if error.is_corruption() => {
                if !is_gone(source, &point).await? {
                    let name = point.name.object_name(source.domain_id());
                    plan.damaged.push(damage(&error, &name, point.id));
                }
                continue;
            }
            Err(error) => return Err(error),
        }
        let new = needs.take_fresh();
        point.blocks_count = new.len() as u64;
        point.blocks_bytes = new.iter().map(|block| bytes_of(&here, *block)).sum();
        plan.missing.push(point);
    }
    Ok(())
}

async fn listed(vault: &Vault) -> Result<PackDirectory> {
    let mut packs = PackDirectory::list(vault).await?;
    packs.load_packs(vault).await?;
    Ok(packs)
}

/// Whether a point went at the source since it was listed.
pub(super) async fn is_gone(source: &Vault, point: &MissingPoint) -> Result<bool> {
    let named = PointRef {
        sid: point.id,
        ..point.name
    };
    let chain = chain::of_point(source, &named).await?;
    Ok(chain.is_gone())
}

/// Learns when a point was taken and what it needs; false when it is none.
async fn look_at(
    source: &Vault,
    reader: &BlockReader,
    places: &Places<'_>,
    needs: &mut Needs,
    point: &mut MissingPoint,
) -> Result<bool> {
    let Some((structure, sealed)) = points::read_sealed(source, &point.name).await? else {
        return Ok(false);
    };
    point.taken_at = structure.taken_at;
    if let Some(copied) = sealed.copied {
        point.written_at = copied.written_at.min(point.written_at);
    }
    needs
        .add_list(source, reader, places, &structure.list)
        .await?;
    Ok(true)
}

/// The share of a block in its pack, as if all blocks of it were equally large.
fn bytes_of(packs: &PackDirectory, block: BlockName) -> u64 {
    let entry = packs
        .resolve(block)
        .and_then(|(pack, _)| packs.entry(&pack));
    entry.map_or(0, |entry| {
        entry.object_bytes / u64::from(entry.blocks_count.max(1))
    })
}

/// Damage that an error tells of, or of the object itself.
pub(super) fn damage(error: &Error, object: &str, point: SessionId) -> CopyDamage {
    let Bad { object, reason } = Bad::told_by(error, object);
    CopyDamage {
        object,
        reason,
        points: vec![point],
    }
}

/// The sources of some points, each once.
pub(super) fn sources_of(points: &[MissingPoint]) -> BTreeSet<SourceId> {
    points.iter().map(|point| point.name.source).collect()
}
