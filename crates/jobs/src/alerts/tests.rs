use super::*;
use strongroom_catalog::{Catalog, JobEvent, NewJob, Warning};

fn now() -> DateTime<Utc> {
    "2026-03-28T12:00:00Z".parse().unwrap()
}

/// A job after these events.
fn job(kind: JobKind, source: Option<&str>, events: &[JobEvent]) -> Job {
    let catalog = Catalog::in_memory().unwrap();
    let new = NewJob::new(kind, source.map(SourceName::local));
    let job = catalog
        .change(|change| change.create_job(new, now()))
        .unwrap();
    let start = job.after(&JobEvent::Started, now()).unwrap();
    events
        .iter()
        .fold(start, |job, event| job.after(event, now()).unwrap())
}

fn fails(code: &str) -> JobEvent {
    JobEvent::Failed(Failure {
        code: code.to_owned(),
        message: "the disk is on fire".to_owned(),
        help: Some("put it out".to_owned()),
    })
}

fn warns() -> JobEvent {
    JobEvent::Warned(Warning {
        code: "skipped".to_owned(),
        message: "/a: torn".to_owned(),
    })
}

fn completes() -> JobEvent {
    JobEvent::Completed {
        recovery_point: None,
    }
}

fn raised(changes: &[AlertChange]) -> Vec<(&str, Severity)> {
    let raised = changes.iter().filter_map(|change| match change {
        AlertChange::Raise(new) => Some((new.key.as_str(), new.severity)),
        AlertChange::Resolve(_) => None,
    });
    raised.collect()
}

fn resolved(changes: &[AlertChange]) -> Vec<&str> {
    let resolved = changes.iter().filter_map(|change| match change {
        AlertChange::Raise(_) => None,
        AlertChange::Resolve(key) => Some(key.as_str()),
    });
    resolved.collect()
}

#[test]
fn failures_are_as_bad_as_what_they_leave_undone() {
    let of = |kind, source| alerts_after(&job(kind, source, &[fails("io")]));
    let backup = of(JobKind::Backup, Some("home"));
    assert_eq!(
        raised(&backup),
        [("backup_failed:home", Severity::Critical)]
    );
    let AlertChange::Raise(new) = &backup[0] else {
        panic!("nothing raised");
    };
    assert_eq!(
        new.message,
        "backup of home has failed: the disk is on fire"
    );
    assert_eq!(new.help.as_deref(), Some("put it out"));
    assert_eq!(
        raised(&of(JobKind::Restore, None)),
        [("restore_failed", Severity::Critical)]
    );
    assert_eq!(
        raised(&of(JobKind::Sweep, None)),
        [("sweep_failed", Severity::Error)]
    );
}

#[test]
fn a_success_resolves_and_warnings_stay_until_a_clean_one() {
    let clean = alerts_after(&job(JobKind::Backup, Some("home"), &[completes()]));
    let keys = [
        "backup_failed:home",
        "backup_warnings:home",
        "no_backup:home",
    ];
    assert_eq!((raised(&clean).len(), resolved(&clean)), (0, keys.to_vec()));
    let warned = alerts_after(&job(JobKind::Backup, Some("home"), &[warns(), completes()]));
    assert_eq!(
        raised(&warned),
        [("backup_warnings:home", Severity::Warning)]
    );
    assert_eq!(resolved(&warned), ["backup_failed:home", "no_backup:home"]);
}

#[test]
fn many_entries_that_were_left_out_are_more_than_a_warning() {
    let mut many = job(JobKind::Backup, Some("home"), &[warns(), completes()]);
    many.warnings_count = 100;
    assert_eq!(
        raised(&alerts_after(&many)),
        [("backup_warnings:home", Severity::Error)]
    );
    many.progress.done_count = 1_000_000;
    assert_eq!(
        raised(&alerts_after(&many)),
        [("backup_warnings:home", Severity::Warning)]
    );
}

#[test]
fn nothing_follows_from_what_was_meant() {
    let cancelled = [JobEvent::CancelRequested, JobEvent::Cancelled];
    assert_eq!(
        alerts_after(&job(JobKind::Backup, Some("home"), &cancelled)),
        []
    );
    assert_eq!(
        alerts_after(&job(JobKind::Backup, Some("home"), &[fails(BUSY)])),
        []
    );
    assert_eq!(alerts_after(&job(JobKind::Backup, Some("home"), &[])), []);
}

#[test]
fn silence_is_told_once_it_is_longer_than_the_schedule_allows() {
    let weekly = "0 2 * * 0".parse().unwrap();
    let weekly = strongroom_policy::Schedule::Cron(weekly);
    let weekly = strongroom_policy::Timetable::new(weekly, chrono_tz::UTC);
    let daily = "0 2 * * *".parse().unwrap();
    let daily = strongroom_policy::Schedule::Cron(daily);
    let daily = strongroom_policy::Timetable::new(daily, chrono_tz::UTC);
    let of = |timetable, days| {
        let silence = Silence {
            source: SourceName::local("home"),
            since: now() - chrono::TimeDelta::days(days),
            timetable,
        };
        raised(&silences(&[silence], now())).len()
    };
    assert_eq!((of(Some(&daily), 2), of(Some(&daily), 3)), (0, 1));
    assert_eq!((of(Some(&weekly), 14), of(Some(&weekly), 15)), (0, 1));
    assert_eq!(of(None, 1000), 0);
}

#[test]
fn security_that_is_taken_up_is_shown_for_a_fortnight() {
    let catalog = Catalog::in_memory().unwrap();
    let at = |day: u32| format!("2026-03-{day:02}T12:00:00Z").parse().unwrap();
    let raise = |key: &str, class, day| {
        let new = NewAlert::new(key, class, Severity::Error, key, key);
        catalog
            .change(|change| change.raise_alert(&new, at(day)))
            .unwrap()
    };
    let open = |key: &str| {
        catalog
            .snapshot()
            .unwrap()
            .open_alert(key)
            .unwrap()
            .unwrap()
    };
    let deleted = raise("points_deleted", AlertClass::Security, 1);
    let failed = raise("backup_failed", AlertClass::Job, 1);
    assert!(!is_settled(&deleted, at(31)), "nobody has taken it up");
    for id in [deleted.id, failed.id] {
        catalog
            .change(|change| change.acknowledge_alert(id, at(2)))
            .unwrap();
    }
    assert!(!is_settled(&open("points_deleted"), at(15)));
    assert!(is_settled(&open("points_deleted"), at(16)));
    assert!(
        !is_settled(&open("backup_failed"), at(31)),
        "it ends with its cause"
    );
    raise("points_deleted", AlertClass::Security, 10);
    assert!(
        !is_settled(&open("points_deleted"), at(31)),
        "it has happened again"
    );
}
