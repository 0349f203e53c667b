//! Deleting and sweeping: what is needed stays whole, what is not goes, whenever a worker dies.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use strongroom::crypto::{Role, SlotSecret};
use strongroom::vault::format::{
    BlockUse, ChunkAddress, LinkOp, ListPiece, Names, ObjectKind, PackId, SessionId, Structure,
};
use strongroom::vault::wrap::{Action, Fate, Faulty};
use strongroom::vault::{
    Committed, Error as VaultError, InitOptions, Session, SweepOptions, chain, points,
};
use strongroom::{BackupOptions, Error, NoMonitor, Strongroom, VerifyOptions};

use crate::support::{passphrase, random_bytes, restore_point, snapshot};

type Tree = BTreeMap<PathBuf, String>;

fn small_packs() -> InitOptions {
    let mut options = InitOptions::for_tests();
    options.data_pack_bytes = 1 << 20;
    options.block_bytes = 64 << 10;
    options
}

fn open(store: Arc<dyn ObjectStore>) -> Strongroom {
    Strongroom::open_store(store, SlotSecret::Passphrase(passphrase())).expect("opened")
}

fn new_vault(options: &InitOptions) -> (Arc<dyn ObjectStore>, Strongroom) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let vault = Strongroom::init_store(Arc::clone(&store), passphrase(), options);
    (store, vault.expect("a new vault"))
}

/// A source of two states: some files stay, some come, some go.
struct History {
    dir: tempfile::TempDir,
    points: Vec<(SessionId, Tree)>,
}

impl History {
    fn new(vault: &Strongroom, states: u64) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join("home");
        fs::create_dir_all(home.join("sub")).expect("made");
        for number in 0..12 {
            let bytes = random_bytes(
                number,
                60_000 + 7_000 * usize::try_from(number).expect("small"),
            );
            fs::write(home.join(format!("sub/{number:02}")), bytes).expect("written");
        }
        let mut history = Self {
            dir,
            points: Vec::new(),
        };
        for state in 0..states {
            for number in (0..12).filter(|number| number % 4 != 0) {
                let bytes = random_bytes(1000 * (state + 1) + number, 80_000);
                fs::write(home.join(format!("sub/{number:02}")), bytes).expect("written");
            }
            history.back_up(vault);
        }
        history
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn back_up(&mut self, vault: &Strongroom) {
        let options = BackupOptions::new("test", vec![self.home()]);
        let report = vault.backup(&options, &NoMonitor).expect("a backup");
        let point = report.recovery_point.expect("a point");
        self.points.push((point, snapshot(&self.home())));
    }

    /// Every point that stands comes back as it was, and verify finds nothing.
    fn is_whole(&self, store: &Arc<dyn ObjectStore>) {
        let vault = open(Arc::clone(store));
        let standing: Vec<SessionId> = vault
            .points()
            .expect("listed")
            .iter()
            .map(|point| point.id)
            .collect();
        for (point, tree) in &self.points {
            if standing.contains(point) {
                let out = tempfile::tempdir().expect("a directory");
                restore_point(&vault, point, &out.path().join("out"));
                assert_eq!(snapshot(&out.path().join("out")), *tree);
            }
        }
        let mut options = VerifyOptions::default();
        options.level = strongroom::VerifyLevel::Data;
        let verified = vault.verify(&options, &NoMonitor).expect("verified");
        assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    }
}

fn names(vault: &Strongroom, prefix: &str) -> Vec<String> {
    let listed = vault.wait(vault.vault().store().list(prefix));
    listed
        .expect("listed")
        .into_iter()
        .map(|line| line.name)
        .collect()
}

fn sweep(vault: &Strongroom) -> strongroom::vault::SweepReport {
    vault.sweep(&SweepOptions::default()).expect("a sweep")
}

