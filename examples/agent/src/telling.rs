//! Telling people of alerts: the daemon does it again and again, a command by hand once.

mod background;
mod metrics;

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_catalog::{Alert, AlertClass, Catalog, NewAlert, Resolution, Severity};
use strongroom_jobs::Journal;
use strongroom_notices::{
    Channels, Error, Sent, Settings, Teller, alerts_of_interest, look_at, plan,
};

use crate::cli::Globals;
use crate::fail::{Code, Fail, Result};
use crate::journal;
use crate::output::tell;
use crate::run::{Agent, now};
use crate::settings;
use crate::state::State;

pub(crate) use background::after;

/// Name of the record in the state directory.
const RECORD: &str = "notices.json";
/// The alert that the settings of notices are wrong.
const REFUSED: &str = "notices_refused";
/// What was found out by telling is told, too; whatever happens, not for ever.
const ROUNDS: usize = 3;
/// A file of metrics is never older than this, minutes.
const METRICS_MINUTES: i64 = 15;

/// From where alerts are told.
pub(crate) struct Desk {
    globals: Globals,
    state: State,
    journal: Journal,
    host: String,
    /// The settings as they were good last.
    good: Option<Settings>,
}

/// What came of a round.
pub(crate) struct Round {
    /// When to look again though nothing has happened.
    pub(crate) look_at: Option<DateTime<Utc>>,
    /// What went wrong besides.
    pub(crate) troubles: Vec<Fail>,
}

impl Desk {
    pub(crate) fn new(agent: &Agent) -> Result<Self> {
        Ok(Self {
            globals: agent.globals.clone(),
            state: State::locate(Some(agent.state.dir()?)),
            journal: journal::journal(agent)?,
            host: agent.host(),
            good: None,
        })
    }

    /// The record of what was told; `None` while another process tells.
    pub(crate) fn teller(&self) -> Result<Option<Teller>> {
        Ok(Teller::take(&self.record()?)?)
    }

    fn record(&self) -> Result<PathBuf> {
        Ok(self.state.dir()?.join(RECORD))
    }

    /// True when there is something to tell now.
    pub(crate) fn has_due(&mut self) -> Result<bool> {
        let at = now();
        let (settings, wrong) = self.settings();
        // One that is damaged is seen to by whoever takes it.
        let mut sent = Sent::load(&self.record()?).unwrap_or_default();
        sent.admit(&settings, at);
        let alerts = self.alerts(wrong.as_ref(), at)?;
        Ok(settings.metrics_file.is_some() || !plan(&alerts, &settings, &sent, at).is_empty())
    }

    /// Tells what is due.
    pub(crate) fn round(&mut self, teller: &mut Teller) -> Result<Round> {
        let (settings, wrong) = self.settings();
        if wrong.is_none() {
            teller.admit(&settings, now());
        }
        let channels = Channels::new(&settings, Box::new(tell));
        let mut alerts = Vec::new();
        for _ in 0..ROUNDS {
            alerts = self.alerts(wrong.as_ref(), now())?;
            let due = teller.due(&alerts, &settings, now());
            let told = teller.tell(due, &channels, now);
            let follow_up = teller.follow_up(&alerts, &told, &settings, now());
            if !follow_up.is_empty() {
                self.journal.with_catalog(now(), |catalog| {
                    Ok(catalog.change(|change| follow_up.apply(change, now()))?)
                })?;
            }
            if !follow_up.is_news() {
                break;
            }
        }
        let mut troubles: Vec<Fail> = wrong.into_iter().collect();
        troubles.extend(teller.trouble().map(Fail::from));
        let mut look_at = look_at(&alerts, &settings, teller.sent(), now());
        if let Some(path) = &settings.metrics_file {
            troubles.extend(self.write_metrics(path, teller.sent()).err());
            let next = now() + TimeDelta::minutes(METRICS_MINUTES);
            look_at = look_at.into_iter().chain([next]).min();
        }
        Ok(Round { look_at, troubles })
    }

    /// Who is told what. Where that is wrong, what was good last; else the journal of the system hears of everything, and why
    /// the others do not.
    fn settings(&mut self) -> (Settings, Option<Fail>) {
        match settings::notices(&self.globals, &self.state, &self.host) {
            Ok(settings) => {
                let settings = with_proxy(&self.globals, settings);
                self.good = Some(settings.clone());
                (settings, None)
            }
            Err(fail) => {
                let settings = self.good.clone();
                (
                    settings.unwrap_or_else(|| Settings::new(&self.host)),
                    Some(fail),
                )
            }
        }
    }

    fn alerts(&self, wrong: Option<&Fail>, at: DateTime<Utc>) -> Result<Vec<Alert>> {
        let alerts = self.journal.with_catalog(at, |catalog| {
            note_settings(catalog, wrong, at)?;
            Ok(alerts_of_interest(&catalog.snapshot()?, at))
        })?;
        Ok(alerts?)
    }
}

/// Settings that are wrong are an alert until they are not.
fn note_settings(
    catalog: &Catalog,
    wrong: Option<&Fail>,
    at: DateTime<Utc>,
) -> strongroom_catalog::Result<()> {
    let is_open = catalog.snapshot()?.open_alert(REFUSED)?.is_some();
    match wrong {
        Some(fail) if !is_open => {
            let message = format!("the settings of notices are wrong: {}", fail.message);
            let (class, severity) = (AlertClass::Health, Severity::Error);
            let mut alert = NewAlert::new(REFUSED, class, severity, REFUSED, message);
            alert.help = Some(fail.help.clone());
            catalog.change(|change| change.raise_alert(&alert, at).map(drop))
        }
        None if is_open => catalog.change(|change| {
            let resolved = change.resolve_alert(REFUSED, Resolution::CauseGone, at);
            resolved.map(drop)
        }),
        _ => Ok(()),
    }
}

/// Flags come before files.
pub(crate) fn with_proxy(globals: &Globals, mut settings: Settings) -> Settings {
    if let Some(proxy) = &globals.proxy {
        settings.proxy = Some(proxy.clone());
    }
    settings
}

/// Whom notices do not reach.
pub(crate) fn sent(state: &State) -> Result<Sent> {
    match state.dir() {
        Ok(dir) => Ok(Sent::load(&dir.join(RECORD))?),
        Err(_) => Ok(Sent::default()),
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        let fail = Self::new(Code::Failed, error.to_string(), error.help());
        match std::error::Error::source(&error) {
            Some(cause) => fail.because(cause),
            None => fail,
        }
    }
}
