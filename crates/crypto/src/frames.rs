//! Framed streams: the sealing of all objects but blocks (format.md §4.1).

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce, Tag};

use crate::{Error, Result, SecretKey, mac};

/// Plaintext bytes of every frame but the last.
pub const FRAME_LEN: usize = 1 << 20;
const TAG_LEN: usize = 16;
/// Sealed bytes of every frame but the last.
pub const SEALED_FRAME_LEN: usize = FRAME_LEN + TAG_LEN;
const LAST: u64 = 1 << 63;

/// Key of one object: bound to the key class, the vault and the object's header and extension.
#[must_use]
pub fn object_key(
    class: &SecretKey,
    vault_id: &[u8; 16],
    header: &[u8; 64],
    extension: &[u8],
) -> SecretKey {
    let (bound, _check) = header.split_at(56);
    SecretKey::from_bytes(mac(class, &[b"obj", vault_id, bound, extension]))
}

/// Sealed length of so many plaintext bytes.
#[must_use]
pub fn framed_len(plain_len: usize) -> usize {
    plain_len.saturating_add(plain_len.div_ceil(FRAME_LEN).max(1) * TAG_LEN)
}

fn nonce_and_aad(kind: u8, index: u64) -> (Nonce, [u8; 9]) {
    let mut nonce = [0; 12];
    let mut aad = [0; 9];
    let number = index.to_le_bytes();
    if let (Some(low), Some((first, rest))) = (nonce.last_chunk_mut::<8>(), aad.split_first_mut()) {
        *low = number;
        *first = kind;
        rest.copy_from_slice(&number);
    }
    (Nonce::from(nonce), aad)
}

/// Seals plaintext of an object of this kind.
///
/// # Errors
/// [`Error::TooLong`] in theory only.
pub fn seal_frames(key: &SecretKey, kind: u8, plain: &[u8]) -> Result<Vec<u8>> {
    let cipher = ChaCha20Poly1305::new(key.expose().into());
    let count = plain.len().div_ceil(FRAME_LEN).max(1);
    let mut sealed = Vec::with_capacity(framed_len(plain.len()));
    let mut frames = plain.chunks(FRAME_LEN);
    for index in 0..count {
        let frame = frames.next().unwrap_or_default();
        let last = if index + 1 == count { LAST } else { 0 };
        let (nonce, aad) = nonce_and_aad(kind, index as u64 | last);
        let start = sealed.len();
        sealed.extend_from_slice(frame);
        let body = sealed.get_mut(start..).unwrap_or_default();
        let tag = cipher
            .encrypt_inout_detached(&nonce, &aad, body.into())
            .map_err(|_limit| Error::TooLong("a frame"))?;
        sealed.extend_from_slice(&tag);
    }
    Ok(sealed)
}

/// Opens what [`seal_frames`] sealed.
///
/// # Errors
/// [`Error::OpenFailed`] when a frame is missing, cut, moved or changed, or the key or kind is another.
pub fn open_frames(key: &SecretKey, kind: u8, sealed: &[u8]) -> Result<Vec<u8>> {
    let count = sealed.len().div_ceil(SEALED_FRAME_LEN);
    if count == 0 {
        return Err(Error::OpenFailed);
    }
    let mut plain = Vec::with_capacity(sealed.len());
    for (index, frame) in sealed.chunks(SEALED_FRAME_LEN).enumerate() {
        open_into(key, kind, (index, count), frame, &mut plain)?;
    }
    Ok(plain)
}

/// Opens the frame at `index` of the `count` that [`seal_frames`] made.
///
/// # Errors
/// As [`open_frames`].
pub fn open_frame(
    key: &SecretKey,
    kind: u8,
    (index, count): (usize, usize),
    sealed: &[u8],
) -> Result<Vec<u8>> {
    let mut plain = Vec::with_capacity(sealed.len());
    open_into(key, kind, (index, count), sealed, &mut plain)?;
    Ok(plain)
}

fn open_into(
    key: &SecretKey,
    kind: u8,
    (index, count): (usize, usize),
    sealed: &[u8],
    plain: &mut Vec<u8>,
) -> Result<()> {
    let cipher = ChaCha20Poly1305::new(key.expose().into());
    let (body, tag) = sealed
        .split_last_chunk::<TAG_LEN>()
        .ok_or(Error::OpenFailed)?;
    if body.is_empty() && count > 1 {
        return Err(Error::OpenFailed);
    }
    let last = if index + 1 == count { LAST } else { 0 };
    let (nonce, aad) = nonce_and_aad(kind, index as u64 | last);
    let start = plain.len();
    plain.extend_from_slice(body);
    let open = plain.get_mut(start..).unwrap_or_default();
    cipher
        .decrypt_inout_detached(&nonce, &aad, open.into(), &Tag::from(*tag))
        .map_err(|_forged| Error::OpenFailed)
}
