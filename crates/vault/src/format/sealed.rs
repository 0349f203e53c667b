//! Objects that are one framed stream (format.md §4.1).

use std::ops::Range;

use strongroom_crypto::{
    FRAME_LEN, SEALED_FRAME_LEN, SecretKey, framed_len, object_key, open_frame, open_frames,
    seal_frames,
};

use super::header::{HEADER_BYTES, Header, ObjectKind};
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

/// An object that is one framed stream without an extension, to be opened frame by frame.
pub(crate) struct Frames {
    key: SecretKey,
    kind: ObjectKind,
    body_bytes: u64,
}

impl Frames {
    /// By the header of the object.
    ///
    /// # Errors
    /// When it is none of this kind.
    pub(crate) fn of(
        header: &[u8; HEADER_BYTES],
        kind: ObjectKind,
        class: &SecretKey,
        vault_id: &VaultId,
    ) -> Result<Self, FormatError> {
        let (parsed, _) = Header::parse(header, kind)?;
        Ok(Self {
            key: object_key(class, vault_id.as_bytes(), header, &[]),
            kind,
            body_bytes: parsed.body_len,
        })
    }

    /// Number of the frame in which this byte of the plaintext lies, and where in it.
    pub(crate) fn place_of(plain_offset: u64) -> (u64, usize) {
        let (frame, at) = (
            plain_offset / FRAME_LEN as u64,
            plain_offset % FRAME_LEN as u64,
        );
        (frame, usize::try_from(at).unwrap_or_default())
    }

    /// Where a frame lies in the object.
    pub(crate) fn range_of(&self, frame: u64) -> Range<u64> {
        let start = frame.saturating_mul(SEALED_FRAME_LEN as u64);
        let end = start.saturating_add(SEALED_FRAME_LEN as u64);
        let header = HEADER_BYTES as u64;
        header.saturating_add(start)..header + end.min(self.body_bytes)
    }

    /// Opens a frame.
    ///
    /// # Errors
    /// When it is damaged or another one.
    pub(crate) fn open(&self, frame: u64, sealed: &[u8]) -> Result<Vec<u8>, FormatError> {
        let count = self.body_bytes.div_ceil(SEALED_FRAME_LEN as u64);
        let at = usize::try_from(frame).unwrap_or(usize::MAX);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Ok(open_frame(
            &self.key,
            self.kind.number(),
            (at, count),
            sealed,
        )?)
    }
}
