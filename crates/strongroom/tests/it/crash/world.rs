//! A small source, a vault of it in memory, and what each point must give back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use object_store::ObjectStore;
use strongroom::crypto::{Credential, Role, SlotSecret};
use strongroom::vault::InitOptions;
use strongroom::vault::format::SessionId;
use strongroom::vault::wrap::Memory;
use strongroom::{BackupOptions, NoMonitor, Strongroom, VerifyOptions};
use strongroom_chunking::ChunkSizes;

use crate::support::{passphrase, random_bytes, restore_point, snapshot};

pub(super) type Tree = BTreeMap<PathBuf, String>;

/// What has happened before a run that is cut. It is not changed by the cuts, which work on copies of the store.
pub(super) struct World {
    pub(super) memory: Arc<Memory>,
    dir: tempfile::TempDir,
    files_count: u64,
    /// What the points of before must give back.
    pub(super) points: Vec<(SessionId, Tree)>,
    /// Those that the run is to purge.
    pub(super) doomed: BTreeSet<SessionId>,
    /// What the points that the run makes must give back.
    now: Tree,
}

/// A vault with small packs, and a credential that opens it without deriving a key.
fn origin() -> &'static (Arc<Memory>, Credential) {
    static SHARED: OnceLock<(Arc<Memory>, Credential)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let memory = Memory::new();
        let mut options = InitOptions::for_tests();
        options.chunk_sizes = ChunkSizes::new(1 << 10, 4 << 10, 16 << 10).expect("even");
        (options.block_bytes, options.tree_block_bytes) = (16 << 10, 4 << 10);
        (options.data_pack_bytes, options.meta_pack_bytes) = (64 << 10, 64 << 10);
        let vault = Strongroom::init_store(memory.clone(), passphrase(), &options);
        let vault = vault.expect("a new vault");
        let now = memory.now();
        let credential = vault.wait(vault.vault().add_credential(Role::Owner, "test", now));
        (memory, credential.expect("a slot"))
    })
}

/// A directory that is fast where there is one.
pub(super) fn scratch() -> tempfile::TempDir {
    let fast = Path::new("/dev/shm");
    if fast.is_dir() {
        tempfile::tempdir_in(fast).expect("a directory")
    } else {
        tempfile::tempdir().expect("a directory")
    }
}

impl World {
    pub(super) fn new(files_count: u64) -> Self {
        let mut world = Self {
            memory: origin().0.fork(),
            dir: scratch(),
            files_count,
            points: Vec::new(),
            doomed: BTreeSet::new(),
            now: Tree::new(),
        };
        for below in ["a", "b/c"] {
            fs::create_dir_all(world.home().join(below)).expect("made");
        }
        world.write(0, |_| true);
        world
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// New content for some of the files, by their numbers.
    pub(super) fn write(&mut self, state: u64, which: impl Fn(u64) -> bool) {
        for number in (0..2 * self.files_count).filter(|number| which(*number)) {
            let below = ["a", "b/c"][usize::from(number % 2 == 1)];
            let len = 20_000 + 9000 * usize::try_from(number % 5).expect("small");
            let path = self.home().join(below).join(number.to_string());
            fs::write(path, random_bytes(1000 * (state + 1) + number, len)).expect("written");
        }
        self.now = snapshot(&self.home());
    }

    pub(super) fn options(&self) -> BackupOptions {
        let mut options = BackupOptions::new("test", vec![self.home()]);
        options.machine = [1; 16];
        options.workers_count = 1;
        options
    }

    /// A point that was made before.
    pub(super) fn back_up(&mut self) -> SessionId {
        let report = self.open(&self.memory).backup(&self.options(), &NoMonitor);
        let point = report.expect("a backup").recovery_point.expect("a point");
        self.points.push((point, self.now.clone()));
        point
    }

    pub(super) fn try_open(&self, store: Arc<dyn ObjectStore>) -> strongroom::Result<Strongroom> {
        Strongroom::open_store(store, SlotSecret::Credential(&origin().1))
    }

    pub(super) fn open(&self, memory: &Arc<Memory>) -> Strongroom {
        self.try_open(memory.clone()).expect("opened")
    }

    /// Every point that stands comes back as it was, those stand that must, and verify finds nothing.
    pub(super) fn is_whole(&self, vault: &Strongroom, told: &str) {
        let standing: Vec<SessionId> = vault
            .points()
            .expect("listed")
            .iter()
            .map(|point| point.id)
            .collect();
        let lost = self
            .points
            .iter()
            .find(|(point, _)| !standing.contains(point) && !self.doomed.contains(point));
        assert_eq!(lost, None, "{told}: a point is gone");
        let out = scratch();
        for point in &standing {
            let known = self.points.iter().find(|(known, _)| known == point);
            let expected = known.map_or(&self.now, |(_, tree)| tree);
            let target = out.path().join(point.to_string());
            restore_point(vault, point, &target);
            assert_eq!(snapshot(&target), *expected, "{told}: {point}");
        }
        let mut options = VerifyOptions::default();
        options.level = strongroom::VerifyLevel::Data;
        let verified = vault.verify(&options, &NoMonitor).expect("verified");
        assert!(
            verified.damaged.is_empty(),
            "{told}: {:?}",
            verified.damaged
        );
    }
}
