//! Snapshots of file systems, to read a source as it was at one moment.
//!
//! decide ([`choose`], pure) → take ([`Keeper::take`]) → read where [`Taken::stand_ins`] say → release. What is taken is
//! written down before it is made, so that the next [`Keeper`] removes what a killed process has left, and nothing else.

mod choose;
mod error;
mod keeper;
mod mounts;
mod tools;

pub use choose::{Choice, Live, Method, Target, choose};
pub use error::{Error, Result};
pub use keeper::{Keeper, StandIn, Taken};
pub use mounts::{Mount, parse_mounts};
pub use tools::{SystemTools, Tools};

/// Names of snapshots begin with this: a backup leaves them out.
pub const NAME_START: &str = ".strongroom-snapshot-";
