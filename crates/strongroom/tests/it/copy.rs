//! A second copy: whole by itself, only what is missing is brought over, and nothing is lost whoever dies.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use strongroom::crypto::{Credential, KdfCost, Passphrase, Role, SlotSecret};
use strongroom::vault::copy::CopyReport;
use strongroom::vault::format::{ObjectName, PackId, SessionId};
use strongroom::vault::wrap::{Action, Fate, Faulty, recording};
use strongroom::vault::{Error as VaultError, InitOptions, SweepOptions, points};
use strongroom::{
    BackupOptions, CopyOptions, CopyTarget, Error, NoMonitor, Strongroom, VerifyOptions,
};

use crate::support::{passphrase, random_bytes, restore_point, snapshot};

type Store = Arc<dyn ObjectStore>;
type Tree = BTreeMap<PathBuf, String>;

fn memory() -> Store {
    Arc::new(InMemory::new())
}

fn open(store: &Store) -> Strongroom {
    let secret = SlotSecret::Passphrase(passphrase());
    Strongroom::open_store(Arc::clone(store), secret).expect("opened")
}

fn open_as(store: &Store, credential: &Credential) -> Strongroom {
    let secret = SlotSecret::Credential(credential);
    Strongroom::open_store(Arc::clone(store), secret).expect("opened")
}

fn options(target: &Store) -> CopyOptions {
    let mut options = CopyOptions::new(CopyTarget::Store(Arc::clone(target)));
    options.machine = [9; 16];
    options
}

fn try_copy(vault: &Strongroom, options: &CopyOptions) -> strongroom::Result<CopyReport> {
    let plan = vault.plan_copy(options, &NoMonitor)?;
    vault.copy(&plan, options, &NoMonitor)
}

fn copy(vault: &Strongroom, target: &Store) -> CopyReport {
    try_copy(vault, &options(target)).expect("a copy")
}

/// A source that changes from point to point, and what each point held.
struct Home {
    dir: tempfile::TempDir,
    store: Store,
    vault: Strongroom,
    /// Opens every copy, too, without the cost of a passphrase.
    agent: Credential,
    points: Vec<(SessionId, Tree)>,
}

impl Home {
    fn new(states: u64) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut init = InitOptions::for_tests();
        init.data_pack_bytes = 1 << 20;
        init.block_bytes = 64 << 10;
        let store = memory();
        let vault = Strongroom::init_store(Arc::clone(&store), passphrase(), &init);
        drop(vault.expect("a new vault"));
        fs::create_dir_all(dir.path().join("home/sub")).expect("made");
        // Opened by its passphrase, it knows by which slot it came in.
        let vault = open(&store);
        let now = chrono::DateTime::UNIX_EPOCH;
        let agent = vault.vault().add_credential(Role::Agent, "test", now);
        let agent = vault.wait(agent).expect("a slot");
        let mut home = Self {
            dir,
            store,
            vault,
            agent,
            points: Vec::new(),
        };
        for number in 0..8 {
            home.write(number, number);
        }
        for state in 0..states {
            home.write(state % 8, 1000 + state);
            home.write((state + 3) % 8, 2000 + state);
            home.back_up();
        }
        home
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn write(&self, number: u64, seed: u64) {
        let bytes = random_bytes(
            seed,
            90_000 + 11_000 * usize::try_from(number).expect("small"),
        );
        fs::write(self.root().join(format!("sub/{number}")), bytes).expect("written");
    }

    fn back_up(&mut self) -> SessionId {
        self.back_up_into(&self.vault.clone())
    }

    fn back_up_into(&mut self, vault: &Strongroom) -> SessionId {
        let options = BackupOptions::new("test", vec![self.root()]);
        let report = vault.backup(&options, &NoMonitor).expect("a backup");
        let point = report.recovery_point.expect("a point");
        self.points.push((point, snapshot(&self.root())));
        point
    }

    fn ids(&self) -> Vec<SessionId> {
        self.points.iter().map(|(id, _)| *id).collect()
    }