#[test]
fn a_deleted_point_comes_back_or_goes_with_all_that_only_it_needs() {
    let (store, vault) = new_vault(&small_packs());
    let history = History::new(&vault, 3);
    let [first, second, third] = [0, 1, 2].map(|at| history.points[at].0);
    let packs = names(&vault, "d").len();
    let stored_bytes = || vault.status().expect("a status").stored_bytes;
    let before = stored_bytes();
    vault.delete(&first, "test").expect("deleted");
    assert!(matches!(
        vault.delete(&first, "again"),
        Err(Error::Vault(VaultError::NotInThisState { .. }))
    ));
    assert_eq!(vault.point("latest").expect("one stands").id, third);
    let report = sweep(&vault);
    assert_eq!(
        (report.packs_deleted_count, names(&vault, "d").len()),
        (0, packs),
        "a softly deleted point is whole"
    );
    vault.undelete(&first, "a mistake").expect("undeleted");
    history.is_whole(&store);

    vault.hold(&second, None, "a lawsuit").expect("held");
    assert!(matches!(vault.delete_now(&second, ""), Err(Error::Held(_))));
    vault.delete_now(&first, "for good").expect("purged");
    assert!(vault.undelete(&first, "too late").is_err());
    let report = sweep(&open(Arc::clone(&store)));
    assert!(report.packs_deleted_count > 0, "{report:?}");
    assert_eq!(vault.points().expect("listed").len(), 2);
    history.is_whole(&store);
    assert!(stored_bytes() < before);
    assert_eq!(names(&vault, "points").len(), 2, "the manifest went, too");

    vault.release(&second, "settled").expect("released");
    vault.delete_now(&second, "").expect("purged");
    assert!(matches!(
        vault.delete_now(&third, ""),
        Err(Error::LastPoint(_))
    ));
    sweep(&vault);
    history.is_whole(&store);
    nothing_is_left_over(&vault);
}

/// Two more cycles find nothing to do.
fn nothing_is_left_over(vault: &Strongroom) {
    sweep(vault);
    let report = sweep(vault);
    assert_eq!(report.packs_deleted_count, 0, "{report:?}");
    assert_eq!(report.packs_rewritten_count, 0, "{report:?}");
    let report = vault
        .sweep(&{
            let mut options = SweepOptions::default();
            options.dry_run = true;
            options
        })
        .expect("a dry run");
    assert_eq!(report.deleted, Vec::<String>::new());
}

#[test]
fn needed_blocks_of_sparse_packs_move_and_are_found() {
    let (store, vault) = new_vault(&small_packs());
    let mut history = History::new(&vault, 2);
    let before = vault.status().expect("a status").stored_bytes;
    vault.delete_now(&history.points[0].0, "").expect("purged");
    let mut options = SweepOptions::default();
    options.dry_run = true;
    let told = vault.sweep(&options).expect("a dry run");
    assert!(told.packs_rewritten_count > 0, "{told:?}");
    assert_eq!(vault.status().expect("a status").stored_bytes, before);
    let report = sweep(&vault);
    assert_eq!(report.packs_rewritten_count, told.packs_rewritten_count);
    assert!(vault.status().expect("a status").stored_bytes < before);
    history.is_whole(&store);
    // The same handle has seen the old places; and the next backup builds on what was moved.
    history.back_up(&vault);
    history.is_whole(&store);
    let report = vault
        .backup(
            &BackupOptions::new("test", vec![history.home()]),
            &NoMonitor,
        )
        .expect("a backup");
    assert_eq!(report.unique_bytes, 0, "moved chunks are known chunks");
    nothing_is_left_over(&vault);
}

#[test]
fn a_running_session_is_waited_for_and_a_dead_one_fenced() {
    let (store, vault) = new_vault(&small_packs());
    let history = History::new(&vault, 2);
    let source = vault.wait(points::all(vault.vault())).expect("listed")[0].source;
    let machine = strongroom::vault::format::MachineId::from_bytes([7; 16]);
    let begin = Session::begin(vault.vault(), source, machine, chrono::DateTime::UNIX_EPOCH);
    let session = vault.wait(begin).expect("a session");
    vault.delete_now(&history.points[0].0, "").expect("purged");
    let report = sweep(&vault);
    assert_eq!(report.waiting_for.len(), 1, "{report:?}");
    assert_eq!(report.waiting_for[0].point.sid, session.id());
    assert_eq!(report.packs_deleted_count, 0);
    // The cycle is marked: a new session sees it and keeps away from what is condemned.
    let begin = Session::begin(vault.vault(), source, machine, chrono::DateTime::UNIX_EPOCH);
    let second = vault.wait(begin).expect("a session");
    assert_eq!((session.epoch(), second.epoch()), (0, 1));
    assert!(!second.unusable().is_empty());
    let mut options = SweepOptions::default();
    options.fence_after = Duration::ZERO;
    let report = vault.sweep(&options).expect("a sweep");
    assert_eq!(report.waiting_for, []);
    assert!(report.packs_deleted_count > 0);
    let decided = vault.wait(points::all(vault.vault())).expect("listed");
    assert!(decided.iter().any(|point| point.sid == session.id()));
    assert!(!decided.iter().any(|point| point.sid == second.id()));
    history.is_whole(&store);
}

