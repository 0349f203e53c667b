//! What is cut. A row is what has happened before, what runs, and what must be true once it has run to its end.
//!
//! A run may be called again after it was cut anywhere: it goes on, or finds that all is done.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use strongroom::crypto::{KdfCost, Passphrase, Role, SlotSecret};
use strongroom::vault::format::SessionId;
use strongroom::vault::wrap::Memory;
use strongroom::vault::{Error as VaultError, SweepOptions};
use strongroom::{Error, NoMonitor, Result, Strongroom};

use super::Cut;
use super::world::World;
use crate::support::passphrase;

pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) prepare: fn(&mut World),
    pub(super) run: fn(&World, &Strongroom) -> Result<()>,
    pub(super) check: fn(&World, &Arc<Memory>),
}

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "delete, then sweep with moves",
        prepare: two_of_three_stay,
        run: delete_and_sweep,
        check: doomed_are_gone,
    },
    Scenario {
        name: "first backup",
        prepare: |_| {},
        run: back_up,
        check: |world, memory| has_points(world, memory, 1),
    },
    Scenario {
        name: "backup of what has changed",
        prepare: |world| {
            world.back_up();
            world.write(1, |number| number % 3 == 0);
        },
        run: back_up,
        check: |world, memory| has_points(world, memory, 2),
    },
    Scenario {
        name: "backup with checkpoints",
        prepare: |world| {
            world.back_up();
            world.write(1, |_| true);
        },
        run: back_up_with_checkpoints,
        check: |world, memory| has_points(world, memory, 2),
    },
    Scenario {
        name: "backup after one that died",
        prepare: |world| {
            world.back_up();
            world.write(1, |_| true);
            die(world, Cut::After(6), back_up_with_checkpoints);
            world.write(2, |number| number == 0);
        },
        run: back_up,
        check: |world, memory| has_points(world, memory, 2),
    },
    Scenario {
        name: "backup while a sweep is open",
        prepare: |world| {
            two_of_three_stay(world);
            die(world, Cut::After(7), delete_and_sweep);
            world.write(3, |number| number == 0);
        },
        run: back_up,
        check: |world, memory| has_points(world, memory, 3),
    },
    Scenario {
        name: "sweep that fences a dead session",
        prepare: |world| {
            two_of_three_stay(world);
            world.write(3, |_| true);
            die(world, Cut::After(4), back_up_with_checkpoints);
        },
        run: delete_and_sweep,
        check: doomed_are_gone,
    },
    Scenario {
        name: "sweep that puts index segments together",
        prepare: two_of_three_stay,
        run: tidy,
        check: |world, memory| {
            has_points(world, memory, 3);
            let vault = world.open(memory);
            let list = |prefix| {
                vault
                    .wait(vault.vault().store().list(prefix))
                    .expect("listed")
            };
            assert_eq!(list("index").len(), 1, "segments");
            assert_eq!(list("sess").len(), 0, "objects of sessions");
        },
    },
    Scenario {
        name: "hold, delete, undelete, release",
        prepare: |world| {
            world.back_up();
            world.back_up();
        },
        run: |world, vault| {
            let point = world.points[0].0;
            unless_done(vault.hold(&point, None, ""))?;
            unless_done(vault.delete(&point, ""))?;
            unless_done(vault.undelete(&point, ""))?;
            unless_done(vault.release(&point, ""))
        },
        check: |world, memory| {
            let points = world.open(memory).points().expect("listed");
            assert!(
                points
                    .iter()
                    .all(|point| !point.is_held && point.deleted_at.is_none())
            );
        },
    },
    Scenario {
        name: "slots that come and go",
        prepare: |world| {
            world.back_up();
        },
        run: change_slots,
        check: |world, memory| {
            let vault = world.open(memory);
            let slots = vault.wait(vault.vault().slots()).expect("listed");
            assert!(slots.iter().all(|slot| slot.info.role == Role::Owner));
        },
    },
    Scenario {
        name: "another passphrase",
        prepare: |world| {
            world.back_up();
        },
        run: change_passphrase,
        check: |world, memory| {
            let open = |passphrase: &Passphrase| {
                Strongroom::open_store(memory.clone(), SlotSecret::Passphrase(passphrase))
            };
            let opened = open(&new_passphrase());
            assert!(opened.is_ok(), "{:?}", opened.err());
            assert!(open(passphrase()).is_err(), "the old one opens it, too");
            let vault = world.open(memory);
            let slots = vault.wait(vault.vault().slots()).expect("listed");
            let slots = slots.iter().filter(|slot| !slot.info.is_credential);
            assert_eq!(slots.count(), 1, "slots of the new passphrase");
        },
    },
];