    /// With nothing but the store and a key, these points come back bit for bit, and nothing is damaged.
    fn holds(&self, store: &Store, points: &[SessionId]) {
        self.has(&open_as(store, &self.agent), points);
    }

    fn has(&self, vault: &Strongroom, points: &[SessionId]) {
        let mut found = ids_of(vault);
        found.sort_unstable();
        let mut expected = points.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected);
        for (point, tree) in self.points.iter().filter(|(id, _)| points.contains(id)) {
            let out = tempfile::tempdir().expect("a directory");
            restore_point(vault, point, &out.path().join("out"));
            assert_eq!(snapshot(&out.path().join("out")), *tree);
        }
        let mut all = VerifyOptions::default();
        all.read_data = true;
        let verified = vault.verify(&all, &NoMonitor).expect("verified");
        assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    }

    fn credential(&self, role: Role) -> Credential {
        let now = chrono::DateTime::UNIX_EPOCH;
        let add = self.vault.vault().add_credential(role, "test", now);
        self.vault.wait(add).expect("a slot")
    }
}

fn ids_of(vault: &Strongroom) -> Vec<SessionId> {
    let points = vault.points().expect("listed");
    points.iter().map(|point| point.id).collect()
}

fn names(vault: &Strongroom, prefix: &str) -> Vec<String> {
    let listed = vault.wait(vault.vault().store().list(prefix));
    let listed = listed.expect("listed").into_iter();
    listed.map(|line| line.name).collect()
}

fn sweep(vault: &Strongroom) {
    vault.sweep(&SweepOptions::default()).expect("a sweep");
}

#[test]
fn a_copy_is_whole_by_itself_and_grows_by_what_is_new() {
    let mut home = Home::new(3);
    let target = memory();
    let plan = home
        .vault
        .plan_copy(&options(&target), &NoMonitor)
        .expect("a plan");
    assert_eq!(plan.missing.len(), 3);
    assert!(plan.blocks_bytes() > 0);
    let first = copy(&home.vault, &target);
    assert_eq!(first.copied, home.ids(), "oldest first");
    assert_eq!(first.blocks_copied_count, plan.blocks_count());
    home.has(&open(&target), &home.ids());
    for name in ["config".to_owned()]
        .into_iter()
        .chain(names(&home.vault, "keys"))
    {
        let read = |store: &Store| {
            let got = home.vault.wait(store.get(&name.as_str().into()));
            home.vault.wait(got.expect("there").bytes()).expect("read")
        };
        assert_eq!(read(&home.store), read(&target), "{name}");
    }

    home.write(1, 77);
    let new = home.back_up();
    let second = copy(&home.vault, &target);
    assert_eq!(second.copied, [new]);
    assert_eq!(second.present_count, 3);
    assert!(
        second.blocks_copied_count * 3 < first.blocks_copied_count,
        "{second:?}"
    );
    home.holds(&target, &home.ids());
}

#[test]
fn a_copy_without_anything_new_writes_nothing() {
    let home = Home::new(2);
    let (target, log) = recording(memory());
    copy(&home.vault, &target);
    let _first = log.take();
    let report = copy(&home.vault, &target);
    assert_eq!((report.copied.len(), report.present_count), (0, 2));
    let asked = log.take();
    let changes = asked
        .iter()
        .filter(|one| matches!(one.action, Action::Put | Action::Delete));
    assert_eq!(changes.count(), 0, "{asked:?}");
    assert!(asked.len() < 20, "{}", asked.len());
}

#[test]
fn full_packs_are_gathered_from_small_ones() {
    let home = Home::new(6);
    let target = memory();
    copy(&home.vault, &target);
    let replica = open(&target);
    let (before, after) = (names(&home.vault, "d").len(), names(&replica, "d").len());
    assert!(after < before, "{before} packs became {after}");
    assert_eq!(names(&replica, "index").len(), 1);
}

#[test]
fn the_primary_is_rebuilt_from_a_copy_of_the_copy() {
    let home = Home::new(3);
    let (second, third) = (memory(), memory());
    copy(&home.vault, &second);
    let report = copy(&open(&second), &third);
    assert_eq!(report.copied, home.ids());
    home.holds(&third, &home.ids());
    // Where the points are originals, they are known by the same ids.
    let report = copy(&open(&third), &home.store);
    assert_eq!((report.copied.len(), report.present_count), (0, 3));
}