#[test]
fn agents_delete_nothing_and_what_they_forge_is_void() {
    let (store, vault) = new_vault(&small_packs());
    let history = History::new(&vault, 2);
    let add = vault
        .vault()
        .add_credential(Role::Agent, "test", chrono::DateTime::UNIX_EPOCH);
    let credential = vault.wait(add).expect("a slot");
    let agent = Strongroom::open_store(Arc::clone(&store), SlotSecret::Credential(&credential));
    let agent = agent.expect("opened");
    let victim = history.points[0].0;
    assert!(matches!(
        agent.delete(&victim, ""),
        Err(Error::Vault(VaultError::NotPermitted(_)))
    ));
    assert!(matches!(
        agent.sweep(&SweepOptions::default()),
        Err(Error::Vault(VaultError::NotPermitted(_)))
    ));
    // It can write to this store, though: a link that it could not sign, or one of another point.
    let point = vault
        .wait(points::find(vault.vault(), victim))
        .expect("listed")
        .expect("there");
    let prefix = format!("chain/{}/{}", vault.vault().domain_id(), point.source);
    vault.delete(&history.points[1].0, "").expect("deleted");
    let genuine = format!("{prefix}/{}/0", history.points[1].0);
    let stolen = vault.wait(vault.vault().store().read(&genuine, 1 << 20));
    let stolen = stolen.expect("there");
    for (number, bytes) in [stolen, "anything".into()].into_iter().enumerate() {
        let name = format!("{prefix}/{victim}/{number}");
        vault
            .wait(store.put(&name.into(), bytes.into()))
            .expect("written");
    }
    let chain = vault.wait(chain::of_point(vault.vault(), &point));
    assert!(!chain.expect("read").is_deleted());
    // The owner's own links count behind them.
    let append = chain::append(
        vault.vault(),
        &point,
        LinkOp::Delete,
        None,
        "",
        chrono::DateTime::UNIX_EPOCH,
    );
    assert!(vault.wait(append).expect("added").is_deleted());
}

#[test]
fn a_maintenance_key_sweeps_without_reading_a_name() {
    let (store, vault) = new_vault(&small_packs());
    let history = History::new(&vault, 3);
    vault.delete_now(&history.points[0].0, "").expect("purged");
    let add = vault
        .vault()
        .add_credential(Role::Maintenance, "test", chrono::DateTime::UNIX_EPOCH);
    let credential = vault.wait(add).expect("a slot");
    let host = Strongroom::open_store(Arc::clone(&store), SlotSecret::Credential(&credential));
    let host = host.expect("opened");
    assert!(host.points().is_err(), "names are not its business");
    // One that is deleted, but whose days are not over, keeps a sweep from nothing either.
    vault.delete(&history.points[1].0, "").expect("deleted");
    let report = host.sweep(&SweepOptions::default());
    assert!(report.expect("a sweep").packs_deleted_count > 0);
    history.is_whole(&store);
}

/// As if the store had got all links of this point so many days ago.
fn age_links(vault: &Path, point: SessionId, days: u64) {
    let mut waiting = vec![vault.join("chain")];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("listed");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path
            .parent()
            .is_some_and(|dir| dir.ends_with(point.to_string()))
        {
            let link = fs::File::options().write(true).open(&path).expect("a link");
            let at = link
                .metadata()
                .and_then(|link| link.modified())
                .expect("a time");
            let days = Duration::from_secs(days * 86_400);
            link.set_modified(at - days).expect("set");
        }
    }
}

