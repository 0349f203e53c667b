//! As what this machine is registered with its vault.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{State, read_private, remove, write_private};
use crate::fail::{Fail, Problem, Result};

const FILE: &str = "registration.json";

/// What the machine was when it registered, and what it goes on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    pub(crate) vault_id: String,
    /// Name of the machine.
    pub(crate) host: String,
    /// Number of the vault credential that it was let in with.
    pub(crate) serial: u32,
    pub(crate) registered_at: DateTime<Utc>,
    /// Machines whose sources go on here: what this one was called before, and those that it has replaced.
    #[serde(default)]
    pub(crate) former_hosts: BTreeSet<String>,
}

impl State {
    /// As what this machine is registered, if it is.
    pub(crate) fn registration(&self) -> Result<Option<Registration>> {
        let Ok(dir) = self.dir() else { return Ok(None) };
        let path = dir.join(FILE);
        let Some(text) = read_private(&path)? else {
            return Ok(None);
        };
        let help = "remove the file and run `strongroom-agent register` again";
        let damaged = |error| {
            Fail::usage(format!("{} does not parse", path.display()), help)
                .named(Problem::StateDamaged)
                .because(&error)
        };
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    pub(crate) fn keep_registration(&self, registration: &Registration) -> Result<()> {
        let text = serde_json::json!(registration).to_string();
        write_private(&self.prepare()?.join(FILE), format!("{text}\n").as_bytes())
    }

    /// Forgets which vault is that of this machine.
    pub(crate) fn forget_vault(&self) -> Result<()> {
        let dir = self.dir()?;
        remove(&dir.join("vault.json"))?;
        remove(&dir.join(FILE))
    }
}
