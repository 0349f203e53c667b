//! What callers may choose, with defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use strongroom_vault::format::{PackId, SessionId};

use crate::monitor::{Cancel, Skipped};

/// What one backup reads and how.
///
/// # Defaults
/// Nothing excluded, all file systems, two workers per processor up to eight, a checkpoint every 2 minutes or 4 GiB.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BackupOptions {
    /// Name of the source; recovery points of one name form one history.
    pub source: String,
    /// Folders and files to protect, absolute.
    pub roots: Vec<PathBuf>,
    /// Glob patterns (gitignore-like: `*`, `?`, `**`, `[…]`); a pattern without `/` matches names anywhere.
    pub excludes: Vec<String>,
    /// Leave out files larger than this many bytes.
    pub exclude_larger_than_bytes: Option<u64>,
    /// Do not cross into other file systems below a root.
    pub one_file_system: bool,
    /// Of a directory below a root that holds a `CACHEDIR.TAG` with the signature of one, keep only the directory itself.
    pub exclude_caches: bool,
    /// Directories that are read elsewhere, such as in a snapshot of their file system.
    pub stand_ins: Vec<StandIn>,
    /// What the caller could not gather for the point: each makes it partial.
    pub lacking: Vec<Skipped>,
    /// Files and directories that are never read. A local vault that the point goes to is always among them.
    pub protected: Vec<PathBuf>,
    /// Free key–value pairs, kept encrypted.
    pub tags: BTreeMap<String, String>,
    /// The point may not expire before this instant.
    pub hold_until: Option<DateTime<Utc>>,
    /// Explicit retention of this point.
    pub retain_until: Option<DateTime<Utc>>,
    /// Civil times of the scheduled runs that this point is made for, as `strongroom-policy` writes them; `None` outside
    /// of any schedule.
    pub slots: Option<Vec<String>>,
    /// Read and compare everything, but write nothing to the vault.
    pub dry_run: bool,
    /// Random id of this machine, from its state directory: only own dead sessions are fenced.
    pub machine: [u8; 16],
    /// Name of this machine, kept encrypted.
    pub host: String,
    /// Threads that read, compress and seal.
    pub workers_count: usize,
    /// Seconds between checkpoints.
    pub checkpoint_secs: u64,
    /// Bytes read between checkpoints.
    pub checkpoint_bytes: u64,
    /// Stops the run; what was uploaded is reused by the next one.
    pub cancel: Cancel,
}

impl BackupOptions {
    /// Options for a source of this name with these roots, all else by default.
    #[must_use]
    pub fn new(source: impl Into<String>, roots: Vec<PathBuf>) -> Self {
        Self {
            source: source.into(),
            roots,
            excludes: Vec::new(),
            exclude_larger_than_bytes: None,
            one_file_system: false,
            exclude_caches: false,
            stand_ins: Vec::new(),
            lacking: Vec::new(),
            protected: Vec::new(),
            tags: BTreeMap::new(),
            hold_until: None,
            retain_until: None,
            slots: None,
            dry_run: false,
            machine: [0; 16],
            host: String::new(),
            workers_count: default_workers_count(),
            checkpoint_secs: 120,
            checkpoint_bytes: 4 << 30,
            cancel: Cancel::new(),
        }
    }
}

/// A directory that is read elsewhere. The point shows everything under the path that it stands in for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIn {
    /// Where it belongs: an absolute path without links.
    pub path: PathBuf,
    /// Where it is read: an absolute path, which may be the same one where something above it is read elsewhere.
    pub read_at: PathBuf,
}

/// Twice the processors, at most eight: small files wait for the disk more than they compute.
pub(crate) fn default_workers_count() -> usize {
    std::thread::available_parallelism()
        .map_or(2, std::num::NonZero::get)
        .saturating_mul(2)
        .clamp(2, 8)
}

/// What to do when a restored name exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// Keep the existing one, write `YYYY-MM-DD HH-mm Copy of NAME`.
    #[default]
    Copy,
    /// Keep the existing one, write nothing.
    Skip,
    /// Make it equal to the recovery point, writing only what differs.
    Overwrite,
}

/// Where restored entries land.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreTarget {
    /// Below this directory (made when absent): each root or chosen path under its last name.
    Directory(PathBuf),
    /// At the absolute paths that they were backed up from. These hold no symlinks: one that stands there now is not
    /// followed.
    Original,
}

/// What one restore writes and how.
///
/// # Defaults
/// The whole point, conflicts make copies, ownership is restored where permitted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RestoreOptions {
    /// Where to.
    pub target: RestoreTarget,
    /// Paths inside the point: absolute, or relative to a root. Empty: every root.
    pub paths: Vec<Vec<u8>>,
    /// With one root or path that is a directory: its content lands in the target itself.
    pub strip_root: bool,
    /// What to do when a name exists.
    pub on_conflict: OnConflict,
    /// Remove what the point does not hold (only below restored directories).
    pub delete_extra: bool,
    /// Files and directories that are never entered, replaced or removed, nor what holds them. A local vault that the
    /// point comes from is always among them.
    pub protected: Vec<PathBuf>,
    /// Tell what would happen, write nothing.
    pub dry_run: bool,
    /// Read everything back and compare after writing.
    pub verify: bool,
    /// Do not set owners and groups.
    pub no_ownership: bool,
    /// Threads that open blocks and write files.
    pub workers_count: usize,
    /// Stops the run.
    pub cancel: Cancel,
}

impl RestoreOptions {
    /// Restore to this target, all else by default.
    #[must_use]
    pub fn new(target: RestoreTarget) -> Self {
        Self {
            target,
            paths: Vec::new(),
            strip_root: false,
            on_conflict: OnConflict::default(),
            delete_extra: false,
            protected: Vec::new(),
            dry_run: false,
            verify: false,
            no_ownership: false,
            workers_count: default_workers_count(),
            cancel: Cancel::new(),
        }
    }
}

/// How closely `verify` looks at packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum VerifyLevel {
    /// The listing against the index.
    Listing,
    /// Header and table of contents of every pack, too.
    #[default]
    Tables,
    /// Every stored byte against the hash in the index: needs no key of content, a maintenance key is enough.
    Hashes,
    /// Every block opened, every chunk hashed again.
    Data,
}

/// How much one `verify` reads at most of whole packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyBudget {
    /// Stored bytes; one pack is read in any case.
    Bytes(u64),
    /// Time, after which no other pack is begun.
    Time(Duration),
}

/// What `verify` looks at.
///
/// # Defaults
/// The structure of all points and packs; no data bytes.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// How closely packs are looked at.
    pub level: VerifyLevel,
    /// At levels that read whole packs: only this share of them, 0 < percent ≤ 100; `None` is all.
    pub sample_percent: Option<f64>,
    /// At levels that read whole packs: no more than this.
    pub budget: Option<VerifyBudget>,
    /// When packs were last read whole and found good, as earlier reports have told. Those that were not, and then
    /// those for which it is longest ago, are read first.
    pub verified: BTreeMap<PackId, DateTime<Utc>>,
    /// Packs that were found good within this time are not read again.
    pub max_age: Option<Duration>,
    /// Only these points, and the packs that they use; empty is all.
    pub points: Vec<SessionId>,
    /// Stops the run.
    pub cancel: Cancel,
}
