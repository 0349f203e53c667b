//! Rewriting of blocks of which little is needed: what is needed stays whole under its old names, whenever a worker dies.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::ObjectStore;
use object_store::memory::InMemory;
use strongroom::crypto::{Credential, Role, SlotSecret};
use strongroom::vault::format::{ChunkAddress, ListPiece, ObjectKind, SessionId};
use strongroom::vault::wrap::{Fate, Faulty};
use strongroom::vault::{
    BlockReader, InitOptions, PackDirectory, SweepOptions, SweepReport, points,
};
use strongroom::{NoMonitor, Strongroom, VerifyOptions};

use crate::support::{backup, passphrase, random_bytes, restore_point, snapshot};

/// A vault in memory, a source of many small files, and the points that were made of it.
struct Scene {
    store: Arc<InMemory>,
    vault: Strongroom,
    owner: Credential,
    dir: tempfile::TempDir,
    points: Vec<(SessionId, std::collections::BTreeMap<PathBuf, String>)>,
}

const FILES_COUNT: u64 = 120;

impl Scene {
    /// Two points; between them, two thirds of the files change, and so do two thirds of the directories: of each block, a
    /// third is needed by the second point alone.
    fn new() -> Self {
        let store = Arc::new(InMemory::new());
        let mut options = InitOptions::for_tests();
        options.data_pack_bytes = 256 << 10;
        options.block_bytes = 64 << 10;
        options.tree_block_bytes = 16 << 10;
        let vault = Strongroom::init_store(Arc::<InMemory>::clone(&store), passphrase(), &options);
        let vault = vault.expect("a new vault");
        let add = vault
            .vault()
            .add_credential(Role::Owner, "test", chrono::DateTime::UNIX_EPOCH);
        let owner = vault.wait(add).expect("a slot");
        let mut scene = Self {
            store,
            vault,
            owner,
            dir: tempfile::tempdir().expect("a directory"),
            points: Vec::new(),
        };
        scene.change(0, |_| true);
        scene.change(1, |number| number % 3 > 0);
        scene
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Writes some of the files anew and backs up.
    fn change(&mut self, state: u64, is_changed: impl Fn(u64) -> bool) {
        for number in (0..FILES_COUNT).filter(|number| is_changed(*number)) {
            let path = self.home().join(format!("{}/{number}", number % 12));
            fs::create_dir_all(path.parent().expect("below")).expect("made");
            let len = 3000 + 40 * usize::try_from(number).expect("small");
            fs::write(path, random_bytes(1000 * state + number, len)).expect("written");
        }
        let report = backup(&self.vault, &self.home());
        let point = report.recovery_point.expect("a point");
        self.points.push((point, snapshot(&self.home())));
    }

    /// Another process that opens the vault.
    fn open(&self, store: Arc<dyn ObjectStore>) -> Strongroom {
        Strongroom::open_store(store, SlotSecret::Credential(&self.owner)).expect("opened")
    }

    /// Every point that stands comes back as it was, and verify finds nothing.
    fn is_whole(&self, store: Arc<dyn ObjectStore>) {
        let vault = self.open(store);
        let standing = vault.points().expect("listed");
        for (point, tree) in &self.points {
            if standing.iter().any(|view| view.id == *point) {
                let out = self.dir.path().join("out");
                restore_point(&vault, point, &out);
                assert_eq!(snapshot(&out), *tree);
                fs::remove_dir_all(&out).expect("removed");
            }
        }
        let mut options = VerifyOptions::default();
        options.level = strongroom::VerifyLevel::Data;
        let verified = vault.verify(&options, &NoMonitor).expect("verified");
        assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    }
}

fn sweep(vault: &Strongroom) -> SweepReport {
    vault.sweep(&SweepOptions::default()).expect("a sweep")
}

fn names(vault: &Strongroom, prefix: &str) -> Vec<String> {
    let listed = vault.wait(vault.vault().store().list(prefix));
    let listed = listed.expect("listed").into_iter();
    listed.map(|line| line.name).collect()
}

fn rewritten(report: &SweepReport, prefix: &str) -> u64 {
    let packs = report.emptied.iter();
    packs
        .filter(|pack| pack.object.starts_with(prefix))
        .map(|pack| pack.rewritten_blocks_count)
        .sum()
}

fn nothing_is_left_over(vault: &Strongroom) {
    sweep(vault);
    let report = sweep(vault);
    assert_eq!((report.deleted, report.emptied), (vec![], vec![]));
}

#[test]
fn thin_blocks_are_rewritten_and_their_chunks_are_found() {
    let mut scene = Scene::new();
    let stored = |scene: &Scene| scene.vault.status().expect("a status").stored_bytes;
    let before = stored(&scene);
    scene
        .vault
        .delete_now(&scene.points[0].0, "")
        .expect("purged");
    let mut options = SweepOptions::default();
    options.dry_run = true;
    let told = scene.vault.sweep(&options).expect("a dry run");
    assert_eq!(stored(&scene), before, "a dry run writes nothing");
    let report = sweep(&scene.vault);
    assert_eq!(report.emptied, told.emptied);
    assert!(rewritten(&report, "d/") > 0, "{report:?}");
    assert!(rewritten(&report, "m/") > 0, "trees are rewritten, too");
    assert!(!names(&scene.vault, "remap").is_empty());
    assert!(
        stored(&scene) * 10 < before * 8,
        "{} of {before}",
        stored(&scene)
    );
    scene.is_whole(Arc::<InMemory>::clone(&scene.store));
    // What was rewritten is known: nothing of it is stored again.
    let again = backup(&scene.vault, &scene.home());
    assert_eq!(again.unique_bytes, 0, "{again:?}");
    scene.points.push((
        again.recovery_point.expect("a point"),
        snapshot(&scene.home()),
    ));
    scene.is_whole(Arc::<InMemory>::clone(&scene.store));
    nothing_is_left_over(&scene.vault);
}

/// Chunks that were rewritten several times are one step away from their oldest name, and remaps that no list needs go.
#[test]
fn remaps_do_not_pile_up() {
    let mut scene = Scene::new();
    for state in 2..5 {
        let oldest = scene.points[scene.points.len() - 2].0;
        scene.vault.delete_now(&oldest, "").expect("purged");
        let report = sweep(&scene.vault);
        assert!(rewritten(&report, "d/") > 0, "{report:?}");
        // A quarter of the files that stood from the first state on changes in each round.
        scene.change(state, |number| {
            number % 3 > 0 || number / 3 % 4 == state - 2
        });
    }
    sweep(&scene.vault);
    nothing_is_left_over(&scene.vault);
    scene.is_whole(Arc::<InMemory>::clone(&scene.store));
    let remaps = names(&scene.vault, "remap");
    assert!((1..=6).contains(&remaps.len()), "{remaps:?}");
    // Nothing of old is named any more.
    scene.change(9, |_| true);
    let points: Vec<SessionId> = scene.points.iter().map(|(point, _)| *point).collect();
    let standing = scene.vault.points().expect("listed");
    for point in standing
        .iter()
        .filter(|view| view.id != points[points.len() - 1])
    {
        scene.vault.delete_now(&point.id, "").expect("purged");
    }
    fs::remove_dir_all(scene.home().join("0")).expect("removed");
    sweep(&scene.vault);
    nothing_is_left_over(&scene.vault);
    let remaps = names(&scene.vault, "remap");
    let data = remaps.len();
    assert!(data <= 2, "only metadata is carried over: {remaps:?}");
    scene.is_whole(Arc::<InMemory>::clone(&scene.store));
}

#[test]
fn a_host_without_keys_of_content_moves_only() {
    let scene = Scene::new();
    scene
        .vault
        .delete_now(&scene.points[0].0, "")
        .expect("purged");
    let add =
        scene
            .vault
            .vault()
            .add_credential(Role::Maintenance, "test", chrono::DateTime::UNIX_EPOCH);
    let credential = scene.vault.wait(add).expect("a slot");
    let store = Arc::<InMemory>::clone(&scene.store);
    let host = Strongroom::open_store(store, SlotSecret::Credential(&credential)).expect("opened");
    let reader = BlockReader::new(host.vault().clone(), 1 << 20, 1 << 20);
    let now = chrono::DateTime::UNIX_EPOCH;
    let options = SweepOptions::default();
    let swept = strongroom::vault::sweep(host.vault(), &reader, &options, now);
    let report = host.wait(swept).expect("a sweep");
    assert_eq!(rewritten(&report, ""), 0, "{report:?}");
    assert_eq!(names(&scene.vault, "remap"), Vec::<String>::new());
    scene.is_whole(Arc::<InMemory>::clone(&scene.store));
    // The owner's sweep does the rest.
    assert!(rewritten(&sweep(&scene.vault), "d/") > 0);
    scene.is_whole(Arc::<InMemory>::clone(&scene.store));
}

/// The chunks of data that the newest point uses.
fn data_chunks(vault: &Strongroom, reader: &BlockReader, point: &SessionId) -> Vec<ChunkAddress> {
    vault.wait(async {
        let directory = PackDirectory::list(vault.vault()).await.expect("listed");
        let point = points::find(vault.vault(), *point).await.expect("listed");
        let structure = points::read_structure(vault.vault(), &point.expect("there")).await;
        let mut chunks = Vec::new();
        for piece in structure.expect("read").expect("a point").list {
            let raw = reader.chunk(piece.address(), ObjectKind::MetaPack).await;
            for pack in ListPiece::decode(&raw.expect("read"))
                .expect("a piece")
                .packs
            {
                if !directory
                    .entry(&pack.pack)
                    .is_some_and(|pack| pack.kind == ObjectKind::DataPack)
                {
                    continue;
                }
                for block in pack.blocks {
                    let used = (0..).zip(&block.counts).filter(|(_, count)| **count > 0);
                    chunks.extend(used.map(|(chunk, _)| ChunkAddress {
                        pack: pack.pack,
                        block: block.ordinal,
                        chunk,
                    }));
                }
            }
        }
        chunks
    })
}

/// A restore that runs while a sweep moves and rewrites what it is about to read goes on; a host that only moves comes
/// first, then one that rewrites.
#[test]
fn a_reader_follows_what_a_sweep_does_meanwhile() {
    let scene = Scene::new();
    let vault = scene.open(Arc::<InMemory>::clone(&scene.store));
    // No room for blocks: each chunk is read from the store.
    let reader = BlockReader::new(vault.vault().clone(), 0, 1 << 20);
    let chunks = data_chunks(&vault, &reader, &scene.points[1].0);
    assert!(chunks.len() > 100, "{}", chunks.len());
    let read = || -> Vec<bytes::Bytes> {
        let read = |at: &ChunkAddress| vault.wait(reader.chunk(*at, ObjectKind::DataPack));
        chunks.iter().map(|at| read(at).expect("found")).collect()
    };
    let before = read();
    scene
        .vault
        .delete_now(&scene.points[0].0, "")
        .expect("purged");
    let mut options = SweepOptions::default();
    options.rewrite_below_percent = 0;
    let report = scene.vault.sweep(&options).expect("a sweep");
    assert_eq!(rewritten(&report, "d/"), 0);
    assert_eq!(read(), before);
    let report = sweep(&scene.vault);
    assert!(rewritten(&report, "d/") > 0 && report.packs_deleted_count > 0);
    assert_eq!(read(), before);
    let lens = chunks.iter().map(|at| {
        let len = reader.run_len(*at, 1, ObjectKind::DataPack);
        vault.wait(len).expect("found")
    });
    let lens: Vec<u64> = lens.collect();
    assert!(
        lens.iter()
            .zip(&before)
            .all(|(len, raw)| *len == raw.len() as u64)
    );
}

/// It is not lost more than it was, and what a sweep stores elsewhere of its pack is not stored again each time.
#[test]
fn a_damaged_block_is_left_where_it_is() {
    let scene = Scene::new();
    scene
        .vault
        .delete_now(&scene.points[0].0, "")
        .expect("purged");
    let mut options = SweepOptions::default();
    options.dry_run = true;
    let told = scene.vault.sweep(&options).expect("a dry run");
    let victim = told
        .emptied
        .iter()
        .find(|pack| pack.rewritten_blocks_count > 1);
    let victim = victim.expect("one is rewritten").object.clone();
    let store = Arc::<InMemory>::clone(&scene.store);
    let store: Arc<dyn ObjectStore> = store;
    let bytes = scene
        .vault
        .wait(scene.vault.vault().store().read(&victim, u64::MAX));
    let mut bytes = bytes.expect("read").to_vec();
    // In every block, behind header and table: which of them are needed depends on the order of the workers.
    let table_bytes = u32::from_le_bytes(bytes[64..68].try_into().expect("four"));
    let first = 72 + usize::try_from(table_bytes).expect("small") + 100;
    for at in (first..bytes.len()).step_by(4096) {
        bytes[at] ^= 1;
    }
    let path = victim.clone().into();
    let put = object_store::ObjectStoreExt::put(&store, &path, bytes.into());
    scene.vault.wait(put).expect("damaged");
    let vault = scene.open(Arc::clone(&store));
    for _ in 0..3 {
        let report = sweep(&vault);
        assert!(
            !report.deleted.contains(&victim),
            "what it holds is not elsewhere"
        );
    }
    let report = sweep(&vault);
    assert_eq!(
        report.deleted,
        Vec::<String>::new(),
        "nothing is made in vain"
    );
}

/// The worker dies at an operation on the store, before it or after it took effect: what stands restores, and the next
/// workers finish without leaving garbage.
fn cut_at(cuts: impl Iterator<Item = (u64, bool)>) -> u64 {
    let scene = Scene::new();
    scene
        .vault
        .delete_now(&scene.points[0].0, "")
        .expect("purged");
    let mut done = 0;
    for (cut, is_after) in cuts {
        let store: Arc<dyn ObjectStore> = Arc::new(scene.store.fork());
        let left = AtomicU64::new(cut);
        let dying = Faulty::new(Arc::clone(&store), move |_| {
            let next = |left: u64| Some(left.saturating_sub(1));
            match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
                Ok(1) if is_after => Fate::LoseReply,
                Ok(0 | 1) => Fate::Fail(std::io::ErrorKind::PermissionDenied),
                _ => Fate::Pass,
            }
        });
        let opened = Strongroom::open_store(dying, SlotSecret::Credential(&scene.owner));
        let outcome = opened.map(|vault| vault.sweep(&SweepOptions::default()));
        if cut % 5 == 0 {
            scene.is_whole(Arc::clone(&store));
        }
        let survivor = scene.open(Arc::clone(&store));
        sweep(&survivor);
        scene.is_whole(Arc::clone(&store));
        nothing_is_left_over(&survivor);
        done += 1;
        if matches!(outcome, Ok(Ok(_))) {
            break;
        }
    }
    done
}

#[test]
fn dying_while_blocks_are_rewritten_loses_nothing() {
    let done = cut_at((1..).step_by(13).map(|cut| (cut, cut % 2 == 0)));
    eprintln!("{done} cut points");
    assert!(done > 5, "{done}");
}

#[test]
#[ignore = "takes minutes"]
fn soak_dying_while_blocks_are_rewritten_loses_nothing() {
    let done: u64 = [false, true]
        .map(|is_after| cut_at((1..).map(|cut| (cut, is_after))))
        .iter()
        .sum();
    eprintln!("{done} cut points");
    assert!(done > 150, "{done}");
}
