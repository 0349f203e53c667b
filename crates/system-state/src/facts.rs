//! What a plan is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// The facts of one system that can be compared with those of another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SystemState {
    /// Which system it is.
    pub system: System,
    /// What is installed.
    pub packages: Packages,
    /// Who there is.
    pub accounts: Accounts,
    /// What is started.
    pub units: Units,
}

/// Which system it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct System {
    /// Name of the machine.
    pub host: String,
    /// Distribution, as `ID` of os-release.
    pub distribution: String,
    /// Release of it, as `VERSION_ID` of os-release.
    pub release: String,
    /// Both in words.
    pub name: String,
    /// Kernel that runs; empty where the system does not.
    pub kernel: String,
    /// What it runs on, as the kernel calls it; empty where the system does not run.
    pub architecture: String,
    /// Civil time zone.
    pub time_zone: String,
}

/// What is installed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Packages {
    /// `dpkg` or `rpm`; empty where neither is there.
    pub manager: String,
    /// Name (with `:architecture` where that is not the machine's) → version.
    pub installed: BTreeMap<String, String>,
    /// Those that came only because others need them.
    pub automatic: BTreeSet<String>,
    /// Those that are kept from upgrades.
    pub held: BTreeSet<String>,
    /// Those whose installation stopped halfway, with their state.
    pub broken: BTreeMap<String, String>,
}

impl Packages {
    /// Those that somebody has asked for.
    pub fn wanted(&self) -> impl Iterator<Item = &String> {
        let is_automatic = |name: &&String| !self.automatic.contains(*name);
        self.installed.keys().filter(is_automatic)
    }
}

/// Who there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Accounts {
    /// By name.
    pub users: BTreeMap<String, Account>,
    /// By name.
    pub groups: BTreeMap<String, Group>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// Number of the user.
    pub uid: u32,
    /// Number of its first group.
    pub gid: u32,
    /// Full name and the like.
    pub comment: String,
    /// Home directory.
    pub home: String,
    /// Shell.
    pub shell: String,
    /// As it stands in `/etc/shadow`, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub password: Option<PasswordHash>,
}

/// A password as the system keeps it. It is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// A field of `/etc/shadow`.
    #[must_use]
    pub fn new(field: impl Into<String>) -> Self {
        Self(field.into())
    }

    /// The field of `/etc/shadow`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether somebody can log in with it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.0.starts_with('$') && !self.0.contains([':', '\n'])
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Group {
    /// Its number.
    pub gid: u32,
    /// Users that it is not the first group of.
    pub members: BTreeSet<String>,
}

/// What is started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Units {
    /// Wanted or required by a target, by the machine's own links.
    pub enabled: BTreeSet<String>,
    /// Must not start.
    pub masked: BTreeSet<String>,
    /// Where starting up ends, where the machine says so itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_target: Option<String>,
}
