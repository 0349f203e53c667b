//! Chunks by address. Every block is read, opened and decompressed once while it is in the cache.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use strongroom_crypto::{BlockContext, open_block};

use crate::cache::Cache;
use crate::directory::{PackDirectory, read_toc};
use crate::format::{
    BlockCodec, BlockName, BlockRow, ChunkAddress, ChunkRow, FormatError, ObjectKind, ObjectName,
    PACK_MAX_BYTES, PackId, Toc,
};
use crate::inspect::sealed_at;
use crate::{Error, Result, Vault};

/// Reads chunks through caches of tables and blocks. Shared by any number of threads.
pub struct BlockReader {
    pub(crate) vault: Vault,
    tocs: Cache<PackId, Toc>,
    blocks: Cache<BlockName, Bytes>,
    codecs: Mutex<Vec<BlockCodec>>,
    /// Where blocks and chunks went that are not where they were born; read when a pack is missing.
    places: Mutex<Places>,
    /// Packs of which a copy was mended, or could not be.
    mended: Mutex<HashSet<PackId>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was learned when something was not, or not whole, where it was born.
#[derive(Default)]
struct Places {
    known: Option<Arc<PackDirectory>>,
    /// Packs whose chunks a renewed look did not find either: they are not looked for again.
    lost: HashSet<PackId>,
    /// What is known was given, and is more than the store tells yet.
    is_assumed: bool,
}

impl std::fmt::Debug for BlockReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockReader")
            .field("vault", self.vault.id())
            .finish_non_exhaustive()
    }
}

impl Places {
    /// Whether a pack is known not to be there any more.
    fn is_away(&self, pack: &PackId) -> bool {
        let known = self.known.as_ref();
        known.is_some_and(|known| !known.is_listed(pack))
    }

    /// Whether another look can tell nothing new about a pack.
    fn is_final(&self, pack: &PackId) -> bool {
        self.is_assumed || self.lost.contains(pack)
    }
}

/// What is known of the place where a chunk was born.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Birth {
    /// By an earlier look its pack is away, and nobody has asked for it since.
    Untried,
    Missing,
    Hurt,
}

impl Birth {
    fn of(error: &Error) -> Self {
        if error.is_missing() {
            Self::Missing
        } else {
            Self::Hurt
        }
    }
}

/// Looks at where things are for one chunk. Each after the second needs a sweep that has moved it meanwhile.
const LOOKS_MAX: usize = 5;