#[test]
fn a_machine_goes_on_with_its_history_in_the_copy() {
    let mut home = Home::new(3);
    let target = memory();
    // The newest was copied first: the names of copied points are in another order than the points.
    let mut only = options(&target);
    only.points = vec![home.ids()[2]];
    try_copy(&home.vault, &only).expect("a copy");
    copy(&home.vault, &target);
    let replica = open(&target);
    let unchanged = BackupOptions::new("test", vec![home.root()]);
    let report = replica.backup(&unchanged, &NoMonitor).expect("a backup");
    assert_eq!(report.unique_bytes, 0);
    assert_eq!(report.files_unchanged_count, report.files_count);
    let previous = home.ids()[2];
    let own = report.recovery_point.expect("a point");
    home.points.push((own, home.points[2].1.clone()));
    let made = replica.point(&own.to_string()).expect("there");
    assert_eq!(made.previous, Some(previous));
    let read = |id| {
        let vault = replica.vault();
        let found = replica.wait(points::find(vault, id)).expect("listed");
        let read = replica.wait(points::read(vault, &found.expect("there")));
        read.expect("whole").expect("a point")
    };
    assert_eq!(read(own).structure.seq, 4);
    let prev = read(own).structure.prev.expect("it has one");
    assert_eq!(*prev.blake3.as_bytes(), read(previous).blake3);
    home.write(5, 4242);
    home.back_up_into(&replica);
    home.holds(&target, &home.ids());
    // And back: the primary gets the two that it lacks.
    let report = copy(&replica, &home.store);
    assert_eq!(report.copied, home.ids()[3..]);
    home.holds(&home.store, &home.ids());
}

#[test]
fn what_two_workers_copied_is_one_point_and_goes_as_one() {
    let home = Home::new(2);
    let target = memory();
    let plan = home.vault.plan_copy(&options(&target), &NoMonitor);
    let plan = plan.expect("a plan");
    for machine in [1, 2] {
        let mut options = options(&target);
        options.machine = [machine; 16];
        let report = home.vault.copy(&plan, &options, &NoMonitor);
        assert_eq!(report.expect("a copy").copied.len(), 2);
    }
    let replica = open(&target);
    assert_eq!(names(&replica, "points").len(), 4);
    home.holds(&target, &home.ids());
    replica.delete_now(&home.ids()[0], "").expect("purged");
    sweep(&replica);
    home.holds(&target, &home.ids()[1..]);
    assert_eq!(names(&replica, "points").len(), 2, "both went");
    // It is gone there for ever, and the next copy leaves it so.
    assert_eq!(copy(&home.vault, &target).copied, []);
    home.holds(&target, &home.ids()[1..]);
}

#[test]
fn deletions_stay_at_home_unless_asked_for_and_holds_are_brought_over() {
    let home = Home::new(4);
    let [gone, deleted, held, plain] = home.ids().try_into().expect("four");
    let target = memory();
    home.vault.delete_now(&gone, "").expect("purged");
    home.vault.delete(&deleted, "").expect("deleted");
    home.vault.hold(&held, None, "a lawsuit").expect("held");
    let report = copy(&home.vault, &target);
    assert_eq!(report.copied, [held, plain]);
    assert_eq!(report.holds_copied_count, 1);
    let replica = open(&target);
    assert!(replica.point(&held.to_string()).expect("there").is_held);
    assert_eq!(copy(&home.vault, &target).holds_copied_count, 0);
    home.vault.undelete(&deleted, "").expect("undeleted");
    assert_eq!(copy(&home.vault, &target).copied, [deleted]);

    home.vault.delete(&plain, "").expect("deleted");
    home.vault.release(&held, "").expect("released");
    copy(&home.vault, &target);
    let view = replica.point(&plain.to_string()).expect("there");
    assert_eq!(view.deleted_at, None);
    assert!(replica.point(&held.to_string()).expect("there").is_held);
    let mut with_deletions = options(&target);
    with_deletions.with_deletions = true;
    let report = try_copy(&home.vault, &with_deletions).expect("a copy");
    assert_eq!(report.deleted, [plain]);
    let view = replica.point(&plain.to_string()).expect("softly");
    assert!(view.deleted_at.is_some());
    let again = try_copy(&home.vault, &with_deletions).expect("a copy");
    assert_eq!(again.deleted, []);
    let mut unknown = options(&target);
    unknown.points = vec![SessionId::new(1, [1; 10])];
    let refused = try_copy(&home.vault, &unknown);
    assert!(matches!(refused, Err(Error::NoSuchPoint(_))), "{refused:?}");
}

