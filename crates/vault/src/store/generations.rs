//! What a worker of one generation does so that it cannot harm a newer one (protocol.md, "Failover").

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::future::join_all;

use super::mirror::{Mirror, create_at, decided};
use super::place::{Place, is_free};
use super::single::Single;
use crate::format::{DomainId, Generation, ObjectKind, ObjectName, VaultId};
use crate::{Error, Result};

/// Whose signature makes a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) vault_id: VaultId,
    pub(crate) owner: [u8; 32],
}

/// No object that is decided once is longer.
const DECIDED_MAX_BYTES: u64 = 18 << 20;

impl Mirror {
    pub(crate) fn generation(&self) -> Option<&Generation> {
        self.generation.as_ref().map(|(generation, _)| generation)
    }

    /// 0 until an owner has made another place decide.
    pub(crate) fn number(&self) -> u64 {
        self.generation().map_or(0, |generation| generation.number)
    }

    /// Says whose closings count, as the proven configuration has it. False when the generation in force was read by
    /// another.
    pub(crate) fn trust(&self, authority: Authority) -> bool {
        let is_same = |(_, by): &(Generation, Authority)| *by == authority;
        self.generation.as_ref().is_none_or(is_same)
            && *self.authority.get_or_init(|| authority) == authority
    }

    /// An error when a newer generation has begun at this place. Whatever is done there after that, and is to count in
    /// this generation, was prepared before.
    pub(super) async fn look(&self, place: &Place, store: &Single) -> Result<()> {
        let Some(authority) = self.authority.get() else {
            return Ok(());
        };
        for line in store.list("gen").await? {
            let Some(name @ ObjectName::Closing { number }) = ObjectName::parse(&line.name) else {
                continue;
            };
            if number <= self.number() {
                continue;
            }
            let object = match store
                .read(&line.name, ObjectKind::Closing.max_bytes())
                .await
            {
                Ok(object) => object,
                Err(error) if error.is_corruption() => continue,
                Err(error) => return Err(error),
            };
            match Generation::open(&object, &name, &authority.vault_id, &authority.owner) {
                Ok(_) => {
                    return Err(Error::Superseded {
                        place: place.url.clone(),
                        generation: number,
                    });
                }
                Err(error) => tracing::warn!(name = line.name, %error, "a closing is void"),
            }
        }
        Ok(())
    }

    /// As [`Mirror::look`], for who fills a place with what it lacks.
    pub(crate) async fn look_at(&self, place: &Place) -> Result<()> {
        self.look(place, place.quick()?).await
    }

    /// Copies what the decider has decided to a place where no newer generation has begun. A point comes after the
    /// registration of its session, and the look between them: whoever began a generation has seen the registration.
    pub(super) async fn copy_decided(
        &self,
        decider: &Single,
        place: &Place,
        name: &str,
        parts: &[Bytes],
    ) -> Result<()> {
        if let Some(registration) = registration_of(name) {
            let object = decider.read(&registration, DECIDED_MAX_BYTES).await?;
            create_at(place, &registration, &[object]).await?;
        }
        self.look(place, place.quick()?).await?;
        create_at(place, name, parts).await?;
        Ok(())
    }

    /// The places where stored plans may be carried out now, the decider last: the links and plans of the domain stand
    /// there, and after that no newer generation had begun.
    pub(crate) async fn ready_for_plans(&self, domain: &DomainId) -> Result<Vec<usize>> {
        let (decider, store) = self.decider()?;
        let prefixes = [format!("chain/{domain}"), format!("gc/{domain}")];
        let mut wanted = Vec::new();
        for prefix in &prefixes {
            let lines = decided(decider, store.list(prefix).await)?;
            wanted.push(lines.into_iter().map(|line| line.name).collect::<Vec<_>>());
        }
        let others = self.places().iter().enumerate().skip(1);
        let prepared = others.filter(|(_, place)| place.is_up()).map(
            async |(at, place)| match self.prepare(store, place, &prefixes, &wanted).await {
                Ok(()) => Some(at),
                Err(error) => {
                    tracing::warn!(place = place.url, %error, "nothing is deleted here for now");
                    None
                }
            },
        );
        let mut ready: Vec<usize> = join_all(prepared).await.into_iter().flatten().collect();
        decided(decider, self.look(decider, store).await)?;
        ready.push(0);
        Ok(ready)
    }

    async fn prepare(
        &self,
        decider: &Single,
        place: &Place,
        prefixes: &[String],
        wanted: &[Vec<String>],
    ) -> Result<()> {
        self.look(place, place.quick()?).await?;
        // Links first: a point whose packs a plan names must not look like a root here.
        for (prefix, names) in prefixes.iter().zip(wanted) {
            let listed = place.list(prefix).await?.into_iter();
            let held: BTreeSet<String> = listed.map(|line| line.name).collect();
            for name in names.iter().filter(|name| !held.contains(*name)) {
                let object = decider.read(name, DECIDED_MAX_BYTES).await?;
                create_at(place, name, &[object]).await?;
            }
        }
        self.look(place, place.quick()?).await
    }

    /// Deletes what a stored plan names, in places that are ready for it.
    pub(crate) async fn delete_planned(&self, ready: &[usize], name: &str) -> Result<()> {
        let (decider, store) = self.decider()?;
        let others = ready.iter().filter(|at| **at > 0);
        let others = others.filter_map(|at| self.places().get(*at));
        let deletes = others
            .filter(|place| place.is_up())
            .map(|place| place.delete(name));
        let _what_failed_catches_up = join_all(deletes).await;
        decided(decider, store.delete(name).await)
    }
}

/// Whether a creation decides something that a newer generation would not know of.
pub(super) fn is_of_a_generation(name: &str) -> bool {
    !is_free(name) && super::place::is_copied(name) && name != "config"
}

/// The registration of the session whose point this is.
fn registration_of(name: &str) -> Option<String> {
    match ObjectName::parse(name)? {
        ObjectName::Point {
            domain,
            source,
            session,
        } => Some(
            ObjectName::Registration {
                domain,
                source,
                session,
            }
            .to_string(),
        ),
        _ => None,
    }
}
