//! A small cache: bounded by bytes, least recently used goes first, equal requests wait for one load.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::Result;

type Cell<V> = Arc<OnceCell<Arc<V>>>;

pub(crate) struct Cache<K, V> {
    max_bytes: usize,
    inner: Mutex<Entries<K, V>>,
}

struct Entries<K, V> {
    entries: HashMap<K, Entry<V>>,
    bytes: usize,
    clock: u64,
}

struct Entry<V> {
    cell: Cell<V>,
    bytes: usize,
    used: u64,
}

impl<K: Eq + Hash + Copy, V> Cache<K, V> {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            inner: Mutex::new(Entries {
                entries: HashMap::new(),
                bytes: 0,
                clock: 0,
            }),
        }
    }

    /// The value of a key, from memory or by `load`. A failed load leaves nothing behind.
    pub(crate) async fn get(
        &self,
        key: K,
        size: impl FnOnce(&V) -> usize,
        load: impl Future<Output = Result<V>>,
    ) -> Result<Arc<V>> {
        let cell = self.cell(key);
        if let Some(value) = cell.get() {
            return Ok(Arc::clone(value));
        }
        let outcome = cell
            .get_or_try_init(|| async { load.await.map(Arc::new) })
            .await
            .cloned();
        match &outcome {
            Ok(value) => self.account(key, size(value)),
            Err(_) => self.forget_empty(key),
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cell(&self, key: K) -> Cell<V> {
        let mut inner = self.lock();
        inner.clock += 1;
        let used = inner.clock;
        let entry = inner.entries.entry(key).or_insert_with(|| Entry {
            cell: Cell::default(),
            bytes: 0,
            used,
        });
        entry.used = used;
        Arc::clone(&entry.cell)
    }

    /// Counts a loaded value once and makes room.
    fn account(&self, key: K, bytes: usize) {
        let mut inner = self.lock();
        if let Some(entry) = inner.entries.get_mut(&key).filter(|entry| entry.bytes == 0) {
            entry.bytes = bytes.max(1);
            inner.bytes += bytes.max(1);
        }
        while inner.bytes > self.max_bytes {
            let loaded = inner
                .entries
                .iter()
                .filter(|(other, entry)| entry.bytes > 0 && **other != key);
            let Some(oldest) = loaded
                .min_by_key(|(_, entry)| entry.used)
                .map(|(key, _)| *key)
            else {
                break;
            };
            if let Some(entry) = inner.entries.remove(&oldest) {
                inner.bytes -= entry.bytes;
            }
        }
    }

    /// Forgets a value; whether there was one.
    pub(crate) fn forget(&self, key: &K) -> bool {
        let mut inner = self.lock();
        let entry = inner.entries.remove(key);
        inner.bytes -= entry.as_ref().map_or(0, |entry| entry.bytes);
        entry.is_some_and(|entry| entry.cell.get().is_some())
    }

    fn forget_empty(&self, key: K) {
        let mut inner = self.lock();
        if inner
            .entries
            .get(&key)
            .is_some_and(|entry| entry.cell.get().is_none())
        {
            inner.entries.remove(&key);
        }
    }
}
