//! A second copy: whole by itself, only what is missing is brought over, and nothing is lost whoever dies.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use strongroom::crypto::{Credential, Role, SlotSecret};
use strongroom::vault::copy::CopyReport;
use strongroom::vault::format::SessionId;
use strongroom::vault::wrap::{Action, Fate, Faulty, recording};
use strongroom::vault::{InitOptions, SweepOptions, points};
use strongroom::{
    BackupOptions, CopyOptions, CopyTarget, Error, NoMonitor, Strongroom, VerifyOptions,
};

use crate::support::{passphrase, random_bytes, restore_point, snapshot};

pub(crate) type Store = Arc<dyn ObjectStore>;
type Tree = BTreeMap<PathBuf, String>;

pub(crate) fn memory() -> Store {
    Arc::new(InMemory::new())
}

pub(crate) fn open(store: &Store) -> Strongroom {
    let secret = SlotSecret::Passphrase(passphrase());
    Strongroom::open_store(Arc::clone(store), secret).expect("opened")
}

pub(crate) fn open_as(store: &Store, credential: &Credential) -> Strongroom {
    let secret = SlotSecret::Credential(credential);
    Strongroom::open_store(Arc::clone(store), secret).expect("opened")
}

/// A store that is not waited for when it does not answer.
fn impatient(store: &Store) -> strongroom::vault::Store {
    let store = strongroom::vault::Store::new(Arc::clone(store));
    store.set_patience(std::time::Duration::ZERO);
    store
}

pub(crate) fn options(target: &Store) -> CopyOptions {
    let mut options = CopyOptions::new(CopyTarget::Store(impatient(target)));
    options.machine = [9; 16];
    options
}

pub(crate) fn try_copy(
    vault: &Strongroom,
    options: &CopyOptions,
) -> strongroom::Result<CopyReport> {
    let plan = vault.plan_copy(options, &NoMonitor)?;
    vault.copy(&plan, options, &NoMonitor)
}

pub(crate) fn copy(vault: &Strongroom, target: &Store) -> CopyReport {
    try_copy(vault, &options(target)).expect("a copy")
}

/// A source that changes from point to point, and what each point held.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) vault: Strongroom,
    /// Opens every copy, too, without the cost of a passphrase.
    pub(crate) agent: Credential,
    points: Vec<(SessionId, Tree)>,
}

impl Home {
    pub(crate) fn new(states: u64) -> Self {
        let store = memory();
        Self::made_in(
            &strongroom::vault::Store::new(Arc::clone(&store)),
            store,
            states,
        )
    }

    /// Of a vault in these places, whose decider is `store`.
    pub(crate) fn made_in(places: &strongroom::vault::Store, store: Store, states: u64) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut init = InitOptions::for_tests();
        init.data_pack_bytes = 1 << 20;
        init.block_bytes = 64 << 10;
        let vault = Strongroom::init_store(places.clone(), passphrase(), &init);
        drop(vault.expect("a new vault"));
        fs::create_dir_all(dir.path().join("home/sub")).expect("made");
        // Opened by its passphrase, it knows by which slot it came in.
        let secret = SlotSecret::Passphrase(passphrase());
        let vault = Strongroom::open_store(places.clone(), secret).expect("opened");
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

    pub(crate) fn write(&self, number: u64, seed: u64) {
        let bytes = random_bytes(
            seed,
            90_000 + 11_000 * usize::try_from(number).expect("small"),
        );
        fs::write(self.root().join(format!("sub/{number}")), bytes).expect("written");
    }

    pub(crate) fn back_up(&mut self) -> SessionId {
        self.back_up_into(&self.vault.clone())
    }

    fn back_up_into(&mut self, vault: &Strongroom) -> SessionId {
        let options = BackupOptions::new("test", vec![self.root()]);
        let report = vault.backup(&options, &NoMonitor).expect("a backup");
        let point = report.recovery_point.expect("a point");
        self.points.push((point, snapshot(&self.root())));
        point
    }

    pub(crate) fn ids(&self) -> Vec<SessionId> {
        self.points.iter().map(|(id, _)| *id).collect()
    }

    /// With nothing but the store and a key, these points come back bit for bit, and nothing is damaged.
    pub(crate) fn holds(&self, store: &Store, points: &[SessionId]) {
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
        all.level = strongroom::VerifyLevel::Data;
        let verified = vault.verify(&all, &NoMonitor).expect("verified");
        assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    }

    pub(crate) fn credential(&self, role: Role) -> Credential {
        let now = chrono::DateTime::UNIX_EPOCH;
        let add = self.vault.vault().add_credential(role, "test", now);
        self.vault.wait(add).expect("a slot")
    }
}

pub(crate) fn ids_of(vault: &Strongroom) -> Vec<SessionId> {
    let points = vault.points().expect("listed");
    points.iter().map(|point| point.id).collect()
}

pub(crate) fn names(vault: &Strongroom, prefix: &str) -> Vec<String> {
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
pub(crate) fn die_at_every(home: &Home, step: usize) {
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
            let undecided = undecided_sessions(home, &target);
            assert_eq!(undecided, Vec::<String>::new(), "cut {cut}");
            if outcome.is_ok() {
                break;
            }
        }
    }
    eprintln!("{cuts} cut points");
    assert!(cuts > 80 / step, "{cuts}");
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
    die_at_every(&Home::new(2), 7);
}

#[test]
#[ignore = "soak: minutes"]
fn soak_dying_at_every_operation_on_the_target_loses_nothing() {
    die_at_every(&Home::new(2), 1);
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
