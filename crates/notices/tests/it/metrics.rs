//! The metrics of a catalog.

use std::collections::BTreeMap;
use std::fs;

use strongroom_catalog::{
    Drill, JobEvent, JobKind, NewJob, ObjectKind, Point, SourceName, Verified, VerifyLevel,
};
use strongroom_notices::{metrics, write_textfile};

use crate::world::World;

#[test]
fn all_that_matters_is_there() {
    let mut world = World::new("");
    let home = SourceName::new("laptop", "ho\"me");
    let now = world.now;
    let changed = world.catalog.change(|change| {
        let job = change.create_job(NewJob::new(JobKind::Backup, Some(home.clone())), now)?;
        change.note_job(job.id, &JobEvent::Started, now)?;
        change.note_job(
            job.id,
            &JobEvent::Completed {
                recovery_point: None,
            },
            now,
        )?;
        let mut point = Point::new("p1", home.clone(), now);
        (point.stored_bytes, point.logical_bytes) = (1000, 5000);
        change.put_point(&point)?;
        change.note_drill(&Drill::new(home.clone(), point.id, now))?;
        change.note_verified([Verified {
            kind: ObjectKind::Pack,
            object: "a".into(),
            level: VerifyLevel::Data,
            at: now,
        }])
    });
    changed.unwrap();
    world.job("backup_failed:x");
    world.security("points_deleted");
    world.pass(60);
    let due = BTreeMap::from([(home, now), (SourceName::local("new"), now)]);
    let snapshot = world.catalog.snapshot().unwrap();
    let text = metrics(&snapshot, &due, &world.sent, world.now).unwrap();
    let of = "{machine=\"laptop\",source=\"ho\\\"me\"}";
    for line in [
        format!("strongroom_backup_last_success_timestamp_seconds{of} 1774699200"),
        format!("strongroom_backup_last_success_age_seconds{of} 3600"),
        format!("strongroom_recovery_points{of} 1"),
        format!("strongroom_stored_bytes{of} 1000"),
        format!("strongroom_logical_bytes{of} 5000"),
        format!("strongroom_drill_last_success_timestamp_seconds{of} 1774699200"),
        format!("strongroom_backup_next_due_timestamp_seconds{of} 1774699200"),
        "strongroom_backup_next_due_timestamp_seconds{source=\"new\"} 1774699200".into(),
        "strongroom_verified_newest_timestamp_seconds{level=\"data\"} 1774699200".into(),
        "strongroom_jobs{kind=\"backup\",state=\"completed\"} 1".into(),
        "strongroom_jobs{kind=\"backup\",state=\"failed\"} 0".into(),
        "strongroom_alerts{severity=\"critical\",security=\"false\"} 1".into(),
        "strongroom_alerts{severity=\"informational\",security=\"true\"} 1".into(),
        "strongroom_alerts{severity=\"error\",security=\"false\"} 0".into(),
        "strongroom_notices_failing_destinations 0".into(),
        "# TYPE strongroom_stored_bytes gauge".into(),
    ] {
        assert!(text.lines().any(|own| own == line), "{line} in\n{text}");
    }
    assert!(text.ends_with('\n'));
    // Each metric is announced once, before its values.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        assert_eq!(
            text.matches(&format!("# TYPE {name} ")).count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn a_file_of_metrics_is_replaced_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("strongroom.prom");
    for text in ["one 1\n", "two 2\n"] {
        write_textfile(&path, text).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert!(write_textfile(&dir.path().join("no/strongroom.prom"), "").is_err());
}
