//! Objects that are one framed stream (format.md §4.1).

use strongroom_crypto::{SecretKey, framed_len, object_key, open_frames, seal_frames};

use super::header::{Header, ObjectKind};
use super::{FormatError, VaultId};

/// Seals a document or table into a whole object.
///
/// # Errors
/// When it is beyond the limit of its kind.
pub fn seal_object(
    kind: ObjectKind,
    object_id: [u8; 16],
    class: &SecretKey,
    vault_id: &VaultId,
    plain: &[u8],
) -> Result<Vec<u8>, FormatError> {
    let body_len = framed_len(plain.len()) as u64;
    FormatError::limit("an object's content", body_len, kind.max_bytes())?;
    let header = Header::new(kind, object_id, body_len).encode(&[]);
    let key = object_key(class, vault_id.as_bytes(), &header, &[]);
    let mut object = header.to_vec();
    object.extend(seal_frames(&key, kind.number(), plain)?);
    Ok(object)
}

/// Opens what [`seal_object`] made.
///
/// # Errors
/// When the object is damaged, of another kind or version, or of another vault or key.
pub fn open_object(
    kind: ObjectKind,
    class: &SecretKey,
    vault_id: &VaultId,
    object: &[u8],
) -> Result<Vec<u8>, FormatError> {
    let (header, ext) = Header::parse(object, kind)?;
    let body = header.body(object)?;
    let bytes = object
        .first_chunk()
        .ok_or(FormatError::Truncated("an object"))?;
    let key = object_key(class, vault_id.as_bytes(), bytes, ext);
    Ok(open_frames(&key, kind.number(), body)?)
}
