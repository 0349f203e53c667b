//! What the fuzz target of this crate does with bytes.
//!
//! A body takes any bytes, hands them to a parser, checks laws on what comes out, and tells whether the parser accepted
//! them; a broken law panics.

use crate::{Catalog, Snapshot};

/// Takes any bytes; true when they were accepted.
pub type Body = fn(&[u8]) -> bool;

/// Name and body of every target of this crate.
pub const TARGETS: &[(&str, Body)] = &[("journals", journals)];

/// Saved journals: what is refused changes nothing; what is accepted can be read in every order, and taken in again.
pub fn journals(bytes: &[u8]) -> bool {
    let catalog = Catalog::in_memory().expect("memory");
    let is_accepted = catalog.import_journals(bytes).is_ok();
    let snapshot = catalog.snapshot().expect("readable");
    let saved = saved(&snapshot);
    if !is_accepted {
        assert_eq!(saved.1, 0, "something of what is refused was taken in");
        return false;
    }
    let jobs_count = snapshot.jobs().count();
    assert!(snapshot.jobs().all(|job| job.is_ok()));
    let unfinished = snapshot.unfinished_jobs().map(|job| job.expect("readable"));
    assert!(unfinished.into_iter().all(|job| !job.state.has_ended()));
    let open = snapshot.open_alerts().map(|alert| alert.expect("readable"));
    assert!(open.into_iter().all(|alert| alert.is_open()));
    let again = Catalog::in_memory().expect("memory");
    let imported = again.import_journals(&saved.0[..]).expect("its own");
    assert_eq!((imported.taken_count, imported.known_count), (saved.1, 0));
    let snapshot = again.snapshot().expect("readable");
    assert_eq!(snapshot.jobs().count(), jobs_count);
    assert_eq!(self::saved(&snapshot), saved);
    true
}

fn saved(snapshot: &Snapshot) -> (Vec<u8>, u64) {
    let mut bytes = Vec::new();
    let count = snapshot.export_journals(&mut bytes).expect("readable");
    (bytes, count)
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::{TARGETS, replay};

    #[test]
    fn the_corpus_of_every_target_is_replayed() {
        replay::all("strongroom_catalog", TARGETS);
    }

    #[test]
    fn mutated_seeds_break_no_law() {
        replay::mutated(TARGETS, 1_000);
    }

    #[test]
    #[ignore = "soak: minutes"]
    fn soak_mutated_seeds_break_no_law() {
        replay::mutated(TARGETS, 50_000);
    }
}
