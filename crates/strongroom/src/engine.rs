//! The front door: a vault, a small runtime and a cache, behind blocking calls.

mod waiting;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use strongroom_chunking::{ChunkHasher, ChunkSizes, Chunker, GearTable, Masks};
use strongroom_crypto::{BlockType, Credential, OsEntropy, Passphrase, SlotSecret};
use strongroom_vault::format::{ChunkAddress, ObjectKind, PackId, PlaceMode, SegmentPack, Toc};
use strongroom_vault::{
    AddedPlace, BlockReader, CaughtUp, FailoverReport, InitOptions, Pace, Store, Vault, VaultUrl,
    create_store, open_store,
};
use tokio::runtime::Runtime;

use crate::ballast::Ballast;
use crate::clock::{Clock, SystemClock};
use crate::memory::Memory;
use crate::monitor::Cancel;
use crate::protected::Protected;
use crate::{Error, Result};

/// An open vault and everything that can be done with it.
///
/// Calls block; from async code, run them on a blocking thread. Clones are cheap and share one cache.
///
/// # Examples
/// ```
/// use strongroom::{BackupOptions, NoMonitor, RestoreOptions, RestoreTarget, Strongroom};
/// use strongroom::crypto::Passphrase;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?; let home = dir.path().join("home"); let out = dir.path().join("out");
/// # std::fs::create_dir(&home)?; std::fs::write(home.join("note"), "precious")?;
/// # let options = strongroom::vault::InitOptions::for_tests();
/// let passphrase = Passphrase::new("correct horse battery staple")?;
/// let vault = Strongroom::init("memory:", &passphrase, &options)?;
/// let report = vault.backup(&BackupOptions::new("home", vec![home]), &NoMonitor)?;
/// let point = report.recovery_point.expect("this was no dry run");
/// vault.restore(&point, &RestoreOptions::new(RestoreTarget::Directory(out.clone())), &NoMonitor)?;
/// assert_eq!(std::fs::read(out.join("home/note"))?, b"precious");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Strongroom(Arc<Inner>);

struct Inner {
    vault: Vault,
    /// Where it lies, as far as these are local directories that are known by their paths.
    places: Vec<PathBuf>,
    runtime: Arc<Runtime>,
    reader: Arc<BlockReader>,
    clock: Arc<dyn Clock>,
    memory: Memory,
    /// Ends the waiting of this handle's calls.
    cancel: Cancel,
}

impl std::fmt::Debug for Strongroom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Strongroom")
            .field("vault", self.0.vault.id())
            .finish_non_exhaustive()
    }
}

fn start_runtime() -> Result<Arc<Runtime>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("strongroom-io")
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    Ok(Arc::new(runtime))
}

impl Strongroom {
    /// Makes a new vault at `url` (a path, `file:///…`, `memory:`, or a cloud URL with its feature) and opens it
    /// with the owner's rights.
    ///
    /// # Errors
    /// When the place cannot be used, fails the store probe, or holds a vault already.
    pub fn init(
        url: impl Into<VaultUrl>,
        passphrase: &Passphrase,
        options: &InitOptions,
    ) -> Result<Self> {
        Self::init_places(&[(url.into(), PlaceMode::Decider)], passphrase, options)
    }

    /// Makes a new vault in one, two or three places; the first decides (`docs/guide/stores.md`).
    ///
    /// # Errors
    /// As [`Strongroom::init`], for any of the places.
    pub fn init_places(
        places: &[(VaultUrl, PlaceMode)],
        passphrase: &Passphrase,
        options: &InitOptions,
    ) -> Result<Self> {
        let runtime = start_runtime()?;
        let store = runtime.block_on(async { create_store(places) })?;
        let urls = places.iter().map(|(place, _)| place.as_str());
        let local = urls.filter_map(local_place).collect();
        let vault = Self::init_on(runtime, store, local, passphrase, options)?;
        vault.catch_up(false)?;
        Ok(vault)
    }

    /// Opens the vault at `url` with a passphrase or a credential. Of a vault in several places any of them will do,
    /// but nothing can be written without the one that decides.
    ///
    /// # Errors
    /// When there is no vault, it is of an unknown version, or the secret does not open it.
    pub fn open(url: impl Into<VaultUrl>, secret: SlotSecret<'_>) -> Result<Self> {
        let (runtime, store, places) = Self::store_at(&url.into())?;
        Self::open_on(runtime, store, places, secret)
    }

