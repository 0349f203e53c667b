//! The engine's only look at the clock.

use chrono::{DateTime, Utc};

/// Tells the time. Tests and simulations bring their own.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the operating system.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the seam through which time enters"
    )]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}
