//! What is due, jobs from start to end, alerts, and the daemon.

pub mod alerts;
mod duty;
mod error;
mod halts;
mod outcome;
pub mod plan;

pub use alerts::{AlertChange, alerts_after};
pub use duty::Duty;
pub use error::{Error, Result};
pub use halts::{Halt, Halts, Kept, Pause, SourceHalt, Stop};
pub use outcome::Outcome;
pub use plan::{Next, Retry, Rules, Scheduled, Standing, Start};
pub use strongroom_catalog as catalog;
