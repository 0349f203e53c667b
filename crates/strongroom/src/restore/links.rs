//! Hard links: the first name of a file is written, the others are linked to it.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::backup::lock;
use crate::fs::TargetDir;

/// Device and inode that all names of one file carry.
pub(crate) type LinkKey = (u64, u64);

/// Where a file stands in the target, without keeping its directory open.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    base: TargetDir,
    /// Names from the base down, the file's own last.
    names: Vec<Vec<u8>>,
}

impl Place {
    pub(crate) fn new(base: TargetDir, names: Vec<Vec<u8>>) -> Self {
        Self { base, names }
    }

    /// Opens the directory again and gives the name in it.
    pub(crate) fn open(&self) -> std::io::Result<(TargetDir, &[u8])> {
        let mut dir = self.base.clone();
        let (name, above) = self
            .names
            .split_last()
            .ok_or(std::io::ErrorKind::NotFound)?;
        for step in above {
            dir = dir.open_dir(step)?;
        }
        Ok((dir, name))
    }
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
    /// Where the first name stands, after waiting for it; `None` makes the caller the first.
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

    /// The first name stands, or could not be written.
    pub(crate) fn done(&self, key: LinkKey, place: Option<Place>) {
        lock(&self.firsts).insert(key, place.map_or(First::Failed, First::Written));
        self.changed.notify_all();
    }
}
