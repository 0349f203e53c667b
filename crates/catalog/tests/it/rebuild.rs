//! Derived tables are a function of the points alone.

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;
use strongroom_catalog::{Catalog, Error, Point, PointId, SourceName};

use crate::support::{at, derived, everything, journals, point, step};

#[derive(Debug, Clone)]
enum Act {
    Put(Box<Point>),
    Remove(PointId),
}

fn any_act() -> impl Strategy<Value = Act> {
    let machine = prop_oneof![Just(""), Just("a"), Just("ab")];
    let name = prop_oneof![Just("home0"), Just("b"), Just("home1/é\0\u{ff}")];
    let point = (
        0..12_u64,
        machine,
        name,
        0..6_u64,
        any::<u64>(),
        any::<bool>(),
    );
    let put = point.prop_map(|(id, machine, name, secs, stored_bytes, is_deleted)| {
        let source = if machine == "a" {
            crate::support::source(id)
        } else {
            SourceName::new(machine, name)
        };
        let mut point = Point::new(format!("p{id}"), source, at(secs));
        point.stored_bytes = stored_bytes;
        point.deleted_at = is_deleted.then(|| at(secs + 1));
        Act::Put(Box::new(point))
    });
    let remove = (0..12_u64).prop_map(|id| Act::Remove(PointId::new(format!("p{id}"))));
    prop_oneof![4 => put, 1 => remove]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn what_changes_leave_is_what_the_points_give(acts in prop::collection::vec(any_act(), 0..60)) {
        let catalog = Catalog::in_memory().unwrap();
        let mut model = BTreeMap::new();
        for act in &acts {
            catalog.change_lightly(|change| match act {
                Act::Put(point) => change.put_point(point),
                Act::Remove(id) => change.remove_point(id).map(drop),
            }).unwrap();
            match act {
                Act::Put(point) => drop(model.insert(point.id.clone(), Point::clone(point))),
                Act::Remove(id) => drop(model.remove(id)),
            }
        }
        let snapshot = catalog.snapshot().unwrap();
        let listed: Vec<Point> = snapshot.points().map(Result::unwrap).collect();
        prop_assert_eq!(&listed, &model.values().cloned().collect::<Vec<_>>());
        check_sources(&snapshot, &model)?;
        let other = Catalog::in_memory().unwrap();
        other.rebuild(listed.into_iter().rev().map(Ok::<_, Infallible>)).unwrap();
        prop_assert_eq!(derived(&snapshot), derived(&other.snapshot().unwrap()));
    }
}

/// Compares every source with a plain sum over the points.
fn check_sources(
    snapshot: &strongroom_catalog::Snapshot,
    model: &BTreeMap<PointId, Point>,
) -> Result<(), TestCaseError> {
    let mut names: Vec<_> = model.values().map(|point| point.source.clone()).collect();
    names.sort();
    names.dedup();
    prop_assert_eq!(snapshot.sources().count(), names.len());
    for name in names {
        let mut own: Vec<&Point> = model
            .values()
            .filter(|point| point.source == name)
            .collect();
        own.sort_by(|a, b| b.taken_at.cmp(&a.taken_at).then(a.id.cmp(&b.id)));
        let listed: Vec<Point> = snapshot.points_of(&name).map(Result::unwrap).collect();
        prop_assert_eq!(listed.iter().collect::<Vec<_>>(), own.clone());
        let source = snapshot.source(&name).unwrap().unwrap();
        let alive: Vec<_> = own.iter().filter(|point| !point.is_deleted()).collect();
        prop_assert_eq!(source.points_count, alive.len() as u64);
        prop_assert_eq!(source.deleted_count, (own.len() - alive.len()) as u64);
        let newest = source.newest.map(|newest| newest.id);
        prop_assert_eq!(newest, alive.first().map(|point| point.id.clone()));
        let stored_bytes = alive
            .iter()
            .fold(0_u64, |sum, point| sum.wrapping_add(point.stored_bytes));
        prop_assert_eq!(source.stored_bytes, stored_bytes);
    }
    Ok(())
}

#[test]
fn a_rebuild_keeps_journals_and_counts_the_later_of_twins() {
    let catalog = Catalog::in_memory().unwrap();
    (0..10).for_each(|number| step(&catalog, number).unwrap());
    let before = journals(&catalog.snapshot().unwrap());
    let mut later = point(20_003);
    later.id = point(3).id;
    // Beyond one batch, so that the twin is met in the table and not beside it.
    let points = (0..9000)
        .map(point)
        .chain([later.clone()])
        .map(Ok::<_, Infallible>);
    assert_eq!(catalog.rebuild(points).unwrap(), 9000);
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(journals(&snapshot), before);
    assert_eq!(snapshot.point(&later.id).unwrap(), Some(later.clone()));
    assert_eq!(
        snapshot
            .points_of(&later.source)
            .map(Result::unwrap)
            .filter(|point| point.id == later.id)
            .count(),
        1
    );
    assert_eq!(
        snapshot
            .source(&later.source)
            .unwrap()
            .unwrap()
            .newest
            .unwrap()
            .id,
        later.id
    );
}

#[test]
fn points_that_cannot_be_listed_replace_nothing() {
    let catalog = Catalog::in_memory().unwrap();
    (0..10).for_each(|number| step(&catalog, number).unwrap());
    let before = everything(&catalog);
    let points = (100..110).map(|number| {
        if number < 105 {
            Ok(point(number))
        } else {
            Err("the vault is away")
        }
    });
    let failed = catalog.rebuild(points);
    assert!(
        matches!(&failed, Err(Error::Points(source)) if source.to_string() == "the vault is away")
    );
    assert_eq!(everything(&catalog), before);
    let nameless = Point::new("", SourceName::local("home"), at(0));
    assert!(matches!(
        catalog.rebuild([Ok::<_, Infallible>(nameless)]),
        Err(Error::Limit { .. })
    ));
    assert_eq!(everything(&catalog), before);
}
