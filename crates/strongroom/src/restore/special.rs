//! Symlinks, pipes and devices.

use std::sync::Arc;

use super::run::Run;
use super::scope::Scope;
use crate::Result;
use crate::fs::{Kind, Meta, TargetDir};
use crate::options::OnConflict;
use crate::tree::Record;

/// Makes an entry that has no content; returns its name, or `None` where it was left out on purpose.
pub(crate) fn restore(
    run: &Run<'_>,
    scope: &Arc<Scope<'_>>,
    record: &Record,
    found: Option<&Meta>,
) -> Result<Option<Vec<u8>>> {
    let dir = scope.dir()?;
    let mut name = record.name.clone();
    match found {
        None => {
            make(dir, record, &name).map_err(|error| scope.error("make", &name, error))?;
            apply(
                run,
                scope,
                record,
                dir.apply_to(&name, &run.attributes(record)),
            );
        }
        Some(found) if is_there(dir, record, found) => {
            apply(
                run,
                scope,
                record,
                dir.apply_to(&name, &run.attributes(record)),
            );
        }
        Some(found) => {
            run.count(|report| report.conflicts_count += 1);
            let mut replaced = None;
            match run.options.on_conflict {
                OnConflict::Skip => {
                    run.left(&record.meta);
                    return Ok(None);
                }
                OnConflict::Copy => name = scope.free_name(&name)?,
                OnConflict::Overwrite => replaced = Some(found),
            }
            let mut draft = scope.draft(&record.name, |dir, name| make(dir, record, name))?;
            apply(run, scope, record, draft.apply(&run.attributes(record)));
            scope.place(&mut draft, &name, replaced)?;
        }
    }
    run.durable.directory(dir);
    run.done(&record.meta, 0, 0);
    Ok(Some(name))
}

fn make(dir: &TargetDir, record: &Record, name: &[u8]) -> std::io::Result<()> {
    let meta = &record.meta;
    match meta.kind {
        Kind::Symlink => {
            dir.make_symlink(name, record.extras.target.as_deref().unwrap_or_default())
        }
        Kind::Fifo => dir.make_fifo(name, meta.mode),
        kind => dir.make_device(name, kind, meta.mode, meta.rdev),
    }
}

fn apply(run: &Run<'_>, scope: &Scope<'_>, record: &Record, refused: Vec<String>) {
    run.note_refused(&scope.path_of(&record.name), refused);
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
