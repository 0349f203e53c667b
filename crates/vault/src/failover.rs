//! Making another place decide: an owner's new generation of a mirrored vault (protocol.md, "Failover").
//!
//! Every step creates what must not exist yet, or finds that it stands: a failover that was cut is finished by the next.

mod add;
mod choose;
mod closing;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use strongroom_crypto::Role;

use crate::format::{
    CountedPlans, DomainId, Generation, Header, ObjectKind, ObjectName, PlaceConfig, Signer,
};
use crate::store::{Mirror, Place};
use crate::{Error, Result, Vault};

pub use add::{AddedPlace, add_place};

/// Beginnings of names of what a decider has decided and the next one needs; plans come by their number.
const BROUGHT: [&str; 9] = [
    "keys", "chain", "remap", "notice", "issued", "security", "spent", "sess", "points",
];
/// No object that is decided once is longer.
const OBJECT_MAX_BYTES: u64 = 18 << 20;

/// What a failover came to; with `dry_run`, would come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailoverReport {
    /// Number of the new generation.
    pub generation: u64,
    /// Its places, the decider first.
    pub places: Vec<String>,
    /// Whether the place that decided before took part, so that nothing that it had decided is missing.
    pub is_complete: bool,
    /// Recovery points at the new decider before anything was brought there.
    pub points_count: u64,
    /// When the newest of them was written, by that place's clock: later ones may be missing.
    pub newest_written_at: Option<DateTime<Utc>>,
    /// Objects that the new decider lacked and got from the other places.
    pub brought_count: u64,
    /// Sessions that were open and cannot become points any more.
    pub ended_count: u64,
}

/// Makes the place `to` decide. Places in `drop` leave the vault; every other one must be there. All sessions that are
/// open end. With `dry_run`, tells what would be and writes nothing.
///
/// # Errors
/// [`Error::NotPermitted`] without the owner's key or in a vault in one place; [`Error::Location`] when a URL is none of
/// its places; [`Error::PlaceAway`] when a place is away that is not dropped; [`Error::ReadOnly`]; or when a place fails,
/// after which the same call goes on.
pub async fn failover(
    vault: &Vault,
    to: &str,
    drop: &[String],
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<FailoverReport> {
    let (mirror, signer) = owned(vault)?;
    let chosen = choose::list(&mirror.configs(), to, drop)?;
    hand_on(vault, mirror, &signer, &chosen, dry_run, now).await
}

/// The places of a vault whose owner this is.
fn owned(vault: &Vault) -> Result<(&Mirror, Signer)> {
    let signer = vault.signer()?;
    let is_owner = signer.role() == Role::Owner;
    let mirror = vault.store().as_mirror().filter(|_| is_owner);
    let mirror = mirror.ok_or(Error::NotPermitted(
        "the owner's passphrase, and a vault in several places,",
    ))?;
    Ok((mirror, signer))
}

/// Begins a generation with this list of places. One that no generation had before takes no part: nobody has decided or
/// deleted anything there.
async fn hand_on(
    vault: &Vault,
    mirror: &Mirror,
    signer: &Signer,
    chosen: &[PlaceConfig],
    dry_run: bool,
    now: DateTime<Utc>,
) -> Result<FailoverReport> {
    let run = Run::new(vault, mirror, signer, chosen, now).await?;
    let mut report = run.outlook().await?;
    if dry_run {
        return Ok(report);
    }
    vault.store().require_writable()?;
    let number = run.close(report.generation).await?;
    report.generation = number;
    if let Some(old) = run.old_decider() {
        report.ended_count += run.end_sessions(old).await?;
    }
    // Plans before the links that go with them: a link stands before its plan does.
    let counted = run.count_plans().await?;
    report.brought_count = run.bring_over(&counted).await?;
    report.ended_count += run.end_sessions(run.decider).await?;
    run.align().await?;
    run.open(number, counted).await?;
    Ok(report)
}

/// One failover under way.
struct Run<'a> {
    vault: &'a Vault,
    mirror: &'a Mirror,
    signer: &'a Signer,
    list: &'a [PlaceConfig],
    decider: &'a Place,
    /// The other places of the new generation.
    others: Vec<&'a Place>,
    /// Places that leave the vault and can be reached.
    dropped: Vec<&'a Place>,
    now: DateTime<Utc>,
}

impl<'a> Run<'a> {
    /// Finds out which places are there.
    async fn new(
        vault: &'a Vault,
        mirror: &'a Mirror,
        signer: &'a Signer,
        list: &'a [PlaceConfig],
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let (mut listed, mut dropped) = (BTreeMap::new(), Vec::new());
        for place in mirror.places() {
            let url = place.view().url;
            let is_there = place.list("gen").await.map(drop);
            match list.iter().position(|it| it.url == url) {
                Some(at) => {
                    is_there.map_err(|_| place.error())?;
                    listed.insert(at, place);
                }
                None if is_there.is_ok() => dropped.push(place),
                None => {}
            }
        }
        let mut listed = listed.into_values();
        Ok(Self {
            vault,
            mirror,
            signer,
            list,
            decider: listed.next().ok_or(Error::NotPermitted("a place"))?,
            others: listed.collect(),
            dropped,
            now,
        })
    }

