//! Answers "is this chunk in the vault already, and where?" for one session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use strongroom_chunking::ChunkId;
use strongroom_vault::format::{BlockName, ChunkAddress, ObjectKind, PackId, Toc};
use strongroom_vault::{Candidate, PackDirectory};

use crate::engine::Strongroom;
use crate::{Error, Result};

/// Shards of the table of fresh chunks; workers rarely meet.
const SHARDS: usize = 16;

/// Chunks that may be referred to: those in listed packs, and those that this session has in hand.
pub(crate) struct Known {
    engine: Strongroom,
    directory: RwLock<PackDirectory>,
    index_loaded: OnceLock<()>,
    loading: Mutex<()>,
    /// Chunks of packs that are not uploaded yet, exact.
    fresh: Vec<Mutex<HashMap<ChunkId, ChunkAddress>>>,
}

impl Known {
    pub(crate) fn new(engine: Strongroom, directory: PackDirectory) -> Self {
        let fresh = (0..SHARDS).map(|_| Mutex::new(HashMap::new())).collect();
        Self {
            engine,
            directory: RwLock::new(directory),
            index_loaded: OnceLock::new(),
            loading: Mutex::new(()),
            fresh,
        }
    }

    fn shard(&self, id: &ChunkId) -> Option<&Mutex<HashMap<ChunkId, ChunkAddress>>> {
        self.fresh.get((id.prefix() >> 60) as usize % SHARDS)
    }

    /// Address of a chunk that may be referred to.
    ///
    /// The first call that gets past the fresh chunks loads the index. An index entry counts only once the
    /// pack's own table of contents confirms it; a pack whose table is damaged is passed over, so that its
    /// chunks are stored again.
    pub(crate) fn find(&self, id: &ChunkId) -> Result<Option<ChunkAddress>> {
        if let Some(shard) = self.shard(id)
            && let Some(at) = lock(shard).get(id)
        {
            return Ok(Some(*at));
        }
        self.load_index()?;
        let learned = self.read_directory().learned(id.prefix());
        if let Some((at, _, _)) = self.confirmed(id, learned)? {
            return Ok(Some(at));
        }
        let mut candidates = self.candidates(id)?;
        if self.read_directory().is_outdated() {
            let vault = self.engine.vault().clone();
            let mut directory = self.write_directory();
            let renewing = self.engine.wait_or_stop(directory.renew_index(&vault))?;
            renewing.map_err(Error::Vault)?;
            drop(directory);
            candidates = self.candidates(id)?;
        }
        let Some((at, pack, toc)) = self.confirmed(id, candidates)? else {
            return Ok(None);
        };
        self.read_directory().learn(&pack, &toc);
        Ok(Some(at))
    }

    fn candidates(&self, id: &ChunkId) -> Result<Vec<Candidate>> {
        let directory = self.read_directory();
        let found = self
            .engine
            .wait_or_stop(directory.candidates(id.prefix()))?;
        found.map_err(Error::Vault)
    }

    /// Address of a chunk by the first of these places whose pack confirms it, with that pack and its table.
    fn confirmed(
        &self,
        id: &ChunkId,
        candidates: impl IntoIterator<Item = Candidate>,
    ) -> Result<Option<(ChunkAddress, PackId, Arc<Toc>)>> {
        for Candidate {
            pack,
            kind,
            block,
            chunk,
        } in candidates
        {
            match self.engine.toc(pack, kind) {
                Ok(toc) => {
                    if let Some(at) = confirm(&toc, id, block, chunk) {
                        self.note_use(pack);
                        return Ok(Some((at, pack, toc)));
                    }
                }
                Err(error) if error.is_corruption() => {
                    tracing::warn!(%pack, %error, "passing over a pack with a damaged table");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Notes a chunk that stands in a pack of this session that is not uploaded yet.
    pub(crate) fn add_fresh(&self, id: ChunkId, at: ChunkAddress) {
        if let Some(shard) = self.shard(&id) {
            lock(shard).insert(id, at);
        }
    }

    /// The pack is durable: its chunks move from the exact table to the compact one.
    pub(crate) fn promote(&self, pack: PackId, kind: ObjectKind, object_bytes: u64, toc: &Toc) {
        self.write_directory()
            .add_uploaded(pack, kind, object_bytes, toc);
        for row in toc.chunks() {
            if let Some(shard) = self.shard(&row.id) {
                lock(shard).remove(&row.id);
            }
        }
    }

    /// True when a new point may refer to these chunks: a pack that the store lists has their block, or they were
    /// rewritten into one.
    pub(crate) fn is_usable(&self, name: BlockName, first: u16, count: u16) -> Result<bool> {
        // The index tells packs that were cut short: only with it, a listed pack is a usable one.
        self.load_index()?;
        Ok(self.read_directory().has_chunks(name, first, count))
    }

    /// Packs that were found listed but in no index, and that this session refers to since the last call:
    /// the session must publish them again before it commits.
    pub(crate) fn take_adopted(&self) -> Vec<(PackId, ObjectKind)> {
        let mut directory = self.write_directory();
        let adopted = directory.take_adopted();
        adopted
            .into_iter()
            .filter_map(|pack| Some((pack, directory.entry(&pack)?.kind)))
            .collect()
    }

    fn note_use(&self, pack: PackId) {
        if self.read_directory().is_unindexed(&pack) {
            self.write_directory().adopt(pack);
        }
    }

    fn load_index(&self) -> Result<()> {
        if self.index_loaded.get().is_some() {
            return Ok(());
        }
        let _one = lock(&self.loading);
        if self.index_loaded.get().is_none() {
            let mut directory = self.write_directory();
            let vault = self.engine.vault().clone();
            self.engine
                .wait_or_stop(directory.load_index(&vault))?
                .map_err(Error::Vault)?;
            let _ = self.index_loaded.set(());
        }
        Ok(())
    }

    fn read_directory(&self) -> std::sync::RwLockReadGuard<'_, PackDirectory> {
        self.directory
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write_directory(&self) -> std::sync::RwLockWriteGuard<'_, PackDirectory> {
        self.directory
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn confirm(toc: &Toc, id: &ChunkId, block: u16, chunk: u16) -> Option<ChunkAddress> {
    let row = toc.block(block)?;
    let found = toc.chunk(block, chunk)?;
    (found.id == *id).then_some(ChunkAddress {
        pack: row.birth.pack,
        block: row.birth.ordinal,
        chunk,
    })
}

/// A poisoned lock means another worker panicked; the run fails through its join, not here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
