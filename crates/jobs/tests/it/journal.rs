//! Jobs as they are written down: seen and stopped from elsewhere, found when their process is gone.

use std::sync::Arc;

use strongroom::{Cancel, Clock, Monitor, Skipped, SystemClock};
use strongroom_jobs::catalog::{
    Error as CatalogError, Failure, Job, JobKind, JobState, NewJob, SourceName,
};
use strongroom_jobs::{Ending, Error, Journal, NewPoints, RunningJob};
use tempfile::TempDir;

fn journal() -> (TempDir, Journal) {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = Journal::new(dir.path());
    (dir, journal)
}

fn new() -> NewJob {
    NewJob::new(JobKind::Backup, Some(SourceName::local("home")))
}

fn begin(journal: &Journal, cancel: &Cancel) -> RunningJob {
    let begun = journal.begin(new(), None, cancel.clone(), Arc::new(SystemClock));
    begun.expect("written down")
}

fn newest(journal: &Journal) -> Job {
    newest_of(journal).expect("a job")
}

fn open_alerts(journal: &Journal) -> Vec<String> {
    let keys = journal.with_catalog(SystemClock.now(), |catalog| {
        let snapshot = catalog.snapshot()?;
        let keys = snapshot.open_alerts().map(|alert| Ok(alert?.key));
        Ok(keys.collect::<strongroom_jobs::catalog::Result<_>>()?)
    });
    keys.expect("readable")
}

/// Until something holds; a test that hangs here fails by its time.
fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_job_is_seen_while_it_runs_and_kept_when_it_has_ended() {
    let (_dir, journal) = journal();
    let job = begin(&journal, &Cancel::new());
    let monitor = job.monitor();
    monitor.phase(strongroom::Phase::Preparing);
    monitor.phase(strongroom::Phase::Reading);
    monitor.found(3, 1000);
    monitor.done(1, 400);
    for number in 0..70 {
        monitor.warning(&Skipped {
            path: format!("/{number}").into_bytes(),
            reason: "torn".to_owned(),
        });
    }
    // Another process, as it were, sees it within a second or so.
    wait_until(|| newest(&journal).progress.done_bytes == 400);
    let seen = newest(&journal);
    assert_eq!(seen.state, JobState::InProgress);
    assert_eq!(seen.progress.expected_bytes, Some(1000));
    assert_eq!(
        seen.phase().map(|phase| phase.as_str()),
        Some("transferring_data")
    );
    let ending = Ending::Completed {
        recovery_point: None,
    };
    job.end(ending, NewPoints::Unknown, None)
        .expect("written down");
    let kept = newest(&journal);
    assert_eq!(kept.state, JobState::CompletedWithWarnings);
    assert_eq!((kept.warnings.len(), kept.warnings_count), (50, 70));
    assert_eq!(kept.progress.done_count, 1);
    assert_eq!(journal.running().expect("readable"), []);
    assert_eq!(open_alerts(&journal), ["backup_warnings:home"]);
}

#[test]
fn a_job_can_be_stopped_from_elsewhere() {
    let (_dir, journal) = journal();
    let cancel = Cancel::new();
    let job = begin(&journal, &cancel);
    let id = newest(&journal).id;
    journal.stop(id, SystemClock.now()).expect("asked");
    wait_until(|| cancel.is_cancelled());
    wait_until(|| newest(&journal).state == JobState::Cancelling);
    job.end(Ending::Cancelled, NewPoints::Unknown, None)
        .expect("written down");
    assert_eq!(newest(&journal).state, JobState::Cancelled);
    assert_eq!(open_alerts(&journal), [""; 0]);
    let again = journal.stop(id, SystemClock.now());
    assert!(matches!(
        again,
        Err(Error::Catalog(CatalogError::IllegalEvent(_)))
    ));
}

