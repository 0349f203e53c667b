//! Hard links: the first name of a file is written, the others are linked to it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::run::Run;
use super::scope::Scope;
use crate::Result;
use crate::backup::lock;
use crate::fs::{Meta, TargetDir};
use crate::options::OnConflict;
use crate::tree::Record;

/// Device and inode that all names of one file carry.
pub(crate) type LinkKey = (u64, u64);

/// Where a file stands in the target.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) dir: TargetDir,
    pub(crate) name: Vec<u8>,
}

enum First {
    /// With a worker.
    Pending,
    Written(Place),
    /// Not written: the next name is the first.
    Failed,
}

/// Files with several names that the walk has met. Its size is the number of such files.
#[derive(Default)]
pub(crate) struct Links {
    firsts: Mutex<HashMap<LinkKey, First>>,
    changed: Condvar,
}

impl Links {
    /// Where the first name stands, after waiting for it; `None` makes the caller the first, who must settle it.
    pub(crate) fn first(&self, key: LinkKey) -> Option<Place> {
        let mut firsts = lock(&self.firsts);
        loop {
            match firsts.get(&key) {
                Some(First::Written(place)) => return Some(place.clone()),
                Some(First::Pending) => {}
                Some(First::Failed) | None => {
                    firsts.insert(key, First::Pending);
                    return None;
                }
            }
            firsts = self
                .changed
                .wait(firsts)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// True when an earlier name was met already; for runs that write nothing.
    pub(crate) fn is_repeated(&self, key: LinkKey) -> bool {
        lock(&self.firsts).insert(key, First::Failed).is_some()
    }

    fn settle(&self, key: LinkKey, place: Option<Place>) {
        lock(&self.firsts).insert(key, place.map_or(First::Failed, First::Written));
        self.changed.notify_all();
    }
}

/// The duty to say what became of a first name. Dropped without that, also by a panic, the name counts as not written,
/// so that nobody waits for it.
pub(crate) struct Pending<'r> {
    links: &'r Links,
    key: LinkKey,
    place: Option<Place>,
}

impl<'r> Pending<'r> {
    pub(crate) fn new(links: &'r Links, key: LinkKey) -> Self {
        Self {
            links,
            key,
            place: None,
        }
    }

    /// The first name stands.
    pub(crate) fn written(mut self, place: Place) {
        self.place = Some(place);
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.links.settle(self.key, self.place.take());
    }
}

/// Links one more name to the first; false where that is not possible, and the content has to be written again.
pub(crate) fn restore(
    run: &Run<'_>,
    scope: &Arc<Scope<'_>>,
    record: &Record,
    found: Option<&Meta>,
    first: &Place,
) -> Result<bool> {
    let mut name = record.name.clone();
    let first_meta = first.dir.stat(&first.name).ok().flatten();
    let is_linked = |found: &Meta| {
        first_meta
            .as_ref()
            .is_some_and(|first| (first.dev, first.ino) == (found.dev, found.ino))
    };
    let make = |dir: &TargetDir, name: &[u8]| dir.make_link(&first.dir, &first.name, name);
    let linked = match found {
        None => make(scope.dir()?, &name).map_err(|error| scope.error("link", &name, error)),
        Some(found) if is_linked(found) => {
            run.done(&record.meta, 0, record.meta.size);
            return Ok(true);
        }
        Some(found) => {
            match run.options.on_conflict {
                OnConflict::Skip => {
                    run.left(&record.meta);
                    return Ok(true);
                }
                OnConflict::Copy => name = scope.free_name(&name)?,
                OnConflict::Overwrite => scope.check_removable(&name, found)?,
            }
            let replaced = (run.options.on_conflict == OnConflict::Overwrite).then_some(found);
            let outcome = scope
                .draft(&record.name, make)
                .and_then(|mut draft| scope.place(&mut draft, &name, replaced));
            if outcome.is_ok() {
                run.count(|report| report.conflicts_count += 1);
            }
            outcome
        }
    };
    match linked {
        Ok(()) => {
            run.durable.directory(scope.dir()?);
            run.done(&record.meta, 0, 0);
            Ok(true)
        }
        Err(error) => {
            let reason = format!(
                "a copy instead of one more name of the same file: {}",
                super::run::reason_of(&error)
            );
            run.skip(&scope.path_of(&record.name), reason);
            Ok(false)
        }
    }
}