/// The target fails at its n-th operation and from then on, before it or after it took effect, for every n in steps.
fn die_at_every(step: usize) {
    let home = Home::new(2);
    let mut cuts = 0;
    for after in [false, true] {
        for cut in (1..).step_by(step) {
            let target = memory();
            let left = AtomicU64::new(cut);
            let dying: Store = Faulty::new(Arc::clone(&target), move |_| {
                let down = |left: u64| Some(left.saturating_sub(1));
                match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, down) {
                    Ok(1) if after => Fate::LoseReply,
                    Ok(0 | 1) => Fate::Fail(std::io::ErrorKind::PermissionDenied),
                    _ => Fate::Pass,
                }
            });
            let outcome = try_copy(&home.vault, &options(&dying));
            cuts += 1;
            let report = copy(&home.vault, &target);
            let together = report.copied.len() as u64 + report.present_count;
            assert_eq!(together, 2, "cut {cut}");
            home.holds(&target, &home.ids());
            let undecided = undecided_sessions(&home, &target);
            assert_eq!(undecided, Vec::<String>::new(), "cut {cut}");
            if outcome.is_ok() {
                break;
            }
        }
    }
    eprintln!("{cuts} cut points");
    assert!(cuts > 100 / step, "{cuts}");
}

/// Sessions that a sweep would have to wait for: the next copy of a machine has fenced its dead ones.
fn undecided_sessions(home: &Home, target: &Store) -> Vec<String> {
    let vault = open_as(target, &home.agent);
    let decided = names(&vault, "points");
    let mut sessions = names(&vault, "sess");
    sessions.retain(|name| {
        let session = name.replacen("sess/", "points/", 1);
        !decided.iter().any(|point| session.starts_with(point))
    });
    sessions
}

#[test]
fn dying_at_any_operation_on_the_target_loses_nothing() {
    die_at_every(7);
}

#[test]
#[ignore = "soak: minutes"]
fn soak_dying_at_every_operation_on_the_target_loses_nothing() {
    die_at_every(1);
}

#[test]
fn what_a_dead_copy_has_uploaded_is_used() {
    let home = Home::new(1);
    let (whole, target) = (memory(), memory());
    let all = copy(&home.vault, &whole).copied_bytes;
    let dying: Store = Faulty::new(Arc::clone(&target), |one| {
        let is_commit = one.action == Action::Put && one.name.starts_with("points/");
        if is_commit {
            Fate::Fail(std::io::ErrorKind::PermissionDenied)
        } else {
            Fate::Pass
        }
    });
    assert!(try_copy(&home.vault, &options(&dying)).is_err());
    assert!(all > 0);
    let report = copy(&home.vault, &target);
    assert_eq!(report.copied_bytes, 0, "all blocks were there");
    home.holds(&target, &home.ids());
}

/// Name of the data pack that holds most of what only the last point needs.
fn newest_pack(home: &Home, before: &[String]) -> String {
    let mut new = names(&home.vault, "d");
    new.retain(|name| !before.contains(name));
    new.pop().expect("a pack")
}

fn flip(home: &Home, name: &str) {
    let path = name.to_owned().into();
    let got = home.vault.wait(home.store.get(&path)).expect("there");
    let mut bytes = home.vault.wait(got.bytes()).expect("read").to_vec();
    let middle = bytes.len() * 3 / 4;
    bytes[middle] ^= 1;
    let put = home.store.put(&path, bytes.into());
    home.vault.wait(put).expect("written");
}

