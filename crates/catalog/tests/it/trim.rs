//! Journals do not grow for ever, and do not lose what is still asked for.

use strongroom_catalog::{
    Catalog, Drill, Error, JobEvent, JobKind, JournalLimits, NewJob, ObjectKind, Options, Sample,
    VerifyLevel,
};

use crate::support::{at, everything, point_id, source, step};

const DAY: u64 = 86_400;

#[test]
fn nothing_is_removed_before_its_time() {
    let catalog = Catalog::in_memory().unwrap();
    (0..20).for_each(|number| step(&catalog, number).unwrap());
    let before = everything(&catalog);
    let trimmed = catalog
        .trim_journals(&JournalLimits::default(), at(90 * DAY - 1))
        .unwrap();
    assert_eq!(trimmed, strongroom_catalog::Trimmed::default());
    assert_eq!(everything(&catalog), before);
}

#[test]
fn last_runs_last_successes_and_proofs_outlive_every_limit() {
    let catalog = Catalog::in_memory().unwrap();
    let run = |secs: u64, is_success: bool| {
        let made = catalog.change(|change| {
            let id = change
                .create_job(NewJob::new(JobKind::Backup, Some(source(0))), at(secs))?
                .id;
            change.note_job(id, &JobEvent::Started, at(secs))?;
            let recovery_point = None;
            let (code, message) = ("x".to_owned(), "y".to_owned());
            let failure = strongroom_catalog::Failure {
                code,
                message,
                help: None,
            };
            let end = if is_success {
                JobEvent::Completed { recovery_point }
            } else {
                JobEvent::Failed(failure)
            };
            change.note_job(id, &end, at(secs))?;
            let mut drill = Drill::new(source(0), point_id(secs), at(secs));
            drill.differing_count = u64::from(!is_success);
            change.note_drill(&drill)?;
            Ok(id)
        });
        made.unwrap()
    };
    let _first = run(0, true);
    let last_success = run(1, true);
    let _failed = run(2, false);
    let last = run(3, false);
    let scheduled = catalog
        .change(|change| change.create_job(NewJob::new(JobKind::Sweep, None), at(0)))
        .unwrap()
        .id;
    let trimmed = catalog
        .trim_journals(&JournalLimits::default(), at(5000 * DAY))
        .unwrap();
    assert_eq!((trimmed.jobs_count, trimmed.drills_count), (2, 3));
    let snapshot = catalog.snapshot().unwrap();
    let kept: Vec<_> = snapshot.jobs().map(|job| job.unwrap().id).collect();
    assert_eq!(kept, [scheduled, last, last_success]);
    let of_source: Vec<_> = snapshot
        .jobs_of(&source(0))
        .map(|job| job.unwrap().id)
        .collect();
    assert_eq!(of_source, [last, last_success]);
    assert_eq!(snapshot.last_proof(&source(0)).unwrap().unwrap().at, at(1));
    assert_eq!(snapshot.drills_of(&source(0)).count(), 1);
}

#[test]
fn what_is_over_goes_and_what_is_open_stays() {
    let catalog = Catalog::in_memory().unwrap();
    (0..40).for_each(|number| step(&catalog, number).unwrap());
    let open: Vec<_> = catalog
        .snapshot()
        .unwrap()
        .open_alerts()
        .map(|alert| alert.unwrap().id)
        .collect();
    let unfinished = catalog.snapshot().unwrap().unfinished_jobs().count();
    let trimmed = catalog
        .trim_journals(&JournalLimits::default(), at(5000 * DAY))
        .unwrap();
    assert!(
        trimmed.jobs_count > 10 && trimmed.alerts_count > 3,
        "{trimmed:?}"
    );
    assert_eq!((trimmed.verified_count, trimmed.samples_count), (7, 40));
    let snapshot = catalog.snapshot().unwrap();
    let still: Vec<_> = snapshot
        .open_alerts()
        .map(|alert| alert.unwrap().id)
        .collect();
    assert_eq!(still, open);
    assert_eq!(snapshot.alerts().count(), open.len());
    assert_eq!(snapshot.unfinished_jobs().count(), unfinished);
    assert_eq!(
        snapshot
            .verified(ObjectKind::Pack, VerifyLevel::Data)
            .count(),
        0
    );
    let again = catalog
        .trim_journals(&JournalLimits::default(), at(5000 * DAY))
        .unwrap();
    assert_eq!(again, strongroom_catalog::Trimmed::default());
}

#[test]
fn space_of_what_was_removed_goes_back_when_nobody_reads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog");
    let mut catalog = Catalog::open(&path, Options::default()).unwrap();
    let filled = catalog.change(|change| {
        (0..5000).try_for_each(|secs| change.note_sample(&Sample::new(None, at(secs))))
    });
    filled.unwrap();
    step(&catalog, 0).unwrap();
    let before_bytes = std::fs::metadata(&path).unwrap().len();
    catalog
        .trim_journals(&JournalLimits::default(), at(5000 * DAY))
        .unwrap();
    let all = everything(&catalog);
    let reader = catalog.snapshot().unwrap();
    assert!(matches!(catalog.compact(), Err(Error::InUse)));
    drop(reader);
    assert!(catalog.compact().unwrap());
    assert!(std::fs::metadata(&path).unwrap().len() < before_bytes / 2);
    assert_eq!(everything(&catalog), all);
}
