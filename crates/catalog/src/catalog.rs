//! The catalog: one file, one process, one writer, any number of readers.

use std::path::Path;

use crate::change::Change;
use crate::error::{Error, Result};
use crate::meta::Meta;
use crate::snapshot::Snapshot;
use crate::store::{self, Store, Table};

/// How to open a catalog.
///
/// # Defaults
/// A cache of 64 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The most memory for pages of the file, read or not yet written, in bytes.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Recovery points, jobs, alerts and proofs, in one file that survives the death of its process at any moment.
///
/// # Guarantees
/// * What [`Catalog::change`] has returned from is there after a crash, whole; what it has not is there whole or not at
///   all.
/// * A file that was damaged is told to be [`Corrupt`](Error::Corrupt) when it is opened, or by the record that is.
/// * One process has it open; another one is told [`InUse`](Error::InUse).
///
/// # Where
/// On a local file system with locks that work and hard links, not on one that is shared by a network.
#[derive(Debug)]
pub struct Catalog {
    store: Store,
}

impl Catalog {
    /// Opens the catalog at a path, and makes an empty one where there is no file. All of the file is read and checked.
    ///
    /// # Errors
    /// * [`Error::InUse`] while another process, or another part of this one, has it.
    /// * [`Error::Corrupt`] when it is damaged, empty, or no catalog: see [`Catalog::open_or_recover`].
    /// * [`Error::NewerVersion`] when it is to be left to a newer program.
    /// * [`Error::Io`] when the file system refuses; it must be writable.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let fill = |store: &Store| Meta::default().write(store);
        let store = store::open_or_create_file(path.as_ref(), options.cache_bytes, fill)?;
        Self::checked(store)
    }

    /// The same, but a catalog that is made must be rebuilt before it can be relied on.
    pub(crate) fn open_or_create(path: &Path, options: Options) -> Result<Self> {
        let fill = |store: &Store| {
            let meta = Meta {
                needs_rebuild: true,
                ..Meta::default()
            };
            meta.write(store)
        };
        let store = store::open_or_create_file(path, options.cache_bytes, fill)?;
        Self::checked(store)
    }

    /// An empty catalog that is gone when it is dropped.
    ///
    /// # Errors
    /// None that is known; the storage could fail.
    pub fn in_memory() -> Result<Self> {
        let backend = redb::backends::InMemoryBackend::new();
        Self::with_backend(backend, Options::default())
    }

    /// A catalog in any storage; an empty one gets the tables.
    pub(crate) fn with_backend(
        backend: impl redb::StorageBackend,
        options: Options,
    ) -> Result<Self> {
        let store = Store::with_backend(backend, options.cache_bytes)?;
        if !store.has_tables()? {
            let write = store.write(true)?;
            write.create(&Table::ALL)?;
            Meta::default().put(&write)?;
            write.commit()?;
        }
        Self::checked(store)
    }

    fn checked(store: Store) -> Result<Self> {
        if !store.has_tables()? {
            return Err(Error::corrupt("the file is a database, but no catalog"));
        }
        Meta::read(&store.read()?)?;
        Ok(Self { store })
    }

    /// True when its points are not those of the vault: it was made anew, and [`Catalog::rebuild`] has not ended since.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn needs_rebuild(&self) -> Result<bool> {
        Ok(Meta::read(&self.store.read()?)?.needs_rebuild)
    }

    /// What it holds now. Later changes are not seen by it, and it holds up nobody.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.store.read().map(Snapshot::new)
    }

    /// Changes it: all that is done to `change` is kept when this returns, and nothing when it fails. Waits until
    /// nobody else writes.
    ///
    /// # Errors
    /// Those of the closure, and [`Error::Io`] when it cannot be kept.
    pub fn change<T>(&self, change: impl FnOnce(&Change) -> Result<T>) -> Result<T> {
        self.write(true, change)
    }

    /// The same without waiting for the disk: seen at once, kept with the next [`Catalog::change`], lost by a crash
    /// before that. For what comes many times a second, like progress.
    ///
    /// # Errors
    /// Those of [`Catalog::change`].
    pub fn change_lightly<T>(&self, change: impl FnOnce(&Change) -> Result<T>) -> Result<T> {
        self.write(false, change)
    }

    fn write<T>(&self, is_durable: bool, change: impl FnOnce(&Change) -> Result<T>) -> Result<T> {
        let work = Change::new(self.store.write(is_durable)?);
        let result = change(&work)?;
        work.commit()?;
        Ok(result)
    }

    /// Gives the space of what was removed back to the file system; true when there was any. Takes a while.
    ///
    /// # Errors
    /// [`Error::InUse`] while a [`Snapshot`] is held, [`Error::Io`] when it cannot be written.
    pub fn compact(&mut self) -> Result<bool> {
        self.store.compact()
    }
}
