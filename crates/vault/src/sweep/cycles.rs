//! Sweep cycles as they stand in the store.

use std::collections::{BTreeSet, HashSet};

use bytes::Bytes;

use crate::error::in_object;
use crate::format::{
    End, FormatError, Generation, Mark, ObjectKind, ObjectName, PackId, Plan, RemapId, open_signed,
    seal_signed,
};
use crate::rule::{self, Rule};
use crate::store::{Created, Listed};
use crate::{Error, Result, Vault};

/// The newest cycle that has a valid mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cycle {
    pub(crate) number: u64,
    pub(crate) mark: Mark,
    pub(crate) is_planned: bool,
    pub(crate) is_done: bool,
}

/// What stands below `gc/`.
#[derive(Debug, Default)]
pub(crate) struct Cycles {
    pub(crate) newest: Option<Cycle>,
    /// Number for the next mark.
    pub(crate) next: u64,
    /// What some stored plan names: dead for ever, even if an upload that arrives late makes it appear again.
    pub(crate) dead: Unusable,
}

/// What nothing new may refer to, and nobody may rely on: as if the store did not list it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unusable {
    /// Packs.
    pub packs: HashSet<PackId>,
    /// Remaps.
    pub remaps: HashSet<RemapId>,
    /// Index segments: they make up for no other. What they say is as good as ever.
    pub segments: HashSet<ObjectName>,
}

impl Unusable {
    /// Whether everything may be used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packs.is_empty() && self.remaps.is_empty()
    }
}

impl Cycles {
    /// Reads the listing and the newest cycle. Marks that nobody could sign are passed over: they condemn nothing.
    pub(crate) async fn read(vault: &Vault) -> Result<Self> {
        let listed = vault
            .store()
            .list(&format!("gc/{}", vault.domain_id()))
            .await?;
        let first = Generation::first_cycle(vault.store().generation());
        let counts = |cycle| vault.store().counts_cycle(vault.domain_id(), cycle);
        let mut cycles = Self {
            next: first,
            ..Self::default()
        };
        let mut marks = Vec::new();
        for line in &listed {
            match ObjectName::parse(&line.name) {
                Some(ObjectName::Mark { cycle, .. }) if cycle >= first => marks.push(cycle),
                Some(ObjectName::Plan { cycle, .. }) if counts(cycle) => {
                    cycles.bury(vault, cycle).await?;
                }
                _ => {}
            }
        }
        marks.sort_unstable();
        for &number in marks.iter().rev() {
            match read_mark(vault, number).await {
                Ok(mark) => {
                    cycles.newest = Some(cycle_of(vault, number, mark, &listed).await?);
                    cycles.next = number + 1;
                    break;
                }
                Err(error) if error.is_corruption() => {
                    tracing::warn!(cycle = number, %error, "a mark is void");
                }
                Err(error) => return Err(error),
            }
        }
        while marks.contains(&cycles.next) {
            cycles.next += 1;
        }
        Ok(cycles)
    }

