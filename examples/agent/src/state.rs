//! The directory in which the agent keeps what belongs to this machine.
//!
//! ```text
//! config.toml                      defaults of global flags, if the person wrote any
//! machine                          random id of this machine
//! vault.json                       the vault of this machine: url and id
//! registration.json                as what this machine is registered, and since when
//! credentials/<vault id>           what opens it without a passphrase
//! credentials/<vault id>.maintenance    what deletes and sweeps there
//! gateways/<hash of the URL>.json       certificate for a vault of a server
//! policy.toml                      the policy of this machine
//! policy-before.json               one that keeps more, until the edit that replaced it has settled
//! policy-seen.toml                 the policy as it was when somebody last looked whether it is weaker
//! runs/<source>.json               which scheduled runs a source has had
//! housekeeping/<duty>.json         which runs housekeeping has had
//! failures.json                    which runs have failed last, and how often
//! halts.json                       what a person has paused or stopped
//! policy-in-force.toml             the last good policy, which the daemon goes by
//! catalog.{redb,lock}, running/    jobs, alerts and points: see `strongroom_jobs::Journal`
//! daemon.lock, daemon.sock         held, and listened at, while the daemon runs
//! notices.{json,lock}              whom notices have told what; held by whoever tells
//! seen                             the newest time that a run has seen
//! vaults/<vault id>/heads.json     the furthest points that this machine has seen there
//! vaults/<vault id>/contact        when it was open last
//! vaults/<vault id>/verified       when it has read which packs
//! vaults/<vault id>/changes.json   how much the runs of each source have found changed
//! vaults/<vault id>/mounts.json    where file systems were mounted when each source was backed up
//! vaults/<vault id>/drills.json    which points it has restored in a drill
//! locks/<vault id>.<source>.lock   held while a job of the source runs
//! first-run.lock                   held while the embedded vault is made
//! vault/                           the embedded vault of a first run
//! recovery-kit.txt                 a generated passphrase
//! ```
//! Directories have mode 0700, files 0600. Losing it all loses no recovery point.

mod changes;
mod file;
mod lock;
mod memory;
mod registration;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom::crypto::Credential;
use strongroom_jobs::Halts;
use strongroom_jobs::plan::Failed;
use strongroom_policy::LastRuns;

use crate::fail::{Code, Fail, Problem, Result};
use crate::slots;

pub(crate) use file::{fail_reading, make_private_dir, read_private, remove, write_private};
pub(crate) use lock::Lock;
pub(crate) use memory::{Drills, Proven};
pub(crate) use registration::Registration;

/// Where the state is; nothing is made before it is needed.
pub(crate) struct State {
    dir: Result<PathBuf>,
    is_default: bool,
}

/// The vault that this machine uses unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pinned {
    pub(crate) url: String,
    pub(crate) vault_id: String,
}

/// Runs that have failed last, by their duties.
pub(crate) type Failures = BTreeMap<String, Failed>;

impl State {
    /// The place that the flag names, or the default one.
    pub(crate) fn locate(flag: Option<&Path>) -> Self {
        let flag = flag.filter(|path| !path.as_os_str().is_empty());
        let env = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let is_root = rustix::process::geteuid().is_root();
        let chosen = match flag {
            Some(path) => std::path::absolute(path).ok(),
            None => default_dir(is_root, env("XDG_STATE_HOME"), env("HOME")),
        };
        let missing = || {
            Fail::usage(
                "there is no place for the state of this machine: HOME is not set",
                "name one with --state-dir DIR or STRONGROOM_STATE_DIR",
            )
            .named(Problem::StateUnusable)
        };
        Self {
            dir: chosen.ok_or_else(missing),
            is_default: flag.is_none(),
        }
    }

    /// True when no flag or variable is needed to find it again.
    pub(crate) fn is_default(&self) -> bool {
        self.is_default
    }

    pub(crate) fn dir(&self) -> Result<&Path> {
        self.dir.as_deref().map_err(Clone::clone)
    }

    /// The directory, made if need be.
    pub(crate) fn prepare(&self) -> Result<&Path> {
        let dir = self.dir()?;
        for dir in [
            dir.to_path_buf(),
            dir.join("credentials"),
            dir.join("locks"),
        ] {
            let made = make_private_dir(&dir);
            made.map_err(|error| Fail::own_file("make the directory", &dir, &error))?;
        }
        Ok(dir)
    }

    /// What this machine is enrolled with, a file for each vault of a server.
    pub(crate) fn gateways(&self) -> Result<PathBuf> {
        Ok(self.dir()?.join("gateways"))
    }

    /// Id of this machine, if it has one yet.
    pub(crate) fn known_machine(&self) -> Result<Option<[u8; 16]>> {
        let path = self.dir()?.join("machine");
        let Some(text) = read_private(&path)? else {
            return Ok(None);
        };
        let help = "remove the file: the next backup makes a new id";
        let damaged = || {
            Fail::usage(format!("{} holds no machine id", path.display()), help)
                .named(Problem::StateDamaged)
        };
        u128::from_str_radix(text.trim(), 16)
            .ok()
            .filter(|_| text.trim().len() == 32)
            .map(|id| Some(id.to_be_bytes()))
            .ok_or_else(damaged)
    }

