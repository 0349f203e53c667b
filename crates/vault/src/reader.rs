//! Chunks by address. Every block is read, opened and decompressed once while it is in the cache.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use strongroom_chunking::ChunkId;
use strongroom_crypto::{BlockContext, BlockType, object_key, open_block};

use crate::cache::Cache;
use crate::directory::{PackDirectory, read_toc};
use crate::error::in_object;
use crate::format::{
    BlockCodec, BlockName, BlockRow, ChunkAddress, ChunkRow, FormatError, ObjectKind, ObjectName,
    PACK_MAX_BYTES, PackId, SegmentPack, TOC_AT, Toc, pack_padding, padme,
};
use crate::{Error, Result, Vault};

/// Reads chunks through caches of tables and blocks. Shared by any number of threads.
pub struct BlockReader {
    vault: Vault,
    tocs: Cache<PackId, Toc>,
    blocks: Cache<BlockName, Bytes>,
    codecs: Mutex<Vec<BlockCodec>>,
    /// Where blocks and chunks went that are not where they were born; read when a pack is missing.
    places: Mutex<Option<Arc<PackDirectory>>>,
    /// Packs of which a copy was mended, or could not be.
    mended: Mutex<HashSet<PackId>>,
}

impl std::fmt::Debug for BlockReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockReader")
            .field("vault", self.vault.id())
            .finish_non_exhaustive()
    }
}

/// A pack in memory whose bytes, table and padding agree.
#[derive(Debug)]
pub struct WholePack {
    name: String,
    bytes: Bytes,
    toc: Toc,
    blake3: [u8; 32],
}

