//! Whole packs: every byte read, and what is wrong with it told block by block.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use strongroom_chunking::ChunkId;
use strongroom_crypto::{BlockType, SecretKey, object_key};

use crate::error::in_object;
use crate::format::{
    BlockName, BlockRow, BlockRowDraft, FormatError, HurtPack, ObjectKind, ObjectName,
    PACK_MAX_BYTES, PackId, SegmentPack, TOC_AT, Toc, pack_padding, padme,
};
use crate::{BlockReader, Error, Result};

/// Whether id and bytes of a chunk belong together.
pub type ChunkCheck<'c> = &'c mut dyn FnMut(BlockType, &ChunkId, &[u8]) -> bool;

/// Something wrong with a pack.
#[derive(Debug)]
pub enum Fault {
    /// Its header, table, length or padding: nothing in it is to be relied upon.
    Pack(FormatError),
    /// The block at this position.
    Block(u16, FormatError),
    /// The bytes are right by all that can be checked, but the index says another hash.
    Index,
    /// The bytes are not those that the index says; which of them are wrong, only the keys of content tell.
    Hash,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pack(error) => write!(f, "{error}"),
            Self::Block(position, error) => write!(f, "block {position}: {error}"),
            Self::Index => f.write_str("the index says another hash than that of this pack"),
            Self::Hash => f.write_str("the pack has another hash than the index says"),
        }
    }
}

/// What reading a pack has shown.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Bytes read.
    pub bytes: u64,
    /// What is wrong; empty means that all is well.
    pub faults: Vec<Fault>,
}

impl Inspection {
    /// What a damage notice should say of the pack; `None` where nothing of it is certainly damaged.
    #[must_use]
    pub fn hurt(&self, pack: PackId, kind: ObjectKind) -> Option<HurtPack> {
        let mut positions = Vec::new();
        let mut is_whole = false;
        for fault in &self.faults {
            match fault {
                Fault::Pack(_) => is_whole = true,
                Fault::Block(position, _) => positions.push(*position),
                Fault::Index | Fault::Hash => {}
            }
        }
        if is_whole {
            positions.clear();
        } else if positions.is_empty() {
            return None;
        }
        Some(HurtPack {
            pack,
            kind,
            positions,
        })
    }
}

/// A sealed block with what a table of contents says of it.
#[derive(Debug)]
pub struct BlockCopy {
    /// Its row in the table of the pack that it goes to.
    pub row: BlockRowDraft,
    /// Its sealed bytes.
    pub sealed: Bytes,
}

impl BlockReader {
    /// Reads this copy of a block, opens it and asks about every chunk.
    ///
    /// # Errors
    /// When the pack does not hold it, it does not open or a chunk is not right; or when the store fails.
    pub async fn block_copy(
        &self,
        name: BlockName,
        pack: PackId,
        kind: ObjectKind,
        is_right: ChunkCheck<'_>,
    ) -> Result<BlockCopy> {
        let object = ObjectName::pack(kind, *self.vault.domain_id(), pack).to_string();
        let missing = || FormatError::Malformed("a block is named that its pack does not hold");
        let toc = self.toc(pack, kind).await?;
        let place = toc.position_of(name).and_then(|position| {
            let row = toc.block(position)?;
            Some((position, row, toc.block_range(position)?))
        });
        let (position, row, range) = in_object(&object, place.ok_or_else(missing))?;
        let is_right = RefCell::new(is_right);
        let check = |sealed: Bytes| {
            if sealed.len() != row.stored_len as usize {
                return Err(FormatError::Truncated("a block"));
            }
            let mut is_right = is_right.borrow_mut();
            let mut ask = |of: BlockType, id: &ChunkId, bytes: &[u8]| is_right(of, id, bytes);
            self.check_chunks(&toc, (position, row), &sealed, &mut ask)?;
            Ok(sealed)
        };
        let store = self.vault.store();
        let sealed = store.read_range_checked(&object, range, check).await?.value;
        let chunks = toc.chunks_of(position);
        let row = BlockRowDraft {
            birth: row.birth,
            block_type: row.block_type,
            codec: row.codec,
            key_epoch: row.key_epoch,
            raw_len: row.raw_len,
            chunks: chunks.iter().map(|row| (row.id, row.raw_len)).collect(),
        };
        Ok(BlockCopy { row, sealed })
    }

