//! The place that decides is lost, stays or comes back, and another one decides.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use strongroom::crypto::{OsEntropy, SlotSecret};
use strongroom::vault::format::{PlaceMode, SessionId};
use strongroom::vault::wrap::{Fate, Faulty};
use strongroom::vault::{
    Error as VaultError, FailoverReport, Store, SweepOptions, Vault, failover, open_url,
};
use strongroom::{Error, Monitor, NoMonitor, Strongroom};

use crate::mirror::Mirror;
use crate::support::passphrase;

impl Mirror {
    pub(crate) fn url(&self, place: usize) -> String {
        self.places[place].to_str().expect("text").to_owned()
    }

    pub(crate) fn hand_on(&self, through: usize, to: usize, drop: &[usize]) -> FailoverReport {
        let drop: Vec<String> = drop.iter().map(|place| self.url(*place)).collect();
        let report = self.open(through).failover(&self.url(to), &drop, false);
        report.expect("handed on")
    }

    pub(crate) fn names(&self, place: usize, below: &str) -> Vec<PathBuf> {
        let names = self.objects(place).into_keys();
        names.filter(|name| name.starts_with(below)).collect()
    }
}

pub(crate) fn backup(mirror: &Mirror, vault: &Strongroom) -> SessionId {
    let report = vault.backup(&mirror.options(), &NoMonitor);
    report.expect("a backup").recovery_point.expect("a point")
}

pub(crate) fn swept(vault: &Strongroom) -> u64 {
    let report = vault.sweep(&SweepOptions::default()).expect("a sweep");
    assert_eq!(
        report.waiting_for,
        [],
        "no session of an older generation is open"
    );
    report.packs_deleted_count
}

pub(crate) fn is_superseded(error: &Error) -> bool {
    matches!(error, Error::Vault(VaultError::Superseded { .. }))
}

#[test]
fn the_first_place_is_lost() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous, PlaceMode::Asynchronous]);
    let first = backup(&mirror, &vault);
    vault.catch_up(false).expect("caught up");
    mirror.take_away(0);
    let owner = mirror.open(1);
    let away = owner.failover(&mirror.url(1), &[], false);
    assert!(
        matches!(away, Err(Error::Vault(VaultError::PlaceAway { .. }))),
        "a place that is away leaves only when that is said: {away:?}"
    );
    let before = mirror.objects(1);
    let told = owner.failover(&mirror.url(1), &[mirror.url(0)], true);
    let told = told.expect("told");
    assert_eq!(
        (told.generation, told.points_count, told.is_complete),
        (1, 1, false)
    );
    assert!(mirror.objects(1) == before, "a dry run writes nothing");
    let report = mirror.hand_on(1, 1, &[0]);
    assert_eq!(report.places, [mirror.url(1), mirror.url(2)]);
    for through in [1, 2] {
        let vault = mirror.open(through);
        assert_eq!(vault.vault().store().generation(), 1);
        mirror.restores(&vault);
    }
    mirror.fill(1, 5);
    let vault = mirror.open(2);
    backup(&mirror, &vault);
    vault.delete_now(&first, "test").expect("purged");
    swept(&vault);
    mirror.restores(&vault);
    vault.catch_up(false).expect("caught up");
    // And once more, to the last place.
    mirror.take_away(1);
    assert_eq!(mirror.hand_on(2, 2, &[1]).generation, 2);
    let vault = mirror.open(2);
    mirror.restores(&vault);
    backup(&mirror, &vault);
    assert_eq!(swept(&mirror.open(2)), 0);
}

#[test]
fn the_first_place_stays_and_everything_with_it() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Asynchronous]);
    backup(&mirror, &vault);
    mirror.fill(1, 5);
    // The other place lacks this point and its packs.
    mirror.take_away(1);
    let second = backup(&mirror, &mirror.open(0));
    mirror.bring_back(1);
    let report = mirror.hand_on(0, 1, &[]);
    assert!(report.is_complete && report.brought_count > 0, "{report:?}");
    let vault = mirror.open(1);
    assert_eq!(vault.point("latest").expect("a point").id, second);
    mirror.restores(&vault);
    vault.catch_up(false).expect("caught up");
    mirror.take_away(0);
    mirror.restores(&mirror.open(1));
    mirror.bring_back(0);
    // The old place decides again.
    assert_eq!(mirror.hand_on(1, 0, &[]).generation, 2);
    mirror.fill(2, 5);
    let vault = mirror.open(1);
    assert_eq!(vault.vault().store().places()[0].url, mirror.url(0));
    backup(&mirror, &vault);
    assert_eq!(swept(&vault), 0);
    mirror.restores(&mirror.open(0));
}

