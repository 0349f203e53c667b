//! A catalog's life in steps that are the same on every run, and all that a catalog holds as text.

use std::convert::Infallible;

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_catalog::{
    AlertClass, Catalog, Change, Drill, Failure, JobEvent, JobKind, NewAlert, NewJob, ObjectKind,
    Phase, Point, PointId, Progress, Resolution, Result, Sample, Severity, Snapshot, SourceName,
    Verified, VerifyLevel, Warning,
};

pub(crate) fn at(secs: u64) -> DateTime<Utc> {
    let start: DateTime<Utc> = "2026-03-28T12:00:00Z".parse().unwrap();
    start + TimeDelta::seconds(i64::try_from(secs).unwrap())
}

pub(crate) fn source(number: u64) -> SourceName {
    SourceName::new("laptop", format!("home{}", number % 3))
}

pub(crate) fn slot(number: u64) -> String {
    format!("slot-{number}")
}

pub(crate) fn point_id(number: u64) -> PointId {
    PointId::new(format!("point-{number:06}"))
}

pub(crate) fn point(number: u64) -> Point {
    let mut point = Point::new(point_id(number).as_str(), source(number), at(60 * number));
    point.stored_bytes = number * 1000;
    point.logical_bytes = number * 10_000;
    point.tags.insert("number".into(), number.to_string());
    point
}

/// Step `number` of a life. What is done in it is visible as a whole or not at all.
pub(crate) fn step(catalog: &Catalog, number: u64) -> Result<()> {
    let work = |change: &Change| work(change, number);
    if number % 4 == 3 {
        catalog.change_lightly(work)
    } else {
        catalog.change(work)
    }
}

fn work(change: &Change, number: u64) -> Result<()> {
    let now = at(60 * number);
    change.put_point(&point(number))?;
    if number >= 5 {
        let mut old = point(number - 5);
        old.deleted_at = Some(now);
        change.put_point(&old)?;
    }
    if number >= 9 {
        change.remove_point(&point_id(number - 9))?;
    }
    run_job(change, number)?;
    let severity = if number.is_multiple_of(2) {
        Severity::Warning
    } else {
        Severity::Critical
    };
    let key = format!("late:{}", source(number));
    change.raise_alert(
        &NewAlert::new(
            &key,
            AlertClass::Health,
            severity,
            "late",
            "no point lately",
        ),
        now,
    )?;
    if number % 5 == 4 {
        change.resolve_alert(&key, Resolution::CauseGone, now)?;
    }
    change.note_verified([Verified {
        kind: ObjectKind::Pack,
        object: format!("pack{}", number % 7),
        level: VerifyLevel::Data,
        at: now,
    }])?;
    change.note_drill(&Drill::new(source(number), point_id(number), now))?;
    change.note_sample(&Sample::new(None, now))
}

fn run_job(change: &Change, number: u64) -> Result<()> {
    let now = at(60 * number);
    let new = NewJob::new(JobKind::Backup, Some(source(number))).scheduled(vec![slot(number)]);
    let job = change.create_job(new, now)?.id;
    let note = |event: JobEvent| change.note_job(job, &event, now).map(drop);
    note(JobEvent::Started)?;
    note(JobEvent::Entered(Phase::TransferringData))?;
    let done_bytes = number;
    note(JobEvent::Progressed(Progress {
        done_bytes,
        ..Progress::default()
    }))?;
    let (code, message) = ("changed".to_owned(), "a file".to_owned());
    match number % 3 {
        0 => note(JobEvent::Completed {
            recovery_point: Some(point_id(number)),
        }),
        1 => note(JobEvent::Failed(Failure {
            code,
            message,
            help: None,
        })),
        _ => note(JobEvent::Warned(Warning { code, message })),
    }
}

fn texts<T: std::fmt::Debug>(what: &str, records: impl Iterator<Item = Result<T>>) -> Vec<String> {
    records
        .map(|record| format!("{what} {:?}", record.unwrap()))
        .collect()
}

/// What follows from the points, through every way of reading it.
pub(crate) fn derived(snapshot: &Snapshot) -> Vec<String> {
    let mut all = texts("point", snapshot.points());
    all.extend(texts("source", snapshot.sources()));
    for number in 0..3 {
        all.extend(texts(
            "point of source",
            snapshot.points_of(&source(number)),
        ));
    }
    all
}

/// What only this catalog knows, through every way of reading it.
pub(crate) fn journals(snapshot: &Snapshot) -> Vec<String> {
    let mut all = texts("job", snapshot.jobs());
    all.extend(texts("unfinished", snapshot.unfinished_jobs()));
    all.extend(texts("alert", snapshot.alerts()));
    all.extend(texts("open alert", snapshot.open_alerts()));
    all.extend(texts(
        "verified",
        snapshot.verified(ObjectKind::Pack, VerifyLevel::Data),
    ));
    all.extend(texts("sample", snapshot.samples(None)));
    for number in 0..3 {
        all.extend(texts("job of source", snapshot.jobs_of(&source(number))));
        all.extend(texts("drill", snapshot.drills_of(&source(number))));
    }
    all
}

/// All of it.
pub(crate) fn everything(catalog: &Catalog) -> Vec<String> {
    let snapshot = catalog.snapshot().unwrap();
    [derived(&snapshot), journals(&snapshot)].concat()
}

/// Fails at the first text that differs.
pub(crate) fn assert_same(found: &[String], expected: &[String]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

/// Fails when the derived tables are not those that the points alone give.
pub(crate) fn assert_equals_rebuilt(catalog: &Catalog) {
    let before = everything(catalog);
    let points: Vec<Point> = catalog
        .snapshot()
        .unwrap()
        .points()
        .map(Result::unwrap)
        .collect();
    let count = points.len() as u64;
    let rebuilt = catalog
        .rebuild(points.into_iter().rev().map(Ok::<_, Infallible>))
        .unwrap();
    assert_eq!(rebuilt, count);
    assert_same(&everything(catalog), &before);
}

/// SplitMix64: reproducible numbers.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