/// Who looks after a vault needs no names for that, and nobody else's clock.
#[test]
fn a_maintenance_key_purges_what_was_deleted_long_ago() {
    let dir = tempfile::tempdir().expect("a directory");
    let place = dir.path().join("vault");
    let vault = Strongroom::init(place.to_str().expect("text"), passphrase(), &small_packs());
    let vault = vault.expect("a new vault");
    let history = History::new(&vault, 4);
    let [gone, held, early, _] = [0, 1, 2, 3].map(|at: usize| history.points[at].0);
    vault.hold(&held, None, "evidence").expect("held");
    for id in [gone, held, early] {
        vault.delete(&id, "").expect("deleted");
    }
    age_links(&place, gone, 15);
    age_links(&place, held, 15);
    age_links(&place, early, 13);
    let add = vault
        .vault()
        .add_credential(Role::Maintenance, "test", chrono::DateTime::UNIX_EPOCH);
    let credential = vault.wait(add).expect("a slot");
    let host = Strongroom::open(
        place.to_str().expect("text"),
        SlotSecret::Credential(&credential),
    );
    let host = host.expect("opened");
    let report = host.sweep(&SweepOptions::default()).expect("a sweep");
    assert!(report.packs_deleted_count > 0, "{report:?}");
    let standing: BTreeSet<SessionId> = vault
        .points()
        .expect("listed")
        .iter()
        .map(|point| point.id)
        .collect();
    assert!(!standing.contains(&gone), "its days are over");
    assert!(standing.contains(&held), "it is held");
    assert!(standing.contains(&early), "its days are not over");
}

/// A fence is what keeps a session from committing on what was deleted meanwhile.
#[test]
fn a_fence_stays_whatever_is_said_of_its_point() {
    let (_store, vault) = new_vault(&small_packs());
    let history = History::new(&vault, 2);
    let source = vault.wait(points::all(vault.vault())).expect("listed")[0].source;
    let machine = strongroom::vault::format::MachineId::from_bytes([7; 16]);
    let now = chrono::DateTime::UNIX_EPOCH;
    let session = vault.wait(Session::begin(vault.vault(), source, machine, now));
    let session = session.expect("a session");
    let mut options = SweepOptions::default();
    options.fence_after = Duration::ZERO;
    vault.sweep(&options).expect("a sweep");
    let fenced = points::PointRef {
        sid: session.id(),
        source,
    };
    for op in [LinkOp::Delete, LinkOp::Purge] {
        let link = chain::append(vault.vault(), &fenced, op, None, "", now);
        vault.wait(link).expect("added");
    }
    vault.delete_now(&history.points[0].0, "").expect("purged");
    vault.sweep(&options).expect("a sweep");
    nothing_is_left_over(&vault);
    let structure = Structure {
        source,
        sid: session.id(),
        ..Structure::for_vault(vault.vault().id(), vault.vault().domain_id())
    };
    let nowhere = ChunkAddress {
        pack: PackId::from_bytes([0; 16]),
        block: 0,
        chunk: 0,
    };
    let outcome = vault.wait(session.commit(structure, Names::with_tree(nowhere)));
    assert_eq!(outcome.expect("decided"), Committed::Fenced);
}

/// An upload that arrives a second time, after its pack was swept: nobody uses the pack, and it goes again.
#[test]
fn what_was_swept_and_comes_back_goes_again() {
    let (store, vault) = new_vault(&small_packs());
    let history = History::new(&vault, 2);
    let read = |name: &String| vault.wait(vault.vault().store().read(name, 1 << 30));
    let before = names(&vault, "d");
    let packs: Vec<_> = before
        .iter()
        .map(|name| read(name).expect("read"))
        .collect();
    vault.delete_now(&history.points[0].0, "").expect("purged");
    sweep(&vault);
    let after = names(&vault, "d");
    let swept = before
        .iter()
        .zip(packs)
        .find(|(name, _)| !after.contains(name));
    let (name, pack) = swept.expect("something was swept");
    vault
        .wait(store.put(&name.as_str().into(), pack.into()))
        .expect("written");
    assert_eq!(sweep(&vault).deleted, std::slice::from_ref(name));
    assert_eq!(names(&vault, "d"), after);
    history.is_whole(&store);
    nothing_is_left_over(&vault);
}

/// What a dead session has uploaded goes, also where there is nothing else to sweep.
#[test]
fn a_dead_session_leaves_nothing_for_ever() {
    let (store, vault) = new_vault(&small_packs());
    let history = History::new(&vault, 1);
    let before = names(&vault, "d");
    fs::write(history.home().join("new"), random_bytes(77, 300_000)).expect("written");
    let dying = Faulty::new(Arc::clone(&store), |operation| {
        if operation.name.starts_with("points/") && operation.action == Action::Put {
            Fate::Fail(std::io::ErrorKind::PermissionDenied)
        } else {
            Fate::Pass
        }
    });
    let options = BackupOptions::new("test", vec![history.home()]);
    assert!(open(dying).backup(&options, &NoMonitor).is_err());
    assert!(names(&vault, "d").len() > before.len());
    sweep(&vault);
    assert!(
        names(&vault, "d").len() > before.len(),
        "it may still be alive"
    );
    let mut options = SweepOptions::default();
    options.fence_after = Duration::ZERO;
    vault.sweep(&options).expect("a sweep");
    assert_eq!(names(&vault, "d"), before);
    history.is_whole(&store);
}