    /// Reads a whole pack and checks its header, table, length and padding; with `is_right` also opens every block and
    /// asks about every chunk; else compares the hash of the whole with `hash`, for which no key of content is needed.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NotPermitted`] without the key of tables, or, with `is_right`, of content; or when
    /// the store fails.
    pub async fn inspect(
        &self,
        pack: PackId,
        kind: ObjectKind,
        hash: Option<[u8; 32]>,
        is_right: Option<ChunkCheck<'_>>,
    ) -> Result<Inspection> {
        let name = ObjectName::pack(kind, *self.vault.domain_id(), pack).to_string();
        self.vault.toc_key()?;
        let is_right = is_right.map(RefCell::new);
        let look = |bytes: &Bytes| {
            let Some(is_right) = &is_right else {
                return self.look_into(bytes, pack, kind, hash, None);
            };
            let mut is_right = is_right.borrow_mut();
            let mut ask = |of: BlockType, id: &ChunkId, bytes: &[u8]| is_right(of, id, bytes);
            self.look_into(bytes, pack, kind, hash, Some(&mut ask))
        };
        let whole = |bytes: Bytes| {
            let inspection = look(&bytes)?;
            match inspection.faults.is_empty() {
                true => Ok(inspection),
                false => Err(FormatError::Malformed("a pack is damaged")),
            }
        };
        let store = self.vault.store();
        match store.read_checked(&name, PACK_MAX_BYTES, whole).await {
            Ok(read) => {
                if !read.hurt.is_empty() {
                    self.mend(pack, kind).await;
                }
                return Ok(read.value);
            }
            Err(Error::Object { source, .. }) if source.is_corruption() => {}
            Err(error) => return Err(error),
        }
        // No copy is whole: what is wrong with the first is told.
        let bytes = store.read(&name, PACK_MAX_BYTES).await?;
        in_object(&name, look(&bytes))
    }

    /// What is wrong with the bytes of a pack.
    fn look_into(
        &self,
        bytes: &Bytes,
        pack: PackId,
        kind: ObjectKind,
        hash: Option<[u8; 32]>,
        is_right: Option<ChunkCheck<'_>>,
    ) -> Result<Inspection, FormatError> {
        let mut inspection = Inspection {
            bytes: bytes.len() as u64,
            faults: Vec::new(),
        };
        let toc = match Toc::open(bytes, kind, pack, self.vault.id(), self.toc_key()?) {
            Ok(toc) => toc,
            Err(error) if error.is_corruption() => {
                inspection.faults.push(Fault::Pack(error));
                return Ok(inspection);
            }
            Err(error) => return Err(error),
        };
        if let Err(error) = self.check_frame(bytes, &toc) {
            inspection.faults.push(Fault::Pack(error));
        }
        let is_as_indexed = hash.is_none_or(|hash| hash == *blake3::hash(bytes).as_bytes());
        match is_right {
            Some(is_right) => {
                let faults = self.check_blocks(bytes, &toc, is_right)?;
                inspection.faults.extend(faults);
                if inspection.faults.is_empty() && !is_as_indexed {
                    inspection.faults.push(Fault::Index);
                }
            }
            None if inspection.faults.is_empty() && !is_as_indexed => {
                inspection.faults.push(Fault::Hash);
            }
            None => {}
        }
        Ok(inspection)
    }

    fn toc_key(&self) -> Result<&SecretKey, FormatError> {
        let denied = strongroom_crypto::Error::NotPermitted("a key for the index");
        Ok(self.vault.keys().toc().ok_or(denied)?)
    }

    /// The table of a pack whose table, length and padding are right.
    pub(crate) fn whole_toc(
        &self,
        bytes: &Bytes,
        pack: PackId,
        kind: ObjectKind,
    ) -> Result<Toc, FormatError> {
        let toc = Toc::open(bytes, kind, pack, self.vault.id(), self.toc_key()?)?;
        self.check_frame(bytes, &toc)?;
        Ok(toc)
    }

