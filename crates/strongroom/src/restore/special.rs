//! Symlinks, pipes and devices.

use std::sync::Arc;

use super::run::Run;
use super::scope::Scope;
use crate::Result;
use crate::fs::{Kind, Meta, TargetDir};
use crate::options::OnConflict;
use crate::tree::Record;

/// Makes an entry that has no content.
pub(crate) fn restore(
    run: &Run<'_>,
    scope: &Arc<Scope<'_>>,
    record: &Record,
    found: Option<&Meta>,
) -> Result<Option<Vec<u8>>> {
    let dir = scope.dir()?;
    let mut name = record.name.clone();
    if let Some(found) = found {
        if is_there(dir, record, found) {
            finish(run, scope, dir, &name, record);
            return Ok(Some(name));
        }
        run.count(|report| report.conflicts_count += 1);
        match run.options.on_conflict {
            OnConflict::Skip => return Ok(None),
            OnConflict::Copy => name = scope.free_name(&name)?,
            OnConflict::Overwrite => {
                scope.clear(&name, found)?;
            }
        }
    }
    let meta = &record.meta;
    let made = match meta.kind {
        Kind::Symlink => {
            dir.make_symlink(&name, record.extras.target.as_deref().unwrap_or_default())
        }
        Kind::Fifo => dir.make_fifo(&name, meta.mode),
        kind => dir.make_device(&name, kind, meta.mode, meta.rdev),
    };
    made.map_err(|error| scope.error("make", &record.name, error))?;
    finish(run, scope, dir, &name, record);
    Ok(Some(name))
}

fn finish(run: &Run<'_>, scope: &Scope<'_>, dir: &TargetDir, name: &[u8], record: &Record) {
    let refused = dir.apply_to(name, &run.attributes(record));
    run.note_refused(&scope.path_of(&record.name), refused);
    run.done(&record.meta, 0, 0);
}

/// Whether what stands there is the entry already.
pub(crate) fn is_there(dir: &TargetDir, record: &Record, found: &Meta) -> bool {
    if found.kind != record.meta.kind {
        return false;
    }
    match found.kind {
        Kind::Symlink => dir.read_link(&record.name).ok() == record.extras.target,
        Kind::CharDevice | Kind::BlockDevice => found.rdev == record.meta.rdev,
        Kind::Fifo => true,
        _ => false,
    }
}
