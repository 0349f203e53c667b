//! Schedules of everybody at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Outcome, Setup, run};
use crate::wrap::Weather;

/// Nothing goes wrong by itself.
pub(super) const CALM: Weather = Weather {
    busy: 0,
    lose_reply: 0,
    claim_exists: 0,
    repeat: 0,
    show_deleted: 0,
};

/// Three writers, two sweepers, a reader, a liar and retention.
const EVERYBODY: Setup = Setup {
    writers_count: 3,
    backups_count: 3,
    sweepers_count: 2,
    sweeps_count: 4,
    links_count: 8,
    readers_count: 1,
    liars_count: 1,
    contents_count: 5,
    page_entries: 4,
    deaths: 3,
    weather: Weather {
        busy: 3,
        lose_reply: 20,
        claim_exists: 10,
        repeat: 60,
        show_deleted: 100,
    },
    script: None,
};

/// The same seed is the same schedule, operation by operation: otherwise a failure could not be replayed.
#[test]
fn a_seed_is_a_schedule() {
    for seed in [1, 7] {
        let once = run(EVERYBODY, seed);
        assert_eq!(once, run(EVERYBODY, seed));
    }
    assert_ne!(run(EVERYBODY, 1), run(EVERYBODY, 2));
}

#[test]
fn no_schedule_loses_or_leaves_anything() {
    schedules(300);
}

#[test]
#[ignore = "minutes"]
fn soak_no_schedule_loses_or_leaves_anything() {
    schedules(10_000);
}

/// Runs so many schedules on two threads, or with `STRONGROOM_SEED` in the environment only that one.
fn schedules(count: u64) {
    let only: Option<u64> = std::env::var("STRONGROOM_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let (first, end) = only.map_or((1, count + 1), |seed| (seed, seed + 1));
    let next = AtomicU64::new(first);
    let sums = Mutex::new(Outcome::default());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    if seed.is_multiple_of(1000) {
                        let failed_count = failed.lock().expect("whole").len();
                        println!("schedule {seed}, {failed_count} failed so far");
                    }
                    match run(EVERYBODY, seed) {
                        Ok(outcome) => {
                            let mut sums = sums.lock().expect("whole");
                            sums.operations_count += outcome.operations_count;
                            sums.points_count += outcome.points_count;
                            sums.packs_deleted_count += outcome.packs_deleted_count;
                        }
                        Err(loss) => {
                            println!("schedule {seed}: {loss}");
                            failed.lock().expect("whole").push((seed, loss));
                        }
                    }
                }
            });
        }
    });
    let (sums, failed) = (
        sums.into_inner().expect("whole"),
        failed.into_inner().expect("whole"),
    );
    println!("{} schedules: {sums:?}", end - first);
    if let Some((seed, loss)) = failed.iter().min() {
        panic!(
            "{} of {} schedules failed; replay one by: STRONGROOM_TRACE=1 STRONGROOM_SEED={seed} cargo test \
             -p strongroom-vault --lib search::tests::no_schedule -- --nocapture\n{loss}",
            failed.len(),
            end - first,
        );
    }
    assert!(only.is_some() || sums.points_count > 0 && sums.packs_deleted_count > count);
}