    /// Id of this machine, made if need be.
    pub(crate) fn machine(&self) -> Result<[u8; 16]> {
        if let Some(id) = self.known_machine()? {
            return Ok(id);
        }
        let path = self.prepare()?.join("machine");
        let text = format!("{:032x}\n", u128::from_be_bytes(slots::random_id()?));
        write_private(&path, text.as_bytes())?;
        let help = "run the command again";
        self.known_machine()?
            .ok_or_else(|| Fail::usage(format!("{} vanished", path.display()), help))
    }

    /// The vault of this machine. Without a state directory there is none.
    pub(crate) fn pinned(&self) -> Result<Option<Pinned>> {
        let Ok(dir) = self.dir() else { return Ok(None) };
        let path = dir.join("vault.json");
        let Some(text) = read_private(&path)? else {
            return Ok(None);
        };
        let help = "remove the file and run `strongroom-agent vault attach --vault URL`";
        let damaged = |error| {
            Fail::usage(format!("{} does not parse", path.display()), help)
                .named(Problem::StateDamaged)
                .because(&error)
        };
        serde_json::from_str(&text).map(Some).map_err(damaged)
    }

    /// Whether this is the vault of this machine, or it has none.
    pub(crate) fn is_own_vault(&self, vault_id: &str) -> Result<bool> {
        let pinned = self.pinned()?;
        Ok(pinned.is_none_or(|pinned| pinned.vault_id == vault_id))
    }

    /// Makes this the vault of this machine.
    pub(crate) fn pin(&self, pinned: &Pinned) -> Result<()> {
        let path = self.prepare()?.join("vault.json");
        let text = serde_json::json!(pinned).to_string();
        write_private(&path, format!("{text}\n").as_bytes())
    }

    fn credential_path(&self, vault_id: &str) -> Result<PathBuf> {
        Ok(self.dir()?.join("credentials").join(vault_id))
    }

    /// What opens this vault without a passphrase, if anything.
    pub(crate) fn credential(&self, vault_id: &str) -> Result<Option<Credential>> {
        let Ok(path) = self.credential_path(vault_id) else {
            return Ok(None);
        };
        let Some(text) = read_private(&path)? else {
            return Ok(None);
        };
        let credential = Credential::from_text(&text);
        credential
            .map(Some)
            .map_err(|error| fail_reading(&path, error.into()))
    }

    pub(crate) fn keep_credential(&self, vault_id: &str, credential: &Credential) -> Result<()> {
        self.prepare()?;
        write_private(
            &self.credential_path(vault_id)?,
            credential.to_text().as_bytes(),
        )
    }

    pub(crate) fn forget_credential(&self, vault_id: &str) -> Result<()> {
        remove(&self.credential_path(vault_id)?)
    }

    pub(crate) fn forget_maintenance(&self, vault_id: &str) -> Result<()> {
        remove(&self.credential_path(&format!("{vault_id}.maintenance"))?)
    }

    /// What deletes and sweeps in this vault without a passphrase, if anything.
    pub(crate) fn maintenance(&self, vault_id: &str) -> Result<Option<Credential>> {
        self.credential(&format!("{vault_id}.maintenance"))
    }

    pub(crate) fn keep_maintenance(&self, vault_id: &str, credential: &Credential) -> Result<()> {
        self.keep_credential(&format!("{vault_id}.maintenance"), credential)
    }

