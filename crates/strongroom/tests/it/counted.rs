//! How often the store is asked: what a run costs does not creep up.

use std::fs;
use std::sync::Arc;

use object_store::memory::InMemory;
use strongroom::Strongroom;
use strongroom::vault::format::PlaceMode;
use strongroom::vault::wrap::{Action, recording};
use strongroom::vault::{InitOptions, Store};

use crate::support::{backup, kinds, passphrase, random_bytes, recorded_vault};

#[test]
fn an_unchanged_tree_costs_three_writes_and_no_pack() {
    let dir = tempfile::tempdir().expect("a directory");
    for number in 0..500_u32 {
        let below = dir.path().join(format!("{}", number % 7));
        fs::create_dir_all(&below).expect("made");
        fs::write(
            below.join(format!("{number}")),
            random_bytes(u64::from(number), 3000),
        )
        .expect("written");
    }
    let (vault, log) = recorded_vault();
    let first = backup(&vault, dir.path());
    assert_eq!(first.files_new_count, 500);
    let _first = log.take();
    let second = backup(&vault, dir.path());
    assert_eq!(
        (second.files_unchanged_count, second.unique_bytes),
        (500, 0)
    );
    let operations = log.take();
    let written: Vec<String> = operations
        .iter()
        .filter(|op| op.action == Action::Put)
        .map(|op| op.name.clone())
        .collect();
    assert_eq!(kinds(&written), ["sess", "sess", "points"], "{written:?}");
    let reads = operations
        .iter()
        .filter(|op| op.action == Action::Get)
        .count();
    assert!(reads <= 12, "{reads} reads: {operations:?}");
}

#[test]
fn new_bytes_are_counted_once() {
    let dir = tempfile::tempdir().expect("a directory");
    // Files that stand in their records, files of one chunk, a file of many, a copy and a hard link.
    for (number, len) in [0, 1, 100, 3000, 40_000, 700_000].into_iter().enumerate() {
        fs::write(
            dir.path().join(format!("{number}")),
            random_bytes(number as u64, len),
        )
        .expect("written");
    }
    let (vault, _log) = recorded_vault();
    let first = backup(&vault, dir.path());
    assert_eq!(
        (first.logical_bytes, first.unique_bytes),
        (743_101, 743_101)
    );
    fs::copy(dir.path().join("5"), dir.path().join("copy")).expect("copied");
    fs::hard_link(dir.path().join("5"), dir.path().join("link")).expect("linked");
    let second = backup(&vault, dir.path());
    assert_eq!(second.unique_bytes, 0, "{second:?}");
}

#[test]
fn one_changed_file_costs_two_packs_and_a_segment() {
    let dir = tempfile::tempdir().expect("a directory");
    for number in 0..200_u32 {
        fs::write(
            dir.path().join(format!("{number}")),
            random_bytes(u64::from(number), 5000),
        )
        .expect("written");
    }
    let (vault, log) = recorded_vault();
    backup(&vault, dir.path());
    let _first = log.take();
    fs::write(dir.path().join("100"), random_bytes(9999, 5000)).expect("written");
    let second = backup(&vault, dir.path());
    assert_eq!(
        (second.files_changed_count, second.files_unchanged_count),
        (1, 199)
    );
    assert_eq!(second.unique_bytes, 5000);
    let mut written = log.written();
    written.sort();
    assert_eq!(
        kinds(&written),
        ["d", "index", "m", "points", "sess", "sess"],
        "{written:?}"
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("file"), random_bytes(1, 100_000)).expect("written");
    let (vault, log) = recorded_vault();
    let mut options = strongroom::BackupOptions::new("test", vec![dir.path().to_owned()]);
    options.dry_run = true;
    let report = vault
        .backup(&options, &strongroom::NoMonitor)
        .expect("a dry run");
    assert_eq!((report.recovery_point, report.files_new_count), (None, 1));
    assert_eq!(report.unique_bytes, 100_000);
    assert_eq!(log.written(), Vec::<String>::new());
}

/// docs/costs.md, "A vault in several places".
#[test]
fn a_mirror_looks_once_at_each_place_for_each_object_that_is_decided() {
    let dir = tempfile::tempdir().expect("a directory");
    let modes = [
        PlaceMode::Decider,
        PlaceMode::Synchronous,
        PlaceMode::Asynchronous,
    ];
    let mut logs = Vec::new();
    let places = modes.map(|mode| {
        let (store, log) = recording(Arc::new(InMemory::new()));
        logs.push(log);
        (format!("{mode:?}"), mode, store)
    });
    let store = Store::mirror(places.into());
    let vault = Strongroom::init_store(store, passphrase(), &InitOptions::for_tests());
    let vault = vault.expect("a new vault");
    for round in 0..2 {
        fs::write(dir.path().join("file"), random_bytes(round, 400_000)).expect("written");
        logs.iter().for_each(|log| drop(log.take()));
        backup(&vault, dir.path());
        let [decider, synchronous, asynchronous] = [0, 1, 2].map(|at: usize| {
            let operations = logs[at].take();
            let count = |action, is_counted: fn(&str) -> bool| {
                let asked = operations.iter();
                let asked = asked.filter(|one| one.action == action && is_counted(&one.name));
                asked.count()
            };
            let is_decided = |name: &str| name.starts_with("sess") || name.starts_with("points");
            let is_gen = |name: &str| name.starts_with("gen");
            [
                count(Action::Put, is_decided),
                count(Action::Put, |_| true),
                count(Action::List, is_gen),
                count(Action::Get, |_| true),
            ]
        });
        // Registration, pin and point; a data pack, a metadata pack and a segment.
        assert_eq!(decider[..3], [3, 6, 3], "{decider:?}");
        // The registration once more before the point, where it is found to be there.
        assert_eq!(synchronous, [4, 7, 3, 1]);
        assert_eq!(asynchronous[..3], [0, 0, 0], "it gets everything later");
    }
}