/// Hands the vault on once so many bytes were read.
struct HandOn<'a> {
    mirror: &'a Mirror,
    seen_bytes: AtomicU64,
    is_done: AtomicBool,
}

impl Monitor for HandOn<'_> {
    fn done(&self, _files_count: u64, bytes: u64) {
        let seen = self.seen_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if seen > 1_000_000 && !self.is_done.swap(true, Ordering::Relaxed) {
            std::thread::scope(|scope| {
                let handed = scope.spawn(|| self.mirror.hand_on(0, 1, &[]));
                assert_eq!(handed.join().expect("handed on").ended_count, 1);
            });
        }
    }
}

#[test]
fn a_run_that_was_open_makes_no_point() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    let hand_on = HandOn {
        mirror: &mirror,
        seen_bytes: AtomicU64::new(0),
        is_done: AtomicBool::new(false),
    };
    let failed = vault.backup(&mirror.options(), &hand_on);
    let error = failed.expect_err("its session has ended");
    assert!(
        is_superseded(&error) || matches!(error, Error::Fenced(_)),
        "{error:?}"
    );
    assert!(is_superseded(
        &vault
            .backup(&mirror.options(), &NoMonitor)
            .expect_err("an old handle")
    ));
    let vault = mirror.open(0);
    assert_eq!(vault.points().expect("listed").len(), 0);
    backup(&mirror, &vault);
    mirror.restores(&vault);
}

/// Somebody still works on the old decider, which the owner takes for lost: nothing of that reaches the new generation.
#[test]
fn who_has_not_heard_of_it_harms_nothing() {
    let (mirror, old) = Mirror::new(&[PlaceMode::Synchronous]);
    let first = backup(&mirror, &old);
    mirror.take_away(0);
    mirror.hand_on(1, 1, &[0]);
    mirror.bring_back(0);
    mirror.take_away(1);
    mirror.fill(1, 5);
    let cut_off = backup(&mirror, &old);
    old.delete_now(&first, "test").expect("purged");
    fs::remove_dir_all(mirror.home()).expect("removed");
    mirror.fill(2, 3);
    backup(&mirror, &old);
    old.delete_now(&cut_off, "test").expect("purged");
    let packs_count = mirror.names(0, "d").len();
    assert!(swept(&old) > 0);
    assert!(mirror.names(0, "d").len() < packs_count);
    mirror.bring_back(1);

    let (decided, packs) = (
        ["points", "chain"].map(|below| mirror.names(1, below)),
        mirror.names(1, "d"),
    );
    let told = old.catch_up(false).expect("looked");
    assert!(told[1].away.is_some(), "{told:?}");
    // Its cycle is planned and not done: going on with it deletes nothing where a newer generation has begun.
    for name in mirror.names(0, "gc") {
        if name.extension().is_some_and(|step| step == "done") {
            fs::remove_file(mirror.places[0].join(name)).expect("removed");
        }
    }
    let resumed = old.sweep(&SweepOptions::default());
    assert!(is_superseded(&resumed.expect_err("it has been told")));
    let refused = old.backup(&mirror.options(), &NoMonitor);
    assert!(is_superseded(&refused.expect_err("it has been told")));
    assert_eq!(
        decided,
        ["points", "chain"].map(|below| mirror.names(1, below))
    );
    let still = mirror.names(1, "d");
    assert!(
        packs.iter().all(|pack| still.contains(pack)),
        "no pack goes"
    );

    // Through whichever place: what counts is the new generation.
    for through in [0, 1] {
        let vault = mirror.open(through);
        assert_eq!(vault.vault().store().generation(), 1);
        let found = vault.points().expect("listed");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id, first);
    }
    let vault = mirror.open(1);
    backup(&mirror, &vault);
    swept(&vault);
    mirror.restores(&vault);
    let out = mirror.dir.path().join("out");
    crate::support::restore_point(&vault, &first, &out);
}

