//! Alerts through their lives.

use strongroom_catalog::{AlertClass, AlertState, Catalog, Error, NewAlert, Resolution, Severity};

use crate::support::at;

fn late(severity: Severity) -> NewAlert {
    NewAlert::new(
        "late:home",
        AlertClass::Health,
        severity,
        "late",
        "no point for two days",
    )
}

#[test]
fn one_key_is_one_alert_until_it_is_resolved() {
    let catalog = Catalog::in_memory().unwrap();
    let raise = |secs| {
        catalog
            .change(|change| change.raise_alert(&late(Severity::Error), at(secs)))
            .unwrap()
    };
    let first = raise(0);
    let again = raise(1);
    assert_eq!((first.id, first.seen_count), (again.id, 1));
    assert_eq!(
        (again.seen_count, again.first_seen_at, again.last_seen_at),
        (2, at(0), at(1))
    );
    let resolve = |secs| {
        let key = "late:home";
        catalog
            .change(|change| change.resolve_alert(key, Resolution::CauseGone, at(secs)))
            .unwrap()
    };
    assert_eq!(resolve(2).unwrap().state, AlertState::Resolved);
    assert_eq!(resolve(3), None);
    let anew = raise(4);
    assert!(anew.id > first.id);
    assert_eq!(anew.seen_count, 1);
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(
        snapshot
            .open_alerts()
            .map(Result::unwrap)
            .collect::<Vec<_>>(),
        std::slice::from_ref(&anew)
    );
    assert_eq!(snapshot.open_alert("late:home").unwrap(), Some(anew));
    assert_eq!(snapshot.alerts().count(), 2);
}

#[test]
fn people_act_on_alerts_by_id() {
    let catalog = Catalog::in_memory().unwrap();
    let id = catalog
        .change(|change| change.raise_alert(&late(Severity::Error), at(0)))
        .unwrap()
        .id;
    let seen = catalog
        .change(|change| change.acknowledge_alert(id, at(1)))
        .unwrap();
    assert_eq!(
        (seen.state, seen.acknowledged_at),
        (AlertState::Acknowledged, Some(at(1)))
    );
    let silent = catalog
        .change(|change| change.silence_alert(id, at(100)))
        .unwrap();
    assert!(silent.is_silent_at(at(99)));
    let told = catalog
        .change(|change| change.note_notice(id, at(2)))
        .unwrap();
    assert_eq!(told.noticed_at, Some(at(2)));
    let unknown = catalog.change(|change| change.acknowledge_alert("1".parse().unwrap(), at(1)));
    assert!(matches!(
        unknown,
        Err(Error::NotFound { what: "alert", .. })
    ));
}

#[test]
fn a_security_alert_cannot_be_silenced() {
    let catalog = Catalog::in_memory().unwrap();
    let new = NewAlert::new(
        "deleted",
        AlertClass::Security,
        Severity::Critical,
        "deleted",
        "12 points",
    );
    let id = catalog
        .change(|change| change.raise_alert(&new, at(0)))
        .unwrap()
        .id;
    let silenced = catalog.change(|change| change.silence_alert(id, at(100)));
    assert!(matches!(silenced, Err(Error::CannotBeSilenced { .. })));
    let alert = catalog.snapshot().unwrap().alert(id).unwrap().unwrap();
    assert!(!alert.is_silent_at(at(1)));
}

#[test]
fn an_alert_whose_time_is_over_resolves_itself() {
    let catalog = Catalog::in_memory().unwrap();
    let mut restored = NewAlert::new(
        "restored:7",
        AlertClass::Job,
        Severity::Informational,
        "restored",
        "all is back",
    );
    restored.resolves_at = Some(at(100));
    catalog
        .change(|change| change.raise_alert(&restored, at(0)))
        .unwrap();
    catalog
        .change(|change| change.raise_alert(&late(Severity::Error), at(0)))
        .unwrap();
    let over = |secs| {
        catalog
            .change(|change| change.resolve_alerts_that_are_over(at(secs)))
            .unwrap()
    };
    assert!(over(99).is_empty());
    let resolved = over(100);
    assert_eq!(resolved.len(), 1);
    assert_eq!(resolved[0].resolution, Some(Resolution::TimeOver));
    assert!(over(1000).is_empty());
}
