//! A real process is killed at any moment; what it was told to be kept is there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use strongroom_catalog::{Catalog, JobState, Options};

use crate::support::{Dice, assert_equals_rebuilt, point_id, slot, source, step};

const PLACE: &str = "STRONGROOM_TEST_KILLED";

/// The process that is killed: goes on where the catalog ends, and tells each step that is kept.
#[test]
fn process_that_is_killed() {
    let Some(path) = std::env::var_os(PLACE) else {
        return;
    };
    let catalog = Catalog::open(path, Options::default()).unwrap();
    let first = next_step(&catalog);
    let mut out = std::io::stdout();
    for number in first.. {
        step(&catalog, number).unwrap();
        if number % 4 != 3 {
            writeln!(out, "\nkept {number}").unwrap();
            out.flush().unwrap();
        }
    }
}

fn next_step(catalog: &Catalog) -> u64 {
    let snapshot = catalog.snapshot().unwrap();
    let newest = snapshot.points().last();
    newest.map_or(0, |point| {
        point.unwrap().tags["number"].parse::<u64>().unwrap() + 1
    })
}

/// Lets a process live for some steps and microseconds; returns the last step that it said was kept.
fn live_and_die(path: &Path, dice: &mut Dice) -> Option<u64> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "killed::process_that_is_killed", "--nocapture"]);
    let mut child = command
        .env(PLACE, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let kept = |line: &std::io::Result<String>| {
        line.as_ref()
            .ok()?
            .strip_prefix("kept ")?
            .parse::<u64>()
            .ok()
    };
    let steps_count = usize::try_from(dice.below(12)).unwrap();
    let mut last = lines
        .by_ref()
        .filter_map(|line| kept(&line))
        .take(steps_count)
        .last();
    std::thread::sleep(Duration::from_micros(dice.below(30_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died was said.
    last = lines.filter_map(|line| kept(&line)).last().or(last);
    last
}

fn check(path: &Path, last: Option<u64>) {
    let catalog = Catalog::open_or_recover(path, Options::default()).unwrap();
    assert!(catalog.recovery.is_none(), "{:?}", catalog.recovery);
    let catalog = catalog.catalog;
    let steps_count = next_step(&catalog);
    assert!(
        last.is_none_or(|last| last < steps_count),
        "{last:?} was kept, and {steps_count} steps are there"
    );
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(snapshot.jobs().count() as u64, steps_count);
    let is_found = |number| snapshot.point(&point_id(number)).unwrap().is_some();
    for number in 0..steps_count {
        assert_eq!(
            is_found(number),
            number + 9 >= steps_count,
            "point {number} of {steps_count}"
        );
        let job = snapshot
            .jobs_of(&source(number))
            .map(Result::unwrap)
            .find(|job| job.is_for_slot(&slot(number)));
        let expected = [JobState::Completed, JobState::Failed, JobState::InProgress]
            [usize::try_from(number % 3).unwrap()];
        assert_eq!(job.unwrap().state, expected);
    }
    drop(snapshot);
    assert_equals_rebuilt(&catalog);
}

fn kill(times: u64, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice(seed);
    let mut deaths_with_news = 0;
    for time in 0..times {
        // A catalog grows by some steps at each death, and is made anew now and then: its making dies, too.
        let path = dir.path().join(format!("catalog-{}", time / 10));
        let last = live_and_die(&path, &mut dice);
        deaths_with_news += u64::from(last.is_some());
        check(&path, last);
    }
    assert!(deaths_with_news > times / 2);
}

#[test]
fn twenty_deaths_lose_nothing_that_was_kept() {
    kill(20, 1);
}

#[test]
#[ignore = "soak"]
fn soak_two_hundred_deaths_lose_nothing_that_was_kept() {
    kill(200, 2);
}
