//! A damaged or deleted catalog comes back.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use strongroom_catalog::{Catalog, Error, Opened, Options, Point};

use crate::support::{assert_same, at, derived, everything, journals, step};

fn make(path: &Path, steps_count: u64) -> (Vec<Point>, Vec<String>) {
    let catalog = Catalog::open(path, Options::default()).unwrap();
    (0..steps_count).for_each(|number| step(&catalog, number).unwrap());
    catalog
        .change(|change| change.end_interrupted_jobs(at(9000)))
        .unwrap();
    let points = catalog
        .snapshot()
        .unwrap()
        .points()
        .map(Result::unwrap)
        .collect();
    (points, everything(&catalog))
}

fn recover(path: &Path, points: &[Point]) -> Opened {
    let points = || points.iter().cloned().map(Ok::<_, Infallible>);
    Catalog::open_or_rebuild(path, Options::default(), points).unwrap()
}

#[test]
fn a_deleted_catalog_is_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let (points, all) = make(&path, 20);
    fs::remove_file(&path).unwrap();
    let opened = recover(&path, &points);
    assert!(opened.recovery.is_none());
    let found = derived(&opened.catalog.snapshot().unwrap());
    assert_same(&found, &all[..found.len()]);
    assert!(!opened.catalog.needs_rebuild().unwrap());
}

#[test]
fn an_undamaged_catalog_asks_for_no_points() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let (_, all) = make(&path, 20);
    let never = || -> Vec<Result<Point, Infallible>> { panic!("points are not needed") };
    let opened = Catalog::open_or_rebuild(&path, Options::default(), never).unwrap();
    assert_same(&everything(&opened.catalog), &all);
}

#[test]
fn a_catalog_whose_structure_is_lost_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let (points, all) = make(&path, 60);
    let mut bytes = fs::read(&path).unwrap();
    bytes[..4096].fill(0);
    fs::write(&path, &bytes).unwrap();
    let opened = recover(&path, &points);
    assert_same(&everything(&opened.catalog), &all);
    let recovery = opened.recovery.unwrap();
    assert!(recovery.cause.is_corrupt() && recovery.salvaged_count > 100);
    assert_eq!(recovery.moved_to, dir.path().join("catalog.corrupt-1"));
    assert_eq!(fs::read(&recovery.moved_to).unwrap(), bytes);
}

#[test]
fn what_is_overwritten_is_lost_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let (points, all) = make(&path, 60);
    let whole = fs::read(&path).unwrap();
    for (number, start) in (0..whole.len()).step_by(whole.len() / 8).enumerate() {
        let mut bytes = whole.clone();
        let end = bytes.len().min(start + 3000);
        bytes[..512].fill(0);
        bytes[start..end].fill(0xaa);
        fs::write(&path, &bytes).unwrap();
        let opened = recover(&path, &points);
        assert!(
            opened
                .recovery
                .unwrap()
                .moved_to
                .ends_with(format!("catalog.corrupt-{}", number + 1))
        );
        let found = everything(&opened.catalog);
        assert!(
            found.len() + 60 > all.len(),
            "{} of {}",
            found.len(),
            all.len()
        );
        let points_found = derived(&opened.catalog.snapshot().unwrap());
        assert_same(&points_found, &all[..points_found.len()]);
    }
}

#[test]
fn when_points_cannot_be_had_what_was_salvaged_waits_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let (points, all) = make(&path, 20);
    let mut bytes = fs::read(&path).unwrap();
    bytes[..512].fill(0);
    fs::write(&path, &bytes).unwrap();
    let away = Catalog::open_or_rebuild(&path, Options::default(), || [Err("the vault is away")]);
    assert!(matches!(away, Err(Error::Points(_))));
    let waiting = Catalog::open_or_recover(&path, Options::default()).unwrap();
    assert!(waiting.recovery.is_none() && waiting.catalog.needs_rebuild().unwrap());
    let found = journals(&waiting.catalog.snapshot().unwrap());
    assert_same(&found, &all[all.len() - found.len()..]);
    drop(waiting);
    assert_same(&everything(&recover(&path, &points).catalog), &all);
}

#[test]
fn whoever_opens_a_catalog_that_is_being_recovered_never_meets_an_empty_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    make(&path, 20);
    let whole = fs::read(&path).unwrap();
    let jobs = |catalog: &Catalog| catalog.snapshot().unwrap().jobs().count();
    let expected = jobs(&Catalog::open(&path, Options::default()).unwrap());
    assert!(expected > 0);
    for round in 0..20 {
        let mut bytes = whole.clone();
        bytes[..4096].fill(0);
        fs::write(&path, bytes).unwrap();
        let met: Vec<usize> = std::thread::scope(|scope| {
            // Some would recover it, and one only opens it.
            let open = |number: u32| loop {
                let opened = match number {
                    0 => Catalog::open(&path, Options::default()),
                    _ => Catalog::open_or_recover(&path, Options::default())
                        .map(|opened| opened.catalog),
                };
                match opened {
                    Ok(catalog) => break jobs(&catalog),
                    Err(Error::InUse | Error::Corrupt { .. }) => std::thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            };
            let openers: Vec<_> = (0..4)
                .map(|number| scope.spawn(move || open(number)))
                .collect();
            let met = openers.into_iter().map(|opener| opener.join().unwrap());
            met.collect()
        });
        assert_eq!(met, [expected; 4], "round {round}");
        for number in 1..=4 {
            drop(fs::remove_file(
                dir.path().join(format!("catalog.corrupt-{number}")),
            ));
        }
    }
}

#[test]
fn a_recovery_that_died_is_done_again_and_keeps_one_file_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let (points, all) = make(&path, 20);
    let mut bytes = fs::read(&path).unwrap();
    bytes[..4096].fill(0);
    fs::write(&path, bytes).unwrap();
    // What a process leaves that dies just before the new one gets the name.
    fs::hard_link(&path, dir.path().join("catalog.corrupt-1")).unwrap();
    fs::write(dir.path().join("catalog.recovered"), "half").unwrap();
    let opened = recover(&path, &points);
    assert_same(&everything(&opened.catalog), &all);
    assert!(!dir.path().join("catalog.corrupt-2").exists());
    assert!(!dir.path().join("catalog.recovered").exists());
}
