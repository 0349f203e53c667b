//! A catalog much larger than its cache needs no more memory than that.

use std::convert::Infallible;
use std::fs;
use std::process::Command;

use strongroom_catalog::{Catalog, JobEvent, JobKind, NewJob, Options, Point, SourceName};

use crate::support::{at, point, slot, source, step};

const PLACE: &str = "STRONGROOM_TEST_LARGE";
const POINTS_COUNT: u64 = 1_000_000;
const JOBS_COUNT: u64 = 1_000_000;
const MIB: u64 = 1024 * 1024;

fn status_bytes(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}

/// A process of its own, so that the most memory it ever had can be asked for.
#[test]
fn process_with_a_large_catalog() {
    let Some(path) = std::env::var_os(PLACE) else {
        return;
    };
    let catalog = Catalog::open(&path, Options::default()).unwrap();
    // In the order in which stores list. Any other one takes as little memory and far more writing.
    let points = (0..POINTS_COUNT).map(point);
    assert_eq!(
        catalog
            .rebuild(points.map(Ok::<Point, Infallible>))
            .unwrap(),
        POINTS_COUNT
    );
    println!(
        "\nhigh water after the rebuild: {} MiB",
        status_bytes("VmHWM:") / MIB
    );
    for batch in 0..JOBS_COUNT / 1000 {
        let made = catalog.change(|change| {
            for number in batch * 1000..(batch + 1) * 1000 {
                let new = NewJob::new(JobKind::Backup, Some(source(number)))
                    .scheduled(vec![slot(number)]);
                let id = change.create_job(new, at(number))?.id;
                change.note_job(id, &JobEvent::Started, at(number))?;
                change.note_job(
                    id,
                    &JobEvent::Completed {
                        recovery_point: None,
                    },
                    at(number),
                )?;
            }
            Ok(())
        });
        made.unwrap();
    }
    drop(catalog);
    let begun = std::time::Instant::now();
    let catalog = Catalog::open(&path, Options::default()).unwrap();
    println!("\nopened in {} ms", begun.elapsed().as_millis());
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(
        snapshot
            .jobs()
            .filter(|job| job.as_ref().unwrap().state.has_ended())
            .count() as u64,
        JOBS_COUNT
    );
    assert_eq!(
        snapshot
            .points_of(&SourceName::new("laptop", "home0"))
            .count() as u64,
        POINTS_COUNT.div_ceil(3)
    );
    let file_bytes = fs::metadata(&path).unwrap().len();
    let high_water = status_bytes("VmHWM:");
    println!(
        "\nfile: {} MiB, high water: {} MiB",
        file_bytes / MIB,
        high_water / MIB
    );
    assert!(file_bytes > 500 * MIB);
    assert!(high_water < 160 * MIB, "{} MiB", high_water / MIB);
}

#[test]
#[ignore = "soak"]
fn soak_a_million_points_and_jobs_stay_within_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "large::process_with_a_large_catalog",
        "--nocapture",
    ]);
    let status = command
        .env(PLACE, dir.path().join("catalog"))
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn light_changes_do_not_make_the_file_grow() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let catalog = Catalog::open(&path, Options::default()).unwrap();
    step(&catalog, 0).unwrap();
    let new = NewJob::new(JobKind::Backup, Some(source(0)));
    let id = catalog
        .change(|change| change.create_job(new, at(0)))
        .unwrap()
        .id;
    catalog
        .change(|change| change.note_job(id, &JobEvent::Started, at(0)))
        .unwrap();
    let progress = |done_bytes| {
        JobEvent::Progressed(strongroom_catalog::Progress {
            done_bytes,
            ..Default::default()
        })
    };
    for number in 0..5000 {
        catalog
            .change_lightly(|change| change.note_job(id, &progress(number), at(1)))
            .unwrap();
    }
    assert!(fs::metadata(&path).unwrap().len() < 4 * MIB);
    // Seen at once, kept with the next change that is.
    step(&catalog, 1).unwrap();
    drop(catalog);
    let catalog = Catalog::open(&path, Options::default()).unwrap();
    assert_eq!(
        catalog
            .snapshot()
            .unwrap()
            .job(id)
            .unwrap()
            .unwrap()
            .progress
            .done_bytes,
        4999
    );
}