    /// Opens the vault at `url` with a machine's two credentials: one to back up and restore with, one to delete and
    /// sweep with.
    ///
    /// # Errors
    /// As [`Strongroom::open`].
    pub fn open_local(
        url: impl Into<VaultUrl>,
        agent: &Credential,
        maintenance: &Credential,
    ) -> Result<Self> {
        let (runtime, store, places) = Self::store_at(&url.into())?;
        let vault = runtime.block_on(Vault::open_with(
            store,
            SlotSecret::Credential(agent),
            Some(maintenance),
            Arc::new(OsEntropy),
        ))?;
        Ok(Self::assemble(vault, places, runtime))
    }

    fn store_at(url: &VaultUrl) -> Result<(Arc<Runtime>, Store, Vec<PathBuf>)> {
        let runtime = start_runtime()?;
        let store = runtime.block_on(open_store(url))?;
        let others = store.places();
        let urls = others.iter().map(|place| place.url.as_str());
        let mut places: Vec<PathBuf> = urls.filter_map(local_place).collect();
        places.extend(local_place(url.as_str()).filter(|place| !places.contains(place)));
        Ok((runtime, store, places))
    }

    /// Like [`Strongroom::init`], on a store that the caller has made.
    ///
    /// # Errors
    /// As [`Strongroom::init`].
    pub fn init_store(
        store: impl Into<Store>,
        passphrase: &Passphrase,
        options: &InitOptions,
    ) -> Result<Self> {
        Self::init_on(
            start_runtime()?,
            store.into(),
            Vec::new(),
            passphrase,
            options,
        )
    }

    /// Like [`Strongroom::open`], on a store that the caller has made.
    ///
    /// # Errors
    /// As [`Strongroom::open`].
    pub fn open_store(store: impl Into<Store>, secret: SlotSecret<'_>) -> Result<Self> {
        Self::open_on(start_runtime()?, store.into(), Vec::new(), secret)
    }

    /// Like [`Strongroom::open_local`], on a store that the caller has made.
    ///
    /// # Errors
    /// As [`Strongroom::open`].
    pub fn open_store_with(
        store: impl Into<Store>,
        agent: &Credential,
        maintenance: &Credential,
    ) -> Result<Self> {
        let runtime = start_runtime()?;
        let secret = SlotSecret::Credential(agent);
        let entropy = Arc::new(OsEntropy);
        let opening = Vault::open_with(store, secret, Some(maintenance), entropy);
        let vault = runtime.block_on(opening)?;
        Ok(Self::assemble(vault, Vec::new(), runtime))
    }

    fn init_on(
        runtime: Arc<Runtime>,
        store: Store,
        places: Vec<PathBuf>,
        passphrase: &Passphrase,
        options: &InitOptions,
    ) -> Result<Self> {
        let now = SystemClock.now();
        let vault = runtime.block_on(Vault::init(
            store,
            passphrase,
            options,
            now,
            Arc::new(OsEntropy),
        ))?;
        let made = Self::assemble(vault, places, runtime);
        made.ballasts().for_each(|ballast| ballast.keep());
        Ok(made)
    }

    fn open_on(
        runtime: Arc<Runtime>,
        store: Store,
        places: Vec<PathBuf>,
        secret: SlotSecret<'_>,
    ) -> Result<Self> {
        let vault = runtime.block_on(Vault::open(store, secret, Arc::new(OsEntropy)))?;
        Ok(Self::assemble(vault, places, runtime))
    }

    fn assemble(vault: Vault, places: Vec<PathBuf>, runtime: Arc<Runtime>) -> Self {
        let clock = Arc::new(SystemClock);
        Self::with_parts(vault, places, runtime, clock, Memory::default())
    }

    fn with_parts(
        vault: Vault,
        places: Vec<PathBuf>,
        runtime: Arc<Runtime>,
        clock: Arc<dyn Clock>,
        memory: Memory,
    ) -> Self {
        let reader = BlockReader::new(
            vault.clone(),
            memory.block_cache_bytes,
            memory.toc_cache_bytes,
        );
        Self(Arc::new(Inner {
            vault,
            places,
            runtime,
            reader: Arc::new(reader),
            clock,
            memory,
            cancel: Cancel::new(),
        }))
    }