    /// Everything that any stored plan names.
    pub(crate) async fn planned(vault: &Vault) -> Result<BTreeSet<String>> {
        let prefix = format!("gc/{}", vault.domain_id());
        let mut names = BTreeSet::new();
        for line in vault.store().list(&prefix).await? {
            if let Some(ObjectName::Plan { cycle, .. }) = ObjectName::parse(&line.name)
                && vault.store().counts_cycle(vault.domain_id(), cycle)
            {
                match read_plan(vault, cycle).await {
                    Ok(plan) => names.extend(plan.names),
                    Err(Error::Void { object }) => tracing::warn!(object, "a plan is void"),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(names)
    }

    /// Notes what a plan named; one that is void named nothing.
    async fn bury(&mut self, vault: &Vault, cycle: u64) -> Result<()> {
        if !rule::holds(Rule::PlannedIsDead) {
            return Ok(());
        }
        let names = match read_plan(vault, cycle).await {
            Ok(plan) => plan.names,
            Err(Error::Void { object }) => {
                tracing::warn!(object, "a plan is void");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for name in &names {
            match ObjectName::parse(name) {
                Some(ObjectName::Pack { pack, .. }) => self.dead.packs.insert(pack),
                Some(ObjectName::Remap { remap, .. }) => self.dead.remaps.insert(remap),
                Some(name @ ObjectName::Segment { .. }) => self.dead.segments.insert(name),
                _ => false,
            };
        }
        Ok(())
    }

    /// What nothing new may refer to: what an unfinished cycle condemns, and the dead.
    pub(crate) fn unusable(self) -> Unusable {
        let mut unusable = self.dead;
        if let Some(open) = self
            .newest
            .filter(|cycle| !cycle.is_done && rule::holds(Rule::SkipCondemned))
        {
            let packs = open.mark.packs.iter().map(|(pack, _)| *pack);
            unusable.packs.extend(packs);
            unusable.remaps.extend(open.mark.remaps);
        }
        unusable
    }
}

async fn cycle_of(vault: &Vault, number: u64, mark: Mark, listed: &[Listed]) -> Result<Cycle> {
    let domain = *vault.domain_id();
    let has = |name: ObjectName| {
        let name = name.to_string();
        listed.iter().any(|line| line.name == name)
    };
    let end = ObjectName::End {
        domain,
        cycle: number,
    };
    let is_done = has(end);
    if is_done {
        // An end that an agent could write would make sessions use what is being deleted.
        let decode = |plain: &[u8]| End::decode(plain, number);
        required(open(vault, end, ObjectKind::End, decode).await, end)?;
    }
    Ok(Cycle {
        number,
        mark,
        is_planned: has(ObjectName::Plan {
            domain,
            cycle: number,
        }),
        is_done,
    })
}

async fn read_mark(vault: &Vault, cycle: u64) -> Result<Mark> {
    let name = ObjectName::Mark {
        domain: *vault.domain_id(),
        cycle,
    };
    open(vault, name, ObjectKind::Mark, Mark::decode).await
}

/// The stored plan of a cycle.
pub(crate) async fn read_plan(vault: &Vault, cycle: u64) -> Result<Plan> {
    let name = ObjectName::Plan {
        domain: *vault.domain_id(),
        cycle,
    };
    required(
        open(vault, name, ObjectKind::Plan, Plan::decode).await,
        name,
    )
}

/// A step that stands in the way of the cycle when it is void: it must be removed by hand.
fn required<T>(outcome: Result<T>, name: ObjectName) -> Result<T> {
    match outcome {
        Err(error) if error.is_corruption() => Err(Error::Void {
            object: name.to_string(),
        }),
        outcome => outcome,
    }
}

async fn open<T>(
    vault: &Vault,
    name: ObjectName,
    kind: ObjectKind,
    decode: impl Fn(&[u8]) -> Result<T, FormatError>,
) -> Result<T> {
    let object = vault
        .store()
        .read(&name.to_string(), kind.max_bytes())
        .await?;
    let key = vault.control()?;
    let check = || {
        let signers = vault.signers();
        let (_, plain) = open_signed(kind, &name, &object, key, vault.id(), &signers)?;
        decode(&plain)
    };
    in_object(&name, check())
}

/// Creates a step of a cycle; whether it is ours, or another worker was first.
pub(crate) async fn create(
    vault: &Vault,
    name: ObjectName,
    kind: ObjectKind,
    plain: &[u8],
) -> Result<bool> {
    let object = seal_signed(
        kind,
        &name,
        plain,
        vault.control()?,
        vault.id(),
        &vault.signer()?,
        &**vault.entropy(),
    )?;
    let created = vault
        .store()
        .create_once(&name.to_string(), &[Bytes::from(object)])
        .await?;
    Ok(created == Created::Ours)
}
