//! Really restoring a point to a place of no other use, and comparing what stands there with what the point says.

use std::path::Path;

use strongroom_vault::format::SessionId;

use crate::engine::Strongroom;
use crate::fs::{Kind, Meta, Target, TargetDir};
use crate::look::OpenPoint;
use crate::monitor::{Cancel, Monitor, Phase, Skipped};
use crate::options::{OnConflict, RestoreOptions, RestoreTarget};
use crate::tree::{Descent, Record};
use crate::{Error, Result};

/// Differences kept in a report.
const KEPT: usize = 1000;

/// Outcome of a drill.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DrillReport {
    /// Entries that were compared.
    pub entries_count: u64,
    /// Bytes that were restored.
    pub written_bytes: u64,
    /// What could not be restored, or came back otherwise than the point says (the first 1000).
    pub problems: Vec<Skipped>,
    /// How many there were in all; 0 proves the point restorable.
    pub problems_count: u64,
}

impl DrillReport {
    fn problem(&mut self, path: &[u8], reason: String) {
        self.problems_count += 1;
        if self.problems.len() < KEPT {
            self.problems.push(Skipped {
                path: path.to_vec(),
                reason,
            });
        }
    }
}

impl Strongroom {
    /// Restores a point below `scratch`, an empty directory that the caller removes afterwards; every byte is read back
    /// and compared, and so are kind, size, mode, times, attributes, targets of links and, for root, owners. A user who
    /// may not set owners proves all but these.
    ///
    /// # Errors
    /// When the point or the place cannot be used at all, or the call is cancelled. What differs is no error: it stands in
    /// the report.
    pub fn drill(
        &self,
        point: &SessionId,
        scratch: &Path,
        cancel: &Cancel,
        monitor: &dyn Monitor,
    ) -> Result<DrillReport> {
        let open = self.stopped_by(cancel).open_point(point)?;
        let mut report = DrillReport::default();
        // Each root has a place of its own, so that names do not meet.
        for (number, root) in open.roots.iter().enumerate() {
            let place = scratch.join(number.to_string());
            let record = open.record(root)?;
            let mut options = RestoreOptions::new(RestoreTarget::Directory(place.clone()));
            options.paths = vec![root.clone()];
            options.strip_root = record.meta.kind == Kind::Directory;
            options.on_conflict = OnConflict::Overwrite;
            options.verify = true;
            options.no_ownership = !is_root();
            options.cancel = cancel.clone();
            let restored = self.restore(point, &options, monitor)?;
            report.written_bytes += restored.written_bytes;
            for skipped in &restored.skipped {
                report.problem(&skipped.path, skipped.reason.clone());
            }
            report.problems_count += restored.skipped_count - restored.skipped.len() as u64;
            monitor.phase(Phase::Verifying);
            compare(&open, root, &record, &place, cancel, &mut report)?;
        }
        Ok(report)
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn compare(
    open: &OpenPoint,
    root: &[u8],
    record: &Record,
    place: &Path,
    cancel: &Cancel,
    report: &mut DrillReport,
) -> Result<()> {
    let fail = |source| Error::File {
        action: "look at",
        path: place.to_owned(),
        source,
    };
    let top = Target::open(place).map_err(fail)?;
    if record.meta.kind != Kind::Directory {
        return entry(&top, root, record, report);
    }
    let meta = top.meta().map_err(fail)?;
    difference(root, &record.meta, &meta, report);
    let above = if root == b"/" {
        Vec::new()
    } else {
        root.to_vec()
    };
    let mut stack = Descent::new(&open.tree);
    stack.enter(&record.content, (above, top))?;
    while let Some((records, (above, dir))) = stack.innermost() {
        cancel.check()?;
        let record = match records.next() {
            // The restore has said what is damaged.
            Err(error) if error.is_corruption() => None,
            record => record?,
        };
        let Some(record) = record else {
            stack.leave();
            continue;
        };
        let mut path = above.clone();
        path.push(b'/');
        path.extend_from_slice(&record.name);
        entry(dir, &path, &record, report)?;
        if record.meta.kind != Kind::Directory {
            continue;
        }
        if let Ok(below) = dir.open_dir(&record.name)
            && let Err(error) = stack.enter(&record.content, (path.clone(), below))
        {
            if !error.is_corruption() {
                return Err(error);
            }
            report.problem(&path, format!("damaged in the vault: {error}"));
        }
    }
    Ok(())
}

/// Compares one entry of a directory.
fn entry(dir: &TargetDir, path: &[u8], record: &Record, report: &mut DrillReport) -> Result<()> {
    report.entries_count += 1;
    let fail = |source| Error::file("look at", path, source);
    let Some(found) = dir.stat(&record.name).map_err(fail)? else {
        // The content of another file system, and what could not be read, are in no point.
        report.problem(path, "it did not come back".to_owned());
        return Ok(());
    };
    difference(path, &record.meta, &found, report);
    if let Some(target) = &record.extras.target
        && dir.read_link(&record.name).map_err(fail)? != *target
    {
        report.problem(path, "the link leads elsewhere".to_owned());
    }
    let xattrs = dir
        .xattrs_of(&record.name, record.meta.kind)
        .map_err(fail)?;
    let missing = record
        .extras
        .xattrs
        .iter()
        .find(|one| !xattrs.contains(one));
    if let Some((name, _)) = missing {
        let name = String::from_utf8_lossy(name);
        report.problem(path, format!("the attribute {name} did not come back"));
    }
    Ok(())
}

fn difference(path: &[u8], expected: &Meta, found: &Meta, report: &mut DrillReport) {
    let is_link = expected.kind == Kind::Symlink;
    let differs = if found.kind != expected.kind {
        "kind"
    } else if expected.kind == Kind::File && found.size != expected.size {
        "size"
    } else if !is_link && found.mode != expected.mode {
        "mode"
    } else if found.mtime != expected.mtime {
        "time"
    } else if is_root() && (found.uid, found.gid) != (expected.uid, expected.gid) {
        "owner"
    } else {
        return;
    };
    report.problem(path, format!("its {differs} is not what the point says"));
}