    /// The place that decided before, if it can be reached.
    fn old_decider(&self) -> Option<&'a Place> {
        let old = self.mirror.places().first()?;
        self.reached().find(|place| std::ptr::eq(*place, old))
    }

    fn reached(&self) -> impl Iterator<Item = &'a Place> {
        let listed = std::iter::once(self.decider).chain(self.others.iter().copied());
        listed.chain(self.dropped.iter().copied())
    }

    /// What the new decider has, before anything is done.
    async fn outlook(&self) -> Result<FailoverReport> {
        let points = self.decider.list("points").await?;
        Ok(FailoverReport {
            generation: self.mirror.number() + 1,
            places: self.list.iter().map(|place| place.url.clone()).collect(),
            is_complete: self.old_decider().is_some(),
            points_count: points.len() as u64,
            newest_written_at: points.iter().map(|line| line.written_at).max(),
            ..FailoverReport::default()
        })
    }

    /// Which plans of older generations stand in a place of the new one. Only those may have been carried out there.
    async fn count_plans(&self) -> Result<Vec<CountedPlans>> {
        let mut cycles: BTreeMap<DomainId, BTreeSet<u64>> = BTreeMap::new();
        for place in std::iter::once(self.decider).chain(self.others.iter().copied()) {
            for line in place.list("gc").await? {
                let Some(ObjectName::Plan { domain, cycle }) = ObjectName::parse(&line.name) else {
                    continue;
                };
                if self.vault.store().counts_cycle(&domain, cycle) {
                    cycles.entry(domain).or_default().insert(cycle);
                }
            }
        }
        let ranges = |(domain, cycles): (DomainId, BTreeSet<u64>)| CountedPlans {
            domain,
            cycles: choose::ranges(&cycles),
        };
        Ok(cycles.into_iter().map(ranges).collect())
    }

    /// Gives the new decider what the other places have that was decided, of the old decider first.
    async fn bring_over(&self, counted: &[CountedPlans]) -> Result<u64> {
        let mut brought = 0;
        let old = self.old_decider();
        let is_old = |place: &&Place| old.is_some_and(|old| std::ptr::eq(*place, old));
        let others = self.reached().filter(|place| !is_old(place));
        for from in old.into_iter().chain(others) {
            if std::ptr::eq(from, self.decider) {
                continue;
            }
            for prefix in BROUGHT.iter().chain(&["gc"]) {
                let held = self.decider.list(prefix).await?.into_iter();
                let held: BTreeSet<String> = held.map(|line| line.name).collect();
                let lines = from.list(prefix).await?.into_iter();
                for name in lines
                    .map(|line| line.name)
                    .filter(|name| !held.contains(name))
                {
                    if is_wanted(&name, counted) {
                        brought += u64::from(self.bring(from, &name).await?);
                    }
                }
            }
        }
        Ok(brought)
    }

    /// False when it is damaged or has gone; then another place may have it.
    async fn bring(&self, from: &Place, name: &str) -> Result<bool> {
        let content = match from.read(name, OBJECT_MAX_BYTES).await {
            Ok(content) if Header::parse_any(&content).is_ok() => content,
            Ok(_) | Err(Error::Missing { .. }) => {
                tracing::warn!(name, "not brought over: damaged or gone");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        self.decider.create(name, &content).await?;
        Ok(true)
    }

    /// Puts the generation in force: at its decider first, for there it counts.
    async fn open(&self, number: u64, counted: Vec<CountedPlans>) -> Result<()> {
        let name = ObjectName::Opening { number };
        let opening = self.generation(number, counted);
        let object = Bytes::from(opening.seal(&name, self.signer)?);
        self.decider.create(&name.to_string(), &object).await?;
        // Whoever was first: what stands there is what counts.
        let max_bytes = ObjectKind::Opening.max_bytes();
        let object = self.decider.read(&name.to_string(), max_bytes).await?;
        for place in self.others.iter().chain(&self.dropped) {
            if let Err(error) = place.create(&name.to_string(), &object).await {
                tracing::warn!(%error, "a place gets the new generation when it catches up");
            }
        }
        Ok(())
    }

    fn generation(&self, number: u64, counted: Vec<CountedPlans>) -> Generation {
        Generation {
            v: 1,
            vault_id: *self.vault.id(),
            number,
            places: self.list.to_vec(),
            counted,
            at: self.now,
        }
    }
}

/// Of cycles only the plans that count; everything else that was decided.
fn is_wanted(name: &str, counted: &[CountedPlans]) -> bool {
    match ObjectName::parse(name) {
        Some(ObjectName::Plan { domain, cycle }) => counted.iter().any(|plans| {
            let mut ranges = plans.cycles.iter();
            plans.domain == domain && ranges.any(|(first, last)| (*first..=*last).contains(&cycle))
        }),
        Some(ObjectName::Mark { .. } | ObjectName::End { .. }) | None => false,
        Some(_) => true,
    }
}
