//! The seam through which time comes into the daemon.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use chrono::{DateTime, Utc};
use strongroom::{Clock, SystemClock};

use super::Message;

/// Tells the time, and waits for it. Simulations bring their own.
pub trait DaemonClock: Sync {
    /// The present instant.
    fn now(&self) -> DateTime<Utc>;

    /// Waits for a message, at most until an instant, and not longer than is good: it may return early, and does when the
    /// clock may have been set. `is_working` tells that jobs run, whose ends are messages.
    fn wait(
        &self,
        until: Option<DateTime<Utc>>,
        is_working: bool,
        inbox: &Receiver<Message>,
    ) -> Option<Message>;
}

/// The clock of the system. It is looked at once a minute: so a clock that was set, and a machine that has slept, which stops
/// what waits, are noticed within a minute.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemDaemonClock;

/// The longest wait.
const SLICE: Duration = Duration::from_secs(60);

impl DaemonClock for SystemDaemonClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }

    fn wait(
        &self,
        until: Option<DateTime<Utc>>,
        _is_working: bool,
        inbox: &Receiver<Message>,
    ) -> Option<Message> {
        let left = until.map(|until| (until - self.now()).to_std().unwrap_or_default());
        let slice = left.map_or(SLICE, |left| left.min(SLICE));
        inbox.recv_timeout(slice).ok()
    }
}
