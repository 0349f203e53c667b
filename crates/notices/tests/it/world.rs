//! A machine with alerts, and people who are told.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_catalog::{Alert, AlertClass, Catalog, NewAlert, Resolution, Severity, SourceName};
use strongroom_notices::{Item, Notice, Sent, Settings, Telling, alerts_of_interest, plan};

pub(crate) fn settings(text: &str) -> Settings {
    Settings::parse(text, Path::new("/etc/strongroom"), "laptop").unwrap()
}

pub(crate) struct World {
    pub(crate) catalog: Catalog,
    pub(crate) settings: Settings,
    pub(crate) sent: Sent,
    pub(crate) now: DateTime<Utc>,
}

impl World {
    /// At noon. The journal gets what cannot be kept from it, and nothing else.
    pub(crate) fn new(section: &str) -> Self {
        let text = format!("[notices]\n{section}\n[notices.journal]\nseverities = []\n");
        let mut world = Self {
            catalog: Catalog::in_memory().unwrap(),
            settings: settings(&text),
            sent: Sent::default(),
            now: "2026-03-28T12:00:00Z".parse().unwrap(),
        };
        world.sent.admit(&world.settings, world.now);
        world
    }

    pub(crate) fn pass(&mut self, minutes: i64) {
        self.now += TimeDelta::minutes(minutes);
    }

    pub(crate) fn raise(&self, key: &str, class: AlertClass, severity: Severity) -> Alert {
        let (code, _) = key.split_once(':').unwrap_or((key, ""));
        let mut new = NewAlert::new(key, class, severity, code, format!("{key} it is"));
        new.help = Some("do something".to_owned());
        new.source = Some(SourceName::local("home"));
        let raised = |now| self.catalog.change(|change| change.raise_alert(&new, now));
        raised(self.now).unwrap()
    }

    pub(crate) fn job(&self, key: &str) -> Alert {
        self.raise(key, AlertClass::Job, Severity::Critical)
    }

    pub(crate) fn security(&self, key: &str) -> Alert {
        self.raise(key, AlertClass::Security, Severity::Informational)
    }

    pub(crate) fn resolve(&self, key: &str) {
        let (end, now) = (Resolution::CauseGone, self.now);
        let resolved = self
            .catalog
            .change(|change| change.resolve_alert(key, end, now));
        resolved.unwrap().expect("it was open");
    }

    pub(crate) fn alerts(&self) -> Vec<Alert> {
        alerts_of_interest(&self.catalog.snapshot().unwrap(), self.now).unwrap()
    }

    pub(crate) fn due(&self) -> Vec<Notice> {
        plan(&self.alerts(), &self.settings, &self.sent, self.now)
    }

    /// Tells all that is due, by way of a record that was written and read in between; says what it was.
    pub(crate) fn tell(&mut self) -> Vec<String> {
        let due = self.due();
        for notice in &due {
            self.sent.delivered(notice, self.now);
        }
        self.sent = Sent::from_json(&self.sent.to_json()).unwrap();
        self.sent.forget_all_but(&self.alerts());
        due.iter().map(said).collect()
    }
}

/// `pager: raised disk:home, resolved backup_failed:home`
pub(crate) fn said(notice: &Notice) -> String {
    let items = notice.items.iter();
    let items: Vec<String> = items
        .map(|item| format!("{} {}", word(item), item.alert.key))
        .collect();
    format!("{}: {}", notice.destination, items.join(", "))
}

fn word(item: &Item) -> &'static str {
    match item.telling {
        Telling::Raised => "raised",
        Telling::Worse => "worse",
        Telling::Again => "again",
        Telling::Resolved => "resolved",
        Telling::Passed => "passed",
    }
}