#[test]
fn a_damaged_pack_keeps_its_point_away_and_no_other() {
    for role in [None, Some(Role::Maintenance)] {
        let mut home = Home::new(2);
        let before = names(&home.vault, "d");
        home.write(0, 99);
        let hurt = home.back_up();
        let pack = newest_pack(&home, &before);
        flip(&home, &pack);
        let credential = role.map(|role| home.credential(role));
        let copier = match &credential {
            Some(credential) => open_as(&home.store, credential),
            None => open(&home.store),
        };
        let target = memory();
        let report = copy(&copier, &target);
        assert_eq!(report.copied, home.ids()[..2], "{role:?}");
        let [damage] = report.damaged.as_slice() else {
            panic!("{:?}", report.damaged);
        };
        assert_eq!(
            (damage.object.as_str(), &damage.points[..]),
            (pack.as_str(), &[hurt][..])
        );
        home.holds(&target, &home.ids()[..2]);
        // Once it is whole again, it follows.
        flip(&home, &pack);
        assert_eq!(copy(&copier, &target).copied, [hurt]);
        home.holds(&target, &home.ids());
    }
}

#[test]
fn a_maintenance_host_copies_without_reading_a_name() {
    let home = Home::new(2);
    let credential = home.credential(Role::Maintenance);
    let host = open_as(&home.store, &credential);
    assert!(host.points().is_err(), "names are not its business");
    home.vault.hold(&home.ids()[0], None, "").expect("held");
    let target = memory();
    let report = copy(&host, &target);
    assert_eq!((report.copied.len(), report.holds_copied_count), (2, 1));
    home.holds(&target, &home.ids());
}

#[test]
fn an_agent_copies_and_deletes_nothing() {
    let home = Home::new(2);
    let credential = home.credential(Role::Agent);
    let agent = open_as(&home.store, &credential);
    home.vault.hold(&home.ids()[0], None, "").expect("held");
    let target = memory();
    let report = copy(&agent, &target);
    assert_eq!((report.copied.len(), report.holds_left_count), (2, 1));
    home.holds(&target, &home.ids());
    let at_target = open_as(&target, &credential);
    let denied = |outcome: strongroom::Result<()>| {
        matches!(outcome, Err(Error::Vault(VaultError::NotPermitted(_))))
    };
    assert!(denied(at_target.delete(&home.ids()[0], "")));
    home.vault.delete(&home.ids()[1], "").expect("deleted");
    let mut with_deletions = options(&target);
    with_deletions.with_deletions = true;
    assert!(denied(try_copy(&agent, &with_deletions).map(drop)));
}

#[test]
fn key_slots_follow_the_source_as_far_as_the_key_may() {
    let home = Home::new(1);
    let target = memory();
    let agent = home.credential(Role::Agent);
    let maintenance = home.credential(Role::Maintenance);
    copy(&home.vault, &target);
    let _opens = open_as(&target, &agent);
    let new = Passphrase::new("another horse, another staple").expect("long enough");
    let now = chrono::DateTime::UNIX_EPOCH;
    let vault = home.vault.vault();
    let label = "second";
    let add = vault.add_slot(&new, Role::Owner, KdfCost::MINIMUM, label, now);
    let second = home.vault.wait(add).expect("a slot");
    copy(&home.vault, &target);
    let by_second = || Strongroom::open_store(Arc::clone(&target), SlotSecret::Passphrase(&new));
    assert!(by_second().is_ok());

    // Both are revoked at home.
    let remove = |slot| home.vault.wait(vault.remove_slot(slot)).expect("removed");
    remove(second);
    remove(strongroom::vault::format::SlotId::from_bytes(
        *agent.slot_id(),
    ));
    let report = copy(&open_as(&home.store, &maintenance), &target);
    assert_eq!(
        (report.slots_removed_count, report.slots_stale_count),
        (1, 1)
    );
    let secret = SlotSecret::Credential(&agent);
    let opened = Strongroom::open_store(Arc::clone(&target), secret);
    assert!(matches!(opened, Err(Error::Vault(VaultError::WrongKey))));
    assert!(
        by_second().is_ok(),
        "a person's passphrase is for the owner to remove"
    );
    let report = copy(&home.vault, &target);
    assert_eq!(
        (report.slots_removed_count, report.slots_stale_count),
        (1, 0)
    );
    assert!(matches!(
        by_second(),
        Err(Error::Vault(VaultError::WrongKey))
    ));
    home.holds(&target, &home.ids());
}

