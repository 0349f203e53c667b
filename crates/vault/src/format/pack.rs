//! Packs (format.md §7).

use bytes::Bytes;
use strongroom_crypto::{SecretKey, context, framed_len, object_key, seal_frames};

use super::FormatError;
use super::header::{Header, ObjectKind};
use super::ids::{DomainId, PackId, VaultId};
use super::segment::SegmentPack;
use super::toc::{BlockRowDraft, TOC_AT, TOC_MAX_BYTES, Toc};

/// Most bytes of a pack.
pub const PACK_MAX_BYTES: u64 = 160 << 20;

/// Rounds a length up so that it tells less about what is inside (at most 12 % more).
#[must_use]
pub fn padme(len: u64) -> u64 {
    if len < 2 {
        return len;
    }
    let e = u64::from(len.ilog2());
    let s = u64::from(e.max(1).ilog2()) + 1;
    let unit = 1_u64 << e.saturating_sub(s);
    len.div_ceil(unit).saturating_mul(unit)
}

/// The padding of a pack: what `len` bytes behind the blocks must be.
#[must_use]
pub fn pack_padding(object_key: &SecretKey, len: usize) -> Vec<u8> {
    let mut padding = vec![0; len];
    object_key.derive_into(context::PADDING, &[], &mut padding);
    padding
}

/// Gathers sealed blocks for one pack.
#[derive(Debug)]
pub struct PackBuilder {
    kind: ObjectKind,
    pack_id: PackId,
    blocks: Vec<Option<(BlockRowDraft, Vec<u8>)>>,
}

impl PackBuilder {
    /// An empty pack.
    #[must_use]
    pub fn new(kind: ObjectKind, pack_id: PackId) -> Self {
        Self {
            kind,
            pack_id,
            blocks: Vec::new(),
        }
    }

    /// Data or metadata.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        self.kind
    }

    /// Puts a sealed block at its position; positions may be filled in any order.
    pub fn put_block(&mut self, ordinal: u16, row: BlockRowDraft, sealed: Vec<u8>) {
        let position = usize::from(ordinal);
        if self.blocks.len() <= position {
            self.blocks.resize_with(position + 1, || None);
        }
        if let Some(slot) = self.blocks.get_mut(position) {
            *slot = Some((row, sealed));
        }
    }

    /// Seals the table and pads the pack. Blocks are not copied.
    ///
    /// # Errors
    /// When a position was left empty or a limit is passed.
    pub fn finish(
        self,
        vault_id: &VaultId,
        domain_id: &DomainId,
        key: &SecretKey,
    ) -> Result<SealedPack, FormatError> {
        let mut toc = Toc::default();
        let mut parts = vec![Bytes::new()];
        for block in self.blocks {
            let (row, sealed) = block.ok_or(FormatError::Malformed(
                "a position of a pack was left empty",
            ))?;
            let stored_len = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
            toc.push(&row, stored_len)?;
            parts.push(sealed.into());
        }
        let plain = toc.encode();
        let toc_len = framed_len(plain.len());
        FormatError::limit(
            "the length of a table of contents",
            toc_len as u64,
            TOC_MAX_BYTES,
        )?;
        toc.set_sealed_len(u32::try_from(toc_len).unwrap_or(u32::MAX));
        let block_count = u32::try_from(toc.blocks().len()).unwrap_or(u32::MAX);
        let ext = [toc.sealed_len().to_le_bytes(), block_count.to_le_bytes()].concat();
        let len = toc.unpadded_bytes();
        FormatError::limit("the length of a pack", padme(len), PACK_MAX_BYTES)?;
        let header =
            Header::new(self.kind, *self.pack_id.as_bytes(), len - TOC_AT as u64).encode(&ext);
        let object_key = object_key(key, vault_id.as_bytes(), &header, &ext);
        let mut front = [header.as_slice(), &ext].concat();
        front.extend(seal_frames(&object_key, self.kind.number(), &plain)?);
        if let Some(first) = parts.first_mut() {
            *first = front.into();
        }
        let padding = usize::try_from(padme(len) - len).unwrap_or(0);
        parts.push(pack_padding(&object_key, padding).into());
        let mut hasher = blake3::Hasher::new();
        for part in &parts {
            hasher.update(part);
        }
        Ok(SealedPack {
            pack_id: self.pack_id,
            domain_id: *domain_id,
            kind: self.kind,
            parts,
            object_bytes: padme(len),
            blake3: *hasher.finalize().as_bytes(),
            toc,
        })
    }
}

/// A pack that is ready for the store.
#[derive(Debug, Clone)]
pub struct SealedPack {
    /// Its id.
    pub pack_id: PackId,
    /// The domain it belongs to.
    pub domain_id: DomainId,
    /// Data or metadata.
    pub kind: ObjectKind,
    /// Its bytes, in order.
    pub parts: Vec<Bytes>,
    /// Length with padding.
    pub object_bytes: u64,
    /// Hash of the whole object.
    pub blake3: [u8; 32],
    /// What stands in it.
    pub toc: Toc,
}

impl SealedPack {
    /// The pack's row for an index segment.
    #[must_use]
    pub fn segment_row(&self) -> SegmentPack {
        SegmentPack::of_toc(
            self.pack_id,
            self.kind,
            self.object_bytes,
            self.blake3,
            &self.toc,
        )
    }
}