fn back_up(world: &World, vault: &Strongroom) -> Result<()> {
    vault.backup(&world.options(), &NoMonitor).map(|_| ())
}

fn back_up_with_checkpoints(world: &World, vault: &Strongroom) -> Result<()> {
    let mut options = world.options();
    options.checkpoint_bytes = 40 << 10;
    vault.backup(&options, &NoMonitor).map(|_| ())
}

/// Three points, of which the first is to go.
fn two_of_three_stay(world: &mut World) {
    let doomed = world.back_up();
    world.write(1, |number| number % 3 != 0);
    world.back_up();
    world.write(2, |number| number % 2 == 0);
    world.back_up();
    world.doomed.insert(doomed);
}

/// A run of before that was cut.
fn die(world: &World, cut: Cut, run: fn(&World, &Strongroom) -> Result<()>) {
    let (store, cuts) = cut.store(&world.memory);
    let outcome = world.try_open(store).and_then(|vault| run(world, &vault));
    assert!(
        outcome.is_err() && cuts.load(Ordering::Relaxed) > 0,
        "{outcome:?}"
    );
}

fn delete_and_sweep(world: &World, vault: &Strongroom) -> Result<()> {
    let standing: Vec<SessionId> = vault.points()?.iter().map(|point| point.id).collect();
    for point in world.doomed.iter().filter(|point| standing.contains(point)) {
        vault.delete_now(point, "")?;
    }
    let mut options = SweepOptions::default();
    options.fence_after = Duration::ZERO;
    options.tidy_from_count = 1;
    vault.sweep(&options).map(|_| ())
}

fn tidy(_: &World, vault: &Strongroom) -> Result<()> {
    let mut options = SweepOptions::default();
    options.fence_after = Duration::ZERO;
    options.tidy_from_count = 1;
    vault.sweep(&options).map(|_| ())
}

fn doomed_are_gone(world: &World, memory: &Arc<Memory>) {
    let points = world.open(memory).points().expect("listed");
    assert_eq!(points.len(), world.points.len() - world.doomed.len());
    assert!(points.iter().all(|point| !world.doomed.contains(&point.id)));
}

/// A run that was cut after its commit makes another point the next time.
fn has_points(world: &World, memory: &Arc<Memory>, least_count: usize) {
    let points = world.open(memory).points().expect("listed");
    assert!(points.len() >= least_count, "{points:?}");
}

fn unless_done(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(Error::Vault(VaultError::NotInThisState { .. })) => Ok(()),
        outcome => outcome,
    }
}

fn new_passphrase() -> Passphrase {
    Passphrase::new("an altogether different passphrase").expect("long enough")
}

fn change_passphrase(_world: &World, vault: &Strongroom) -> Result<()> {
    let (new, now) = (new_passphrase(), chrono::DateTime::UNIX_EPOCH);
    let cost = KdfCost::MINIMUM;
    let slots = vault.vault();
    match vault.wait(slots.change_passphrase(passphrase(), &new, cost, "owner", now)) {
        // It was changed before.
        Ok(_) | Err(VaultError::WrongKey) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The owner makes a slot for an agent, and takes it away, and those of before.
fn change_slots(_world: &World, vault: &Strongroom) -> Result<()> {
    let slots = vault.vault();
    let now = chrono::DateTime::UNIX_EPOCH;
    vault.wait(slots.add_credential(Role::Agent, "agent", now))?;
    let agents = vault.wait(slots.slots())?.into_iter();
    for slot in agents.filter(|slot| slot.info.role == Role::Agent) {
        vault.wait(slots.remove_slot(slot.slot_id))?;
    }
    Ok(())
}
