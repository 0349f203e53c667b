//! What stands in a directory of the target and is not in the point.

use std::cmp::Ordering;

use super::scope::Scope;
use crate::Result;
use crate::fs::Names;
use crate::tree::Record;

/// Names that stood in a directory before the restore came to it, to be gone through along with the records.
pub(crate) struct Extra {
    names: Names,
    next: usize,
}

impl Extra {
    /// The names, if what is extra is to be removed and the point tells what that is: it must hold the whole directory.
    pub(crate) fn list(scope: &Scope<'_>, record: &Record) -> Result<Option<Self>> {
        let run = scope.run;
        let is_whole = record.extras.capture.is_none() && !run.is_above_a_root(&scope.path);
        if !run.options.delete_extra || scope.is_fresh || !scope.may_clean || !is_whole {
            return Ok(None);
        }
        let names = scope
            .dir()?
            .list()
            .map_err(|error| scope.error("list", b"", error))?;
        Ok(Some(Self { names, next: 0 }))
    }

    /// Removes entries whose names come before `next` and are not in the point.
    pub(crate) fn remove_before(&mut self, scope: &Scope<'_>, next: Option<&[u8]>) -> Result<()> {
        while let Some(name) = self.names.get(self.next) {
            let order = next.map_or(Ordering::Less, |next| name.cmp(next));
            if order == Ordering::Greater {
                return Ok(());
            }
            self.next += 1;
            if order == Ordering::Equal {
                return Ok(());
            }
            remove(scope, name)?;
        }
        Ok(())
    }
}

fn remove(scope: &Scope<'_>, name: &[u8]) -> Result<()> {
    let (run, path) = (scope.run, scope.path_of(name));
    let outcome = scope.stat(name).and_then(|found| match found {
        None => Ok(0),
        Some(meta) if run.spared.matches(&path, name, &meta) => Ok(0),
        Some(meta) if run.options.dry_run => scope.check_removable(name, &meta).map(|()| 1),
        Some(meta) => scope.clear(name, &meta),
    });
    match outcome {
        Ok(removed) => {
            run.count(|report| report.removed_count += removed);
            Ok(())
        }
        Err(error) => run.settle(&path, error),
    }
}
