//! What all parts of one restore share.

use std::io::ErrorKind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::durable::Durable;
use super::links::Links;
use super::spared::Spared;
use crate::backup::lock;
use crate::engine::Strongroom;
use crate::fs::{Attributes, Meta, Time};
use crate::look::OpenPoint;
use crate::monitor::{Monitor, Skipped};
use crate::options::RestoreOptions;
use crate::protected::Protected;
use crate::report::RestoreReport;
use crate::tree::{Record, TreeReader};
use crate::{Error, Result};

/// Warnings kept in a report.
const SKIPPED_KEPT: usize = 1000;

/// One restore.
pub(crate) struct Run<'a> {
    pub(crate) options: &'a RestoreOptions,
    pub(crate) monitor: &'a dyn Monitor,
    pub(crate) tree: TreeReader,
    pub(crate) links: Links,
    pub(crate) durable: Durable,
    pub(crate) protected: Protected,
    pub(crate) spared: Spared,
    pub(crate) started_at: Time,
    /// Local time for names of copies.
    pub(crate) stamp: String,
    /// Backed-up roots: directories above them are not the point's to clean up.
    roots: &'a [Vec<u8>],
    report: Mutex<RestoreReport>,
    fatal: Mutex<Option<Error>>,
    stopped: AtomicBool,
    euid: u32,
    foreign_owners: AtomicU64,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        engine: &Strongroom,
        options: &'a RestoreOptions,
        monitor: &'a dyn Monitor,
        open: &'a OpenPoint,
    ) -> Result<Self> {
        let now = engine.now();
        let local = now.with_timezone(&chrono::Local);
        Ok(Self {
            options,
            monitor,
            tree: open.tree.clone(),
            links: Links::default(),
            durable: Durable::default(),
            protected: engine.protected(&options.protected)?,
            spared: Spared::new(&open.root, options)?,
            started_at: Time {
                secs: now.timestamp(),
                nanos: now.timestamp_subsec_nanos() % 1_000_000_000,
            },
            stamp: local.format("%Y-%m-%d %H-%M").to_string(),
            roots: &open.roots,
            report: Mutex::default(),
            fatal: Mutex::default(),
            stopped: AtomicBool::new(false),
            euid: rustix::process::geteuid().as_raw(),
            foreign_owners: AtomicU64::new(0),
        })
    }

    /// True when permissions do not bind the user.
    pub(crate) fn is_root(&self) -> bool {
        self.euid == 0
    }

    /// True for what belongs to the user who runs the restore.
    pub(crate) fn is_own(&self, meta: &Meta) -> bool {
        meta.uid == self.euid
    }

    /// Fails once the run is cancelled or has failed elsewhere.
    pub(crate) fn check(&self) -> Result<()> {
        self.options.cancel.check()?;
        if self.is_stopped() {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Ends the run; the first failure is the one that is told.
    pub(crate) fn fail(&self, error: Error) {
        self.stopped.store(true, Ordering::Relaxed);
        let mut fatal = lock(&self.fatal);
        if fatal.is_none() {
            *fatal = Some(error);
        }
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut RestoreReport)) {
        change(&mut lock(&self.report));
    }

    pub(crate) fn skip(&self, path: &[u8], reason: String) {
        let skipped = Skipped {
            path: path.to_vec(),
            reason,
        };
        self.monitor.warning(&skipped);
        self.count(|report| {
            report.skipped_count += 1;
            if report.skipped.len() < SKIPPED_KEPT {
                report.skipped.push(skipped);
            }
        });
    }

    /// What a failure with one entry means: it is left out with its reason, or the whole run ends.
    pub(crate) fn settle(&self, path: &[u8], error: Error) -> Result<()> {
        if error.is_corruption() {
            self.count(|report| report.damaged_count += 1);
            self.skip(path, format!("damaged in the vault: {}", reason_of(&error)));
            return Ok(());
        }
        match &error {
            Error::ReadBack(_) => {
                self.count(|report| report.damaged_count += 1);
                self.skip(path, reason_of(&error));
                Ok(())
            }
            Error::Protected(_) => {
                self.skip(path, reason_of(&error));
                Ok(())
            }
            Error::File { source, .. } => {
                let kind = source.kind();
                if matches!(
                    kind,
                    ErrorKind::StorageFull
                        | ErrorKind::QuotaExceeded
                        | ErrorKind::ReadOnlyFilesystem
                ) {
                    return Err(error);
                }
                self.skip(path, reason_of(&error));
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// The attributes that an entry shall get. Only root can give entries to others; for anybody else that is said once,
    /// not for every entry.
    pub(crate) fn attributes<'r>(&self, record: &'r Record) -> Attributes<'r> {
        let is_own = self.euid == 0 || record.meta.uid == self.euid;
        if !is_own && !self.options.no_ownership {
            self.foreign_owners.fetch_add(1, Ordering::Relaxed);
        }
        Attributes {
            meta: &record.meta,
            xattrs: &record.extras.xattrs,
            ownership: is_own && !self.options.no_ownership,
        }
    }

    pub(crate) fn note_refused(&self, path: &[u8], refused: Vec<String>) {
        if !refused.is_empty() {
            self.skip(path, refused.join("; "));
        }
    }

    /// True for a directory that the tree holds only because a root lies below it.
    pub(crate) fn is_above_a_root(&self, path: &[u8]) -> bool {
        self.roots.iter().any(|root| {
            let below = root.strip_prefix(path).unwrap_or_default();
            root.len() > path.len() && (path == b"/" || path.is_empty() || below.starts_with(b"/"))
        })
    }

    /// An entry was looked at and is left as it is.
    pub(crate) fn left(&self, meta: &Meta) {
        self.monitor.done(1, meta.size);
    }

    /// An entry stands that was there already, or that was written.
    pub(crate) fn done(&self, meta: &Meta, written_bytes: u64, reused_bytes: u64) {
        self.monitor.done(1, meta.size);
        self.count(|report| {
            report.files_count += 1;
            report.written_bytes += written_bytes;
            report.reused_bytes += reused_bytes;
        });
    }

    pub(crate) fn finish(&self) -> Result<RestoreReport> {
        if let Some(error) = lock(&self.fatal).take() {
            return Err(error);
        }
        let foreign = self.foreign_owners.load(Ordering::Relaxed);
        if foreign > 0 && !self.options.dry_run {
            let reason =
                format!("owner and group of {foreign} entries were not restored: that takes root");
            self.skip(b"/", reason);
        }
        let report = std::mem::take(&mut *lock(&self.report));
        Ok(report)
    }
}

/// The whole chain of an error in one line.
pub(crate) fn reason_of(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
