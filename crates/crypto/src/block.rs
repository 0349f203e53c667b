//! Blocks: several chunks sealed together (format.md §7).

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};

use crate::{Entropy, Error, Result, SecretKey};

/// Bytes in front of a sealed block.
pub const BLOCK_NONCE_LEN: usize = 24;
/// Bytes that sealing adds to a payload.
pub const BLOCK_OVERHEAD: usize = BLOCK_NONCE_LEN + TAG_LEN;
const TAG_LEN: usize = 16;

/// What the chunks of a block are.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
pub enum BlockType {
    /// File content.
    Data = 1,
    /// Tree and extent pieces.
    Tree = 2,
    /// List pieces.
    List = 3,
}

impl TryFrom<u8> for BlockType {
    type Error = Error;

    fn try_from(number: u8) -> Result<Self> {
        match number {
            1 => Ok(Self::Data),
            2 => Ok(Self::Tree),
            3 => Ok(Self::List),
            _ => Err(Error::Malformed("unknown type of block")),
        }
    }
}

/// Everything that a sealed block is bound to. It names the place of birth, not where the block lies now, so a
/// sealed block can be moved without a key.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct BlockContext {
    /// The vault.
    pub vault_id: [u8; 16],
    /// The domain in it.
    pub domain_id: [u8; 8],
    /// Pack in which the block was made.
    pub birth_pack: [u8; 16],
    /// Its position there.
    pub birth_ordinal: u16,
    /// What it holds.
    pub block_type: BlockType,
    /// 0 raw, 1 zstd.
    pub codec: u8,
    /// Bytes before compression.
    pub raw_len: u32,
}

impl BlockContext {
    /// The additional data of the cipher.
    #[must_use]
    pub fn aad(&self) -> Vec<u8> {
        let mut aad = Vec::with_capacity(54);
        aad.extend_from_slice(b"block");
        aad.extend_from_slice(&self.vault_id);
        aad.extend_from_slice(&self.domain_id);
        aad.push(1);
        aad.extend_from_slice(&self.birth_pack);
        aad.extend_from_slice(&self.birth_ordinal.to_le_bytes());
        aad.push(self.block_type as u8);
        aad.push(self.codec);
        aad.extend_from_slice(&self.raw_len.to_le_bytes());
        aad
    }
}

/// Seals in place: `payload` holds [`BLOCK_NONCE_LEN`] bytes of room, then the plaintext; afterwards nonce, ciphertext, tag.
///
/// # Errors
/// When there is no entropy, or no room was left in front.
pub fn seal_block(
    key: &SecretKey,
    context: &BlockContext,
    payload: &mut Vec<u8>,
    entropy: &dyn Entropy,
) -> Result<()> {
    let (room, plain) = payload
        .split_first_chunk_mut::<BLOCK_NONCE_LEN>()
        .ok_or(Error::Malformed("no room for the nonce of a block"))?;
    entropy.fill(room)?;
    let nonce = XNonce::from(*room);
    let tag = XChaCha20Poly1305::new(key.expose().into())
        .encrypt_inout_detached(&nonce, &context.aad(), plain.into())
        .map_err(|_limit| Error::TooLong("a block"))?;
    payload.extend_from_slice(&tag);
    Ok(())
}

/// Opens in place and gives the plaintext.
///
/// # Errors
/// [`Error::OpenFailed`] when the block was changed, is another one, or another key sealed it.
pub fn open_block<'a>(
    key: &SecretKey,
    context: &BlockContext,
    sealed: &'a mut [u8],
) -> Result<&'a [u8]> {
    let (nonce, rest) = sealed
        .split_first_chunk_mut::<BLOCK_NONCE_LEN>()
        .ok_or(Error::OpenFailed)?;
    let (body, tag) = rest
        .split_last_chunk_mut::<TAG_LEN>()
        .ok_or(Error::OpenFailed)?;
    XChaCha20Poly1305::new(key.expose().into())
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            &context.aad(),
            (&mut *body).into(),
            &Tag::from(*tag),
        )
        .map_err(|_forged| Error::OpenFailed)?;
    Ok(body)
}
