//! What a long call tells its caller while it runs, and how the caller stops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Receives progress and non-fatal errors of a long call.
///
/// All methods have empty defaults and may be called from several threads at once. They run on the
/// hot path: implementations only add to counters.
pub trait Monitor: Send + Sync {
    /// What is being done now changed, e.g. from reading to uploading.
    fn phase(&self, _phase: Phase) {}
    /// The walk has found so much that will be looked at (counts and bytes since the last call).
    fn found(&self, _files_count: u64, _bytes: u64) {}
    /// So much of what was found is done (counts and bytes since the last call).
    fn done(&self, _files_count: u64, _bytes: u64) {}
    /// So many bytes were sent to, or read from, the store.
    fn transferred(&self, _bytes: u64) {}
    /// The path that is worked on, at most a few times a second per thread.
    fn current(&self, _path: &[u8]) {}
    /// Something was left out or done differently; the call goes on.
    fn warning(&self, _warning: &Skipped) {}
}

/// The monitor that does nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoMonitor;

impl Monitor for NoMonitor {}

/// The stage that a long call is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Getting to know what the vault holds.
    Preparing,
    /// Walking and reading the source.
    Reading,
    /// Writing restored files.
    Writing,
    /// Checking stored bytes.
    Verifying,
    /// Bringing points to another place of the vault.
    Copying,
    /// Sending what is left and committing the point.
    Finishing,
}

/// An entry that was not backed up or restored as it is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Absolute path of the entry, as bytes.
    pub path: Vec<u8>,
    /// What happened, in words for a person.
    pub reason: String,
}

/// Asks a running call to stop soon. Clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A token that nobody has cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the call to stop; it returns [`Error::Cancelled`](crate::Error::Cancelled) soon.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once [`Cancel::cancel`] was called on any clone.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// `Err(Cancelled)` once cancelled, for use with `?`.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled) when the token was cancelled.
    pub fn check(&self) -> crate::Result<()> {
        if self.is_cancelled() {
            Err(crate::Error::Cancelled)
        } else {
            Ok(())
        }
    }
}
