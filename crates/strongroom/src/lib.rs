//! Encrypted, deduplicated backup: the engine and front door.
//!
//! [`Strongroom`] opens a vault in any object store and backs up, restores, verifies and looks inside recovery
//! points. Calls block and report through a [`Monitor`]; a [`Cancel`] stops them. The crate prints nothing,
//! reads no configuration and keeps no globals.
//!
//! | module | is |
//! |---|---|
//! | [`vault`], [`crypto`], [`policy`] | the crates below, re-exported |
//! | [`fs`] | reading a source and writing a target by file descriptor |
//! | `backup`, `restore`, `verify`, `repair`, `drill`, `history`, `look`, `deletion`, `expire`, `copy`, `seed` | the calls of [`Strongroom`] |
//! | `browse` | [`PointTree`]: a point at random, for mounts and consoles |
//! | `pace` | the throttle of a policy, by the clock |
//! | `tree` | records and pieces of `docs/format.md` §9 |

mod backup;
mod ballast;
mod browse;
mod clock;
mod copy;
mod deletion;
mod drill;
mod engine;
mod error;
mod expire;
pub mod fs;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod left;
mod look;
mod memory;
mod monitor;
mod options;
mod pace;
mod protected;
mod repair;
mod report;
mod restore;
mod seed;
mod tree;
mod verify;

pub use strongroom_crypto as crypto;
pub use strongroom_policy as policy;
pub use strongroom_vault as vault;

pub use browse::{Entry, FileReader, Listing, Place, PointTree, Position};
pub use clock::{Clock, SystemClock};
pub use copy::{CopyOptions, CopyTarget};
pub use drill::DrillReport;
pub use engine::Strongroom;
pub use error::{Error, Result};
pub use expire::{Brake, ExpireOptions, ExpirePlan, Judged};
pub use history::{Head, History, HistoryFinding, HistoryProblem, Remembered};
pub use left::LeftPlace;
pub use monitor::{Cancel, Monitor, NoMonitor, Phase, Skipped};
pub use options::{
    BackupOptions, OnConflict, RestoreOptions, RestoreTarget, StandIn, VerifyBudget, VerifyLevel,
    VerifyOptions,
};
pub use pace::PolicyPace;
pub use repair::{BlockMove, ListRepair, Lost, RepairOptions, RepairPlan, RepairReport, Salvage};
pub use report::{
    BackupReport, Change, Damage, Difference, EntryView, PointState, PointView, RestoreReport,
    VaultStatus, VerifyReport,
};
pub use seed::{SeedDisk, SeedExport, SeedImport, SeedProblem};