#[test]
fn another_vault_is_refused_and_so_is_what_is_left_of_one() {
    let home = Home::new(1);
    let other = Home::new(0);
    let refused = try_copy(&home.vault, &options(&other.store));
    assert!(
        matches!(refused, Err(Error::Vault(VaultError::OtherVault { .. }))),
        "{refused:?}"
    );
    let config = "config".into();
    let delete = other.store.delete(&config);
    other.vault.wait(delete).expect("deleted");
    let refused = try_copy(&home.vault, &options(&other.store));
    assert!(
        matches!(refused, Err(Error::Vault(VaultError::Missing { .. }))),
        "{refused:?}"
    );
}

#[test]
fn a_full_or_unreachable_target_is_told() {
    let home = Home::new(1);
    for kind in [
        std::io::ErrorKind::StorageFull,
        std::io::ErrorKind::NotConnected,
    ] {
        let target: Store = Faulty::new(memory(), move |one| {
            if one.action == Action::Put && one.name.starts_with("d/") {
                Fate::Fail(kind)
            } else {
                Fate::Pass
            }
        });
        let Err(Error::Vault(error)) = try_copy(&home.vault, &options(&target)) else {
            panic!("it has no room");
        };
        assert_eq!(error.io_kind(), Some(kind));
    }
}

#[test]
fn a_cancelled_copy_keeps_whole_points_and_leaves_no_session_open() {
    let home = Home::new(2);
    let target = memory();
    let options = options(&target);
    options.cancel.cancel();
    assert!(matches!(
        try_copy(&home.vault, &options),
        Err(Error::Cancelled)
    ));
    home.holds(&target, &[]);
    let cancel = strongroom::Cancel::new();
    let stop = cancel.clone();
    let stopping: Store = Faulty::new(Arc::clone(&target), move |one| {
        if one.action == Action::Put && one.name.starts_with("d/") {
            stop.cancel();
        }
        Fate::Pass
    });
    let mut options = self::options(&stopping);
    options.cancel = cancel;
    assert!(matches!(
        try_copy(&home.vault, &options),
        Err(Error::Cancelled)
    ));
    let swept = open(&target).sweep(&SweepOptions::default());
    assert_eq!(swept.expect("a sweep").waiting_for, []);
    copy(&home.vault, &target);
    home.holds(&target, &home.ids());
}

/// The source is swept in the middle of a copy: a point goes, and blocks of the others move to new packs.
#[test]
fn a_sweep_of_the_source_in_the_middle_loses_nothing() {
    for after in 0..6 {
        let home = Home::new(3);
        let first = home.ids()[0];
        let (left, swept) = (AtomicU64::new(after), AtomicBool::new(false));
        let inner = Arc::clone(&home.store);
        let sweeping: Store = Faulty::new(Arc::clone(&home.store), move |one| {
            let is_pack = matches!(ObjectName::parse(&one.name), Some(ObjectName::Pack { .. }));
            if one.action != Action::Get || !is_pack {
                return Fate::Pass;
            }
            let down = |left: u64| left.checked_sub(1);
            let is_due = left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, down)
                .is_err();
            if is_due && !swept.swap(true, Ordering::Relaxed) {
                let inner = Arc::clone(&inner);
                let sweeper = std::thread::spawn(move || {
                    let vault = open(&inner);
                    vault.delete_now(&first, "").expect("purged");
                    sweep(&vault);
                    sweep(&vault);
                });
                sweeper.join().expect("it sweeps");
            }
            Fate::Pass
        });
        let target = memory();
        let report = copy(&open(&sweeping), &target);
        assert!(report.damaged.is_empty(), "{after}: {report:?}");
        copy(&home.vault, &target);
        let there = ids_of(&open(&target));
        assert!(
            home.ids()[1..].iter().all(|id| there.contains(id)),
            "{after}"
        );
        home.holds(&target, &there);
        home.holds(&home.store, &home.ids()[1..]);
    }
}