    /// Which scheduled runs a source has had. A file that does not parse tells nothing: what is due is then run again.
    pub(crate) fn last_runs(&self, source: &str) -> Result<Option<LastRuns>> {
        let Ok(dir) = self.dir() else { return Ok(None) };
        let text = read_private(&dir.join("runs").join(lock::file_name(source, "json")))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub(crate) fn keep_last_runs(&self, source: &str, runs: &LastRuns) -> Result<()> {
        let dir = self.prepare()?.join("runs");
        make_private_dir(&dir).map_err(|error| Fail::own_file("make", &dir, &error))?;
        let text = format!("{}\n", serde_json::json!(runs));
        write_private(&dir.join(lock::file_name(source, "json")), text.as_bytes())
    }

    /// Which runs a duty other than a backup has had.
    pub(crate) fn last_housekeeping(&self, duty: &str) -> Result<Option<LastRuns>> {
        let Ok(dir) = self.dir() else { return Ok(None) };
        let name = lock::file_name(duty, "json");
        let text = read_private(&dir.join("housekeeping").join(name))?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    pub(crate) fn keep_last_housekeeping(&self, duty: &str, runs: &LastRuns) -> Result<()> {
        let dir = self.prepare()?.join("housekeeping");
        make_private_dir(&dir).map_err(|error| Fail::own_file("make", &dir, &error))?;
        let text = format!("{}\n", serde_json::json!(runs));
        write_private(&dir.join(lock::file_name(duty, "json")), text.as_bytes())
    }

    /// The last run of each duty that has failed. A file that cannot be read tells nothing: it is then tried sooner.
    pub(crate) fn failures(&self) -> Failures {
        let path = self.dir().map(|dir| dir.join("failures.json"));
        let text = path.and_then(|path| read_private(&path)).ok().flatten();
        text.and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    pub(crate) fn keep_failures(&self, failures: &Failures) -> Result<()> {
        let path = self.prepare()?.join("failures.json");
        let text = format!("{}\n", serde_json::json!(failures));
        write_private(&path, text.as_bytes())
    }

    /// What a person has paused or stopped. A file that does not parse is told: nothing may expire by mistake.
    pub(crate) fn halts(&self) -> Result<Halts> {
        let Ok(dir) = self.dir() else {
            return Ok(Halts::default());
        };
        let path = dir.join("halts.json");
        let Some(text) = read_private(&path)? else {
            return Ok(Halts::default());
        };
        let help = "remove the file, then pause or stop again what was";
        let damaged = |error| {
            Fail::usage(format!("{} does not parse", path.display()), help)
                .named(Problem::StateDamaged)
                .because(&error)
        };
        serde_json::from_str(&text).map_err(damaged)
    }

    pub(crate) fn keep_halts(&self, halts: &Halts) -> Result<()> {
        let path = self.prepare()?.join("halts.json");
        write_private(&path, format!("{}\n", serde_json::json!(halts)).as_bytes())
    }

    /// Takes the lock of the daemon.
    pub(crate) fn lock_daemon(&self) -> Result<Lock> {
        let taken = Lock::take(self.prepare()?, "daemon", "daemon");
        taken.map_err(|fail| match fail.code {
            Code::Busy => Fail {
                causes: vec![fail.message],
                ..strongroom_jobs::Error::DaemonRuns.into()
            },
            _ => fail,
        })
    }

    /// Where the daemon listens.
    pub(crate) fn socket(&self) -> Result<PathBuf> {
        Ok(self.dir()?.join("daemon.sock"))
    }

    /// The newest time that an earlier run has seen by a store's clock. A file that does not parse tells nothing.
    pub(crate) fn seen_at(&self) -> Result<Option<DateTime<Utc>>> {
        let Ok(dir) = self.dir() else { return Ok(None) };
        let text = read_private(&dir.join("seen"))?;
        Ok(text.and_then(|text| text.trim().parse().ok()))
    }

    pub(crate) fn keep_seen_at(&self, at: DateTime<Utc>) -> Result<()> {
        let path = self.prepare()?.join("seen");
        write_private(&path, format!("{}\n", at.to_rfc3339()).as_bytes())
    }

    /// Takes the lock of a source in a vault.
    pub(crate) fn lock(&self, vault_id: &str, source: &str) -> Result<Lock> {
        let name = format!("{vault_id}.{source}");
        Lock::take(&self.prepare()?.join("locks"), &name, source)
    }

    /// Takes the lock under which the embedded vault is made.
    pub(crate) fn lock_first_run(&self) -> Result<Lock> {
        Lock::take(self.prepare()?, "first-run", "first-run")
    }
}

fn default_dir(is_root: bool, xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    if is_root {
        return Some("/var/lib/strongroom".into());
    }
    let base = xdg.or_else(|| home.map(|home| home.join(".local/state")))?;
    Some(base.join("strongroom"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_default_place() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(
            default_dir(true, path("/x"), path("/h")),
            path("/var/lib/strongroom")
        );
        assert_eq!(
            default_dir(false, path("/x"), path("/h")),
            path("/x/strongroom")
        );
        assert_eq!(
            default_dir(false, None, path("/h")),
            path("/h/.local/state/strongroom")
        );
        assert_eq!(default_dir(false, None, None), None);
    }

    #[test]
    fn what_is_kept_is_private_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(&dir.path().join("state")));
        assert_eq!(state.known_machine().unwrap(), None);
        let id = state.machine().unwrap();
        assert_eq!(state.machine().unwrap(), id);
        let pinned = Pinned {
            url: "/v".to_owned(),
            vault_id: "00".to_owned(),
        };
        assert_eq!(state.pinned().unwrap(), None);
        state.pin(&pinned).unwrap();
        assert_eq!(state.pinned().unwrap(), Some(pinned));
        let mode = |path: &str| {
            let path = dir.path().join("state").join(path);
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(
            (mode(""), mode("locks"), mode("machine"), mode("vault.json")),
            (0o700, 0o700, 0o600, 0o600)
        );
    }

    #[test]
    fn damaged_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path()));
        std::fs::write(dir.path().join("machine"), "zz").unwrap();
        assert!(state.machine().unwrap_err().message.contains("machine"));
        std::fs::write(dir.path().join("vault.json"), "{").unwrap();
        assert!(state.pinned().unwrap_err().message.contains("vault.json"));
    }
}