impl WholePack {
    fn sealed(&self, position: u16) -> Result<&[u8], FormatError> {
        let range = self.toc.block_range(position).unwrap_or_default();
        let at = usize::try_from(range.start).unwrap_or(usize::MAX)
            ..usize::try_from(range.end).unwrap_or(0);
        self.bytes.get(at).ok_or(FormatError::Truncated("a pack"))
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// A block in the pack where it is now.
struct Located {
    pack: PackId,
    toc: Arc<Toc>,
    position: u16,
}

impl BlockReader {
    /// A reader with caches of these sizes.
    #[must_use]
    pub fn new(vault: Vault, block_cache_bytes: usize, toc_cache_bytes: usize) -> Self {
        Self {
            vault,
            tocs: Cache::new(toc_cache_bytes),
            blocks: Cache::new(block_cache_bytes),
            codecs: Mutex::default(),
            places: Mutex::default(),
            mended: Mutex::default(),
        }
    }

    /// A pack's table of contents.
    ///
    /// # Errors
    /// When it is missing or damaged, or the store fails.
    pub async fn toc(&self, pack: PackId, kind: ObjectKind) -> Result<Arc<Toc>> {
        self.tocs
            .get(pack, Toc::memory_bytes, async {
                let (toc, is_hurt) = read_toc(&self.vault, pack, kind).await?;
                if is_hurt {
                    self.mend(pack, kind).await;
                }
                Ok(toc)
            })
            .await
    }

    /// The raw bytes of a chunk that lies in a pack of this kind.
    ///
    /// # Errors
    /// When its block is missing or damaged, or the store fails.
    pub async fn chunk(&self, at: ChunkAddress, kind: ObjectKind) -> Result<Bytes> {
        let missing = match self.find(at.block_name(), kind).await {
            Ok(located) => return self.chunk_in(&located, at, kind).await,
            Err(error @ Error::Missing { .. }) => error,
            Err(error) => return Err(error),
        };
        // It was rewritten elsewhere, or it is lost.
        let Some(new) = self.places(false).await?.remapped(at) else {
            return Err(missing);
        };
        let located = self.find(new.block_name(), kind).await?;
        self.chunk_in(&located, new, kind).await
    }

    async fn chunk_in(
        &self,
        located: &Located,
        at: ChunkAddress,
        kind: ObjectKind,
    ) -> Result<Bytes> {
        let size = |raw: &Bytes| raw.len();
        let raw = self
            .blocks
            .get(at.block_name(), size, self.read_block(located, kind))
            .await?;
        let rows = located.toc.chunks_of(located.position);
        let lost = || {
            self.damaged(
                kind,
                located.pack,
                "a chunk is named that its block does not hold",
            )
        };
        let row = rows.get(usize::from(at.chunk)).ok_or_else(lost)?;
        let before = rows.iter().take(usize::from(at.chunk));
        let start: usize = before.map(|row| row.raw_len as usize).sum();
        let end = start + row.raw_len as usize;
        if end > raw.len() {
            Err(lost())
        } else {
            Ok(raw.slice(start..end))
        }
    }

    /// Raw bytes of consecutive chunks of a block, by the tables of the packs in which they lie now; no block is read.
    ///
    /// # Errors
    /// When one of them lies nowhere.
    pub async fn run_len(&self, first: ChunkAddress, count: u16, kind: ObjectKind) -> Result<u64> {
        let mut bytes = 0;
        let at_birth = self.find(first.block_name(), kind).await;
        for offset in 0..count {
            let at = ChunkAddress {
                chunk: first.chunk.saturating_add(offset),
                ..first
            };
            bytes += match &at_birth {
                Ok(located) => u64::from(self.row_of(located, at, kind)?.raw_len),
                Err(error @ Error::Missing { object }) => {
                    let lost = || Error::Missing {
                        object: object.clone(),
                    };
                    tracing::debug!(%error, "looking for a remap");
                    let new = self.places(false).await?.remapped(at).ok_or_else(lost)?;
                    let located = self.find(new.block_name(), kind).await?;
                    u64::from(self.row_of(&located, new, kind)?.raw_len)
                }
                Err(_) => return at_birth.map(|_| 0),
            };
        }
        Ok(bytes)
    }

    fn row_of(&self, located: &Located, at: ChunkAddress, kind: ObjectKind) -> Result<ChunkRow> {
        let row = located.toc.chunk(located.position, at.chunk).copied();
        row.ok_or_else(|| {
            self.damaged(
                kind,
                located.pack,
                "a chunk is named that its block does not hold",
            )
        })
    }

    async fn find(&self, name: BlockName, kind: ObjectKind) -> Result<Located> {
        let missing = match self.toc(name.pack, kind).await {
            Ok(toc) => match toc.position_of(name) {
                Some(position) => {
                    return Ok(Located {
                        pack: name.pack,
                        toc,
                        position,
                    });
                }
                None => self.damaged(
                    kind,
                    name.pack,
                    "a block is named that its pack does not hold",
                ),
            },
            Err(error @ Error::Missing { .. }) => error,
            Err(error) => return Err(error),
        };
        // A sweep may move blocks while this reader lives: what was learned before is asked once, then renewed.
        for renew in [false, true] {
            let Some((pack, position)) = self.places(renew).await?.resolve(name) else {
                continue;
            };
            let toc = match self.toc(pack, kind).await {
                Ok(toc) => toc,
                Err(Error::Missing { .. }) => continue,
                Err(error) => return Err(error),
            };
            if toc.block(position).is_some_and(|row| row.birth == name) {
                return Ok(Located {
                    pack,
                    toc,
                    position,
                });
            }
        }
        Err(missing)
    }

    /// What the listing and the index say now, or said when they were read last.
    async fn places(&self, renew: bool) -> Result<Arc<PackDirectory>> {
        let known = self
            .places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(known) = known.filter(|_| !renew) {
            return Ok(known);
        }
        let mut directory = PackDirectory::list(&self.vault).await?;
        directory.load_packs(&self.vault).await?;
        let directory = Arc::new(directory);
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&directory));
        Ok(directory)
    }

