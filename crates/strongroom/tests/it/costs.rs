//! Requests of whole runs against the formulas of docs/costs.md: they may come to less, never to more.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use strongroom::crypto::{Credential, Role, SlotSecret};
use strongroom::vault::wrap::{Action, Log, recording};
use strongroom::vault::{InitOptions, PackDirectory, SweepOptions};
use strongroom::{Clock, NoMonitor, Strongroom, VerifyOptions};

use crate::support::{backup, passphrase, random_bytes, restore_point};

const FILES_COUNT: u64 = 200;
/// Several chunks each.
const FILE_BYTES: usize = 120_000;

/// A clock in the future: no file was changed while a run looked at it.
struct Later(DateTime<Utc>);

impl Clock for Later {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

struct Scene {
    store: Arc<InMemory>,
    owner: Credential,
    dir: tempfile::TempDir,
    days: AtomicI64,
}

/// How many objects of which kind a vault has.
#[derive(Debug, Clone, Copy)]
struct Size {
    data_packs: u64,
    data_blocks: u64,
    meta_packs: u64,
    meta_blocks: u64,
    segments: u64,
    points: u64,
    links: u64,
    remaps: u64,
    cycles: u64,
}

impl Scene {
    fn new() -> Self {
        let store = Arc::new(InMemory::new());
        let mut options = InitOptions::for_tests();
        options.data_pack_bytes = 1 << 20;
        options.block_bytes = 128 << 10;
        let vault = Strongroom::init_store(Arc::<InMemory>::clone(&store), passphrase(), &options);
        let vault = vault.expect("a new vault");
        let add = vault
            .vault()
            .add_credential(Role::Owner, "test", DateTime::UNIX_EPOCH);
        let owner = vault.wait(add).expect("a slot");
        let scene = Self {
            store,
            owner,
            dir: tempfile::tempdir().expect("a directory"),
            days: AtomicI64::new(0),
        };
        scene.write(0..FILES_COUNT, 0);
        scene
    }

    fn home(&self) -> std::path::PathBuf {
        self.dir.path().join("home")
    }

    fn write(&self, files: std::ops::Range<u64>, version: u64) {
        for number in files {
            let path = self.home().join(format!("{}/{number}", number % 10));
            fs::create_dir_all(path.parent().expect("below")).expect("made");
            fs::write(path, random_bytes(version << 32 | number, FILE_BYTES)).expect("written");
        }
    }

    /// A process of its own: it remembers nothing.
    fn open(&self) -> (Strongroom, Log) {
        let store: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(&self.store);
        let (store, log) = recording(store);
        let vault = Strongroom::open_store(store, SlotSecret::Credential(&self.owner));
        let days = self.days.fetch_add(1, Ordering::Relaxed);
        let now = DateTime::from_timestamp(4_000_000_000 + 86_400 * days, 0).expect("in range");
        let vault = vault.expect("opened").with_clock(Arc::new(Later(now)));
        let _opened = log.take();
        (vault, log)
    }

