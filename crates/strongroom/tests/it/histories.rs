//! Vaults whose operator shows old states, forks or forgeries: who remembers what it saw is told.

use strongroom::vault::format::{MachineId, Names, PreviousPoint, SourceId, Structure};
use strongroom::vault::{Session, SweepOptions, points};
use strongroom::{History, HistoryProblem, Remembered, Strongroom};

use crate::heal::Place;

fn look(vault: &Strongroom, remembered: &Remembered) -> History {
    vault.history(remembered).expect("a history")
}

fn problems(history: &History) -> Vec<HistoryProblem> {
    history
        .findings
        .iter()
        .map(|finding| finding.problem)
        .collect()
}

fn objects(place: &Place) -> Vec<(String, Vec<u8>)> {
    let names = place.names("").into_iter();
    names
        .map(|name| (name.clone(), place.read(&name)))
        .collect()
}

/// What an operator does who puts an old copy in the place of the vault.
fn set_back(place: &Place, to: &[(String, Vec<u8>)]) {
    for name in place.names("") {
        place.remove(&name);
    }
    for (name, bytes) in to {
        place.put(name, bytes.clone());
    }
}

#[test]
fn a_vault_that_was_set_back_is_told_and_a_fork_of_it_too() {
    let mut place = Place::new();
    place.back_up();
    let old = objects(&place);
    place.write(1, 50);
    place.back_up();
    let seen = look(&place.vault, &Remembered::default()).remember(&Remembered::default());
    assert_eq!((seen.heads.len(), seen.heads[0].seq), (1, 2));
    assert_eq!(problems(&look(&place.vault, &seen)), []);
    set_back(&place, &old);
    let vault = place.reopened();
    let history = look(&vault, &seen);
    assert_eq!(problems(&history), [HistoryProblem::RolledBack]);
    assert_eq!(history.findings[0].point, place.points[1].0);
    assert_eq!(
        history.remember(&seen),
        seen,
        "what was seen is not forgotten"
    );
    // Somebody goes on from there; the numbers are as high as before.
    place.write(1, 51);
    let forked = place.back_up();
    place.back_up();
    let history = look(&vault, &seen);
    assert_eq!(problems(&history), [HistoryProblem::RolledBack]);
    let noted = vault.note_point(&forked.recovery_point.expect("a point"), &seen);
    let (after, told) = noted.expect("noted");
    assert_eq!((after, told.is_some()), (seen.clone(), true));
    // It was meant.
    let accepted = history.accept(&seen);
    assert_eq!(problems(&look(&vault, &accepted)), []);
}

#[test]
fn purged_points_are_missed_by_nobody_and_lost_ones_are() {
    let mut place = Place::new();
    for state in 0..4 {
        place.write(1, 100 + state);
        place.back_up();
    }
    let seen = look(&place.vault, &Remembered::default()).remember(&Remembered::default());
    place
        .vault
        .delete_now(&place.points[1].0, "")
        .expect("purged");
    place
        .vault
        .sweep(&SweepOptions::default())
        .expect("a sweep");
    assert_eq!(place.names("points").len(), 3);
    assert_eq!(problems(&look(&place.vault, &seen)), []);
    // The store loses a manifest that nobody has purged.
    let victim = place.points[2].0.to_string();
    let manifest = place
        .names("points")
        .into_iter()
        .find(|name| name.ends_with(&victim));
    place.remove(&manifest.expect("there"));
    let history = look(&place.vault, &seen);
    assert_eq!(problems(&history), [HistoryProblem::Missing]);
    assert_eq!(history.findings[0].point, place.points[2].0);
}

/// A compromised agent writes a point of its own into the history: dated far ahead, with the highest number.
#[test]
fn a_forged_point_displaces_no_honest_one() {
    let mut place = Place::new();
    place.back_up();
    let vault = place.vault.vault();
    let source = SourceId::from_bytes(vault.domain().expect("keys").source_id("test"));
    let ahead = chrono::DateTime::from_timestamp(4_000_000_000, 0).expect("in range");
    let begin = Session::begin(vault, source, MachineId::from_bytes([9; 16]), ahead);
    let session = place.vault.wait(begin).expect("a session");
    let honest = points::PointRef {
        sid: place.points[0].0,
        source,
    };
    let read = place
        .vault
        .wait(points::read(vault, &honest))
        .expect("read")
        .expect("a point");
    let forged = Structure {
        source,
        sid: session.id(),
        seq: u64::MAX,
        prev: Some(PreviousPoint {
            sid: honest.sid,
            blake3: [1; 32].into(),
        }),
        started_at: ahead,
        taken_at: ahead,
        ..read.structure.clone()
    };
    let names = Names {
        source: "test".to_owned(),
        ..read.names
    };
    place
        .vault
        .wait(session.commit(forged, names))
        .expect("committed");
    let history = look(&place.vault, &Remembered::default());
    assert_eq!(problems(&history), [HistoryProblem::Replaced]);
    // It stands among the points, but the next honest backup works and is the newest again.
    place.write(1, 60);
    let next = place.back_up().recovery_point.expect("a point");
    assert_eq!(place.reopened().point("latest").expect("one").id, next);
    assert!(place.is_whole(0) && place.is_whole(1));
}

/// A manifest under another id is no point: it is told as damage.
#[test]
fn a_replayed_manifest_is_told() {
    let mut place = Place::new();
    place.back_up();
    place.write(1, 70);
    place.back_up();
    let mut manifests = place.names("points");
    let genuine = manifests.remove(0);
    let (front, _) = genuine.rsplit_once('/').expect("a path");
    let replayed = format!("{front}/{}", "0".repeat(26));
    place.put(&replayed, place.read(&genuine));
    let damaged = place.verify().damaged;
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    assert_eq!(damaged[0].object, replayed);
    assert!(
        damaged[0]
            .reason
            .contains("another object stands in the place")
    );
    assert_eq!(problems(&look(&place.vault, &Remembered::default())), []);
    assert_eq!(
        place.reopened().point("latest").expect("one").id,
        place.points[1].0
    );
}
