//! A second copy of a vault: points and what they need are brought to another place, sealed as they are (format.md §16).
//!
//! Nothing here needs to read content or names. What is brought over is told by a plan first; blocks are missed by their
//! birth names, from the points' reference lists. A copy is made by sessions of the target like any others.

mod batch;
mod fetch;
mod fill;
mod keys;
mod needs;
mod plan;
mod remaps;
mod run;

use chrono::{DateTime, Utc};

use crate::format::{MachineId, SessionId};

pub use keys::{KeyChanges, make_beside};
pub use plan::{CopyPlan, HoldChange, MissingPoint, plan_copy};
pub use run::copy;

/// What is copied, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CopyOptions {
    /// Only these points; empty is all that stand.
    pub points: Vec<SessionId>,
    /// Delete at the target, softly, what is deleted at the source.
    pub with_deletions: bool,
    /// Random id of this machine: its own dead copies are fenced, and none runs at the same time. Zero: none is fenced.
    pub machine: MachineId,
    /// Largest data pack that is filled, bytes; metadata packs are at most a quarter of it.
    pub pack_max_bytes: u64,
    /// Packs of the source that are read at once.
    pub reads_count: usize,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            with_deletions: false,
            machine: MachineId::from_bytes([0; 16]),
            pack_max_bytes: u64::MAX,
            reads_count: 2,
        }
    }
}

/// Who looks on while a copy runs.
pub trait CopyWatch: Sync {
    /// So many points and sealed bytes of blocks were copied since the last call.
    fn copied(&self, points_count: u64, bytes: u64);
    /// True when the copy should end soon.
    fn is_stopped(&self) -> bool;
    /// What time it is.
    fn now(&self) -> DateTime<Utc>;
}

/// An object of the source that is damaged, and the points that were not copied for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyDamage {
    /// Name of the object.
    pub object: String,
    /// What is wrong with it.
    pub reason: String,
    /// The points that need it.
    pub points: Vec<SessionId>,
}

/// What a copy came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyReport {
    /// Points that were copied, in order.
    pub copied: Vec<SessionId>,
    /// Points that the target had already.
    pub present_count: u64,
    /// Points that went at the source while they were being copied.
    pub gone_count: u64,
    /// What is damaged at the source.
    pub damaged: Vec<CopyDamage>,
    /// Points whose sessions somebody else fenced: they are copied by the next run.
    pub fenced: Vec<SessionId>,
    /// Packs written at the target.
    pub packs_written_count: u64,
    /// Blocks in them.
    pub blocks_copied_count: u64,
    /// Sealed bytes of these blocks.
    pub copied_bytes: u64,
    /// Key slots brought over.
    pub slots_added_count: u64,
    /// Key slots removed at the target.
    pub slots_removed_count: u64,
    /// Key slots that the source does not have any more, and that this key may not remove.
    pub slots_stale_count: u64,
    /// Holds brought over.
    pub holds_copied_count: u64,
    /// Holds that this key may not bring over.
    pub holds_left_count: u64,
    /// Points that were deleted at the target, softly.
    pub deleted: Vec<SessionId>,
    /// The watch has stopped it.
    pub is_stopped: bool,
}

impl CopyReport {
    fn damage(&mut self, object: String, reason: String, point: SessionId) {
        match self.damaged.iter_mut().find(|one| one.object == object) {
            Some(known) if known.points.contains(&point) => {}
            Some(known) => known.points.push(point),
            None => self.damaged.push(CopyDamage {
                object,
                reason,
                points: vec![point],
            }),
        }
    }
}
