//! Recovery points of a vault.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use strongroom_crypto::SecretKey;

use crate::error::in_object;
use crate::format::{
    COPIED_FRONT_BYTES, CopiedPoint, DomainId, FormatError, Header, Manifest, Names, ObjectKind,
    ObjectName, SessionId, SourceId, Structure,
};
use crate::{Error, Result, Vault};

/// Small reads that are in flight at once.
const READS_AT_ONCE: usize = 16;

/// A name below `points/`: a recovery point, or the fence of a session that never made one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PointRef {
    /// The session that made what stands there: the id of the point, unless that was copied from another place of the
    /// vault.
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
    /// Hash of the whole manifest.
    pub blake3: [u8; 32],
    /// What its copier says of it, where it was copied from another place.
    pub copied: Option<CopiedPoint>,
}

/// The sealed manifest of a point.
#[derive(Debug, Clone)]
pub struct SealedManifest {
    /// Its object, byte for byte.
    pub object: Bytes,
    /// What its copier says of it, where it was copied from another place.
    pub copied: Option<CopiedPoint>,
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

/// Where the point of this id stands, of whichever source: under its own name, or copied under another.
///
/// # Errors
/// When the store fails.
pub async fn find(vault: &Vault, id: SessionId) -> Result<Option<PointRef>> {
    let mut all = all(vault).await?;
    if let Some(point) = all.iter().find(|point| point.sid == id) {
        return Ok(Some(*point));
    }
    all.sort_unstable_by_key(|point| point.sid);
    for (point, found) in identify_all(vault, all).await {
        match found {
            Ok(found) if found == Some(id) => return Ok(Some(point)),
            Err(error) if !error.is_corruption() => return Err(error),
            _ => {}
        }
    }
    Ok(None)
}

/// The ids of the points under these names, in this order.
pub async fn identify_all(
    vault: &Vault,
    points: Vec<PointRef>,
) -> Vec<(PointRef, Result<Option<SessionId>>)> {
    stream::iter(points)
        .map(async |point| (point, identify(vault, &point).await))
        .buffered(READS_AT_ONCE)
        .collect()
        .await
}

/// The id of the point under this name, by one short read; `None` where the session was fenced instead.
///
/// # Errors
/// When what stands there is damaged or missing, of an unknown version, or belongs elsewhere.
pub async fn identify(vault: &Vault, point: &PointRef) -> Result<Option<SessionId>> {
    let name = point.object_name(vault.domain_id());
    let front = vault
        .store()
        .read_range(&name, 0..COPIED_FRONT_BYTES)
        .await?;
    let key = point_key(vault)?;
    let id = || match Header::parse_any(&front)?.0.kind {
        ObjectKind::Fence => Ok(None),
        ObjectKind::Manifest => Ok(Some(point.sid)),
        _ => {
            let copied = CopiedPoint::open_front(&front, key, vault.id())?;
            check_copied(&copied, point).map(|()| Some(copied.of))
        }
    };
    in_object(&name, id())
}

/// Reads a manifest; `None` where the session was fenced instead.
///
/// # Errors
/// When the manifest is damaged or missing, of an unknown version, or another point's.
pub async fn read(vault: &Vault, point: &PointRef) -> Result<Option<ReadPoint>> {
    let name = point.object_name(vault.domain_id());
    let keys = vault.domain()?;
    let open = |object: Bytes| {
        let Some((structure, sealed)) = open_sealed(vault, point, &object, keys.point())? else {
            return Ok(None);
        };
        let names = Manifest::open_names(&sealed.object, vault.id(), keys.names())?;
        Ok(Some(ReadPoint {
            structure,
            names,
            blake3: *blake3::hash(&sealed.object).as_bytes(),
            copied: sealed.copied,
        }))
    };
    let max_bytes = ObjectKind::CopiedPoint.max_bytes();
    let read = vault.store().read_checked(&name, max_bytes, open).await?;
    Ok(read.value)
}

/// Reads the structure of a manifest, which maintenance hosts and monitors can, too; `None` where the session was
/// fenced instead.
///
/// # Errors
/// As [`read`].
pub async fn read_structure(vault: &Vault, point: &PointRef) -> Result<Option<Structure>> {
    let read = read_sealed(vault, point).await?;
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
    let read = read_sealed(vault, point).await?;
    Ok(read.map(|(structure, sealed)| (structure, *blake3::hash(&sealed.object).as_bytes())))
}

/// Reads a manifest without opening its names; `None` where the session was fenced instead.
///
/// # Errors
/// As [`read`].
pub async fn read_sealed(
    vault: &Vault,
    point: &PointRef,
) -> Result<Option<(Structure, SealedManifest)>> {
    let name = point.object_name(vault.domain_id());
    let key = point_key(vault)?;
    let open = |object: Bytes| open_sealed(vault, point, &object, key);
    let max_bytes = ObjectKind::CopiedPoint.max_bytes();
    let read = vault.store().read_checked(&name, max_bytes, open).await?;
    Ok(read.value)
}

fn point_key(vault: &Vault) -> Result<&SecretKey> {
    let key = vault.keys().point();
    key.ok_or(Error::NotPermitted("a key of this vault's points"))
}

fn open_sealed(
    vault: &Vault,
    point: &PointRef,
    object: &Bytes,
    key: &SecretKey,
) -> Result<Option<(Structure, SealedManifest)>, FormatError> {
    let sealed = match Header::parse_any(object)?.0.kind {
        ObjectKind::Fence => return Ok(None),
        ObjectKind::CopiedPoint => {
            let (copied, manifest) = CopiedPoint::open(object, key, vault.id())?;
            check_copied(&copied, point)?;
            SealedManifest {
                object: object.slice_ref(manifest),
                copied: Some(copied),
            }
        }
        _ => SealedManifest {
            object: object.clone(),
            copied: None,
        },
    };
    let structure = Manifest::open_structure(&sealed.object, vault.id(), key)?;
    let id = sealed.copied.as_ref().map_or(point.sid, |copied| copied.of);
    let is_its_own = structure.sid == id
        && structure.source == point.source
        && structure.domain == *vault.domain_id();
    if is_its_own {
        Ok(Some((structure, sealed)))
    } else {
        Err(FormatError::WrongObject)
    }
}

/// One that was put under another name belongs to another session.
fn check_copied(copied: &CopiedPoint, point: &PointRef) -> Result<(), FormatError> {
    if copied.sid == point.sid && copied.source == point.source {
        Ok(())
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
            .map(|(header, _)| header.kind != ObjectKind::Fence)),
        Err(Error::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
