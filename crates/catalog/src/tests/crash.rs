//! Power is lost at every operation of a life; what was acknowledged is there, and nothing is there in part.

use super::disk::Disk;
use crate::support::{Dice, assert_equals_rebuilt, everything, step};
use crate::{Catalog, Options};

const STEPS_COUNT: u64 = 14;
const LOSSES_PER_CUT: u64 = 3;

fn open(disk: &Disk) -> crate::Result<Catalog> {
    Catalog::with_backend(disk.clone(), Options::default())
}

/// What the catalog holds before the first step and after each.
fn states(image: &[u8]) -> Vec<Vec<String>> {
    let catalog = open(&Disk::with_image(image.to_vec())).unwrap();
    let after = (0..STEPS_COUNT).map(|number| {
        step(&catalog, number).unwrap();
        everything(&catalog)
    });
    std::iter::once(Vec::new()).chain(after).collect()
}

/// Runs steps until one fails. Returns how many were made durable, and how many were begun.
fn live(disk: &Disk) -> (usize, usize) {
    let (mut durable_count, mut begun_count) = (0, 0);
    let Ok(catalog) = open(disk) else {
        return (0, 0);
    };
    for number in 0..STEPS_COUNT {
        begun_count += 1;
        if step(&catalog, number).is_err() {
            break;
        }
        if number % 4 != 3 {
            durable_count = begun_count;
        }
    }
    (durable_count, begun_count)
}

#[test]
fn power_lost_at_any_operation_loses_nothing_acknowledged() {
    let blank = Disk::default();
    drop(open(&blank).unwrap());
    let image = blank.image();
    let states = states(&image);
    let whole = Disk::with_image(image.clone());
    assert_eq!(live(&whole), (14, 14));
    let operations_count = whole.operations_count();
    assert!(operations_count > 100);
    let mut dice = Dice(7);
    for cut in 0..operations_count {
        let disk = Disk::with_image(image.clone()).lose_power_after(cut);
        let (durable_count, begun_count) = live(&disk);
        for _ in 0..LOSSES_PER_CUT {
            let left = Disk::with_image(disk.image_after_loss(&mut dice));
            let catalog = open(&left).unwrap();
            let found = everything(&catalog);
            let step = states.iter().position(|state| *state == found);
            let step = step.unwrap_or_else(|| panic!("cut at {cut}: no state of any step"));
            assert!(
                (durable_count..=begun_count).contains(&step),
                "cut at {cut}: state {step}, durable {durable_count}, begun {begun_count}"
            );
            assert_equals_rebuilt(&catalog);
        }
    }
}

#[test]
fn power_lost_during_a_rebuild_leaves_all_or_nothing_of_it() {
    let disk = Disk::default();
    let catalog = open(&disk).unwrap();
    (0..STEPS_COUNT).for_each(|number| step(&catalog, number).unwrap());
    let before = everything(&catalog);
    drop(catalog);
    let image = disk.image();
    let rebuild = |disk: &Disk| {
        let catalog = open(disk)?;
        let points = (100..160)
            .map(|number| Ok::<_, std::convert::Infallible>(crate::support::point(number)));
        catalog.rebuild(points)?;
        Ok::<_, crate::Error>(everything(&catalog))
    };
    let whole = Disk::with_image(image.clone());
    let after = rebuild(&whole).unwrap();
    assert_ne!(before, after);
    let mut dice = Dice(8);
    let mut seen = [0, 0];
    for cut in 0..whole.operations_count() {
        let disk = Disk::with_image(image.clone()).lose_power_after(cut);
        let is_done = rebuild(&disk).is_ok();
        let left = Disk::with_image(disk.image_after_loss(&mut dice));
        let found = everything(&open(&left).unwrap());
        assert!(
            found == after || found == before && !is_done,
            "cut at {cut}"
        );
        seen[usize::from(found == after)] += 1;
    }
    assert!(seen[0] > 5 && seen[1] > 0, "{seen:?}");
}