    /// Length and padding.
    fn check_frame(&self, bytes: &Bytes, toc: &Toc) -> Result<(), FormatError> {
        let unpadded = toc.unpadded_bytes();
        let cut = || FormatError::Truncated("a pack");
        if bytes.len() as u64 != padme(unpadded) {
            return Err(cut());
        }
        let key = self.toc_key()?;
        let header = bytes.first_chunk().ok_or_else(cut)?;
        let ext = bytes.get(64..TOC_AT).ok_or_else(cut)?;
        let key = object_key(key, self.vault.id().as_bytes(), header, ext);
        let at = usize::try_from(unpadded).unwrap_or(usize::MAX);
        let padding = bytes.get(at..).ok_or_else(cut)?;
        if padding == pack_padding(&key, padding.len()) {
            Ok(())
        } else {
            Err(FormatError::Malformed(
                "the padding of a pack is not what it should be",
            ))
        }
    }

    fn check_blocks(
        &self,
        bytes: &Bytes,
        toc: &Toc,
        is_right: ChunkCheck<'_>,
    ) -> Result<Vec<Fault>, FormatError> {
        let mut faults = Vec::new();
        for (position, row) in (0..=u16::MAX).zip(toc.blocks()) {
            match self.check_block(bytes, toc, (position, row), is_right) {
                Ok(()) => {}
                Err(error) if error.is_corruption() => faults.push(Fault::Block(position, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(faults)
    }

    fn check_block(
        &self,
        bytes: &Bytes,
        toc: &Toc,
        (position, row): (u16, &BlockRow),
        is_right: ChunkCheck<'_>,
    ) -> Result<(), FormatError> {
        let sealed = sealed_at(bytes, toc, position)?;
        self.check_chunks(toc, (position, row), sealed, is_right)
    }

    fn check_chunks(
        &self,
        toc: &Toc,
        (position, row): (u16, &BlockRow),
        sealed: &[u8],
        is_right: ChunkCheck<'_>,
    ) -> Result<(), FormatError> {
        let raw = self.open(row, sealed.to_vec())?;
        let mut rest = raw.as_slice();
        for chunk in toc.chunks_of(position) {
            let (bytes, after) = rest
                .split_at_checked(chunk.raw_len as usize)
                .unwrap_or((rest, &[]));
            if !is_right(row.block_type, &chunk.id, bytes) {
                return Err(FormatError::Malformed(
                    "a chunk does not have the id that its pack says",
                ));
            }
            rest = after;
        }
        Ok(())
    }

    /// A pack's row for an index segment, and its table; reads the whole pack.
    ///
    /// # Errors
    /// When the pack is damaged, or the store fails.
    pub async fn segment_row(
        &self,
        pack: PackId,
        kind: ObjectKind,
    ) -> Result<(SegmentPack, Arc<Toc>)> {
        let name = ObjectName::pack(kind, *self.vault.domain_id(), pack).to_string();
        self.vault.toc_key()?;
        let check = |bytes: Bytes| {
            let toc = self.whole_toc(&bytes, pack, kind)?;
            Ok((toc, *blake3::hash(&bytes).as_bytes(), bytes.len() as u64))
        };
        let store = self.vault.store();
        let read = store.read_checked(&name, PACK_MAX_BYTES, check).await?;
        let (toc, hash, len) = read.value;
        let row = SegmentPack::of_toc(pack, kind, len, hash, &toc);
        Ok((row, Arc::new(toc)))
    }
}

/// The sealed bytes of one block of a pack.
pub(crate) fn sealed_at<'p>(
    bytes: &'p Bytes,
    toc: &Toc,
    position: u16,
) -> Result<&'p [u8], FormatError> {
    let range = toc.block_range(position).unwrap_or_default();
    let at =
        usize::try_from(range.start).unwrap_or(usize::MAX)..usize::try_from(range.end).unwrap_or(0);
    bytes.get(at).ok_or(FormatError::Truncated("a pack"))
}