#[test]
fn a_job_whose_process_is_gone_is_found() {
    let (_dir, journal) = journal();
    let job = begin(&journal, &Cancel::new());
    // Its lock is freed and its files stay, as when a process is killed.
    drop(job);
    let found = newest(&journal);
    assert_eq!(found.state, JobState::Failed);
    let code = found.failure.map(|failure| failure.code);
    assert_eq!(code.as_deref(), Some(Failure::INTERRUPTED));
    assert_eq!(open_alerts(&journal), ["backup_failed:home"]);

    // One that was told to end, and did so without a word, was meant to.
    let job = begin(&journal, &Cancel::new());
    job.monitor().give_up();
    drop(job);
    assert_eq!(newest(&journal).state, JobState::Cancelled);

    // The next success ends the alert.
    let ending = Ending::Completed {
        recovery_point: None,
    };
    let job = begin(&journal, &Cancel::new());
    job.end(ending, NewPoints::Unknown, None)
        .expect("written down");
    assert_eq!(open_alerts(&journal), [""; 0]);
}

#[test]
fn a_scheduled_job_begins_is_stopped_or_given_up() {
    let (_dir, journal) = journal();
    let now = SystemClock.now();
    let scheduled = journal.schedule(new(), now).expect("written down");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let begin = |id| journal.begin(new(), Some(id), Cancel::new(), Arc::clone(&clock));
    let job = begin(scheduled.id).expect("begun");
    assert_eq!(newest(&journal).id, scheduled.id);
    job.end(Ending::Cancelled, NewPoints::Unknown, None)
        .expect("written down");

    let stopped = journal.schedule(new(), now).expect("written down");
    journal.stop(stopped.id, now).expect("stopped");
    assert_eq!(newest(&journal).state, JobState::Cancelled);
    assert!(begin(stopped.id).expect_err("it is over").is_job_over());

    let left = journal.schedule(new(), now).expect("written down");
    let given_up = journal.give_up_scheduled(now).expect("written down");
    assert_eq!((given_up.len(), given_up[0].id), (1, left.id));
    assert_eq!(newest(&journal).state, JobState::Failed);
}

#[test]
fn a_damaged_catalog_is_moved_aside_and_the_job_goes_on() {
    let (dir, journal) = journal();
    let job = begin(&journal, &Cancel::new());
    std::fs::write(dir.path().join("catalog.redb"), "garbage").expect("written");
    let ending = Ending::Completed {
        recovery_point: None,
    };
    job.end(ending, NewPoints::Unknown, None)
        .expect("written down");
    assert_eq!(newest(&journal).state, JobState::Completed);
    assert_eq!(open_alerts(&journal), ["catalog_damaged"]);
    assert!(dir.path().join("catalog.redb.corrupt-1").exists());
}

/// Several processes begin and end jobs at once: none is lost, none is taken for a dead one.
#[test]
fn jobs_that_run_at_once_do_not_disturb_each_other() {
    let (_dir, journal) = journal();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let job = begin(&journal, &Cancel::new());
                    let ending = Ending::Completed {
                        recovery_point: None,
                    };
                    job.end(ending, NewPoints::Unknown, None)
                        .expect("written down");
                }
            });
        }
    });
    let jobs = journal.jobs(100, SystemClock.now()).expect("readable");
    let completed = jobs.iter().filter(|job| job.state == JobState::Completed);
    assert_eq!((completed.count(), jobs.len()), (20, 20));
}

/// Several processes come upon a damaged catalog at once: what can be saved of it is saved, and it is told.
#[test]
fn a_damaged_catalog_is_made_anew_by_one() {
    for _ in 0..5 {
        let (dir, journal) = journal();
        let running = begin(&journal, &Cancel::new());
        std::fs::write(dir.path().join("catalog.redb"), "garbage").expect("written");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| drop(newest_of(&journal)));
            }
        });
        assert_eq!(open_alerts(&journal), ["catalog_damaged"]);
        drop(running);
    }
}

fn newest_of(journal: &Journal) -> Option<Job> {
    let jobs = journal.jobs(1, SystemClock.now()).expect("readable");
    jobs.into_iter().next()
}
