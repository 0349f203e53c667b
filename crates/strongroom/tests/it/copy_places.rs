//! The second copy of a vault in several places: in one place, fed from wherever the vault can be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom::crypto::{Role, SlotSecret};
use strongroom::vault::copy::CopyReport;
use strongroom::vault::format::{PlaceMode, SessionId};
use strongroom::vault::{Error as VaultError, Store as Places, SweepOptions};
use strongroom::{
    CopyOptions, CopyTarget, Error, NoMonitor, Strongroom, VerifyLevel, VerifyOptions,
};

use crate::copy::{Home, die_at_every, ids_of, memory, names};
use crate::mirror::Mirror;
use crate::support::{passphrase, random_bytes};

impl Mirror {
    fn second(&self) -> PathBuf {
        self.dir.path().join("second")
    }

    fn copy_options(&self) -> CopyOptions {
        let url = self.second();
        let mut options = CopyOptions::new(CopyTarget::Url(url.to_str().expect("text").into()));
        options.machine = [9; 16];
        options
    }

    fn try_copy(&self, from: &Strongroom, options: &CopyOptions) -> strongroom::Result<CopyReport> {
        let plan = from.plan_copy(options, &NoMonitor)?;
        from.copy(&plan, options, &NoMonitor)
    }

    fn copy(&self, from: &Strongroom) -> CopyReport {
        self.try_copy(from, &self.copy_options()).expect("a copy")
    }

    fn replica(&self) -> Strongroom {
        let url = self.second();
        let secret = SlotSecret::Passphrase(passphrase());
        Strongroom::open(url.to_str().expect("text"), secret).expect("opened")
    }

    fn back_up(&self, vault: &Strongroom) -> SessionId {
        let report = vault.backup(&self.options(), &NoMonitor);
        report.expect("a backup").recovery_point.expect("a point")
    }

    /// With all places of the vault away, the copy is whole.
    fn stands_alone(&self, points: &[SessionId]) {
        let replica = self.replica();
        let mut found = ids_of(&replica);
        found.sort_unstable();
        let mut expected = points.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected);
        self.restores(&replica);
        let mut options = VerifyOptions::default();
        options.level = VerifyLevel::Data;
        let verified = replica.verify(&options, &NoMonitor).expect("verified");
        assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    }
}

fn objects_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).expect("readable") {
        let path = entry.expect("readable").path();
        match path.is_dir() {
            true => found.extend(objects_below(&path)),
            false => found.push(path),
        }
    }
    found.sort_unstable();
    found
}

#[test]
fn the_copy_is_a_vault_in_one_place() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous, PlaceMode::Asynchronous]);
    let first = mirror.back_up(&vault);
    let told = vault.plan_copy(&mirror.copy_options(), &NoMonitor);
    assert_eq!(told.expect("a plan").missing.len(), 1);
    assert!(!mirror.second().exists(), "a plan writes nothing");
    assert_eq!(mirror.copy(&mirror.open(0)).copied, [first]);
    let replica = mirror.replica();
    let (config, own) = (replica.vault().config(), vault.vault().config());
    assert!(config.places.is_empty() && config.redundancy == "local");
    assert_eq!(*config, own.in_one_place());
    assert!(replica.vault().store().places().is_empty());
    mirror.stands_alone(&[first]);
    // Nothing new: nothing is written.
    let before = objects_below(&mirror.second());
    assert_eq!(mirror.copy(&mirror.open(0)).copied, []);
    assert_eq!(objects_below(&mirror.second()), before);
    // It goes on by itself, and brings the vault what that lacks.
    mirror.fill(4, 3);
    let newer = mirror.back_up(&replica);
    let mut back = mirror.copy_options();
    back.target = CopyTarget::Url(mirror.places[1].to_str().expect("text").into());
    assert_eq!(
        mirror
            .try_copy(&mirror.replica(), &back)
            .expect("a copy")
            .copied,
        [newer]
    );
    let vault = mirror.open(0);
    assert_eq!(vault.vault().config().places.len(), 3, "it is where it was");
    vault.catch_up(false).expect("caught up");
    for place in 0..3 {
        mirror.restores(&mirror.open(place));
    }
    assert_eq!(ids_of(&vault).len(), 2);
}

/// Whichever places are away, and whichever copy is damaged.
#[test]
fn it_is_fed_from_any_place() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    let first = mirror.back_up(&vault);
    mirror.take_away(0);
    assert_eq!(mirror.copy(&mirror.open(1)).copied, [first]);
    mirror.stands_alone(&[first]);
    mirror.bring_back(0);
    mirror.take_away(1);
    mirror.fill(1, 6);
    let second = mirror.back_up(&mirror.open(0));
    mirror.bring_back(1);
    mirror.take_away(0);
    assert_eq!(
        mirror.copy(&mirror.open(1)).copied,
        [],
        "it has not heard of it"
    );
    mirror.bring_back(0);
    assert_eq!(mirror.copy(&mirror.open(1)).copied, [second]);
    mirror.stands_alone(&[first, second]);
    mirror.open(0).catch_up(false).expect("caught up");

    // Of every pack, one copy is damaged; with few wanted blocks, single blocks are read.
    fs::remove_dir_all(mirror.second()).expect("removed");
    let packs = mirror.objects(0).into_iter();
    let packs = packs.filter(|(name, _)| name.starts_with("d") || name.starts_with("m"));
    for (at, (name, mut bytes)) in packs.enumerate() {
        let middle = bytes.len() / 3;
        bytes[middle] ^= 1;
        fs::write(mirror.places[at % 2].join(name), bytes).expect("written");
    }
    let report = mirror.copy(&mirror.open(0));
    assert_eq!((report.copied.len(), report.damaged), (2, Vec::new()));
    mirror.stands_alone(&[first, second]);
}

