//! Jobs through their lives.

use strongroom_catalog::{
    Catalog, Error, Failure, JobEvent, JobKind, JobState, NewJob, Phase, Progress, Warning,
};

use crate::support::{at, point_id, slot, source};

fn backup(number: u64) -> NewJob {
    NewJob::new(JobKind::Backup, Some(source(number))).scheduled(vec![slot(number)])
}

fn warning(code: &str) -> JobEvent {
    JobEvent::Warned(Warning {
        code: code.into(),
        message: "é".repeat(1000),
    })
}

#[test]
fn a_job_is_found_by_state_source_and_slot() {
    let catalog = Catalog::in_memory().unwrap();
    let first = catalog
        .change(|change| change.create_job(backup(0), at(0)))
        .unwrap();
    let second = catalog
        .change(|change| change.create_job(backup(3), at(0)))
        .unwrap();
    assert!(first.id < second.id);
    let unfinished = |catalog: &Catalog| -> Vec<_> {
        let snapshot = catalog.snapshot().unwrap();
        snapshot
            .unfinished_jobs()
            .map(|job| job.unwrap().id)
            .collect()
    };
    assert_eq!(unfinished(&catalog), [first.id, second.id]);
    let recovery_point = Some(point_id(0));
    let events = [
        JobEvent::Started,
        JobEvent::Entered(Phase::Verifying),
        JobEvent::Completed { recovery_point },
    ];
    let ended = catalog.change(|change| {
        events
            .iter()
            .try_for_each(|event| change.note_job(first.id, event, at(60)).map(drop))
    });
    ended.unwrap();
    assert_eq!(unfinished(&catalog), [second.id]);
    let snapshot = catalog.snapshot().unwrap();
    let job = snapshot.job(first.id).unwrap().unwrap();
    assert_eq!(
        (job.state, job.phase(), job.ended_at),
        (JobState::Completed, Some(&Phase::Verifying), Some(at(60)))
    );
    let of_source: Vec<_> = snapshot
        .jobs_of(&source(0))
        .map(|job| job.unwrap().id)
        .collect();
    assert_eq!(of_source, [second.id, first.id]);
    let of_slot = snapshot.last_job(&source(0), &JobKind::Backup, |job| {
        job.is_for_slot("slot-0")
    });
    assert_eq!(of_slot.unwrap(), Some(job));
    assert_eq!(
        snapshot
            .last_job(&source(0), &JobKind::Verify, |_| true)
            .unwrap(),
        None
    );
}

#[test]
fn an_illegal_event_changes_nothing() {
    let catalog = Catalog::in_memory().unwrap();
    let job = catalog
        .change(|change| change.create_job(backup(0), at(0)))
        .unwrap();
    let refused = catalog.change(|change| {
        change.note_job(job.id, &JobEvent::Started, at(1))?;
        change.note_job(job.id, &JobEvent::Started, at(2))
    });
    assert!(matches!(refused, Err(Error::IllegalEvent(_))));
    let message = refused.unwrap_err().to_string();
    assert_eq!(
        message,
        format!("job {} is in_progress and cannot start", job.id)
    );
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(snapshot.job(job.id).unwrap(), Some(job.clone()));
    let progress = JobEvent::Progressed(Progress::default());
    let early = catalog.change(|change| change.note_job(job.id, &progress, at(2)));
    assert!(matches!(early, Err(Error::IllegalEvent(_))));
    let unknown = catalog.change(|change| change.note_job("1".parse().unwrap(), &progress, at(2)));
    assert!(matches!(unknown, Err(Error::NotFound { what: "job", .. })));
}

#[test]
fn warnings_are_bounded_and_make_a_job_complete_with_warnings() {
    let catalog = Catalog::in_memory().unwrap();
    let job = catalog.change(|change| {
        let id = change.create_job(backup(0), at(0))?.id;
        change.note_job(id, &JobEvent::Started, at(1))?;
        for number in 0..1000 {
            change.note_job(id, &warning(&format!("\u{1}{number}").repeat(100)), at(2))?;
            change.note_job(id, &JobEvent::Entered(Phase::TransferringData), at(2))?;
        }
        change.note_job(
            id,
            &JobEvent::Completed {
                recovery_point: None,
            },
            at(3),
        )
    });
    let job = job.unwrap();
    assert_eq!(job.state, JobState::CompletedWithWarnings);
    assert_eq!(
        (job.warnings.len(), job.warnings_count),
        (strongroom_catalog::WARNINGS_MAX_COUNT, 1000)
    );
    assert!(job.warnings[0].message.len() <= 300);
}

#[test]
fn a_scheduled_job_that_is_cancelled_never_ran() {
    let catalog = Catalog::in_memory().unwrap();
    let job = catalog.change(|change| {
        let id = change.create_job(backup(0), at(0))?.id;
        change.note_job(id, &JobEvent::CancelRequested, at(1))
    });
    let job = job.unwrap();
    assert_eq!(
        (job.state, job.started_at, job.ended_at),
        (JobState::Cancelled, None, Some(at(1)))
    );
}

#[test]
fn jobs_of_a_process_that_is_gone_end() {
    let catalog = Catalog::in_memory().unwrap();
    let make = |events: &[JobEvent]| {
        let made = catalog.change(|change| {
            let id = change.create_job(backup(0), at(0))?.id;
            events
                .iter()
                .try_for_each(|event| change.note_job(id, event, at(1)).map(drop))?;
            Ok(id)
        });
        made.unwrap()
    };
    let scheduled = make(&[]);
    let running = make(&[JobEvent::Started]);
    let stopping = make(&[JobEvent::Started, JobEvent::CancelRequested]);
    let done = make(&[
        JobEvent::Started,
        JobEvent::Completed {
            recovery_point: None,
        },
    ]);
    let ended = catalog
        .change(|change| change.end_interrupted_jobs(at(9)))
        .unwrap();
    let states: Vec<_> = ended.iter().map(|job| (job.id, job.state)).collect();
    assert_eq!(
        states,
        [(running, JobState::Failed), (stopping, JobState::Cancelled)]
    );
    assert_eq!(
        ended[0].failure.as_ref().unwrap().code,
        Failure::INTERRUPTED
    );
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(
        snapshot.job(scheduled).unwrap().unwrap().state,
        JobState::Scheduled
    );
    assert_eq!(snapshot.job(done).unwrap().unwrap().ended_at, Some(at(1)));
}

#[test]
fn a_snapshot_sees_light_changes_and_not_later_ones() {
    let catalog = Catalog::in_memory().unwrap();
    let job = catalog
        .change_lightly(|change| change.create_job(backup(0), at(0)))
        .unwrap();
    let before = catalog.snapshot().unwrap();
    catalog
        .change_lightly(|change| change.note_job(job.id, &JobEvent::Started, at(1)))
        .unwrap();
    assert_eq!(before.job(job.id).unwrap(), Some(job.clone()));
    let after = catalog.snapshot().unwrap();
    assert_eq!(
        after.job(job.id).unwrap().unwrap().state,
        JobState::InProgress
    );
}
