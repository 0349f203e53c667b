//! What is due, jobs from start to end, alerts, and the daemon.

pub mod alerts;
pub mod daemon;
mod duty;
mod error;
mod halts;
mod journal;
mod outcome;
pub mod plan;
mod points;
pub mod socket;

pub use alerts::{AlertChange, alerts_after};
pub use daemon::{Daemon, DaemonClock, Event, Host, Message, Order};
pub use duty::Duty;
pub use error::{Error, Result};
pub use halts::{Halt, Halts, Kept, Pause, SourceHalt, Stop};
pub use journal::{Ending, JobMonitor, Journal, NewPoints, RunningJob};
pub use outcome::Outcome;
pub use plan::{Next, Retry, Rules, Scheduled, Standing, Start};
pub use points::catalog_point;
pub use strongroom_catalog as catalog;
