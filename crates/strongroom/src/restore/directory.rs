//! Directories of the target: made, or entered where they stand.

use std::sync::Arc;

use super::run::Run;
use super::scope::{Entered, Finish, Scope};
use crate::fs::{Kind, Meta, TargetDir};
use crate::options::OnConflict;
use crate::tree::{Capture, Record};
use crate::{Error, Result};

/// Permissions of a directory that a restore has begun: for its owner alone, and a bit that nobody else sets on such a
/// directory. So one that was interrupted is told from one that stood there before, and gets its attributes at last.
pub(crate) const UNFINISHED_MODE: u16 = 0o1700;

/// What a directory is to the restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// On the way to what was asked for: made where it is absent, and not changed otherwise.
    Passed,
    /// What was asked for.
    Start,
    /// Below that.
    Inner,
}

/// Enters the directory of a record; `None` where it is left out because of what stands there.
pub(crate) fn enter<'r>(
    scope: &Arc<Scope<'r>>,
    record: &Record,
    found: Option<Meta>,
    role: Role,
) -> Result<Option<Arc<Scope<'r>>>> {
    let run = scope.run;
    let path = scope.path_of(&record.name);
    let finish = finish(run, &path, record, found.as_ref(), role);
    let is_merged = found
        .as_ref()
        .is_some_and(|meta| meta.kind == Kind::Directory);
    let dir = match &found {
        Some(meta) if is_merged => Some(open(scope, record, meta)?),
        Some(_) if role == Role::Passed => {
            return Err(scope.error(
                "enter",
                &record.name,
                std::io::ErrorKind::NotADirectory.into(),
            ));
        }
        Some(meta) => {
            run.count(|report| report.conflicts_count += 1);
            match run.options.on_conflict {
                OnConflict::Skip => return Ok(None),
                _ if run.options.dry_run => None,
                OnConflict::Copy => Some(make(scope, &scope.free_name(&record.name)?)?),
                OnConflict::Overwrite => Some(replace(scope, record, meta)?),
            }
        }
        None if run.options.dry_run => None,
        None => Some(make(scope, &record.name)?),
    };
    if role != Role::Passed {
        run.count(|report| report.dirs_count += 1);
    }
    let may_clean = match &found {
        Some(meta) if is_merged && role == Role::Inner => {
            scope.may_clean && !is_mounted(scope, record, meta)?
        }
        _ => scope.may_clean,
    };
    let entered = Entered {
        dir,
        is_fresh: !is_merged,
        may_clean,
        path,
        finish,
    };
    Ok(Some(Scope::new(run, entered, Some(Arc::clone(scope)))))
}

/// What a directory shall look like. One that stood there before is the point's to change only when it is overwritten; one
/// above a root was only passed through by the backup, too.
pub(crate) fn finish(
    run: &Run<'_>,
    path: &[u8],
    record: &Record,
    found: Option<&Meta>,
    role: Role,
) -> Finish {
    let found = found.filter(|meta| meta.kind == Kind::Directory);
    let is_own = found.is_none_or(|meta| meta.mode == UNFINISHED_MODE && run.is_own(meta));
    let is_above = run.is_above_a_root(path);
    let is_overwritten =
        run.options.on_conflict == OnConflict::Overwrite && role != Role::Passed && !is_above;
    if is_own || is_overwritten {
        let mut wanted = record.clone();
        if is_above {
            wanted.meta.mtime = run.started_at;
        }
        return Finish::Apply(Box::new(wanted));
    }
    match found.filter(|meta| is_locked(run, meta)) {
        Some(meta) => Finish::Mode(meta.mode),
        None => Finish::Keep,
    }
}

/// A directory whose owner runs the restore, but may not write in it as it is.
pub(crate) fn is_locked(run: &Run<'_>, meta: &Meta) -> bool {
    !run.is_root() && run.is_own(meta) && meta.mode & 0o700 != 0o700
}

fn open(scope: &Scope<'_>, record: &Record, found: &Meta) -> Result<TargetDir> {
    let (run, name) = (scope.run, record.name.as_slice());
    if run.protected.is_place(found) {
        return Err(scope.protected(name));
    }
    let dir = scope.dir()?;
    if is_locked(run, found) && !run.options.dry_run {
        // Until all entries stand; should that be refused, writing them says why.
        let _refused = dir.set_mode(name, found.mode | 0o700);
    }
    dir.open_dir(name)
        .map_err(|error| scope.error("enter", name, error))
}

fn make(scope: &Scope<'_>, name: &[u8]) -> Result<TargetDir> {
    let dir = scope.dir()?;
    dir.make_dir_only(name, UNFINISHED_MODE)
        .and_then(|()| dir.open_dir(name))
        .map_err(|error| scope.error("make the directory", name, error))
}

/// Makes a directory where something else stands, which goes only then.
fn replace(scope: &Scope<'_>, record: &Record, found: &Meta) -> Result<TargetDir> {
    let name = record.name.as_slice();
    // It must be readable before anything is given up for it.
    scope.run.tree.open_dir(&record.content)?.peek()?;
    let make = |dir: &TargetDir, name: &[u8]| dir.make_dir_only(name, UNFINISHED_MODE);
    scope.place(&mut scope.draft(name, make)?, name, Some(found))?;
    scope
        .dir()?
        .open_dir(name)
        .map_err(|error| scope.error("enter", name, error))
}

/// Whether another file system begins here. What is extra in it, the backup cannot have known.
fn is_mounted(scope: &Scope<'_>, record: &Record, found: &Meta) -> Result<bool> {
    let is_other = found.dev != scope.dir()?.dev();
    let is_asked = scope.run.options.delete_extra && scope.may_clean;
    if is_other && is_asked && record.extras.capture != Some(Capture::NotEntered) {
        let reason = "another file system is mounted there: nothing was removed from it";
        scope
            .run
            .skip(&scope.path_of(&record.name), reason.to_owned());
    }
    Ok(is_other)
}

impl Scope<'_> {
    /// The error for an entry that is, or holds, a protected place.
    pub(crate) fn protected(&self, name: &[u8]) -> Error {
        use std::os::unix::ffi::OsStrExt;
        let path = self.path_of(name);
        Error::Protected(std::ffi::OsStr::from_bytes(&path).into())
    }
}