    fn damaged(&self, kind: ObjectKind, pack: PackId, what: &'static str) -> Error {
        let object = ObjectName::pack(kind, *self.vault.domain_id(), pack).to_string();
        Error::Object {
            object,
            source: FormatError::Malformed(what),
        }
    }

    async fn read_block(&self, located: &Located, kind: ObjectKind) -> Result<Bytes> {
        let name = ObjectName::pack(kind, *self.vault.domain_id(), located.pack).to_string();
        let missing = || {
            self.damaged(
                kind,
                located.pack,
                "a block is named that its pack does not hold",
            )
        };
        let range = located
            .toc
            .block_range(located.position)
            .ok_or_else(missing)?;
        let row = *located.toc.block(located.position).ok_or_else(missing)?;
        let check = |sealed: Bytes| {
            if sealed.len() != row.stored_len as usize {
                return Err(FormatError::Truncated("a block"));
            }
            self.open(&row, sealed.into())
        };
        let store = self.vault.store();
        let read = store.read_range_checked(&name, range, check).await?;
        if !read.hurt.is_empty() {
            self.mend(located.pack, kind).await;
        }
        Ok(Bytes::from(read.value))
    }

    /// Replaces the copies of a pack that are damaged or missing by one that is good to the last block. A copy of which
    /// only some blocks are good replaces none: another block may be good only where this one is not. What cannot be
    /// mended stays as it is; readers find the good copy.
    async fn mend(&self, pack: PackId, kind: ObjectKind) {
        let is_first = |mended: &Mutex<HashSet<PackId>>| {
            let mut mended = mended.lock().unwrap_or_else(PoisonError::into_inner);
            mended.insert(pack)
        };
        if !is_first(&self.mended) {
            return;
        }
        let name = ObjectName::pack(kind, *self.vault.domain_id(), pack).to_string();
        let check = |bytes: Bytes| {
            let whole = self.open_whole(&name, &bytes, pack, kind, None)?;
            let blocks = (0..=u16::MAX).zip(whole.toc.blocks());
            for (position, row) in blocks {
                let sealed = whole.sealed(position)?;
                self.open(row, sealed.to_vec())?;
            }
            Ok(whole)
        };
        let store = self.vault.store();
        let read = match store.read_checked(&name, PACK_MAX_BYTES, check).await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(name, %error, "a damaged copy cannot be mended");
                return;
            }
        };
        for place in read.hurt {
            match store.replace(place, &name, &read.value.bytes).await {
                Ok(()) => tracing::warn!(name, good = read.good, "a damaged copy was mended"),
                Err(error) => tracing::warn!(name, %error, "a damaged copy cannot be mended"),
            }
        }
    }

    /// Opens and decompresses one block.
    fn open(&self, row: &BlockRow, mut sealed: Vec<u8>) -> Result<Vec<u8>, FormatError> {
        let denied = strongroom_crypto::Error::NotPermitted("an owner's or agent's key");
        let key = self.vault.keys().block(row.block_type, row.key_epoch);
        let key = key.ok_or(denied)?;
        let context = BlockContext {
            vault_id: *self.vault.id().as_bytes(),
            domain_id: *self.vault.domain_id().as_bytes(),
            birth_pack: *row.birth.pack.as_bytes(),
            birth_ordinal: row.birth.ordinal,
            block_type: row.block_type,
            codec: row.codec,
            raw_len: row.raw_len,
        };
        let payload = open_block(&key, &context, &mut sealed)?;
        let pooled = self
            .codecs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut codec = match pooled {
            Some(codec) => codec,
            None => BlockCodec::new()?,
        };
        let raw = codec.decompress(row.codec, payload, row.raw_len);
        self.codecs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(codec);
        raw
    }

    /// Reads a whole pack and checks its length, hash (where given), table and padding.
    ///
    /// # Errors
    /// When any of them is wrong, or the store fails.
    pub async fn whole_pack(
        &self,
        pack: PackId,
        kind: ObjectKind,
        hash: Option<[u8; 32]>,
    ) -> Result<WholePack> {
        let name = ObjectName::pack(kind, *self.vault.domain_id(), pack).to_string();
        let check = |bytes: Bytes| self.open_whole(&name, &bytes, pack, kind, hash);
        let store = self.vault.store();
        Ok(store
            .read_checked(&name, PACK_MAX_BYTES, check)
            .await?
            .value)
    }

    /// Checks a whole pack but for what is inside its blocks.
    fn open_whole(
        &self,
        name: &str,
        bytes: &Bytes,
        pack: PackId,
        kind: ObjectKind,
        hash: Option<[u8; 32]>,
    ) -> Result<WholePack, FormatError> {
        let denied = strongroom_crypto::Error::NotPermitted("a key for the index");
        let key = self.vault.keys().toc().ok_or(denied)?;
        let blake3 = *blake3::hash(bytes).as_bytes();
        let toc = Toc::open(bytes, kind, pack, self.vault.id(), key)?;
        let unpadded = toc.unpadded_bytes();
        if bytes.len() as u64 != padme(unpadded) {
            return Err(FormatError::Truncated("a pack"));
        }
        let cut = || FormatError::Truncated("a pack");
        let header = bytes.first_chunk().ok_or_else(cut)?;
        let ext = bytes.get(64..TOC_AT).ok_or_else(cut)?;
        let key = object_key(key, self.vault.id().as_bytes(), header, ext);
        let at = usize::try_from(unpadded).unwrap_or(usize::MAX);
        let padding = bytes.get(at..).ok_or_else(cut)?;
        if padding != pack_padding(&key, padding.len()) {
            return Err(FormatError::Malformed(
                "the padding of a pack is not what it should be",
            ));
        }
        if hash.is_some_and(|hash| hash != blake3) {
            return Err(FormatError::Malformed(
                "a pack has another hash than the index says",
            ));
        }
        Ok(WholePack {
            name: name.to_owned(),
            bytes: bytes.clone(),
            toc,
            blake3,
        })
    }

    /// Opens every block of a pack and gives every chunk to `is_right`, which says whether id and bytes belong together.
    ///
    /// # Errors
    /// When a block does not open, or a chunk is not right.
    pub fn check_blocks(
        &self,
        pack: &WholePack,
        mut is_right: impl FnMut(BlockType, &ChunkId, &[u8]) -> bool,
    ) -> Result<()> {
        for (position, row) in (0..=u16::MAX).zip(pack.toc.blocks()) {
            let sealed = pack.sealed(position);
            let raw = in_object(
                &pack.name,
                sealed.and_then(|sealed| self.open(row, sealed.to_vec())),
            )?;
            let mut rest = raw.as_slice();
            for chunk in pack.toc.chunks_of(position) {
                let (bytes, after) = rest
                    .split_at_checked(chunk.raw_len as usize)
                    .unwrap_or((rest, &[]));
                if !is_right(row.block_type, &chunk.id, bytes) {
                    let source =
                        FormatError::Malformed("a chunk does not have the id that its pack says");
                    return Err(Error::Object {
                        object: pack.name.clone(),
                        source,
                    });
                }
                rest = after;
            }
        }
        Ok(())
    }

    /// A pack's row for an index segment, and its table; reads the whole pack.
    ///
    /// # Errors
    /// As [`BlockReader::whole_pack`].
    pub async fn segment_row(
        &self,
        pack: PackId,
        kind: ObjectKind,
    ) -> Result<(SegmentPack, Arc<Toc>)> {
        let whole = self.whole_pack(pack, kind, None).await?;
        let row = SegmentPack::of_toc(
            pack,
            kind,
            whole.bytes.len() as u64,
            whole.blake3,
            &whole.toc,
        );
        Ok((row, Arc::new(whole.toc)))
    }
}
