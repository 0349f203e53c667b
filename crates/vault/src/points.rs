//! Recovery points of a vault.

use chrono::{DateTime, Utc};
use strongroom_crypto::SecretKey;

use crate::error::in_object;
use crate::format::{
    DomainId, FormatError, Header, Manifest, Names, ObjectKind, ObjectName, SessionId, SourceId,
    Structure,
};
use crate::{Error, Result, Vault};

/// A name below `points/`: a recovery point, or the fence of a session that never made one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct PointRef {
    /// The point.
    pub sid: SessionId,
    /// Its source.
    pub source: SourceId,
}

/// A manifest, opened and checked.
#[derive(Debug, Clone)]
pub struct ReadPoint {
    /// What the point is made of.
    pub structure: Structure,
    /// What it is called.
    pub names: Names,
    /// Hash of the whole object.
    pub blake3: [u8; 32],
}

impl PointRef {
    /// Name of its object.
    #[must_use]
    pub fn object_name(&self, domain: &DomainId) -> String {
        ObjectName::Point {
            domain: *domain,
            source: self.source,
            session: self.sid,
        }
        .to_string()
    }
}

/// All points and fences of the domain with the times at which they were written, by the store's clock.
///
/// # Errors
/// When the store fails.
pub async fn all_observed(vault: &Vault) -> Result<Vec<(PointRef, DateTime<Utc>)>> {
    let listed = vault
        .store()
        .list(&format!("points/{}", vault.domain_id()))
        .await?;
    let observed = listed
        .iter()
        .filter_map(|line| Some((point_of(&line.name)?, line.written_at)));
    Ok(observed.collect())
}

/// All points and fences of the domain, in no order.
///
/// # Errors
/// When the store fails.
pub async fn all(vault: &Vault) -> Result<Vec<PointRef>> {
    below(vault, &format!("points/{}", vault.domain_id())).await
}

/// All points and fences of one source, in no order.
///
/// # Errors
/// When the store fails.
pub async fn of_source(vault: &Vault, source: SourceId) -> Result<Vec<PointRef>> {
    below(vault, &format!("points/{}/{source}", vault.domain_id())).await
}

async fn below(vault: &Vault, prefix: &str) -> Result<Vec<PointRef>> {
    let listed = vault.store().list(prefix).await?;
    Ok(listed
        .iter()
        .filter_map(|line| point_of(&line.name))
        .collect())
}

fn point_of(name: &str) -> Option<PointRef> {
    match ObjectName::parse(name) {
        Some(ObjectName::Point {
            source, session, ..
        }) => Some(PointRef {
            sid: session,
            source,
        }),
        _ => None,
    }
}

/// The point of this id, of whichever source.
///
/// # Errors
/// When the store fails.
pub async fn find(vault: &Vault, sid: SessionId) -> Result<Option<PointRef>> {
    Ok(all(vault).await?.into_iter().find(|point| point.sid == sid))
}

/// Reads a manifest; `None` where the session was fenced instead.
///
/// # Errors
/// When the manifest is damaged or missing, of an unknown version, or another point's.
pub async fn read(vault: &Vault, point: &PointRef) -> Result<Option<ReadPoint>> {
    let name = point.object_name(vault.domain_id());
    let object = vault
        .store()
        .read(&name, ObjectKind::Manifest.max_bytes())
        .await?;
    let keys = vault.domain()?;
    let open = || {
        let Some(structure) = open_structure(vault, point, &object, keys.point())? else {
            return Ok(None);
        };
        let names = Manifest::open_names(&object, vault.id(), keys.names())?;
        Ok(Some(ReadPoint {
            structure,
            names,
            blake3: *blake3::hash(&object).as_bytes(),
        }))
    };
    in_object(&name, open())
}

/// Reads the structure of a manifest, which maintenance hosts and monitors can, too; `None` where the session was
/// fenced instead.
///
/// # Errors
/// As [`read`].
pub async fn read_structure(vault: &Vault, point: &PointRef) -> Result<Option<Structure>> {
    let read = read_structure_hashed(vault, point).await?;
    Ok(read.map(|(structure, _)| structure))
}

/// As [`read_structure`], with the hash of the whole manifest.
///
/// # Errors
/// As [`read`].
pub async fn read_structure_hashed(
    vault: &Vault,
    point: &PointRef,
) -> Result<Option<(Structure, [u8; 32])>> {
    let name = point.object_name(vault.domain_id());
    let object = vault
        .store()
        .read(&name, ObjectKind::Manifest.max_bytes())
        .await?;
    let key = vault.keys().point();
    let key = key.ok_or(Error::NotPermitted("a key of this vault's points"))?;
    let structure = in_object(&name, open_structure(vault, point, &object, key))?;
    Ok(structure.map(|structure| (structure, *blake3::hash(&object).as_bytes())))
}

fn open_structure(
    vault: &Vault,
    point: &PointRef,
    object: &[u8],
    key: &SecretKey,
) -> Result<Option<Structure>, FormatError> {
    let (header, _) = Header::parse_any(object)?;
    if header.kind == ObjectKind::Fence {
        return Ok(None);
    }
    let structure = Manifest::open_structure(object, vault.id(), key)?;
    let is_its_own = structure.sid == point.sid
        && structure.source == point.source
        && structure.domain == *vault.domain_id();
    if is_its_own {
        Ok(Some(structure))
    } else {
        Err(FormatError::WrongObject)
    }
}

/// Whether the session made a point (`true`), was fenced (`false`), or is undecided (`None`).
pub(crate) async fn decision(vault: &Vault, point: &PointRef) -> Result<Option<bool>> {
    let name = point.object_name(vault.domain_id());
    match vault
        .store()
        .read_range(&name, 0..crate::format::HEADER_BYTES as u64 + 64)
        .await
    {
        Ok(front) => Ok(Header::parse_any(&front)
            .ok()
            .map(|(header, _)| header.kind == ObjectKind::Manifest)),
        Err(Error::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