/// While nobody can ask the decider, what is not listed may only not be known: nothing is removed for that.
#[test]
fn without_the_decider_nothing_is_removed() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    let point = mirror.back_up(&vault);
    mirror.take_away(1);
    let vault = mirror.open(0);
    let add = vault
        .vault()
        .add_credential(Role::Agent, "new", chrono::DateTime::UNIX_EPOCH);
    let agent = vault.wait(add).expect("a slot");
    vault.delete(&point, "").expect("deleted");
    assert_eq!(mirror.copy(&vault).copied, []);
    vault.undelete(&point, "").expect("undeleted");
    assert_eq!(mirror.copy(&vault).copied, [point]);
    mirror.bring_back(1);
    mirror.take_away(0);
    let owner = mirror.open(1);
    let report = mirror.copy(&owner);
    assert_eq!(
        (report.slots_removed_count, report.slots_stale_count),
        (0, 1)
    );
    let opened = Strongroom::open(
        mirror.second().to_str().expect("text"),
        SlotSecret::Credential(&agent),
    );
    assert!(opened.is_ok(), "{:?}", opened.err());
    let mut with_deletions = mirror.copy_options();
    with_deletions.with_deletions = true;
    let refused = mirror.try_copy(&owner, &with_deletions);
    assert!(
        matches!(refused, Err(Error::Vault(VaultError::PlaceAway { .. }))),
        "{refused:?}"
    );
}

#[test]
fn it_is_fed_after_a_sweep_and_after_a_failover() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    let gone = mirror.back_up(&vault);
    for number in (0..20).filter(|number| number % 3 > 0) {
        let bytes = random_bytes(7000 + number, 150_000);
        fs::write(mirror.home().join(format!("0-{number}")), bytes).expect("written");
    }
    let kept = mirror.back_up(&vault);
    vault.delete_now(&gone, "").expect("purged");
    let mut thorough = SweepOptions::default();
    thorough.rewrite_below_percent = 90;
    let report = vault.sweep(&thorough).expect("a sweep");
    assert!(report.packs_rewritten_count > 0, "{report:?}");
    assert_eq!(mirror.copy(&mirror.open(1)).copied, [kept]);
    mirror.stands_alone(&[kept]);
    // Moved and rewritten again, with the copy in between.
    mirror.fill(8, 2);
    let newer = mirror.back_up(&vault);
    vault.sweep(&thorough).expect("a sweep");
    assert_eq!(mirror.copy(&mirror.open(0)).copied, [newer]);
    mirror.stands_alone(&[kept, newer]);

    mirror.take_away(0);
    let url = |place: usize| mirror.places[place].to_str().expect("text").to_owned();
    let handed = mirror.open(1).failover(&url(1), &[url(0)], false);
    handed.expect("handed on");
    mirror.fill(9, 2);
    let vault = mirror.open(1);
    let last = mirror.back_up(&vault);
    assert_eq!(mirror.copy(&vault).copied, [last]);
    mirror.stands_alone(&[kept, newer, last]);
    // Also a place that the vault has left is no place for its copy.
    let mut options = mirror.copy_options();
    for place in [0, 1] {
        options.target = CopyTarget::Url(url(place).as_str().into());
        let refused = vault.plan_copy(&options, &NoMonitor);
        assert!(
            matches!(refused, Err(Error::Vault(VaultError::Location { .. }))),
            "{refused:?}"
        );
    }
}

/// A first backup on disks is a copy, too: what travels names no places.
#[test]
fn a_seed_is_brought_into_a_vault_in_several_places() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    let disk = mirror.dir.path().join("disk");
    fs::create_dir(&disk).expect("made");
    let export = vault.export_seed(std::slice::from_ref(&disk), &mirror.options(), &NoMonitor);
    let point = export.expect("a seed").backup.recovery_point;
    let vault = mirror.open(1);
    let target = CopyTarget::Store(vault.vault().store().clone());
    let report = vault.import_seed(&[disk], &CopyOptions::new(target), &NoMonitor);
    assert_eq!(
        report.expect("brought in").copied,
        [point.expect("a point")]
    );
    for place in 0..2 {
        mirror.restores(&mirror.open(place));
    }
}

/// A store that is one of a vault's places is not written to alone.
#[test]
fn one_place_of_several_is_no_target() {
    let (decider, other) = (memory(), memory());
    let home = home_in([Arc::clone(&decider), other], 1);
    let alone = Home::new(0);
    let options = crate::copy::options(&decider);
    let refused = home.vault.plan_copy(&options, &NoMonitor);
    assert!(
        matches!(refused, Err(Error::Vault(VaultError::Location { .. }))),
        "{refused:?}"
    );
    let refused = alone.vault.plan_copy(&options, &NoMonitor);
    assert!(
        matches!(refused, Err(Error::Vault(VaultError::OtherVault { .. }))),
        "{refused:?}"
    );
    assert_eq!(names(&home.vault, "points").len(), 1);
}

fn home_in(places: [crate::copy::Store; 2], states: u64) -> Home {
    let [decider, other] = places;
    let store = Places::mirror(vec![
        ("first".to_owned(), PlaceMode::Decider, Arc::clone(&decider)),
        ("second".to_owned(), PlaceMode::Synchronous, other),
    ]);
    Home::made_in(&store, decider, states)
}

#[test]
fn dying_at_any_operation_on_the_target_loses_nothing() {
    die_at_every(&home_in([memory(), memory()], 2), 11);
}

#[test]
#[ignore = "soak: minutes"]
fn soak_dying_at_every_operation_on_the_target_loses_nothing() {
    die_at_every(&home_in([memory(), memory()], 2), 1);
}
