//! The front door: a vault, a small runtime and a cache, behind blocking calls.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use strongroom_chunking::{ChunkHasher, ChunkSizes, Chunker, GearTable, Masks};
use strongroom_crypto::{BlockType, Credential, OsEntropy, Passphrase, SlotSecret};
use strongroom_vault::format::{ChunkAddress, ObjectKind, PackId, SegmentPack, Toc};
use strongroom_vault::{BlockReader, InitOptions, Vault};
use tokio::runtime::Runtime;

use crate::clock::{Clock, SystemClock};
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
    /// Where it lies, if that is a local directory that is known by its path.
    place: Option<PathBuf>,
    runtime: Arc<Runtime>,
    reader: BlockReader,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Strongroom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Strongroom")
            .field("vault", self.0.vault.id())
            .finish_non_exhaustive()
    }
}

/// Decoded blocks kept for reading, bytes.
const BLOCK_CACHE_BYTES: usize = 24 << 20;
/// Tables of contents kept, bytes.
const TOC_CACHE_BYTES: usize = 8 << 20;

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
    pub fn init(url: &str, passphrase: &Passphrase, options: &InitOptions) -> Result<Self> {
        let runtime = start_runtime()?;
        let store = runtime.block_on(async { strongroom_vault::open_url(url, true) })?;
        Self::init_on(runtime, store, local_place(url), passphrase, options)
    }

    /// Opens the vault at `url` with a passphrase or a credential.
    ///
    /// # Errors
    /// When there is no vault, it is of an unknown version, or the secret does not open it.
    pub fn open(url: &str, secret: SlotSecret<'_>) -> Result<Self> {
        let runtime = start_runtime()?;
        let store = runtime.block_on(async { strongroom_vault::open_url(url, false) })?;
        Self::open_on(runtime, store, local_place(url), secret)
    }

    /// Opens the vault at `url` with a machine's two credentials: one to back up and restore with, one to delete and
    /// sweep with.
    ///
    /// # Errors
    /// As [`Strongroom::open`].
    pub fn open_local(url: &str, agent: &Credential, maintenance: &Credential) -> Result<Self> {
        let runtime = start_runtime()?;
        let store = runtime.block_on(async { strongroom_vault::open_url(url, false) })?;
        let vault = runtime.block_on(Vault::open_with(
            store,
            SlotSecret::Credential(agent),
            Some(maintenance),
            Arc::new(OsEntropy),
        ))?;
        Ok(Self::assemble(vault, local_place(url), runtime))
    }

    /// Like [`Strongroom::init`], on a store that the caller has made.
    ///
    /// # Errors
    /// As [`Strongroom::init`].
    pub fn init_store(
        store: Arc<dyn ObjectStore>,
        passphrase: &Passphrase,
        options: &InitOptions,
    ) -> Result<Self> {
        Self::init_on(start_runtime()?, store, None, passphrase, options)
    }

    /// Like [`Strongroom::open`], on a store that the caller has made.
    ///
    /// # Errors
    /// As [`Strongroom::open`].
    pub fn open_store(store: Arc<dyn ObjectStore>, secret: SlotSecret<'_>) -> Result<Self> {
        Self::open_on(start_runtime()?, store, None, secret)
    }

    fn init_on(
        runtime: Arc<Runtime>,
        store: Arc<dyn ObjectStore>,
        place: Option<PathBuf>,
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
        Ok(Self::assemble(vault, place, runtime))
    }

    fn open_on(
        runtime: Arc<Runtime>,
        store: Arc<dyn ObjectStore>,
        place: Option<PathBuf>,
        secret: SlotSecret<'_>,
    ) -> Result<Self> {
        let vault = runtime.block_on(Vault::open(store, secret, Arc::new(OsEntropy)))?;
        Ok(Self::assemble(vault, place, runtime))
    }

    fn assemble(vault: Vault, place: Option<PathBuf>, runtime: Arc<Runtime>) -> Self {
        Self::assemble_with(vault, place, runtime, Arc::new(SystemClock))
    }

    fn assemble_with(
        vault: Vault,
        place: Option<PathBuf>,
        runtime: Arc<Runtime>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let reader = BlockReader::new(vault.clone(), BLOCK_CACHE_BYTES, TOC_CACHE_BYTES);
        Self(Arc::new(Inner {
            vault,
            place,
            runtime,
            reader,
            clock,
        }))
    }

    /// Says in which local directory a vault lies whose store the caller has made, so that no run harms it.
    #[must_use]
    pub fn with_place(self, place: PathBuf) -> Self {
        let clock = Arc::clone(&self.0.clock);
        Self::assemble_with(
            self.0.vault.clone(),
            Some(place),
            Arc::clone(&self.0.runtime),
            clock,
        )
    }

    /// The same vault with another clock; the cache starts empty.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        let (vault, place) = (self.0.vault.clone(), self.0.place.clone());
        Self::assemble_with(vault, place, Arc::clone(&self.0.runtime), clock)
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
        Protected::find(self.0.place.iter().chain(named))
    }

    pub(crate) fn reader(&self) -> &BlockReader {
        &self.0.reader
    }

    /// Table of contents of a pack, from the cache or the store.
    pub(crate) fn toc(&self, pack: PackId, kind: ObjectKind) -> Result<Arc<Toc>> {
        Ok(self.wait(self.0.reader.toc(pack, kind))?)
    }

    /// Raw bytes of one chunk of content.
    pub(crate) fn data_chunk(&self, at: ChunkAddress) -> Result<bytes::Bytes> {
        Ok(self.wait(self.0.reader.chunk(at, ObjectKind::DataPack))?)
    }

    /// Raw bytes of one tree, extent or list piece.
    pub(crate) fn piece(&self, at: ChunkAddress) -> Result<bytes::Bytes> {
        Ok(self.wait(self.0.reader.chunk(at, ObjectKind::MetaPack))?)
    }

    /// Index row and table of a pack that is listed but indexed nowhere.
    pub(crate) fn segment_row(
        &self,
        pack: PackId,
        kind: ObjectKind,
    ) -> Result<(SegmentPack, Arc<Toc>)> {
        Ok(self.wait(self.0.reader.segment_row(pack, kind))?)
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