/// Whether other places of a chunk are worth a look. A pack that a sweep has deleted is nowhere, and while a place of the
/// vault is away nobody can say so: it may only be there.
fn may_be_elsewhere(error: &Error) -> bool {
    error.is_corruption() || matches!(error, Error::PlaceAway { .. })
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

    /// The raw bytes of a chunk that lies in a pack of this kind. Where its block is gone or damaged, other copies are
    /// tried, and where it was stored anew.
    ///
    /// # Errors
    /// When no place gives it, or the store fails.
    pub async fn chunk(&self, at: ChunkAddress, kind: ObjectKind) -> Result<Bytes> {
        let born = (at.pack, at.block);
        let is_away = lock(&self.places).is_away(&at.pack);
        let mut birth = Birth::Untried;
        if !is_away {
            match self.chunk_at(at, born, kind).await {
                Err(error) if may_be_elsewhere(&error) => birth = Birth::of(&error),
                outcome => return outcome,
            }
        }
        let read = async |at, place| self.chunk_at(at, place, kind).await;
        let read = self.elsewhere(at, birth, read);
        match read.await? {
            Some(bytes) => Ok(bytes),
            // Nothing is there; what is wrong where it was born says the most.
            None => self.chunk_at(at, born, kind).await,
        }
    }

    /// Tries all places of a chunk but that of its birth; `None` when none gives it.
    ///
    /// A sweep may move blocks while this reader lives, and while it looks: what it knew before is renewed, and a look
    /// that still shows a pack which is missing is older than the move.
    async fn elsewhere<T>(
        &self,
        at: ChunkAddress,
        birth: Birth,
        read: impl AsyncFn(ChunkAddress, (PackId, u16)) -> Result<T>,
    ) -> Result<Option<T>> {
        for look in 0..LOOKS_MAX {
            let renew = look > 0;
            if renew && lock(&self.places).is_final(&at.pack) {
                break;
            }
            let (places, is_fresh) = self.places(renew).await?;
            let stands = places.is_listed(&at.pack) && birth != Birth::Missing;
            let mut is_outdated = places.was_listed(&at.pack) && !stands;
            for (at, pack, position) in places.places_of(at) {
                match read(at, (pack, position)).await {
                    Ok(value) => return Ok(Some(value)),
                    Err(error) if may_be_elsewhere(&error) => {
                        is_outdated |= error.is_missing() && places.was_listed(&pack);
                        tracing::debug!(%pack, position, %error, "looking for another copy");
                    }
                    Err(error) => return Err(error),
                }
            }
            if is_fresh && !is_outdated {
                if stands && birth == Birth::Untried {
                    // It is newer than what was known before, and not lost.
                    return Ok(None);
                }
                break;
            }
        }
        lock(&self.places).lost.insert(at.pack);
        Ok(None)
    }

    async fn chunk_at(
        &self,
        at: ChunkAddress,
        place: (PackId, u16),
        kind: ObjectKind,
    ) -> Result<Bytes> {
        let located = self.locate(at.block_name(), place, kind).await?;
        let outcome = self.chunk_in(&located, at, kind).await;
        if matches!(outcome, Err(Error::Missing { .. })) {
            // A sweep has deleted the pack since its table was read.
            self.tocs.forget(&located.pack);
        }
        outcome
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
        let born = (first.pack, first.block);
        let at_birth = self.locate(first.block_name(), born, kind).await;
        for offset in 0..count {
            let at = ChunkAddress {
                chunk: first.chunk.saturating_add(offset),
                ..first
            };
            let row = match &at_birth {
                Ok(located) => self.row_of(located, at, kind)?,
                Err(error) if may_be_elsewhere(error) => {
                    let find = async |at: ChunkAddress, place| {
                        let located = self.locate(at.block_name(), place, kind).await?;
                        self.row_of(&located, at, kind)
                    };
                    match self.elsewhere(at, Birth::of(error), find).await? {
                        Some(row) => row,
                        None => return at_birth.map(|_| 0),
                    }
                }
                Err(_) => return at_birth.map(|_| 0),
            };
            bytes += u64::from(row.raw_len);
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

    /// The block in this place, if that is where it is.
    async fn locate(
        &self,
        name: BlockName,
        (pack, expected): (PackId, u16),
        kind: ObjectKind,
    ) -> Result<Located> {
        let toc = self.toc(pack, kind).await?;
        let is_there = |position| toc.block(position).is_some_and(|row| row.birth == name);
        let position = Some(expected).filter(|position| is_there(*position));
        match position.or_else(|| toc.position_of(name)) {
            Some(position) => Ok(Located {
                pack,
                toc,
                position,
            }),
            None => Err(self.damaged(kind, pack, "a block is named that its pack does not hold")),
        }
    }

    /// What the listing and the index say now, or said when they were read last, and whether they were read now.
    async fn places(&self, renew: bool) -> Result<(Arc<PackDirectory>, bool)> {
        let known = lock(&self.places).known.clone();
        if let Some(known) = known.filter(|_| !renew) {
            return Ok((known, false));
        }
        let mut directory = PackDirectory::list(&self.vault).await?;
        directory.load_packs(&self.vault).await?;
        let directory = Arc::new(directory);
        lock(&self.places).known = Some(Arc::clone(&directory));
        Ok((directory, true))
    }

    /// Takes in what somebody else has read of the listing and the index.
    pub(crate) fn learn(&self, directory: Arc<PackDirectory>) {
        let mut places = lock(&self.places);
        places.known = Some(directory);
        places.lost.clear();
    }

    /// Takes this for what is known of where things are, until it is renewed or forgotten.
    pub fn assume_places(&self, directory: Arc<PackDirectory>) {
        let mut places = lock(&self.places);
        places.known = Some(directory);
        places.lost.clear();
        places.is_assumed = true;
    }

    /// Forgets where things are: something was mended.
    pub fn forget_places(&self) {
        *lock(&self.places) = Places::default();
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
    pub(crate) async fn mend(&self, pack: PackId, kind: ObjectKind) {
        if !lock(&self.mended).insert(pack) {
            return;
        }
        let name = ObjectName::pack(kind, *self.vault.domain_id(), pack).to_string();
        let check = |bytes: Bytes| {
            let toc = self.whole_toc(&bytes, pack, kind)?;
            for (position, row) in (0..=u16::MAX).zip(toc.blocks()) {
                self.open(row, sealed_at(&bytes, &toc, position)?.to_vec())?;
            }
            Ok(bytes)
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
            match store.replace(place, &name, &read.value).await {
                Ok(()) => tracing::warn!(name, good = read.good, "a damaged copy was mended"),
                Err(error) => tracing::warn!(name, %error, "a damaged copy cannot be mended"),
            }
        }
    }

    /// Opens and decompresses one block.
    pub(crate) fn open(&self, row: &BlockRow, mut sealed: Vec<u8>) -> Result<Vec<u8>, FormatError> {
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
        let pooled = lock(&self.codecs).pop();
        let mut codec = match pooled {
            Some(codec) => codec,
            None => BlockCodec::new()?,
        };
        let raw = codec.decompress(row.codec, payload, row.raw_len);
        lock(&self.codecs).push(codec);
        raw
    }

    /// Reads a whole pack; of several copies the first whose length, table and padding are right.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub(crate) async fn whole_pack(&self, pack: PackId, kind: ObjectKind) -> Result<Bytes> {
        let name = ObjectName::pack(kind, *self.vault.domain_id(), pack).to_string();
        let check = |bytes: Bytes| self.whole_toc(&bytes, pack, kind).map(|_| bytes);
        let store = self.vault.store();
        let read = store.read_checked(&name, PACK_MAX_BYTES, check).await?;
        Ok(read.value)
    }
}
