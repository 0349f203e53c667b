//! A place joins a vault in several, and counts once it has everything.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use strongroom::crypto::{Role, SlotSecret};
use strongroom::vault::format::PlaceMode;
use strongroom::vault::{AddedPlace, Error as VaultError};
use strongroom::{Error, NoMonitor, Strongroom};

use crate::failover::{backup, copy_tree, is_superseded, swept};
use crate::mirror::Mirror;

impl Mirror {
    /// Objects of a place with their content, but for the room that is kept on its disk.
    fn shared(&self, place: usize) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut objects = self.objects(place);
        objects.remove(&PathBuf::from("ballast"));
        objects
    }

    /// A directory for one more place.
    fn one_more(&mut self, name: &str) -> usize {
        self.places.push(self.dir.path().join(name));
        self.places.len() - 1
    }

    fn try_add(&self, through: usize, place: usize) -> strongroom::Result<AddedPlace> {
        let url = self.url(place);
        self.open(through)
            .add_place(url.as_str(), PlaceMode::Synchronous, false)
    }

    fn add(&self, through: usize, place: usize) -> AddedPlace {
        self.try_add(through, place).expect("added")
    }
}

fn urls_of(vault: &Strongroom) -> Vec<String> {
    let places = vault.vault().store().places().into_iter();
    places.map(|place| place.url).collect()
}

