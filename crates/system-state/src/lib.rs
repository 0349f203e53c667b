//! The state of a Linux system as facts and files, and the plan that brings the safe parts of it back.
//!
//! [`take`] reads below a root directory and asks a few tools through [`Commands`]. What comes of it is a set of files with
//! an [`Index`] and a guide for people, and a list of directories to keep as they are. What could not be had is a
//! [`Finding`] with a reason, never silence. [`plan`] is a pure function of what was kept and what is there; [`apply`] does
//! its steps one by one.
//!
//! Nothing here partitions, formats, mounts or installs a boot loader: such facts are kept for a person to read.

mod apply;
mod commands;
mod error;
mod facts;
mod guide;
mod held_back;
mod index;
mod plan;
mod read;
mod take;

pub use apply::{Done, Outcome, apply};
pub use commands::{Commands, Output, SystemCommands};
pub use error::{Error, Result};
pub use facts::{Account, Accounts, Group, Packages, PasswordHash, System, SystemState, Units};
pub use held_back::{Files, HELD_BACK, Held, put_back};
pub use index::{Finding, INDEX_FILE, Index, Part, PartEntry, PartState, Reason};
pub use plan::{Choice, Left, Plan, Step, UserFacts, plan};
pub use take::{TREE_NAME, Taken, take};
