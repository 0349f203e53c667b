//! Points that were copied from another place of the vault (format.md §12).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom_crypto::{Entropy, SecretKey, framed_len, object_key, open_frames, seal_frames};

use super::header::{HEADER_BYTES, Header, ObjectKind};
use super::ids::{SessionId, SourceId, VaultId};
use super::manifest::Blake3Text;
use super::wire::Reader;
use super::{FormatError, json};

const DOCUMENT_MAX_BYTES: u64 = 4 << 10;
const EXT_BYTES: usize = 4;
/// Bytes from the beginning of a copied point that hold its document, whatever that says.
pub const COPIED_FRONT_BYTES: u64 = (HEADER_BYTES + EXT_BYTES + 16) as u64 + DOCUMENT_MAX_BYTES;

/// What a session that copied a point says of it, in front of the point's own manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedPoint {
    /// 1.
    pub v: u32,
    /// The session that copied; it names the object.
    pub sid: SessionId,
    /// The point, by its own id.
    pub of: SessionId,
    /// Its source.
    pub source: SourceId,
    /// Hash of its manifest.
    pub manifest: Blake3Text,
    /// When the store that it was copied from had the manifest, by that store's clock.
    pub written_at: DateTime<Utc>,
    /// Sweep cycle that the session had pinned.
    pub pin: u64,
    /// When it was copied, by the copier's clock.
    pub copied_at: DateTime<Utc>,
    /// Program and version that copied.
    pub writer: String,
    /// Tells two equal documents apart.
    pub nonce: String,
}

impl CopiedPoint {
    /// The whole object.
    ///
    /// # Errors
    /// When the document or the manifest is beyond its limit, or there is no entropy.
    pub fn seal(
        &self,
        manifest: &[u8],
        key: &SecretKey,
        vault_id: &VaultId,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, FormatError> {
        let plain = json::write("copied point", self, DOCUMENT_MAX_BYTES)?;
        let limit = ObjectKind::Manifest.max_bytes();
        FormatError::limit("the length of a manifest", manifest.len() as u64, limit)?;
        let section = framed_len(plain.len());
        let ext = u32::try_from(section).unwrap_or(u32::MAX).to_le_bytes();
        let mut object_id = [0; 16];
        entropy.fill(&mut object_id)?;
        let body_len = (section + manifest.len()) as u64;
        let header = Header::new(ObjectKind::CopiedPoint, object_id, body_len).encode(&ext);
        let key = object_key(key, vault_id.as_bytes(), &header, &ext);
        let sealed = seal_frames(&key, ObjectKind::CopiedPoint.number(), &plain)?;
        Ok([header.as_slice(), &ext, &sealed, manifest].concat())
    }

    /// Opens the document from the first [`COPIED_FRONT_BYTES`] of an object.
    ///
    /// # Errors
    /// When the object is damaged, of another kind or version, or of another vault or key.
    pub fn open_front(
        front: &[u8],
        key: &SecretKey,
        vault_id: &VaultId,
    ) -> Result<Self, FormatError> {
        let (header, ext) = Header::parse(front, ObjectKind::CopiedPoint)?;
        let section = section_len(&header, ext)?;
        let at = HEADER_BYTES + EXT_BYTES;
        let cut = || FormatError::Truncated("a copied point");
        let sealed = front.get(at..at + section).ok_or_else(cut)?;
        let bytes = front.first_chunk::<HEADER_BYTES>().ok_or_else(cut)?;
        let key = object_key(key, vault_id.as_bytes(), bytes, ext);
        let plain = open_frames(&key, ObjectKind::CopiedPoint.number(), sealed)?;
        let copied: Self = json::read("copied point", &plain, DOCUMENT_MAX_BYTES)?;
        if copied.v != 1 || copied.of == copied.sid {
            return Err(FormatError::Malformed(
                "a copied point of an unknown version, or of itself",
            ));
        }
        Ok(copied)
    }

    /// Opens a whole object: the document, and the manifest that it speaks of.
    ///
    /// # Errors
    /// As [`CopiedPoint::open_front`], or when the manifest is another one.
    pub fn open<'o>(
        object: &'o [u8],
        key: &SecretKey,
        vault_id: &VaultId,
    ) -> Result<(Self, &'o [u8]), FormatError> {
        let copied = Self::open_front(object, key, vault_id)?;
        let (header, ext) = Header::parse(object, ObjectKind::CopiedPoint)?;
        let (_, manifest) = header
            .body(object)?
            .split_at_checked(section_len(&header, ext)?)
            .ok_or(FormatError::Truncated("a copied point"))?;
        if blake3::hash(manifest).as_bytes() == copied.manifest.as_bytes() {
            Ok((copied, manifest))
        } else {
            Err(FormatError::Malformed(
                "a copied point holds another manifest than it says",
            ))
        }
    }
}

fn section_len(header: &Header, ext: &[u8]) -> Result<usize, FormatError> {
    let mut fields = Reader::new(ext);
    let section = u64::from(fields.u32()?);
    FormatError::limit(
        "the first section of a copied point",
        section,
        DOCUMENT_MAX_BYTES + 16,
    )?;
    if !fields.is_empty() || section > header.body_len {
        return Err(FormatError::Malformed(
            "the sections of a copied point do not add up",
        ));
    }
    usize::try_from(section).map_err(|_| FormatError::Truncated("a copied point"))
}
