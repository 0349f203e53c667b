//! Waiting for the store with an eye on who asked for it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use strongroom_vault::Store;

use super::{Inner, Strongroom};
use crate::monitor::Cancel;
use crate::{Error, Result};

/// How often a thread that waits for the store looks whether it shall stop, and how often it looks once it shall: as long
/// as a pack on its way mostly needs. What the pace holds back will not be there so soon.
const TICK: Duration = Duration::from_millis(200);
const STOPPING_TICKS: u32 = 50;
const HELD_TICKS: u32 = 3;

impl Strongroom {
    /// The same vault for one call, whose waiting ends when it is cancelled.
    pub(crate) fn stopped_by(&self, cancel: &Cancel) -> Self {
        let inner = &self.0;
        Self(Arc::new(Inner {
            vault: inner.vault.clone(),
            places: inner.places.clone(),
            runtime: Arc::clone(&inner.runtime),
            reader: Arc::clone(&inner.reader),
            clock: Arc::clone(&inner.clock),
            memory: inner.memory,
            cancel: cancel.clone(),
        }))
    }

    /// As [`Strongroom::wait`], and no longer than a moment once this handle's call is cancelled.
    pub(crate) fn wait_or_stop<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        self.wait_beside(self.vault().store(), work)
    }

    /// The same for work that another store may hold back, too.
    pub(crate) fn wait_beside<T>(&self, other: &Store, work: impl Future<Output = T>) -> Result<T> {
        self.wait(async {
            let mut work = std::pin::pin!(work);
            let mut ticks = 0;
            loop {
                if let Ok(done) = tokio::time::timeout(TICK, &mut work).await {
                    return Ok(done);
                }
                if !self.0.cancel.is_cancelled() {
                    continue;
                }
                ticks += 1;
                let is_held = self.vault().store().is_held() || other.is_held();
                if ticks >= if is_held { HELD_TICKS } else { STOPPING_TICKS } {
                    return Err(Error::Cancelled);
                }
            }
        })
    }

    /// Whether this handle's call is cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.cancel.is_cancelled()
    }
}
