//! What a tree of system state holds, for programs.

use serde::{Deserialize, Serialize};

use crate::facts::SystemState;
use crate::{Error, Result};

/// Name of the index in the tree.
pub const INDEX_FILE: &str = "index.json";

/// The newest format that is read and written.
const FORMAT: u32 = 1;

/// What a tree of system state holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Index {
    /// Version of this layout. What is not known is ignored, so that additions need no new one.
    pub format: u32,
    /// The root directory that all of it was read below.
    pub root: String,
    /// Directories and files to be kept beside the tree, as they are, below the root.
    pub roots: Vec<String>,
    /// What the tree is made of.
    pub parts: Vec<PartEntry>,
    /// What is missing or was noticed.
    pub findings: Vec<Finding>,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PartEntry {
    /// Which.
    pub part: Part,
    /// Whether it is there.
    pub state: PartState,
    /// Its files in the tree.
    pub files: Vec<String>,
}

/// What a system consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Name, distribution, release.
    System,
    /// What is installed.
    Packages,
    /// Users and groups.
    Accounts,
    /// What is started.
    Units,
    /// Configuration files: kept beside the tree.
    Configuration,
    /// File systems, as `/etc/fstab` mounts them.
    Mounts,
    /// Disks and their partition tables.
    Disks,
    /// Logical volumes.
    Volumes,
    /// Arrays of disks.
    Arrays,
    /// How the machine starts.
    Boot,
    /// Addresses and routes.
    Network,
    /// Certificates and authorities of the machine's own.
    Certificates,
    /// Whether the files of packages are as they came.
    Integrity,
}

/// Whether a part is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartState {
    /// All of it.
    Complete,
    /// Some of it; a finding says what is missing.
    Incomplete,
    /// This system has none.
    Absent,
}

/// Something missing, or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// In which part.
    pub part: Part,
    /// Why.
    pub reason: Reason,
    /// What exactly, for people.
    pub detail: String,
}

/// Why something is missing, or worth knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// A program that would tell is not installed.
    ToolMissing,
    /// A program that should tell has failed.
    ToolFailed,
    /// A file cannot be read.
    Unreadable,
    /// A package is neither installed nor removed.
    PackageBroken,
    /// A file of a package is not as it came.
    FileChanged,
    /// The machine waits for a restart: what runs is not what is installed.
    RestartPending,
}

impl Reason {
    /// True when something is missing from the state for it.
    #[must_use]
    pub fn is_lack(self) -> bool {
        matches!(
            self,
            Self::ToolMissing | Self::ToolFailed | Self::Unreadable
        )
    }

    /// As it stands in the index.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToolMissing => "tool_missing",
            Self::ToolFailed => "tool_failed",
            Self::Unreadable => "unreadable",
            Self::PackageBroken => "package_broken",
            Self::FileChanged => "file_changed",
            Self::RestartPending => "restart_pending",
        }
    }
}

impl Index {
    pub(crate) fn new(root: String, roots: Vec<String>) -> Self {
        Self {
            format: FORMAT,
            root,
            roots,
            parts: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Reads an index.
    ///
    /// # Errors
    /// When it is none, or from a newer version that says it cannot be read by this one.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let index: Self = parse(INDEX_FILE, bytes)?;
        if index.format > FORMAT {
            return Err(Error::Newer {
                found: index.format,
                known: FORMAT,
            });
        }
        Ok(index)
    }
}

impl SystemState {
    /// Reads the facts from the files of a tree; one that could not be taken then is empty now.
    ///
    /// # Errors
    /// When a file is missing though its part was complete, or holds something else.
    pub fn load(index: &Index, file: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Self> {
        let has = |part| {
            let mut parts = index.parts.iter();
            parts.any(|entry| entry.part == part && !entry.files.is_empty())
        };
        let read = |part, name: &str| {
            let missing = || Error::Missing {
                file: name.to_owned(),
            };
            match has(part) {
                true => file(name).ok_or_else(missing).map(Some),
                false => Ok(None),
            }
        };
        fn part<T: Default + serde::de::DeserializeOwned>(
            name: &str,
            bytes: Option<Vec<u8>>,
        ) -> Result<T> {
            bytes.map_or_else(|| Ok(T::default()), |bytes| parse(name, &bytes))
        }
        Ok(Self {
            system: part("system.json", read(Part::System, "system.json")?)?,
            packages: part("packages.json", read(Part::Packages, "packages.json")?)?,
            accounts: part("accounts.json", read(Part::Accounts, "accounts.json")?)?,
            units: part("units.json", read(Part::Units, "units.json")?)?,
        })
    }
}

fn parse<T: serde::de::DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|source| Error::Malformed {
        file: file.to_owned(),
        source,
    })
}
