//! Machines whose points a vault holds: which of them one that registers goes on for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use strongroom::PointView;

use crate::fail::{Fail, Result};
use crate::output::{human, json as output};

/// A machine with points in the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    host: String,
    sources: BTreeSet<String>,
    newest_at: DateTime<Utc>,
}

/// All of them, by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Others {
    own: String,
    machines: BTreeMap<String, Machine>,
}

impl Others {
    pub(super) fn of(points: &[PointView], own: &str) -> Self {
        let mut machines: BTreeMap<String, Machine> = BTreeMap::new();
        // Damaged points tell no name.
        for point in points.iter().filter(|point| !point.host.is_empty()) {
            let machine = machines
                .entry(point.host.clone())
                .or_insert_with(|| Machine {
                    host: point.host.clone(),
                    sources: BTreeSet::new(),
                    newest_at: point.taken_at,
                });
            machine.sources.insert(point.source.clone());
            machine.newest_at = machine.newest_at.max(point.taken_at);
        }
        Self {
            own: own.to_owned(),
            machines,
        }
    }

    /// Only a machine that is known can be replaced.
    pub(super) fn check(&self, replaces: &[String]) -> Result<()> {
        let is_unknown = |host: &&String| !self.machines.contains_key(*host);
        let Some(unknown) = replaces.iter().find(is_unknown) else {
            return Ok(());
        };
        let known: Vec<_> = self
            .machines
            .keys()
            .map(|host| human::clean(host))
            .collect();
        let help = match known.is_empty() {
            true => "leave --replaces out: the vault holds no points yet".to_owned(),
            false => format!("the vault holds points of {}", known.join(", ")),
        };
        let message = format!("the vault holds no points of a machine {unknown:?}");
        Err(Fail::usage(message, help))
    }

    /// Those that this machine goes on for: of its own name, or of a former one.
    pub(super) fn taken_up<'a>(
        &'a self,
        former: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = &'a Machine> {
        let machines = self.machines.values();
        machines.filter(|machine| self.is_taken_up(machine, former))
    }

    /// Those that it does not.
    pub(super) fn rest<'a>(
        &'a self,
        former: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = &'a Machine> {
        let machines = self.machines.values();
        machines.filter(|machine| !self.is_taken_up(machine, former))
    }

    fn is_taken_up(&self, machine: &Machine, former: &BTreeSet<String>) -> bool {
        machine.host == self.own || former.contains(&machine.host)
    }

    /// For a person; empty where the vault holds no points.
    pub(super) fn text(&self, former: &BTreeSet<String>) -> String {
        let mut text = String::new();
        for machine in self.taken_up(former) {
            text.push_str(&format!(
                "\nSources of {} go on here: {}, last {}.",
                human::clean(&machine.host),
                machine.names(),
                human::time(machine.newest_at)
            ));
        }
        for machine in self.rest(former) {
            text.push_str(&format!(
                "\nThe vault also holds sources of {}: {}, last {}. Give sources here other names, or, if this machine \
                 replaces it, register again with --replaces {}.",
                human::clean(&machine.host),
                machine.names(),
                human::time(machine.newest_at),
                human::quoted(&machine.host)
            ));
        }
        if text.is_empty() {
            text
        } else {
            format!("\n{text}")
        }
    }
}

impl Machine {
    fn names(&self) -> String {
        let names = self.sources.iter().map(|name| human::clean(name));
        names.collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn document(machine: &Machine) -> Value {
    json!({
        "host": machine.host,
        "sources": machine.sources,
        "newest_taken_at": output::time(machine.newest_at),
    })
}
