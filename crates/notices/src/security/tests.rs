use super::*;

fn run(before_count: u64, changed_count: u64, gone_count: u64) -> Run {
    Run {
        before_count,
        changed_count,
        gone_count,
    }
}

fn of_run(newest: Run, history: &[Run]) -> Vec<NewAlert> {
    security_alerts(&SecurityEvent::BackedUp {
        source: SourceName::local("home"),
        run: newest,
        history: history.to_vec(),
    })
}

#[test]
fn many_files_are_beyond_number_share_and_habit() {
    let calm = [run(9000, 10, 0), run(9000, 30, 5), run(9000, 20, 0)];
    for (newest, history, is_alarm) in [
        (run(9000, 4501, 0), &calm[..], true),
        (run(9000, 4500, 0), &calm, false), // half, not more
        (run(1500, 1000, 0), &calm, false), // not many
        (run(1500, 1001, 0), &calm, true),
        (run(9000, 0, 9000), &calm, true), // all renamed
        (run(9000, 2000, 2501), &calm, true),
        (run(9000, 9000, 0), &[], false), // nothing to compare with
        (run(9000, 9000, 0), &[run(9000, 1800, 0)], false), // five times, not more
        (run(9000, 9000, 0), &[run(9000, 1799, 0)], true),
        (run(0, 0, 0), &calm, false),
        (run(1, u64::MAX, u64::MAX), &calm, true),
    ] {
        let alerts = of_run(newest, history);
        assert_eq!(!alerts.is_empty(), is_alarm, "{newest:?} after {history:?}");
    }
}

#[test]
fn one_wild_day_does_not_hide_the_next() {
    let history = [run(9000, 10, 0), run(9000, 9000, 0), run(9000, 12, 0)];
    let alerts = of_run(run(9000, 8000, 0), &history);
    assert_eq!(alerts[0].key, "many_files_changed:home");
    assert_eq!(
        alerts[0].message,
        "8000 of 9000 files of home were changed or removed since the last backup"
    );
}

#[test]
fn only_what_makes_things_less_safe_is_told() {
    let soft = |from_days, to_days| {
        let alerts = security_alerts(&SecurityEvent::SoftDeleteChanged { from_days, to_days });
        alerts.first().map(|alert| alert.message.clone())
    };
    assert_eq!(
        soft(Some(30), None).as_deref(),
        Some("soft delete was turned off (before: 30 days)")
    );
    assert_eq!(
        soft(Some(30), Some(14)).as_deref(),
        Some("soft delete was shortened to 14 days (before: 30 days)")
    );
    for (from, to) in [
        (None, None),
        (None, Some(14)),
        (Some(14), Some(14)),
        (Some(14), Some(30)),
    ] {
        assert_eq!(soft(from, to), None);
    }
    let cut = |cuts: &[&str]| {
        let cuts = cuts.iter().map(ToString::to_string).collect();
        security_alerts(&SecurityEvent::RetentionCut { source: None, cuts })
    };
    assert_eq!(cut(&[]), []);
    assert_eq!(
        cut(&["daily keeps 7 days instead of 30"])[0].message,
        "the policy keeps less than before: daily keeps 7 days instead of 30"
    );
}

#[test]
fn deletions_say_how_many_and_whether_they_can_be_taken_back() {
    let deleted = |points_count, is_final| {
        security_alerts(&SecurityEvent::PointsDeleted {
            source: Some(SourceName::new("laptop", "home")),
            points_count,
            is_final,
        })
    };
    assert_eq!(deleted(0, true), []);
    let soft = deleted(1, false);
    assert_eq!(
        soft[0].message,
        "deletion of 1 recovery point of laptop/home was begun by hand"
    );
    assert_eq!(soft[0].severity, Severity::Error);
    let hard = deleted(12, true);
    assert_eq!(hard[0].severity, Severity::Critical);
    assert_eq!(hard[0].key, soft[0].key);
}

#[test]
fn a_catalog_takes_every_one_and_none_can_be_silenced() {
    let now = "2026-03-28T12:00:00Z".parse().unwrap();
    let catalog = strongroom_catalog::Catalog::in_memory().unwrap();
    let events = [
        SecurityEvent::PointsDeleted {
            source: None,
            points_count: 3,
            is_final: false,
        },
        SecurityEvent::RetentionCut {
            source: None,
            cuts: vec!["x".to_owned()],
        },
        SecurityEvent::SoftDeleteChanged {
            from_days: Some(14),
            to_days: None,
        },
        SecurityEvent::LocalCredentialRemoved { slot: "a1".into() },
        SecurityEvent::PassphraseChanged { slot: "b2".into() },
    ];
    for event in &events {
        let new = &security_alerts(event)[0];
        let alert = catalog
            .change(|change| change.raise_alert(new, now))
            .unwrap();
        let silenced = catalog.change(|change| change.silence_alert(alert.id, now));
        assert!(silenced.is_err(), "{}", alert.key);
        assert!(alert.help.is_some());
    }
    assert_eq!(
        catalog.snapshot().unwrap().open_alerts().count(),
        events.len()
    );
}

#[test]
fn no_name_keeps_an_alert_out_of_the_catalog() {
    let now = "2026-03-28T12:00:00Z".parse().unwrap();
    let catalog = strongroom_catalog::Catalog::in_memory().unwrap();
    let names = [0, 1, 1008, 1009, 1010, 1024, 1025, 5000].map(|length| "x".repeat(length));
    for name in &names {
        let alerts = security_alerts(&SecurityEvent::PointsDeleted {
            source: Some(SourceName::new(name, name)),
            points_count: 1,
            is_final: true,
        });
        let raised = catalog.change(|change| change.raise_alert(&alerts[0], now));
        assert_eq!(raised.unwrap().seen_count, 1, "{} bytes", name.len());
    }
}