    fn size(&self) -> Size {
        let (vault, _) = self.open();
        let count = |prefix: &str| {
            let listed = vault
                .wait(vault.vault().store().list(prefix))
                .expect("listed");
            listed.len() as u64
        };
        let mut directory = vault
            .wait(PackDirectory::list(vault.vault()))
            .expect("listed");
        vault
            .wait(directory.load_index(vault.vault()))
            .expect("loaded");
        let blocks = |kind: strongroom::vault::format::ObjectKind| {
            let packs = directory.packs().filter(|pack| pack.kind == kind);
            packs.map(|pack| u64::from(pack.blocks_count)).sum()
        };
        Size {
            data_packs: count("d"),
            data_blocks: blocks(strongroom::vault::format::ObjectKind::DataPack),
            meta_packs: count("m"),
            meta_blocks: blocks(strongroom::vault::format::ObjectKind::MetaPack),
            segments: count("index"),
            points: count("points"),
            links: count("chain"),
            remaps: count("remap"),
            cycles: count("gc"),
        }
    }
}

/// Requests of a run: created, read, listed and deleted objects.
fn requests(log: &Log) -> [u64; 4] {
    let mut counts: BTreeMap<Action, u64> = BTreeMap::new();
    for operation in log.take() {
        *counts.entry(operation.action).or_default() += 1;
    }
    [Action::Put, Action::Get, Action::List, Action::Delete]
        .map(|action| counts.get(&action).copied().unwrap_or_default())
}

#[track_caller]
fn at_most(run: &str, requests: [u64; 4], formula: [u64; 4]) {
    eprintln!("{run}: {requests:?} of at most {formula:?}");
    let is_within = requests.iter().zip(formula).all(|(n, max)| *n <= max);
    assert!(is_within, "{run}: {requests:?}, at most {formula:?}");
}

fn restored(vault: &Strongroom, scene: &Scene) {
    let point = vault.point("latest").expect("one stands").id;
    let out = scene.dir.path().join("out");
    restore_point(vault, &point, Path::new(&out));
    fs::remove_dir_all(&out).expect("removed");
}

#[test]
fn no_run_asks_more_than_its_formula() {
    let scene = Scene::new();
    let (vault, log) = scene.open();
    backup(&vault, &scene.home());
    let first = requests(&log);
    let size = scene.size();
    let packs = size.data_packs + size.meta_packs;
    at_most("first backup", first, [packs + size.segments + 3, 0, 8, 0]);

    scene.write(0..FILES_COUNT / 100, 1);
    let (vault, log) = scene.open();
    backup(&vault, &scene.home());
    let daily = requests(&log);
    let after = scene.size();
    let packs = after.data_packs + after.meta_packs - size.data_packs - size.meta_packs;
    let reads = size.segments + size.points + 2 * (size.meta_packs + size.meta_blocks) + 2;
    at_most("daily backup", daily, [packs + 4, reads, 10, 0]);

    let (vault, log) = scene.open();
    restored(&vault, &scene);
    let restore = requests(&log);
    let blocks = after.data_blocks + after.meta_blocks;
    let packs = after.data_packs + after.meta_packs;
    at_most(
        "restore",
        restore,
        [0, blocks + packs + 2 * after.points, 4, 0],
    );

    for (run, read_data) in [("verify", false), ("verify --read-data", true)] {
        let (vault, log) = scene.open();
        let mut options = VerifyOptions::default();
        if read_data {
            options.level = strongroom::VerifyLevel::Data;
        }
        vault.verify(&options, &NoMonitor).expect("verified");
        let whole = if read_data { packs } else { 0 };
        let reads = after.segments + after.points + packs + after.meta_blocks + whole;
        at_most(run, requests(&log), [0, reads + packs, 8, 0]);
    }
    swept(&scene);
}

/// A sweep looks at everything that tells what is needed twice: before its mark and after.
fn swept(scene: &Scene) {
    let (vault, _) = scene.open();
    let oldest = vault.points().expect("listed").pop().expect("one").id;
    // Most of what the first point holds is needed by the second, too: a third state lets a part of it die.
    scene.write(0..FILES_COUNT / 2, 2);
    backup(&vault, &scene.home());
    vault.delete_now(&oldest, "").expect("purged");
    let newest = vault.point("latest").expect("one").id;
    for point in vault.points().expect("listed") {
        if point.id != newest {
            vault.delete_now(&point.id, "").expect("purged");
        }
    }
    let before = scene.size();
    let (vault, log) = scene.open();
    let report = vault.sweep(&SweepOptions::default()).expect("a sweep");
    let sweep = requests(&log);
    let after = scene.size();
    let emptied = report.packs_rewritten_count;
    let blocks: u64 = report
        .emptied
        .iter()
        .map(|pack| pack.moved_blocks_count + pack.rewritten_blocks_count)
        .sum();
    assert!(emptied > 0 && blocks > 0, "{report:?}");
    let new_packs = after.data_packs + after.meta_packs + report.packs_deleted_count
        - before.data_packs
        - before.meta_packs;
    let look = before.segments
        + 2 * before.points
        + before.links
        + before.remaps
        + before.cycles
        + before.meta_packs
        + before.meta_blocks;
    let suspects = before.data_packs + before.meta_packs;
    let reads = 2 * (look + new_packs * 2) + suspects + blocks + before.links + 8;
    let deleted = report.deleted.len() as u64;
    at_most(
        "sweep",
        sweep,
        [3 * new_packs + 4, reads + deleted, 26, deleted + 1],
    );
    let (vault, log) = scene.open();
    restored(&vault, scene);
    let read = requests(&log)[1];
    let all = after.data_blocks + after.data_packs + after.meta_blocks + after.meta_packs;
    let lost = 2 * report.packs_deleted_count;
    assert!(
        read <= all + after.segments + after.remaps + 4 + lost,
        "{read}"
    );
}