/// The first place is lost, another decides, and a new one takes its part.
#[test]
fn a_place_that_was_lost_is_replaced() {
    let (mut mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    backup(&mirror, &vault);
    mirror.take_away(0);
    mirror.hand_on(1, 1, &[0]);
    let new = mirror.one_more("new");
    let told = mirror
        .open(1)
        .add_place(mirror.url(new).as_str(), PlaceMode::Synchronous, true);
    let report = told.expect("told").failover.expect("a generation");
    assert_eq!(
        (report.generation, report.places),
        (2, vec![mirror.url(1), mirror.url(new)])
    );
    assert!(!mirror.places[new].exists(), "a dry run writes nothing");
    let done = mirror.add(1, new);
    let filled = done.filled.expect("filled");
    assert!(
        filled.away.is_none() && filled.copied_count > 5,
        "{filled:?}"
    );
    assert_eq!(filled.copied_count, filled.lacking_count);
    assert!(mirror.shared(new) == mirror.shared(1));
    // It leads to the vault, gets everything at once, and is enough.
    let vault = mirror.open(new);
    assert_eq!(urls_of(&vault), [mirror.url(1), mirror.url(new)]);
    mirror.fill(3, 4);
    backup(&mirror, &vault);
    assert_eq!(swept(&vault), 0);
    assert_eq!(vault.catch_up(true).expect("looked")[1].lacking_count, 0);
    mirror.take_away(1);
    mirror.restores(&mirror.open(new));
    // It can decide in turn: only its own objects tell of the generation.
    mirror.hand_on(new, new, &[1]);
    let vault = mirror.open(new);
    assert_eq!(vault.vault().store().generation(), 3);
    backup(&mirror, &vault);
    mirror.restores(&mirror.open(new));
}

#[test]
fn what_cannot_be_a_place_is_refused_before_anything_is_written() {
    let (mut mirror, vault) = Mirror::new(&[PlaceMode::Synchronous, PlaceMode::Synchronous]);
    backup(&mirror, &vault);
    let new = mirror.one_more("new");
    let is_located = |outcome: strongroom::Result<AddedPlace>| {
        matches!(outcome, Err(Error::Vault(VaultError::Location { .. })))
    };
    assert!(is_located(mirror.try_add(0, new)), "three are enough");
    mirror.hand_on(0, 0, &[2]);
    assert!(
        is_located(mirror.try_add(0, 2)),
        "it was there and has left"
    );
    let (foreign, _) = Mirror::new(&[PlaceMode::Synchronous]);
    copy_tree(&foreign.places[0], &mirror.places[new]);
    let refused = mirror.try_add(0, new);
    assert!(
        matches!(refused, Err(Error::Vault(VaultError::VaultExists))),
        "{refused:?}"
    );
    fs::remove_dir_all(&mirror.places[new]).expect("removed");
    mirror.take_away(0);
    let refused = mirror.try_add(1, new);
    assert!(
        matches!(refused, Err(Error::Vault(VaultError::PlaceAway { .. }))),
        "{refused:?}"
    );
    mirror.bring_back(0);
    assert_eq!(mirror.open(0).vault().store().generation(), 1);
    assert!(!mirror.places[new].exists());
}

/// The disk of a place is replaced by an empty one, under the same path.
#[test]
fn an_empty_disk_of_a_place_is_filled() {
    let (mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    backup(&mirror, &vault);
    fs::remove_dir_all(&mirror.places[1]).expect("removed");
    fs::create_dir(&mirror.places[1]).expect("made");
    let done = mirror.add(0, 1);
    assert!(done.failover.is_none(), "it was a place before");
    assert!(done.filled.expect("filled").copied_count > 5);
    assert!(mirror.shared(0) == mirror.shared(1));
    mirror.take_away(0);
    mirror.restores(&mirror.open(1));
}

/// A key that is removed by somebody who has not heard of a new generation opens nothing there.
#[test]
fn a_removed_slot_stays_removed() {
    let (mut mirror, old) = Mirror::new(&[PlaceMode::Synchronous]);
    backup(&mirror, &old);
    let now = chrono::DateTime::UNIX_EPOCH;
    let agent = old.wait(old.vault().add_credential(Role::Agent, "test", now));
    let agent = agent.expect("a slot");
    let slot = |vault: &Strongroom| {
        let slots = vault
            .wait(vault.vault().slots())
            .expect("listed")
            .into_iter();
        let mut agents = slots.filter(|slot| slot.info.role == Role::Agent);
        agents.next().expect("there").slot_id
    };
    let new = mirror.one_more("new");
    mirror.add(0, new);
    let id = slot(&old);
    let refused = old.wait(old.vault().remove_slot(id)).map_err(Error::from);
    assert!(is_superseded(&refused.expect_err("it has been told")));
    let opens = |place: usize| {
        let url = mirror.url(place);
        Strongroom::open(url.as_str(), SlotSecret::Credential(&agent)).is_ok()
    };
    // Whoever slept with the slot in his hands has left it here; it goes when the place catches up.
    mirror.open(0).catch_up(false).expect("caught up");
    for place in 0..3 {
        assert!(!opens(place), "place {place}");
    }
    mirror.take_away(0);
    assert!(!opens(new), "not even without the decider");
}

/// Dying before any operation, the same call finishes it.
#[test]
fn adding_that_is_cut_is_finished() {
    let (mut mirror, vault) = Mirror::new(&[PlaceMode::Synchronous]);
    backup(&mirror, &vault);
    drop(vault);
    let new = mirror.one_more("new");
    let whole = added_names(&mirror, new);
    assert!(whole.len() > 8, "{whole:?}");
    // What a run that was cut has left is some beginning of what a whole one writes at the new place, or nothing yet.
    for kept in 0..whole.len() {
        for name in &whole[kept..] {
            let _gone_already = fs::remove_file(mirror.places[new].join(name));
        }
        let vault = mirror.open(0);
        assert_eq!(vault.vault().store().generation(), 1);
        let is_away = vault.vault().store().places()[2].away.is_some();
        assert_eq!(
            is_away,
            kept < whole.len(),
            "it counts when it has everything"
        );
        mirror.restores(&vault);
        let done = mirror.add(0, new);
        assert!(done.failover.is_none());
        let filled = done.filled.expect("filled");
        assert_eq!(
            filled.copied_count,
            (whole.len() - kept) as u64,
            "{filled:?}"
        );
        assert!(mirror.shared(new) == mirror.shared(0), "{kept}");
    }
    backup(&mirror, &mirror.open(new));
    assert_eq!(swept(&mirror.open(new)), 0);
    let _report = mirror.open(0).backup(&mirror.options(), &NoMonitor);
}

/// What is written at a new place, in this order.
fn added_names(mirror: &Mirror, new: usize) -> Vec<PathBuf> {
    mirror.add(0, new);
    let mut names: Vec<_> = mirror.shared(new).into_keys().collect();
    names.sort_by_key(|name| {
        let meta = fs::metadata(mirror.places[new].join(name)).expect("there");
        meta.modified().expect("known")
    });
    assert_eq!(
        names.last(),
        Some(&PathBuf::from("config")),
        "it comes last"
    );
    names
}
