//! What the agent brings to its daemon.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use strongroom::Cancel;
use strongroom_catalog::JobKind;
use strongroom_jobs::plan::Failed;
use strongroom_jobs::socket::Listeners;
use strongroom_jobs::{Duty, Event, Halts, Host, Journal, Order, Outcome, Rules};
use strongroom_policy::LastRuns;
use zeroize::Zeroizing;

use super::bell::Bell;
use super::notify::Supervisor;
use super::rules::Known;
use super::{Args, child, global_words};
use crate::fail::{Fail, Result};
use crate::output::{Told, human};
use crate::proxy::{PASSWORD_VARIABLE, Proxy};
use crate::run::Agent;
use crate::state::State;

/// How much of the packs a weekly verification reads, percent: all of them within a quarter.
const VERIFY_PERCENT: &str = "8";

pub(super) struct AgentHost {
    pub(super) state: State,
    pub(super) journal: Journal,
    pub(super) known: Mutex<Known>,
    halts: Mutex<Halts>,
    words: Vec<String>,
    proxy_password: Option<Zeroizing<String>>,
    listeners: Listeners,
    told: Told,
    pub(super) bell: Bell,
}

impl AgentHost {
    pub(super) fn new(
        agent: &Agent,
        args: &Args,
        journal: Journal,
        listeners: Listeners,
        bell: Bell,
    ) -> Result<Self> {
        let has_passphrase =
            agent.globals.passphrase_file.is_some() || agent.globals.passphrase_command.is_some();
        let state = State::locate(Some(agent.state.dir()?));
        let known = Known::new(&state, args, has_passphrase, agent.globals.vault.is_some())?;
        Ok(Self {
            halts: Mutex::new(state.halts()?),
            state,
            journal,
            known: Mutex::new(known),
            words: global_words(agent)?,
            proxy_password: agent.proxy.as_ref().and_then(Proxy::password),
            listeners,
            told: Told::new(&agent.out),
            bell,
        })
    }

    /// Tells those who watch, here and at the socket.
    pub(super) fn show(&self, event: &Event) {
        self.told.line(event, || text(event));
        self.listeners.tell(event);
    }

    pub(super) fn trouble(&self, what: &str, fail: &Fail) {
        let message = trouble(what, fail);
        self.show(&Event::Trouble { message });
    }

    fn args(&self, order: &Order) -> (Vec<String>, PathBuf) {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        match order {
            Order::Asked(asked) => {
                let mut args: Vec<String> = words(&["--quiet", "--no-progress"]);
                args.extend(asked.job.map(|job| format!("--job={job}")));
                args.extend(asked.args.iter().cloned());
                (args, asked.dir.clone())
            }
            Order::Scheduled(start) => {
                let source = start.duty.source.as_ref();
                let source = source.map(|source| format!("--source={}", source.name));
                let mut args: Vec<String> = words(&["--quiet", "--no-progress", "--scheduled"]);
                args.extend(self.words.iter().cloned());
                let in_force = self.known().in_force();
                args.push(format!("--policy-in-force={}", in_force.display()));
                let command = match start.duty.kind {
                    JobKind::Backup => words(&["backup", "--due"]),
                    JobKind::Verify => words(&["verify", "--sample", VERIFY_PERCENT]),
                    _ => words(&[start.duty.kind.as_str()]),
                };
                args.extend::<Vec<String>>(command);
                args.extend(source);
                (args, Path::new("/").to_owned())
            }
        }
    }