    /// Says in which local directory a vault lies whose store the caller has made, so that no run harms it.
    #[must_use]
    pub fn with_place(self, place: PathBuf) -> Self {
        let inner = &self.0;
        let (runtime, clock) = (Arc::clone(&inner.runtime), Arc::clone(&inner.clock));
        let mut places = inner.places.clone();
        places.push(place);
        Self::with_parts(inner.vault.clone(), places, runtime, clock, inner.memory)
    }

    /// The same runtime, clock and memory for a copy of the vault; `places` are the directories that it lies in.
    pub(crate) fn beside(&self, vault: Vault, places: impl Iterator<Item = PathBuf>) -> Self {
        let inner = &self.0;
        let (runtime, clock) = (Arc::clone(&inner.runtime), Arc::clone(&inner.clock));
        Self::with_parts(vault, places.collect(), runtime, clock, inner.memory)
    }

    /// The same vault with another clock; the cache starts empty.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        let inner = &self.0;
        let runtime = Arc::clone(&inner.runtime);
        Self::with_parts(
            inner.vault.clone(),
            inner.places.clone(),
            runtime,
            clock,
            inner.memory,
        )
    }

    /// The least value that [`Strongroom::with_max_memory`] can keep to, bytes.
    pub const MAX_MEMORY_LEAST_BYTES: u64 = Memory::LEAST_BYTES;

    /// The same vault, whose calls share out about this much memory, bytes; the cache starts empty.
    ///
    /// It bounds the packs in hand (by smaller packs), the number of workers, and the caches of blocks and tables of
    /// contents. It does not bound what grows with the vault or the source: the index once it is loaded (2.5 bytes a
    /// chunk, 20 to 40 in segments of less than 100 000), names of hard-linked files, and the names of the directories on the way down. Nor does it bound
    /// the derivation of a key from a passphrase, which takes what the key slot says. Less than
    /// [`Strongroom::MAX_MEMORY_LEAST_BYTES`] counts as that.
    #[must_use]
    pub fn with_max_memory(self, max_bytes: u64) -> Self {
        let inner = &self.0;
        let (runtime, clock) = (Arc::clone(&inner.runtime), Arc::clone(&inner.clock));
        Self::with_parts(
            inner.vault.clone(),
            inner.places.clone(),
            runtime,
            clock,
            Memory::within(max_bytes),
        )
    }

    /// The vault itself; its calls are async, see [`Strongroom::wait`].
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// Runs a future, e.g. a call on [`Strongroom::vault`], to its end.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.0.runtime.block_on(future)
    }

    /// Sets how fast bytes may go to the vault and come from it, for all clones and for what is under way, too; `None`,
    /// as at first, is as fast as they can. [`PolicyPace`](crate::PolicyPace) is the pace of a policy. A copy to a URL keeps
    /// it there, too.
    ///
    /// [`Store::set_pace`] tells what is paced by the piece and what by the object.
    pub fn set_pace(&self, pace: Option<Arc<dyn Pace>>) {
        self.vault().store().set_pace(pace);
    }

    /// Gives the places of a mirrored vault what they lack; with `dry_run`, tells what that would be. Nothing for a vault
    /// in one place.
    ///
    /// # Errors
    /// When the place that decides cannot be reached. Any other that fails is told in its line.
    pub fn catch_up(&self, dry_run: bool) -> Result<Vec<CaughtUp>> {
        let work = strongroom_vault::catch_up(self.vault(), self.reader(), dry_run);
        Ok(self.wait(work)?)
    }

    /// Makes the place `to` of a mirrored vault decide, e.g. because the one that did is lost; places in `drop` leave the
    /// vault. Ends all open sessions. This handle decides nothing afterwards: open the vault again. With `dry_run`, tells
    /// what would be.
    ///
    /// # Errors
    /// Without the owner's key; when a URL is none of the vault's places; or when a place that is not dropped cannot be
    /// reached.
    pub fn failover(&self, to: &str, drop: &[String], dry_run: bool) -> Result<FailoverReport> {
        let work = strongroom_vault::failover(self.vault(), to, drop, dry_run, self.now());
        Ok(self.wait(work)?)
    }

    /// Adds a place to a mirrored vault and gives it everything; it counts as one when it has that. Ends all open sessions.
    /// This handle decides nothing afterwards: open the vault again. With `dry_run`, tells what would be. For a place of the
    /// vault whose disk was replaced, only what it lacks is brought there.
    ///
    /// # Errors
    /// Without the owner's key; while the place that decides, or any other, cannot be reached; when the vault has left this
    /// place before, or something else is there.
    pub fn add_place(
        &self,
        url: impl Into<VaultUrl>,
        mode: PlaceMode,
        dry_run: bool,
    ) -> Result<AddedPlace> {
        let url = url.into();
        let work = strongroom_vault::add_place(self.vault(), &url, mode, dry_run, self.now());
        Ok(self.wait(work)?)
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.0.runtime.spawn(future)
    }

    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.clock.now()
    }

    /// The places that no run may harm: the vault's own, and those that a caller names.
    pub(crate) fn protected(&self, named: &[PathBuf]) -> Result<Protected> {
        Protected::find(self.0.places.iter().chain(named))
    }

    /// The room that is kept on the disks of a local vault.
    pub(crate) fn ballasts(&self) -> impl Iterator<Item = Ballast> {
        self.0.places.iter().filter_map(|place| Ballast::of(place))
    }

    /// Does something that needs little room; when there is none, again with the room that was kept for it.
    pub(crate) fn with_ballast<T>(&self, act: impl Fn() -> Result<T>) -> Result<T> {
        match act() {
            Err(error) if error.is_full() => {
                self.ballasts().for_each(|ballast| ballast.release());
                act()
            }
            outcome => outcome,
        }
    }

    pub(crate) fn memory(&self) -> Memory {
        self.0.memory
    }

    /// How many of the wanted workers a call may have; at least one.
    pub(crate) fn workers_count(&self, wanted_count: usize) -> usize {
        wanted_count.clamp(1, self.0.memory.workers_max_count)
    }

    pub(crate) fn reader(&self) -> &BlockReader {
        &self.0.reader
    }

    /// Table of contents of a pack, from the cache or the store.
    pub(crate) fn toc(&self, pack: PackId, kind: ObjectKind) -> Result<Arc<Toc>> {
        Ok(self.wait_or_stop(self.0.reader.toc(pack, kind))??)
    }

    /// Raw bytes of one chunk of content.
    pub(crate) fn data_chunk(&self, at: ChunkAddress) -> Result<bytes::Bytes> {
        Ok(self.wait_or_stop(self.0.reader.chunk(at, ObjectKind::DataPack))??)
    }

    /// Raw bytes of one tree, extent or list piece.
    pub(crate) fn piece(&self, at: ChunkAddress) -> Result<bytes::Bytes> {
        Ok(self.wait_or_stop(self.0.reader.chunk(at, ObjectKind::MetaPack))??)
    }

    /// Index row and table of a pack that is listed but indexed nowhere.
    pub(crate) fn segment_row(
        &self,
        pack: PackId,
        kind: ObjectKind,
    ) -> Result<(SegmentPack, Arc<Toc>)> {
        Ok(self.wait_or_stop(self.0.reader.segment_row(pack, kind))??)
    }

    pub(crate) fn chunker(&self) -> Result<Chunker> {
        let settings = &self.0.vault.config().chunker;
        let sizes = ChunkSizes::new(
            settings.min_bytes as usize,
            settings.avg_bytes as usize,
            settings.max_bytes as usize,
        )
        .map_err(|_| Error::TreeDamaged("the configuration's chunk sizes are not valid"))?;
        let masks = Masks {
            small: settings.mask_small,
            large: settings.mask_large,
        };
        let gear = self.0.vault.domain()?.gear_table();
        Ok(Chunker::new(sizes, masks, GearTable::from_bytes(&gear)))
    }

    pub(crate) fn hasher(&self, block_type: BlockType) -> Result<ChunkHasher> {
        Ok(ChunkHasher::new(
            self.0.vault.domain()?.chunk_id_key(block_type),
        ))
    }
}

/// The directory that the URL of a vault names; absolute, because the working directory may change.
fn local_place(url: &str) -> Option<PathBuf> {
    let path = match url.split_once("://") {
        Some(("file", path)) => path,
        None if url != "memory:" => url,
        _ => return None,
    };
    std::path::absolute(path).ok()
}
