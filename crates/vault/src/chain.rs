//! Deleting, undeleting, holding and purging recovery points: chains of signed links (format.md §12).

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use strongroom_crypto::Role;

use crate::error::in_object;
use crate::format::{
    ChainState, Link, LinkOp, ObjectKind, ObjectName, SessionId, Standing, open_signed, seal_signed,
};
use crate::points::PointRef;
use crate::store::{Created, Listed};
use crate::{Error, Result, Vault};

/// Tries to append a link while others append to the same chain.
const TRIES: u32 = 16;

/// A chain as it stands in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    /// What all links together say.
    pub state: ChainState,
    /// When the link was written that deleted the point, by the store's clock; `None` while it stands.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Number of the next link.
    next: u32,
    /// Hash of the last link's object.
    last: Option<[u8; 32]>,
}

impl Chain {
    /// Whether the point is gone for ever: no root of a sweep any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.state.standing == Standing::Gone
    }

    /// Whether the point is deleted, softly or for ever.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.state.standing != Standing::Stands
    }

    fn take_in(&mut self, object: &Bytes, link: Option<(Role, Link)>, written_at: DateTime<Utc>) {
        self.next += 1;
        self.last = Some(*blake3::hash(object).as_bytes());
        let Some((signer, link)) = link else { return };
        let before = self.state.standing;
        self.state = self.state.after(&link, signer);
        if self.state.standing != before {
            self.deleted_at = matches!(self.state.standing, Standing::Deleted(_))
                .then_some(written_at)
                .or(self.deleted_at.filter(|_| self.is_gone()));
        }
    }
}

/// The chains of all points of the domain that have one.
///
/// # Errors
/// When the store fails.
pub async fn all(vault: &Vault) -> Result<HashMap<SessionId, Chain>> {
    let listed = vault
        .store()
        .list(&format!("chain/{}", vault.domain_id()))
        .await?;
    // In order of name, so that a simulation can be repeated.
    let mut links: BTreeMap<PointRef, Vec<(u32, Listed)>> = BTreeMap::new();
    for line in listed {
        if let Some(ObjectName::Link {
            source,
            session,
            number,
            ..
        }) = ObjectName::parse(&line.name)
        {
            let point = PointRef {
                sid: session,
                source,
            };
            links.entry(point).or_default().push((number, line));
        }
    }
    let mut chains = HashMap::new();
    for (point, links) in links {
        chains.insert(point.sid, read(vault, &point, links).await?);
    }
    Ok(chains)
}

/// The chain of one point.
///
/// # Errors
/// When the store fails.
pub async fn of_point(vault: &Vault, point: &PointRef) -> Result<Chain> {
    let prefix = format!("chain/{}/{}/{}", vault.domain_id(), point.source, point.sid);
    let listed = vault.store().list(&prefix).await?;
    let numbered = listed.into_iter().filter_map(|line| {
        let ObjectName::Link { number, .. } = ObjectName::parse(&line.name)? else {
            return None;
        };
        Some((number, line))
    });
    read(vault, point, numbered.collect()).await
}

/// Applies the links from 0 on, up to the first that is not there.
async fn read(vault: &Vault, point: &PointRef, mut links: Vec<(u32, Listed)>) -> Result<Chain> {
    links.sort_unstable_by_key(|(number, _)| *number);
    let mut chain = Chain::default();
    for (number, line) in links {
        if number != chain.next {
            tracing::warn!(
                link = line.name,
                "a chain has a gap; what follows does not count"
            );
            break;
        }
        let object = vault
            .store()
            .read(&line.name, ObjectKind::Link.max_bytes())
            .await?;
        let link = open(vault, point, number, &object, chain.last);
        if let Err(error) = &link {
            tracing::warn!(link = line.name, %error, "a link is void");
        }
        chain.take_in(&object, link.ok(), line.written_at);
    }
    Ok(chain)
}

fn open(
    vault: &Vault,
    point: &PointRef,
    number: u32,
    object: &Bytes,
    last: Option<[u8; 32]>,
) -> Result<(Role, Link)> {
    let name = name_of(vault, point, number);
    let key = vault.control()?;
    let check = || {
        let signers = vault.signers();
        let (signer, plain) =
            open_signed(ObjectKind::Link, &name, object, key, vault.id(), &signers)?;
        let link = Link::decode(&plain, &point.sid, number)?;
        if link.prev.as_ref().map(|prev| *prev.as_bytes()) == last {
            Ok((signer, link))
        } else {
            Err(crate::format::FormatError::WrongObject)
        }
    };
    in_object(&name, check())
}

fn name_of(vault: &Vault, point: &PointRef, number: u32) -> ObjectName {
    ObjectName::Link {
        domain: *vault.domain_id(),
        source: point.source,
        session: point.sid,
        number,
    }
}

/// Adds a link to the chain of a point and returns what the chain says then. Whoever else adds to it at the same
/// time, exactly one link gets each number.
///
/// # Errors
/// [`Error::NotInThisState`] when the chain does not permit it, [`Error::NotPermitted`] without a key that signs,
/// or when the store fails.
pub async fn append(
    vault: &Vault,
    point: &PointRef,
    op: LinkOp,
    until: Option<DateTime<Utc>>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Chain> {
    let signer = vault.signer()?;
    for _ in 0..TRIES {
        let chain = of_point(vault, point).await?;
        if !chain.state.permits(op, signer.role(), now) {
            return Err(Error::NotInThisState {
                point: point.sid,
                state: chain.state,
            });
        }
        let link = Link {
            v: 1,
            sid: point.sid,
            n: chain.next,
            op,
            until,
            at: now,
            reason: reason.to_owned(),
            prev: chain.last.map(Into::into),
            nonce: vault.nonce()?,
        };
        let name = name_of(vault, point, chain.next);
        let object = seal_signed(
            ObjectKind::Link,
            &name,
            &link.encode()?,
            vault.control()?,
            vault.id(),
            &signer,
            &**vault.entropy(),
        )?;
        let object = Bytes::from(object);
        let created = vault
            .store()
            .create_once(&name.to_string(), std::slice::from_ref(&object))
            .await?;
        if created == Created::Ours {
            return of_point(vault, point).await;
        }
    }
    Err(Error::NameTaken {
        object: name_of(vault, point, 0).to_string(),
    })
}
