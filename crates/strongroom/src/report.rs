//! What calls return: plain values, no rendering.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use strongroom_vault::format::{PackId, SessionId};

use crate::fs::{Kind, Meta};
use crate::monitor::Skipped;

/// Whether a point holds everything that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointState {
    /// All entries are in it.
    Complete,
    /// Some were skipped, each with a reason.
    Partial,
    /// Its manifest cannot be read; only its id is known.
    Damaged,
}

impl PointState {
    /// `complete`, `partial` or `damaged`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Damaged => "damaged",
        }
    }
}

/// Outcome of a backup.
#[derive(Debug, Clone)]
pub struct BackupReport {
    /// Id of the new point; `None` after a dry run.
    pub recovery_point: Option<SessionId>,
    /// Name of the source.
    pub source: String,
    /// Complete or partial.
    pub state: PointState,
    /// When the point's content was taken (end of reading).
    pub taken_at: DateTime<Utc>,
    /// Files in the point (everything that is no directory).
    pub files_count: u64,
    /// Directories in the point.
    pub dirs_count: u64,
    /// Files that the previous point did not have.
    pub files_new_count: u64,
    /// Files whose content or metadata differs from the previous point.
    pub files_changed_count: u64,
    /// Files equal to the previous point.
    pub files_unchanged_count: u64,
    /// Bytes of all files in the point.
    pub logical_bytes: u64,
    /// New raw file-content bytes of this run, no metadata.
    pub unique_bytes: u64,
    /// Bytes that were written to the store.
    pub stored_bytes: u64,
    /// Entries that are not, or not wholly, in the point (the first 1000).
    pub skipped: Vec<Skipped>,
    /// How many there were in all.
    pub skipped_count: u64,
}

/// One recovery point as listed.
#[derive(Debug, Clone)]
pub struct PointView {
    /// Its id.
    pub id: SessionId,
    /// Name of its source.
    pub source: String,
    /// Machine that made it.
    pub host: String,
    /// When its content was taken.
    pub taken_at: DateTime<Utc>,
    /// When the store had its manifest, by the store's clock.
    pub written_at: Option<DateTime<Utc>>,
    /// The point of its source that it was built on.
    pub previous: Option<SessionId>,
    /// Civil times of the scheduled runs that it was made for; `None` for a point outside of any schedule.
    pub slots: Option<Vec<String>>,
    /// Complete or partial.
    pub state: PointState,
    /// Bytes of all files in it.
    pub logical_bytes: u64,
    /// Files in it.
    pub files_count: u64,
    /// Backed-up roots, absolute paths as bytes.
    pub roots: Vec<Vec<u8>>,
    /// Free key–value pairs.
    pub tags: BTreeMap<String, String>,
    /// May not expire before this instant.
    pub hold_until: Option<DateTime<Utc>>,
    /// May not expire until it is released.
    pub is_held: bool,
    /// When it was deleted, softly, by the store's clock.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Explicit retention.
    pub retain_until: Option<DateTime<Utc>>,
}

/// One entry inside a point.
#[derive(Debug, Clone)]
pub struct EntryView {
    /// Absolute path, bytes.
    pub path: Vec<u8>,
    /// Metadata as recorded.
    pub meta: Meta,
    /// Target of a symlink.
    pub target: Option<Vec<u8>>,
    /// Set when the entry's content is torn or missing, with the reason.
    pub problem: Option<&'static str>,
}

impl EntryView {
    /// The entry's kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.meta.kind
    }
}

/// How an entry differs between two points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only in the second.
    Added,
    /// Only in the first.
    Removed,
    /// Content or kind differs.
    Modified,
    /// Only metadata differs.
    Metadata,
}

/// One difference between two points.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Absolute path, bytes.
    pub path: Vec<u8>,
    /// What differs.
    pub change: Change,
}

/// Outcome of a restore.
#[derive(Debug, Clone, Default)]
pub struct RestoreReport {
    /// Files, links and special files that now stand in the target.
    pub files_count: u64,
    /// Directories made or found.
    pub dirs_count: u64,
    /// Bytes written to files.
    pub written_bytes: u64,
    /// Bytes that stood there already and were left.
    pub reused_bytes: u64,
    /// Names that existed.
    pub conflicts_count: u64,
    /// Entries removed by `delete_extra`.
    pub removed_count: u64,
    /// Files and directories that are damaged in the vault and were left out.
    pub damaged_count: u64,
    /// What was not restored as it was (the first 1000).
    pub skipped: Vec<Skipped>,
    /// How many there were in all.
    pub skipped_count: u64,
}

/// Something in the vault that is not as it should be.
#[derive(Debug, Clone)]
pub struct Damage {
    /// Name of the object in the store.
    pub object: String,
    /// What is wrong with it.
    pub reason: String,
    /// Points that it hurts, as far as known.
    pub points: Vec<SessionId>,
}

/// Outcome of a verify.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Points looked at.
    pub points_count: u64,
    /// Packs looked at.
    pub packs_count: u64,
    /// Stored bytes read and checked.
    pub verified_bytes: u64,
    /// What is damaged; empty means all is well.
    pub damaged: Vec<Damage>,
    /// What is damaged, but known to be so, avoided by new points and needed by none: the next sweeps take it.
    pub superseded: Vec<Damage>,
    /// The packs that were read whole and found good, and when.
    pub verified: BTreeMap<PackId, DateTime<Utc>>,
    /// Packs that were left for another time: found good lately, outside of the sample, or beyond the budget.
    pub packs_left_count: u64,
    /// What of the damage was news has been noted in the vault: the next backups store it anew from their sources.
    pub is_noted: bool,
}

/// What a vault is and how much it holds.
#[derive(Debug, Clone)]
pub struct VaultStatus {
    /// Random id of the vault.
    pub vault_id: String,
    /// Name given at its making.
    pub name: Option<String>,
    /// Version of the format.
    pub format: u32,
    /// Redundancy it was made with.
    pub redundancy: String,
    /// Packs in the store.
    pub packs_count: u64,
    /// Bytes of all packs.
    pub stored_bytes: u64,
    /// Recovery points.
    pub points_count: u64,
    /// Names of the sources that have points.
    pub sources: Vec<String>,
}
