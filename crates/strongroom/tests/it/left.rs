//! A decider that was given up comes back with points that only it has: they are brought over.

use std::fs;

use strongroom::crypto::{Role, SlotSecret};
use strongroom::vault::format::{PlaceMode, SessionId};
use strongroom::{Cancel, LeftPlace, NoMonitor, Strongroom};

use crate::copy::ids_of;
use crate::failover::{backup, swept};
use crate::mirror::Mirror;
use crate::support::{restore_point, snapshot};

fn bring_over(vault: &Strongroom, dry_run: bool) -> Vec<LeftPlace> {
    let told = vault.bring_over([9; 16], dry_run, &Cancel::new(), &NoMonitor);
    told.expect("looked")
}

/// A vault whose first place was taken for lost while a machine still worked there: the point before, and those that
/// were made there alone.
fn cut_off() -> (Mirror, SessionId, [SessionId; 2]) {
    let (mirror, old) = Mirror::new(&[PlaceMode::Synchronous]);
    let first = backup(&mirror, &old);
    mirror.take_away(0);
    mirror.hand_on(1, 1, &[0]);
    mirror.bring_back(0);
    mirror.take_away(1);
    let alone = [5, 6].map(|seed| {
        mirror.fill(seed, 4);
        backup(&mirror, &old)
    });
    mirror.bring_back(1);
    (mirror, first, alone)
}

fn sorted(ids: impl IntoIterator<Item = SessionId>) -> Vec<SessionId> {
    let mut ids: Vec<SessionId> = ids.into_iter().collect();
    ids.sort_unstable();
    ids
}

#[test]
fn points_of_a_cut_off_decider_are_brought_over_when_it_returns() {
    let (mirror, first, alone) = cut_off();
    let before = snapshot(&mirror.home());
    let vault = mirror.open(1);
    mirror.fill(7, 2);
    let newest = backup(&mirror, &vault);
    let (packs, old) = (mirror.objects(1), mirror.objects(0));
    let told = bring_over(&vault, true);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0].place, &told[0].points),
        (&mirror.url(0), &alone.to_vec())
    );
    assert!(mirror.objects(1) == packs, "a dry run writes nothing");
    let told = bring_over(&vault, false);
    assert_eq!((&told[0].points, &told[0].away), (&alone.to_vec(), &None));
    assert!(mirror.objects(0) == old, "the place itself is only read");
    let expected = sorted([first, alone[0], alone[1], newest]);
    assert_eq!(sorted(ids_of(&vault)), expected);
    // Without the old place they are whole, and a sweep takes nothing of them.
    mirror.take_away(0);
    let vault = mirror.open(1);
    swept(&vault);
    let out = tempfile::tempdir().expect("a directory");
    restore_point(&vault, &alone[1], &out.path().join("out"));
    assert_eq!(snapshot(&out.path().join("out")), before);
    mirror.bring_back(0);
    assert_eq!(bring_over(&mirror.open(0), false)[0].points, []);
}

/// What the vault has decided since stays decided.
#[test]
fn what_was_purged_or_removed_since_does_not_come_back() {
    let (mirror, first, alone) = cut_off();
    let agent = {
        let vault = mirror.open(1);
        bring_over(&vault, false);
        vault.delete_now(&alone[0], "").expect("purged");
        vault.delete_now(&first, "").expect("purged");
        swept(&vault);
        // A slot that only the old place has, as one would be that was removed since.
        let add = vault
            .vault()
            .add_credential(Role::Agent, "test", chrono::DateTime::UNIX_EPOCH);
        let agent = vault.wait(add).expect("a slot");
        for name in mirror.names(1, "keys") {
            let old = mirror.places[0].join(&name);
            if !old.exists() {
                fs::rename(mirror.places[1].join(&name), old).expect("moved");
            }
        }
        agent
    };
    let vault = mirror.open(1);
    assert_eq!(bring_over(&vault, false)[0].points, []);
    assert_eq!(ids_of(&vault), [alone[1]]);
    let opened = Strongroom::open(mirror.url(1).as_str(), SlotSecret::Credential(&agent));
    assert!(opened.is_err(), "its slot is not at the vault");
}

/// A pack that the old place has lost keeps away only the points that need it, by name.
#[test]
fn what_cannot_be_brought_over_is_named() {
    let (mirror, _, alone) = cut_off();
    let ours = mirror.names(1, "d");
    let mut only = mirror.names(0, "d");
    only.retain(|name| !ours.contains(name));
    let newest = only.iter().max_by_key(|name| {
        let meta = fs::metadata(mirror.places[0].join(name)).expect("there");
        meta.modified().expect("known")
    });
    let lost = newest.expect("a pack");
    fs::remove_file(mirror.places[0].join(lost)).expect("removed");
    let vault = mirror.open(1);
    let told = bring_over(&vault, false).remove(0);
    assert_eq!(told.points, [alone[0]]);
    assert_eq!(told.damaged.len(), 1, "{told:?}");
    assert_eq!(told.damaged[0].points, [alone[1]]);
    assert!(
        lost.to_string_lossy()
            .ends_with(&told.damaged[0].object[2..]),
        "{told:?}"
    );
}

/// Dying after any object that it writes leaves whole points; the next one brings the rest.
#[test]
fn bringing_over_that_is_cut_is_finished() {
    let (mirror, first, alone) = cut_off();
    let expected = sorted([first, alone[0], alone[1]]);
    let before = mirror.objects(1);
    bring_over(&mirror.open(1), false);
    let mut written = mirror.objects(1).into_iter();
    let written = written
        .by_ref()
        .filter(|(name, _)| !before.contains_key(name));
    let mut written: Vec<_> = written.collect();
    written.sort_by_key(|(name, _)| {
        let meta = fs::metadata(mirror.places[1].join(name)).expect("there");
        meta.modified().expect("known")
    });
    assert!(written.len() > 8, "{}", written.len());
    for kept in (0..written.len()).step_by(2) {
        for name in mirror.objects(1).into_keys() {
            if !before.contains_key(&name) {
                fs::remove_file(mirror.places[1].join(name)).expect("removed");
            }
        }
        for (name, bytes) in &written[..kept] {
            fs::write(mirror.places[1].join(name), bytes).expect("written");
        }
        let vault = mirror.open(1);
        let standing = ids_of(&vault);
        for point in alone.iter().filter(|point| standing.contains(point)) {
            let out = tempfile::tempdir().expect("a directory");
            restore_point(&vault, point, &out.path().join("out"));
        }
        bring_over(&vault, false);
        assert_eq!(sorted(ids_of(&vault)), expected, "after {kept}");
        mirror.restores(&vault);
    }
    assert_eq!(swept(&mirror.open(1)), 0, "whoever died is fenced");
}
