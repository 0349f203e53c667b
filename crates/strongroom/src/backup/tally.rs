//! Counts of a run, and its warnings.

use std::collections::HashMap;

use super::jobs::Ticket;
use super::owners::Owners;
use crate::fs::{Kind, Meta};
use crate::monitor::{Monitor, Skipped};
use crate::tree::Record;

/// Warnings kept in a report and a manifest…
const SKIPPED_KEPT: usize = 1000;
/// …as long as their paths and reasons are not longer than this: a section of a manifest takes 4 MiB, and a path that is
/// not UTF-8 doubles its length.
const SKIPPED_KEPT_BYTES: usize = 1 << 20;
/// Paths shown to a monitor: one in so many.
const SHOW_ONE_IN: u64 = 64;

pub(crate) struct Tally<'m> {
    monitor: &'m dyn Monitor,
    pub(crate) files_count: u64,
    pub(crate) dirs_count: u64,
    pub(crate) files_new_count: u64,
    pub(crate) files_changed_count: u64,
    pub(crate) files_unchanged_count: u64,
    pub(crate) logical_bytes: u64,
    pub(crate) unique_bytes: u64,
    pub(crate) read_bytes: u64,
    pub(crate) skipped: Vec<Skipped>,
    skipped_bytes: usize,
    pub(crate) skipped_count: u64,
    pub(crate) owners: Owners,
    /// Paths of files that are with the workers, for warnings.
    paths: HashMap<Ticket, Vec<u8>>,
}

impl<'m> Tally<'m> {
    pub(crate) fn new(monitor: &'m dyn Monitor) -> Self {
        Self {
            monitor,
            files_count: 0,
            dirs_count: 0,
            files_new_count: 0,
            files_changed_count: 0,
            files_unchanged_count: 0,
            logical_bytes: 0,
            unique_bytes: 0,
            read_bytes: 0,
            skipped: Vec::new(),
            skipped_bytes: 0,
            skipped_count: 0,
            owners: Owners::default(),
            paths: HashMap::new(),
        }
    }

    pub(crate) fn skip(&mut self, path: &[u8], reason: String) {
        let skipped = Skipped {
            path: path.to_vec(),
            reason,
        };
        self.monitor.warning(&skipped);
        self.skipped_count += 1;
        let bytes = skipped.path.len() + skipped.reason.len();
        let fits = self.skipped_bytes + bytes <= SKIPPED_KEPT_BYTES;
        if self.skipped.len() < SKIPPED_KEPT && fits {
            self.skipped_bytes += bytes;
            self.skipped.push(skipped);
        }
    }

    pub(crate) fn found(&self, files_count: u64, bytes: u64) {
        self.monitor.found(files_count, bytes);
    }

    /// An entry that is no directory was looked at.
    pub(crate) fn entry_seen(&self, meta: &Meta) {
        if meta.kind == Kind::File {
            self.monitor.found(0, meta.size);
        }
    }

    /// An entry that is no directory stands in the point now.
    pub(crate) fn entry_done(&mut self, record: &Record, base: Option<&Record>) {
        self.owners.note(&record.meta);
        self.files_count += 1;
        self.logical_bytes += record.meta.size;
        self.monitor.done(1, record.meta.size);
        let same = base.is_some_and(|base| {
            base.meta.kind == record.meta.kind
                && base.content == record.content
                && base.extras.target == record.extras.target
                && base.extras.capture == record.extras.capture
        });
        if same {
            self.files_unchanged_count += 1;
            return;
        }
        match base {
            Some(base) if base.meta.kind != Kind::Directory => self.files_changed_count += 1,
            _ => self.files_new_count += 1,
        }
    }

    /// Remembers the path of a file that goes to the workers.
    pub(crate) fn path_of(&mut self, ticket: Ticket, path: &[u8]) {
        if self.files_count.is_multiple_of(SHOW_ONE_IN) {
            self.monitor.current(path);
        }
        self.paths.insert(ticket, path.to_vec());
    }

    /// A worker has read a file.
    pub(crate) fn captured(
        &mut self,
        ticket: Ticket,
        new_bytes: u64,
        read_bytes: u64,
        warning: Option<String>,
    ) {
        let path = self.paths.remove(&ticket).unwrap_or_default();
        self.unique_bytes += new_bytes;
        self.read_bytes += read_bytes;
        if let Some(reason) = warning {
            self.skip(&path, reason);
        }
    }
}