/// A reader that has read the table of a pack finds what a sweep has moved out of it since.
#[test]
fn a_reader_with_an_old_table_finds_what_was_moved() {
    let (_store, vault) = new_vault(&small_packs());
    let history = History::new(&vault, 2);
    let reader = strongroom::vault::BlockReader::new(vault.vault().clone(), 0, 1 << 20);
    let data = names(&vault, "d");
    let point = vault
        .wait(points::find(vault.vault(), history.points[1].0))
        .expect("listed")
        .expect("there");
    let read = vault.wait(points::read(vault.vault(), &point));
    let list = read.expect("read").expect("a point").structure.list;
    let mut needed = Vec::new();
    for piece in list {
        let raw = vault.wait(reader.chunk(piece.address(), ObjectKind::MetaPack));
        for entry in ListPiece::decode(&raw.expect("read"))
            .expect("a piece")
            .packs
        {
            let id = entry.pack.to_string();
            let first = |block: BlockUse| ChunkAddress {
                pack: entry.pack,
                block: block.ordinal,
                chunk: u16::try_from(block.counts.iter().take_while(|n| **n == 0).count())
                    .expect("short"),
            };
            if data.iter().any(|name| name.ends_with(&id)) {
                needed.extend(entry.blocks.into_iter().map(first));
            }
        }
    }
    let read_all = || {
        for at in &needed {
            let read = vault.wait(reader.chunk(*at, ObjectKind::DataPack));
            assert!(read.is_ok(), "{at:?}: {read:?}");
        }
    };
    read_all();
    vault.delete_now(&history.points[0].0, "").expect("purged");
    assert!(sweep(&vault).packs_rewritten_count > 0);
    read_all();
}

#[test]
fn an_unreadable_list_stops_a_sweep_before_it_deletes() {
    let (store, vault) = new_vault(&small_packs());
    let history = History::new(&vault, 2);
    vault.delete_now(&history.points[0].0, "").expect("purged");
    let manifest = names(&vault, "points")
        .into_iter()
        .find(|name| name.ends_with(&history.points[1].0.to_string()))
        .expect("it stands");
    let bytes = vault.wait(vault.vault().store().read(&manifest, 1 << 24));
    let mut bytes = bytes.expect("read").to_vec();
    let end = bytes.len() - 1;
    bytes[end / 2] ^= 1;
    vault
        .wait(store.put(&manifest.into(), bytes.into()))
        .expect("damaged");
    let packs = names(&vault, "d");
    let outcome = open(store).sweep(&SweepOptions::default());
    assert!(outcome.is_err_and(|error| error.is_corruption()));
    assert_eq!(names(&vault, "d"), packs);
}

/// However many write to one chain at once: each number is one link, and what the chain says follows from them alone.
#[test]
fn undelete_and_purge_race_for_one_link() {
    let (store, vault) = new_vault(&small_packs());
    let history = History::new(&vault, 2);
    let (point, _) = history.points[0];
    let at = vault.wait(points::find(vault.vault(), point));
    let at = at.expect("found").expect("there");
    for round in 0..20 {
        vault.delete(&point, "").expect("deleted");
        let append = |op| {
            let vault = open(Arc::clone(&store));
            let now = chrono::DateTime::UNIX_EPOCH;
            std::thread::spawn(move || {
                vault.wait(chain::append(vault.vault(), &at, op, None, "", now))
            })
        };
        let racers = [LinkOp::Undelete, LinkOp::Purge].map(append);
        let [undeleted, purged] = racers.map(|racer| racer.join().expect("no panic"));
        let says = vault
            .wait(chain::of_point(vault.vault(), &at))
            .expect("read");
        assert_eq!(
            (undeleted.is_ok(), purged.is_ok()),
            (!says.is_gone(), says.is_gone()),
            "round {round}: {undeleted:?} {purged:?}"
        );
        if says.is_gone() {
            assert!(vault.undelete(&point, "too late").is_err());
            return;
        }
    }
}
