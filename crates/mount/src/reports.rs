//! What could not be read: told once for each file, counted for the end.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use strongroom::{Monitor, Skipped};

/// Files that are remembered as told. Beyond them only the count grows.
const TOLD_MAX: usize = 1000;

/// Collects problems of all threads.
pub(crate) struct Reports {
    monitor: Arc<dyn Monitor>,
    told: Mutex<HashSet<u64>>,
    damaged_count: AtomicU64,
    failed_count: AtomicU64,
}

impl Reports {
    pub(crate) fn new(monitor: Arc<dyn Monitor>) -> Self {
        Self {
            monitor,
            told: Mutex::default(),
            damaged_count: AtomicU64::new(0),
            failed_count: AtomicU64::new(0),
        }
    }

    /// Takes note that something of a node could not be read.
    pub(crate) fn failed(
        &self,
        number: u64,
        path: impl FnOnce() -> Vec<u8>,
        error: &strongroom::Error,
    ) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOLD_MAX || !told.insert(number) {
            return;
        }
        drop(told);
        let counter = if error.is_corruption() {
            &self.damaged_count
        } else {
            &self.failed_count
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let (path, reason) = (path(), chain(error));
        tracing::warn!(path = %String::from_utf8_lossy(&path), reason, "cannot be read");
        self.monitor.warning(&Skipped { path, reason });
    }

    /// Bytes that were given to readers.
    pub(crate) fn read(&self, bytes: u64) {
        self.monitor.transferred(bytes);
    }

    /// Files and directories that are damaged.
    pub(crate) fn damaged_count(&self) -> u64 {
        self.damaged_count.load(Ordering::Relaxed)
    }

    /// Files and directories that could not be read for other reasons.
    pub(crate) fn failed_count(&self) -> u64 {
        self.failed_count.load(Ordering::Relaxed)
    }
}

/// An error and what is behind it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let (mut text, mut next) = (error.to_string(), error.source());
    while let Some(source) = next {
        let more = source.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = source.source();
    }
    text
}
