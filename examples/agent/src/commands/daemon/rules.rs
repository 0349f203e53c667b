//! The rules that the daemon goes by: those of the policy, as long as that is good.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use strongroom_catalog::{JobKind, SourceName};
use strongroom_jobs::plan::housekeeping;
use strongroom_jobs::{Duty, Event, Rules, Scheduled};
use strongroom_policy::{Jitter, PolicyFile, Retention, Timetable};

use super::Args;
use crate::commands::policy::file;
use crate::fail::Result;
use crate::state::{State, read_private, write_private};

/// A file that has not changed for so long is whole.
const SETTLING: Duration = Duration::from_millis(500);
/// It is not waited for longer than so often.
const SETTLING_ROUNDS: usize = 6;

/// What is known of the policy.
pub(super) struct Known {
    dir: PathBuf,
    /// The text that was read last, good or not.
    text: Option<String>,
    rules: Rules,
    jitter: Jitter,
    most_at_once: usize,
    has_passphrase: bool,
    has_vault: bool,
}

impl Known {
    pub(super) fn new(
        state: &State,
        args: &Args,
        has_passphrase: bool,
        has_vault: bool,
    ) -> Result<Self> {
        let machine = u128::from_be_bytes(state.machine()?);
        let seed = u64::try_from(machine >> 64).unwrap_or_default();
        let mut known = Self {
            dir: state.dir()?.to_owned(),
            text: None,
            rules: Rules::default(),
            jitter: Jitter {
                seed,
                most_secs: args.jitter,
            },
            most_at_once: usize::from(args.jobs),
            has_passphrase,
            has_vault,
        };
        // What was good when a daemon ran last holds until something better is there.
        let last = read_private(&known.in_force())?;
        let last = last.and_then(|text| PolicyFile::parse(&text).ok());
        if let Some(policy) = last {
            known.rules = known.rules_of(&policy, state);
        }
        Ok(known)
    }

    /// The last good policy.
    pub(super) fn in_force(&self) -> PathBuf {
        self.dir.join("policy-in-force.toml")
    }

    /// When the policy was set: what was due before is not made up for.
    pub(super) fn set_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let modified =
            std::fs::metadata(self.dir.join("policy.toml")).and_then(|file| file.modified());
        modified.map_or(now, |at| DateTime::<Utc>::from(at).min(now))
    }

    /// The rules, and what is to be told when the policy has changed.
    pub(super) fn read(&mut self, state: &State, now: DateTime<Utc>) -> (Rules, Option<Event>) {
        let path = self.dir.join("policy.toml");
        let text = match read_private(&path) {
            Ok(text) => text.map(|text| text.to_string()).unwrap_or_default(),
            Err(fail) => {
                return (
                    self.rules.clone(),
                    self.refuse(format!("!{}", fail.message)),
                );
            }
        };
        if self.text.as_ref() == Some(&text) {
            return (self.rules.clone(), None);
        }
        let Some(text) = self.settled(text) else {
            return (self.rules.clone(), None);
        };
        let event = match PolicyFile::parse(&text) {
            Ok(policy) => match write_private(&self.in_force(), text.as_bytes()) {
                Ok(()) => {
                    self.rules = self.rules_of(&policy, state);
                    self.text = Some(text);
                    Some(Event::PolicyRead {
                        at: now,
                        duties_count: self.rules.duties.len(),
                    })
                }
                Err(fail) => self.refuse(format!("!{}", fail.message)),
            },
            Err(problems) => {
                self.text = Some(text);
                let message = format!("{}: {}", path.display(), problems.first());
                Some(Event::PolicyRefused { message })
            }
        };
        (self.rules.clone(), event)
    }

    /// The text once nobody writes it any more: half of a policy may well be a good one, which says less. `None` when somebody
    /// goes on writing, or it cannot be read any more; it is looked at again within a minute.
    fn settled(&self, mut text: String) -> Option<String> {
        let path = self.dir.join("policy.toml");
        for _ in 0..SETTLING_ROUNDS {
            std::thread::sleep(SETTLING);
            let again = read_private(&path).ok()?;
            let again = again.map(|text| text.to_string()).unwrap_or_default();
            if again == text {
                return Some(text);
            }
            text = again;
        }
        None
    }

    /// Told once for each reason; `said` is no text of a policy.
    fn refuse(&mut self, said: String) -> Option<Event> {
        if self.text.as_ref() == Some(&said) {
            return None;
        }
        let message = said.trim_start_matches('!').to_owned();
        self.text = Some(said);
        Some(Event::PolicyRefused { message })
    }

    fn rules_of(&self, policy: &PolicyFile, state: &State) -> Rules {
        let zone = file::zone(policy);
        let names = policy
            .sources
            .iter()
            .map(|source| SourceName::local(source.name.clone()));
        let names: Vec<SourceName> = names.collect();
        let timetable = Timetable::new(policy.schedule.clone(), zone)
            .with_catch_up(policy.catch_up)
            .with_jitter(self.jitter);
        let backups = names.iter().map(|name| Scheduled {
            duty: Duty::backup(name.clone()),
            timetable: timetable.clone(),
        });
        let may_delete = self.has_passphrase || has_maintenance(state);
        let has_retention = policy.retention != Retention::default();
        let has_vault = self.has_vault || matches!(state.pinned(), Ok(Some(_)));
        let is_meant = |one: &Scheduled| match one.duty.kind {
            JobKind::Expire => may_delete && has_retention,
            JobKind::Sweep => may_delete,
            _ => true,
        };
        let chores = housekeeping(zone, self.jitter.seed, &names);
        let chores = chores.into_iter().filter(|one| has_vault && is_meant(one));
        let mut rules = Rules::new(backups.chain(chores).collect());
        rules.most_at_once = self.most_at_once;
        rules
    }
}

/// Whether this machine has what deletes and sweeps without a passphrase.
fn has_maintenance(state: &State) -> bool {
    let Ok(Some(pinned)) = state.pinned() else {
        return false;
    };
    matches!(state.maintenance(&pinned.vault_id), Ok(Some(_)))
}
