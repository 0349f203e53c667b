use super::*;
use serde_json::json;
use strongroom::fs::{Meta, Time};

fn entry(path: &[u8]) -> EntryView {
    let mtime = Time {
        secs: 1_767_225_600,
        nanos: 5_000_000,
    };
    let meta = Meta {
        kind: Kind::Symlink,
        mode: 0o644,
        uid: 1000,
        gid: 100,
        mtime,
        ctime: mtime,
        btime: None,
        ino: 1,
        dev: 1,
        nlink: 1,
        size: 3,
        blocks: 0,
        rdev: (0, 0),
    };
    EntryView {
        path: path.to_vec(),
        meta,
        target: Some(b"t/\xff".to_vec()),
        problem: None,
    }
}

#[test]
fn entries() {
    let expected = json!({
        "path": "/a", "kind": "symlink", "size_bytes": 3, "modified_at": "2026-01-01T00:00:00.005Z", "mode": "0644",
        "uid": 1000, "gid": 100, "target": "t/\u{fffd}", "target_hex": "742fff",
    });
    assert_eq!(
        serde_json::to_value(Entry::new(&entry(b"/a"), None)).unwrap(),
        expected
    );
    let odd = serde_json::to_value(Entry::new(&entry(b"/\xfe"), Some("P".to_owned()))).unwrap();
    assert_eq!(odd["path"], "/\u{fffd}");
    assert_eq!(odd["path_hex"], "2ffe");
    assert_eq!(odd["recovery_point"], "P");
}

#[test]
fn failures() {
    let fail = Fail::usage("no", "do").because(&std::io::Error::other("why"));
    let expected = json!({"error": {"id": "usage", "code": 2, "message": "no", "causes": ["why"], "help": "do"}});
    assert_eq!(
        serde_json::to_value(Failure::from(&fail)).unwrap(),
        expected
    );
}

#[test]
fn points() {
    let until = DateTime::from_timestamp(2_000_000_000, 0);
    let point = PointView {
        id: strongroom::vault::format::SessionId::new(1_767_225_600_000, [7; 10]),
        source: "home".to_owned(),
        host: "h".to_owned(),
        taken_at: DateTime::from_timestamp(1_767_225_600, 0).unwrap(),
        written_at: None,
        previous: None,
        slots: None,
        state: strongroom::PointState::Partial,
        logical_bytes: 9,
        files_count: 1,
        roots: vec![b"/home".to_vec()],
        tags: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        is_held: false,
        deleted_at: None,
        hold_until: until,
        retain_until: None,
    };
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let expected = json!({
        "recovery_point": point.id.to_string(), "source": "home", "taken_at": "2026-01-01T00:00:00.000Z",
        "state": "partial", "logical_bytes": 9, "kept_because": ["hold"], "expires_at": null,
        "hold_until": "2033-05-18T03:33:20.000Z", "deleted_at": null, "tags": {"k": "v"}, "files_count": 1,
        "host": "h", "roots": [{"path": "/home"}], "proven_restorable_at": null,
    });
    assert_eq!(
        serde_json::to_value(Point::new(&point, None, now)).unwrap(),
        expected
    );
    let late = DateTime::from_timestamp(2_000_000_001, 0).unwrap();
    assert!(kept_because(&point, late).is_empty());
}

#[test]
fn restores_and_verifies() {
    let skipped = vec![strongroom::Skipped {
        path: b"/x".to_vec(),
        reason: "gone".to_owned(),
    }];
    let report = RestoreReport {
        files_count: 2,
        skipped,
        skipped_count: 1,
        ..RestoreReport::default()
    };
    let value = serde_json::to_value(Restore::new("P".to_owned(), &report, 0.5, false)).unwrap();
    for field in [
        "recovery_point",
        "files_count",
        "written_bytes",
        "reused_bytes",
        "conflicts_count",
        "elapsed_secs",
    ] {
        assert!(!value[field].is_null(), "{field}");
    }
    assert_eq!(value["skipped"], json!([{"path": "/x", "reason": "gone"}]));
    let value = serde_json::to_value(Verify::new(
        &VerifyReport::default(),
        &History::default(),
        0.0,
    ))
    .unwrap();
    let expected = json!({
        "points_count": 0, "packs_count": 0, "verified_bytes": 0, "damaged": [], "elapsed_secs": 0.0,
        "superseded": [], "packs_left_count": 0, "is_noted": false, "history": [],
    });
    assert_eq!(value, expected);
}