    pub(super) fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for AgentHost {
    fn rules(&self, now: DateTime<Utc>) -> Rules {
        Supervisor.tell("WATCHDOG=1");
        self.bell.tick(now);
        let (rules, event) = self.known().read(&self.state, now);
        if let Some(event) = event {
            self.show(&event);
            self.note_policy(&event, now);
            let is_backup = |one: &strongroom_jobs::Scheduled| one.duty.kind == JobKind::Backup;
            if !rules.duties.iter().any(is_backup) {
                let message = "nothing is backed up: the policy names no sources; \
                               write one and run `strongroom-agent policy set FILE`";
                self.show(&Event::Trouble {
                    message: message.to_owned(),
                });
            }
        }
        rules
    }

    fn halts(&self) -> Halts {
        let mut known = self.halts.lock().unwrap_or_else(PoisonError::into_inner);
        match self.state.halts() {
            Ok(halts) => known.clone_from(&halts),
            Err(fail) => self.trouble("what is paused cannot be read", &fail),
        }
        known.clone()
    }

    fn last_runs(&self, duty: &Duty, now: DateTime<Utc>) -> LastRuns {
        let known = match (&duty.kind, &duty.source) {
            (JobKind::Backup, Some(source)) => self.state.last_runs(&source.name),
            _ => self.state.last_housekeeping(&duty.to_string()),
        };
        match known {
            Ok(Some(runs)) => runs,
            known => {
                if let Err(fail) = known {
                    self.trouble("what has run cannot be read", &fail);
                }
                let since = match duty.kind {
                    JobKind::Backup => self.known().set_at(now),
                    _ => now,
                };
                let runs = LastRuns::since(since);
                self.keep_last_runs(duty, &runs);
                runs
            }
        }
    }

    fn keep_last_runs(&self, duty: &Duty, runs: &LastRuns) {
        let kept = match (&duty.kind, &duty.source) {
            (JobKind::Backup, Some(source)) => self.state.keep_last_runs(&source.name, runs),
            _ => self.state.keep_last_housekeeping(&duty.to_string(), runs),
        };
        if let Err(fail) = kept {
            self.trouble("what has run cannot be kept", &fail);
        }
    }

    fn last_failure(&self, duty: &Duty) -> Option<Failed> {
        self.state.failures().get(&duty.to_string()).copied()
    }

    fn keep_last_failure(&self, duty: &Duty, failed: Option<&Failed>) {
        let mut all = self.state.failures();
        match failed {
            Some(failed) => all.insert(duty.to_string(), *failed),
            None => all.remove(&duty.to_string()),
        };
        if let Err(fail) = self.state.keep_failures(&all) {
            self.trouble("what has failed cannot be kept", &fail);
        }
    }

    fn running(&self) -> BTreeSet<Duty> {
        self.journal.running_duties().unwrap_or_else(|error| {
            self.trouble("what runs cannot be read", &error.into());
            BTreeSet::new()
        })
    }

    fn run(&self, order: &Order, cancel: &Cancel) -> Outcome {
        let (args, dir) = self.args(order);
        let finds = matches!(order.duty().kind, JobKind::Verify | JobKind::Drill);
        // What stands in the arguments of a process is seen by all.
        let password = self.proxy_password.as_ref();
        let variables = password.map(|password| (PASSWORD_VARIABLE, password.as_str()));
        match child::run(&args, &dir, variables.as_slice(), cancel) {
            Ok(status) => child::outcome(status, finds),
            Err(error) => {
                let fail = Fail::from(error);
                self.trouble(&format!("{} cannot be started", order.duty()), &fail);
                Outcome::Failed
            }
        }
    }

    fn tidy(&self, now: DateTime<Utc>) {
        if let Err(fail) = self.tidy_up(now) {
            self.trouble("the journal cannot be tidied", &fail);
        }
        self.bell.ring();
    }

    fn tell(&self, event: &Event) {
        match event {
            Event::Stopping { .. } => Supervisor.tell("STOPPING=1"),
            Event::Ended { .. } => self.bell.ring(),
            _ => {}
        }
        self.show(event);
    }
}

/// What is wrong, in one line.
pub(super) fn trouble(what: &str, fail: &Fail) -> String {
    let causes = fail.causes.iter().map(|cause| format!(": {cause}"));
    format!("{what}: {}{}", fail.message, causes.collect::<String>())
}

/// An event for a person.
pub(super) fn text(event: &Event) -> String {
    let what = |kind: &JobKind, source: &Option<strongroom_catalog::SourceName>| {
        let duty = Duty {
            kind: kind.clone(),
            source: source.clone(),
        };
        human::clean(&duty.to_string())
    };
    match event {
        Event::Ready { process, .. } => format!("ready, process {process}"),
        Event::Started {
            kind,
            source,
            slots,
            missed_count,
            ..
        } => {
            let slots = if slots.is_empty() {
                String::new()
            } else {
                format!(" for {}", slots.join(", "))
            };
            let missed = match missed_count {
                0 => String::new(),
                count => format!("; {count} before were missed"),
            };
            format!("started: {}{slots}{missed}", what(kind, source))
        }
        Event::Ended {
            kind,
            source,
            outcome,
            ..
        } => format!("ended: {}: {}", what(kind, source), outcome.as_str()),
        Event::Waiting {
            look_at: Some(at), ..
        } => format!("next: {}", human::time(*at)),
        Event::Waiting { look_at: None, .. } => "nothing is scheduled".to_owned(),
        Event::PolicyRead { duties_count, .. } => {
            format!("the policy is read; kinds of jobs by it: {duties_count}")
        }
        Event::PolicyRefused { message } => {
            format!(
                "the policy is not good, the one before holds on: {}",
                human::clean(message)
            )
        }
        Event::Trouble { message } => format!("warning: {}", human::clean(message)),
        Event::Stopping { running_count } => format!("stopping; {running_count} running"),
        other => format!("{other:?}"),
    }
}
