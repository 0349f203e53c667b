//! The process dies at every operation on the store, and at each the same must hold: what was committed comes back as
//! it was, verify finds nothing, the next run finishes the job, and two cycles later no garbage is left.
//!
//! What is cut stands in [`scenarios`]: a row each. Three ways to die: before an operation, after one that changed the
//! store, and not at all while the reply to a change gets lost.

mod scenarios;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use strongroom::vault::SweepOptions;
use strongroom::vault::wrap::{Fate, Faulty, Memory};

use scenarios::{SCENARIOS, Scenario};
use world::World;

/// How a run is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Before its operation of this number.
    Before(u64),
    /// After its change of this number.
    After(u64),
    /// Not at all, but the reply to its change of this number is lost.
    LostReply(u64),
}

impl Cut {
    /// The store of a run that is cut; the number tells how often it was.
    fn store(self, memory: &Arc<Memory>) -> (Arc<Faulty>, Arc<AtomicU64>) {
        let cuts = Arc::new(AtomicU64::new(0));
        let (seen, mut operations, mut changes) = (Arc::clone(&cuts), 0, 0);
        let dead = Fate::Fail(std::io::ErrorKind::PermissionDenied);
        let store = Faulty::new(memory.clone(), move |operation| {
            let (before, changed) = (operations, changes);
            operations += 1;
            let is_change = operation.action.is_change();
            changes += u64::from(is_change);
            let fate = match self {
                Self::Before(at) if before >= at => dead,
                Self::After(at) if is_change && changed == at => {
                    Fate::FailAfter(std::io::ErrorKind::PermissionDenied)
                }
                Self::After(at) if changed > at => dead,
                Self::LostReply(at) if is_change && changed == at => Fate::LoseReply,
                _ => Fate::Pass,
            };
            seen.fetch_add(u64::from(fate != Fate::Pass), Ordering::Relaxed);
            fate
        });
        (store, cuts)
    }
}

#[test]
fn every_crash_point() {
    crash_everywhere(2);
}

#[test]
#[ignore = "minutes"]
fn soak_every_crash_point() {
    crash_everywhere(8);
}

/// Runs all rows on two threads, with sources of so many files in each directory.
fn crash_everywhere(files_count: u64) {
    let (next, total) = (AtomicUsize::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(scenario) = SCENARIOS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let started = std::time::Instant::now();
                    let counts = crash(scenario, files_count);
                    eprintln!(
                        "{:32} cut before {:3}, after {:3}, reply lost {:3} ({:.1} s)",
                        scenario.name,
                        counts[0],
                        counts[1],
                        counts[2],
                        started.elapsed().as_secs_f32()
                    );
                    total.fetch_add(counts.iter().sum(), Ordering::Relaxed);
                }
            });
        }
    });
    let total = total.into_inner();
    eprintln!("{total} cut points");
    assert!(total >= 500, "{total} cut points are not enough");
}

/// Cuts one scenario everywhere; returns how often in each of the three ways.
fn crash(scenario: &Scenario, files_count: u64) -> [u64; 3] {
    let mut world = World::new(files_count);
    (scenario.prepare)(&mut world);
    [Cut::Before, Cut::After, Cut::LostReply].map(|way| {
        (0..)
            .take_while(|&at| crash_once(scenario, &world, way(at)))
            .count() as u64
    })
}

/// False when the run came to its end before it was cut.
fn crash_once(scenario: &Scenario, world: &World, cut: Cut) -> bool {
    let memory = world.memory.fork();
    let (store, cuts) = cut.store(&memory);
    let outcome = world
        .try_open(store)
        .and_then(|vault| (scenario.run)(world, &vault));
    let is_cut = cuts.load(Ordering::Relaxed) > 0;
    let told = format!("{}, {cut:?}", scenario.name);
    if !is_cut || matches!(cut, Cut::LostReply(_)) {
        assert!(outcome.is_ok(), "{told}: {outcome:?}");
    }
    let survivor = world.open(&memory);
    world.is_whole(&survivor, &told);
    (scenario.run)(world, &survivor).unwrap_or_else(|error| panic!("{told}, again: {error:?}"));
    (scenario.check)(world, &memory);
    let survivor = world.open(&memory);
    let mut options = SweepOptions::default();
    options.fence_after = Duration::ZERO;
    options.tidy_from_count = 1;
    for _ in 0..2 {
        let report = survivor.sweep(&options);
        let report = report.unwrap_or_else(|error| panic!("{told}, swept: {error:?}"));
        assert_eq!(report.waiting_for, [], "{told}");
    }
    options.dry_run = true;
    let report = survivor.sweep(&options).expect("a dry run");
    let garbage = (report.deleted, report.packs_rewritten_count);
    assert_eq!(garbage, (Vec::new(), 0), "{told}: what is left");
    world.is_whole(&world.open(&memory), &told);
    is_cut
}
