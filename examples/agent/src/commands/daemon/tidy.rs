//! What the daemon does about alerts and journals by itself.

use chrono::{DateTime, Utc};
use strongroom_catalog::{
    AlertClass, JobKind, JobState, JournalLimits, NewAlert, Resolution, Severity, Snapshot,
};
use strongroom_jobs::alerts::{Silence, is_settled, silences};
use strongroom_jobs::{AlertChange, Duty, Event, Rules};

use super::host::AgentHost;
use crate::fail::{Fail, Result};
use crate::security;

const POLICY: &str = "policy_refused";

impl AgentHost {
    /// Ends alerts whose time is over, looks for sources without backups, and removes what is old from the journals.
    pub(super) fn tidy_up(&self, now: DateTime<Utc>) -> Result<()> {
        let rules = self.known().read(&self.state, now).0;
        let halts = self.state.halts()?;
        let set_at = self.known().set_at(now);
        self.journal.with_catalog(now, |catalog| {
            let snapshot = catalog.snapshot()?;
            let is_new = catalog.needs_rebuild()?;
            let mut sources = Vec::new();
            for (duty, silence) in of_rules(&rules) {
                let is_halted = halts.of(duty, now).is_some();
                let last = last_success(&snapshot, duty)?;
                // A catalog that is new does not know what was before it.
                if last.is_none() && is_new {
                    continue;
                }
                sources.push(Silence {
                    since: last.unwrap_or(set_at).max(set_at),
                    timetable: silence.timetable.filter(|_| !is_halted),
                    ..silence
                });
            }
            let mut settled = Vec::new();
            for alert in snapshot.open_alerts() {
                let alert = alert?;
                settled.extend(is_settled(&alert, now).then_some(alert.key));
            }
            drop(snapshot);
            let changes = silences(&sources, now);
            catalog.change(|change| {
                change.resolve_alerts_that_are_over(now)?;
                for key in &settled {
                    change.resolve_alert(key, Resolution::ByPerson, now)?;
                }
                let apply = |one: &AlertChange| one.apply(change, now).map(drop);
                changes.iter().try_for_each(apply)
            })?;
            catalog.trim_journals(&JournalLimits::default(), now)?;
            Ok(())
        })?;
        Ok(())
    }

    /// A policy that is not good is an alert until it is.
    pub(super) fn note_policy(&self, event: &Event, now: DateTime<Utc>) {
        let noted = self.journal.with_catalog(now, |catalog| {
            Ok(catalog.change(|change| {
                match event {
                    Event::PolicyRefused { message } => {
                        let (class, severity) = (AlertClass::Health, Severity::Error);
                        let mut alert = NewAlert::new(POLICY, class, severity, POLICY, message);
                        let help = "mend it: `strongroom-agent policy check FILE` names what is wrong; \
                                    until then the policy before it is in force";
                        alert.help = Some(help.to_owned());
                        change.raise_alert(&alert, now)?;
                    }
                    _ => {
                        change.resolve_alert(POLICY, Resolution::CauseGone, now)?;
                    }
                }
                Ok(())
            })?)
        });
        let watched = noted
            .map_err(Fail::from)
            .and_then(|()| security::watch_policy(&self.state, &self.journal, now));
        if let Err(fail) = watched {
            self.trouble("an alert cannot be kept", &fail);
        }
        self.bell.ring();
    }
}

/// The sources that are backed up.
fn of_rules(rules: &Rules) -> impl Iterator<Item = (&Duty, Silence<'_>)> {
    let backups = rules
        .duties
        .iter()
        .filter(|one| one.duty.kind == JobKind::Backup);
    backups.filter_map(|one| {
        let silence = Silence {
            source: one.duty.source.clone()?,
            since: DateTime::<Utc>::MIN_UTC,
            timetable: Some(&one.timetable),
        };
        Some((&one.duty, silence))
    })
}

/// When a source was last backed up: by its newest point, or the last job that says so.
fn last_success(
    snapshot: &Snapshot,
    duty: &Duty,
) -> strongroom_jobs::Result<Option<DateTime<Utc>>> {
    let Some(source) = &duty.source else {
        return Ok(None);
    };
    let known = snapshot.source(source)?;
    let newest = known
        .and_then(|known| known.newest)
        .map(|newest| newest.taken_at);
    let job = snapshot.last_job(source, &JobKind::Backup, |job| {
        matches!(
            job.state,
            JobState::Completed | JobState::CompletedWithWarnings
        )
    })?;
    Ok(newest.max(job.and_then(|job| job.ended_at)))
}