#[test]
fn chunks_that_were_stored_anew_come_with_their_remaps() {
    use strongroom::vault::format::{ChunkAddress, ObjectKind, Remap, RemapId, seal_signed};
    let home = Home::new(1);
    let vault = home.vault.vault();
    let pack = names(&home.vault, "d").first().cloned().expect("a pack");
    let Some(ObjectName::Pack {
        pack: old, domain, ..
    }) = ObjectName::parse(&pack)
    else {
        panic!("a pack's name");
    };
    // All its blocks are born anew elsewhere: sealed again, under new names, and the old ones go.
    let reader = strongroom::vault::BlockReader::new(vault.clone(), 1 << 20, 1 << 20);
    let toc = home
        .vault
        .wait(reader.toc(old, ObjectKind::DataPack))
        .expect("read");
    let new = PackId::from_bytes([0xcd; 16]);
    let mut builder = strongroom::vault::format::PackBuilder::new(ObjectKind::DataPack, new);
    let mut chunks = Vec::new();
    let key = vault.domain().expect("an owner's").data(0);
    for (position, row) in (0..).zip(toc.blocks()) {
        let rows = toc.chunks_of(position);
        let at = |pack, chunk| ChunkAddress {
            pack,
            block: position,
            chunk,
        };
        // Room for the nonce comes first.
        let mut raw = vec![0; 24];
        for (chunk, _) in (0..).zip(rows) {
            let read = reader.chunk(at(old, chunk), ObjectKind::DataPack);
            raw.extend_from_slice(&home.vault.wait(read).expect("read"));
            chunks.push((at(old, chunk), at(new, chunk)));
        }
        let birth = strongroom::vault::format::BlockName {
            pack: new,
            ordinal: position,
        };
        let context = strongroom::crypto::BlockContext {
            vault_id: *vault.id().as_bytes(),
            domain_id: *domain.as_bytes(),
            birth_pack: *new.as_bytes(),
            birth_ordinal: position,
            block_type: row.block_type,
            codec: 0,
            raw_len: row.raw_len,
        };
        let entropy = &**vault.entropy();
        strongroom::crypto::seal_block(&key, &context, &mut raw, entropy).expect("sealed");
        let draft = strongroom::vault::format::BlockRowDraft {
            birth,
            block_type: row.block_type,
            codec: 0,
            key_epoch: 0,
            raw_len: row.raw_len,
            chunks: rows.iter().map(|row| (row.id, row.raw_len)).collect(),
        };
        builder.put_block(position, draft, raw);
    }
    let keys = vault.domain().expect("an owner's");
    let sealed = builder
        .finish(vault.id(), &domain, keys.toc())
        .expect("a pack");
    let name = ObjectName::pack(ObjectKind::DataPack, domain, new).to_string();
    let put = vault.store().create_once(&name, &sealed.parts);
    home.vault.wait(put).expect("written");
    let name = ObjectName::Remap {
        domain,
        remap: RemapId::from_bytes([7; 16]),
    };
    let object = seal_signed(
        ObjectKind::Remap,
        &name,
        &Remap::of_chunks(chunks).encode(),
        keys.toc(),
        vault.id(),
        &vault.signer().expect("an owner's"),
        &**vault.entropy(),
    );
    let parts = [object.expect("sealed").into()];
    let text = name.to_string();
    let put = vault.store().create_once(&text, &parts);
    home.vault.wait(put).expect("written");
    home.vault
        .wait(vault.store().delete(&pack))
        .expect("deleted");
    home.holds(&home.store, &home.ids());

    let target = memory();
    let report = copy(&open(&home.store), &target);
    assert_eq!(report.copied, home.ids(), "{report:?}");
    assert_eq!(names(&open(&target), "remap"), [name.to_string()]);
    home.holds(&target, &home.ids());
    assert_eq!(copy(&open(&home.store), &target).blocks_copied_count, 0);
}
