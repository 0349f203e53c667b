//! A directory of the target while it is being filled.

use std::sync::Arc;

use super::links::Place;
use super::run::Run;
use crate::fs::{Meta, TargetDir, conflict_name};
use crate::tree::Record;
use crate::{Error, Result};

/// Kept by every entry that is still to be written. When the last one lets go, the directory gets its attributes; it lets
/// go of its parent only then, so that times are set from the bottom up.
pub(crate) struct Scope<'r> {
    run: &'r Run<'r>,
    /// `None` in a dry run where the directory does not exist.
    dir: Option<TargetDir>,
    /// Nothing was in it before.
    pub(crate) is_fresh: bool,
    /// Absolute path in the point.
    pub(crate) path: Vec<u8>,
    /// Name in the target's parent.
    name: Vec<u8>,
    parent: Option<Arc<Self>>,
    /// What the directory shall look like; `None` for one that is only passed through.
    record: Option<Record>,
}

impl<'r> Scope<'r> {
    /// The directory that a start lands in; with a record, it gets its attributes when all is done.
    pub(crate) fn base(
        run: &'r Run<'r>,
        dir: Option<TargetDir>,
        path: Vec<u8>,
        record: Option<Record>,
    ) -> Arc<Self> {
        let is_fresh = dir.is_none();
        Arc::new(Self {
            run,
            is_fresh,
            dir,
            path,
            name: Vec::new(),
            parent: None,
            record,
        })
    }

    /// A directory below this one.
    pub(crate) fn below(
        self: &Arc<Self>,
        dir: Option<TargetDir>,
        is_fresh: bool,
        name: Vec<u8>,
        path: Vec<u8>,
        record: Option<Record>,
    ) -> Arc<Self> {
        let parent = Some(Arc::clone(self));
        Arc::new(Self {
            run: self.run,
            dir,
            is_fresh,
            path,
            name,
            parent,
            record,
        })
    }

    /// Absolute path in the point of an entry of this directory.
    pub(crate) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let above = if self.path == b"/" {
            &[][..]
        } else {
            &self.path
        };
        [above, b"/", name].concat()
    }

    /// Path in the target of an entry of this directory.
    pub(crate) fn place_of(&self, name: &[u8]) -> Option<Place> {
        let mut names = vec![name.to_vec()];
        let mut scope = self;
        while let Some(parent) = &scope.parent {
            names.push(scope.name.clone());
            scope = parent;
        }
        names.reverse();
        Some(Place::new(scope.dir.clone()?, names))
    }

    /// The open directory.
    pub(crate) fn dir(&self) -> Result<&TargetDir> {
        self.dir
            .as_ref()
            .ok_or_else(|| self.error("open", b"", std::io::ErrorKind::NotFound.into()))
    }

    pub(crate) fn error(&self, action: &'static str, name: &[u8], error: std::io::Error) -> Error {
        Error::file(action, &self.path_of(name), error)
    }

    /// What stands under a name.
    pub(crate) fn stat(&self, name: &[u8]) -> Result<Option<Meta>> {
        match &self.dir {
            Some(dir) if !self.is_fresh => dir
                .stat(name)
                .map_err(|error| self.error("look at", name, error)),
            _ => Ok(None),
        }
    }

    /// A free name for a copy of an entry whose own name is taken.
    pub(crate) fn free_name(&self, name: &[u8]) -> Result<Vec<u8>> {
        let dir = self.dir()?;
        for attempt in 1..10_000 {
            let copy = conflict_name(name, &self.run.stamp, attempt);
            if dir
                .stat(&copy)
                .map_err(|error| self.error("look at", name, error))?
                .is_none()
            {
                return Ok(copy);
            }
        }
        Err(self.error(
            "find a free name for",
            name,
            std::io::ErrorKind::AlreadyExists.into(),
        ))
    }

    /// Removes whatever stands under a name.
    pub(crate) fn clear(&self, name: &[u8], found: &Meta) -> Result<u64> {
        let dir = self.dir()?;
        let removed = if found.kind == crate::fs::Kind::Directory {
            dir.remove_tree(name)
        } else {
            dir.remove(name).map(|()| 1)
        };
        removed.map_err(|error| self.error("remove", name, error))
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let (Some(record), Some(dir)) = (&self.record, &self.dir) else {
            return;
        };
        if !self.run.options.dry_run && !self.run.is_stopped() {
            let refused = dir.apply(&self.run.attributes(record));
            self.run.note_refused(&self.path, refused);
        }
    }
}