#[test]
fn a_generation_that_was_seen_is_not_taken_back() {
    let (mirror, old) = Mirror::new(&[PlaceMode::Synchronous]);
    backup(&mirror, &old);
    mirror.take_away(0);
    mirror.hand_on(1, 1, &[0]);
    mirror.bring_back(0);
    mirror.take_away(1);
    let vault = mirror.open(0);
    assert_eq!(vault.vault().store().generation(), 0, "nothing tells of it");
    vault.vault().store().require_generation(1);
    let refused = vault.backup(&mirror.options(), &NoMonitor);
    assert!(is_superseded(&refused.expect_err("it decides elsewhere")));
    mirror.restores(&vault);
}

/// Without the owner's signature there is no generation, and no end of one.
#[test]
fn a_forged_generation_is_none() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    backup(&mirror, &vault);
    let (other, others) = Mirror::new(&[PlaceMode::Synchronous]);
    backup(&other, &others);
    other.hand_on(0, 1, &[]);
    for place in [0, 1] {
        let forged = mirror.places[place].join("gen");
        fs::create_dir(&forged).expect("made");
        for entry in fs::read_dir(other.places[place].join("gen")).expect("there") {
            let entry = entry.expect("there");
            fs::copy(entry.path(), forged.join(entry.file_name())).expect("copied");
        }
    }
    mirror.fill(1, 2);
    backup(&mirror, &vault);
    let vault = mirror.open(1);
    assert_eq!(vault.vault().store().generation(), 0);
    mirror.restores(&vault);
    // What is in the way of a number costs the number.
    assert_eq!(mirror.hand_on(0, 1, &[]).generation, 2);
    mirror.restores(&mirror.open(0));
}

pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_tree(&from, &to);
        } else {
            fs::copy(from, to).expect("copied");
        }
    }
}

/// A failover that dies at any of its operations is finished by the next; until then the old generation goes on, or
/// nobody decides.
#[test]
fn a_failover_that_is_cut_is_finished() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    backup(&mirror, &vault);
    drop(vault);
    let saved: Vec<PathBuf> = ["a", "b"].map(|name| mirror.dir.path().join(name)).into();
    for (place, saved) in mirror.places.iter().zip(&saved) {
        copy_tree(place, saved);
    }
    let mut cut_at = 0;
    loop {
        let operations = Arc::new(AtomicU64::new(0));
        let places = (0..2).map(|at| {
            let operations = Arc::clone(&operations);
            let inner = open_url(&mirror.url(at), false).expect("opened");
            let faulty = Faulty::new(inner, move |_| {
                match operations.fetch_add(1, Ordering::Relaxed) < cut_at {
                    true => Fate::Pass,
                    false => Fate::Fail(std::io::ErrorKind::PermissionDenied),
                }
            });
            let mode = [PlaceMode::Decider, PlaceMode::Synchronous][at];
            (mirror.url(at), mode, faulty as Arc<_>)
        });
        let store = Store::mirror(places.collect());
        store.set_patience(std::time::Duration::ZERO);
        let work = async {
            let secret = SlotSecret::Passphrase(passphrase());
            let vault = Vault::open(store, secret, Arc::new(OsEntropy)).await?;
            let now = "2026-11-28T12:00:00Z".parse().expect("a time");
            failover(&vault, &mirror.url(1), &[], false, now).await
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let outcome = runtime.expect("a runtime").block_on(work);
        let is_cut = operations.load(Ordering::Relaxed) > cut_at;
        assert!(is_cut || outcome.is_ok(), "{outcome:?}");
        let survivor = mirror.open(0);
        mirror.restores(&survivor);
        if survivor.vault().store().generation() == 0 {
            mirror.hand_on(0, 1, &[]);
        }
        let vault = mirror.open(0);
        assert_eq!(vault.vault().store().generation(), 1, "cut at {cut_at}");
        backup(&mirror, &vault);
        assert_eq!(swept(&vault), 0);
        let lag = vault.catch_up(false).expect("caught up");
        assert!(lag.iter().all(|place| place.away.is_none()), "{lag:?}");
        mirror.restores(&mirror.open(1));
        if !is_cut {
            break;
        }
        for (place, saved) in mirror.places.iter().zip(&saved) {
            fs::remove_dir_all(place).expect("removed");
            copy_tree(saved, place);
        }
        cut_at += 1;
    }
    eprintln!("cut {cut_at} times");
    assert!(cut_at > 20);
}
