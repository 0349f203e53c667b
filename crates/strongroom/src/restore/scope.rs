//! A directory of the target while it is being filled.

use std::sync::Arc;

use super::run::Run;
use crate::fs::{Draft, How, Meta, TargetDir, conflict_name};
use crate::tree::Record;
use crate::{Error, Result};

/// Kept by every entry that is still to be written. When the last one lets go, the directory gets its attributes; it lets
/// go of its parent only then, so that times are set from the bottom up.
pub(crate) struct Scope<'r> {
    pub(crate) run: &'r Run<'r>,
    /// `None` in a dry run where the directory does not exist.
    dir: Option<TargetDir>,
    /// Nothing was in it before.
    pub(crate) is_fresh: bool,
    /// What the point does not hold may be removed here and below.
    pub(crate) may_clean: bool,
    /// Absolute path in the point.
    pub(crate) path: Vec<u8>,
    finish: Finish,
    /// Let go of last.
    _parent: Option<Arc<Self>>,
}

/// What a directory gets when it is full.
pub(crate) enum Finish {
    /// Nothing: it stays as it is.
    Keep,
    /// Its permissions of before, which did not let its owner write.
    Mode(u16),
    /// All attributes of this record.
    Apply(Box<Record>),
}

/// What is known of a directory when it is entered.
pub(crate) struct Entered {
    /// `None` in a dry run where the directory does not exist.
    pub(crate) dir: Option<TargetDir>,
    pub(crate) is_fresh: bool,
    pub(crate) may_clean: bool,
    /// Absolute path in the point.
    pub(crate) path: Vec<u8>,
    pub(crate) finish: Finish,
}

impl<'r> Scope<'r> {
    pub(crate) fn new(run: &'r Run<'r>, entered: Entered, parent: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self {
            run,
            dir: entered.dir,
            is_fresh: entered.is_fresh,
            may_clean: entered.may_clean,
            path: entered.path,
            finish: entered.finish,
            _parent: parent,
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

    /// The directory.
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
            Some(_) if !self.is_fresh => self.stat_now(name),
            _ => Ok(None),
        }
    }

    /// The same where another program may have made it since.
    pub(crate) fn stat_now(&self, name: &[u8]) -> Result<Option<Meta>> {
        self.dir()?
            .stat(name)
            .map_err(|error| self.error("look at", name, error))
    }

    /// A free name for a copy of an entry whose own name is taken.
    pub(crate) fn free_name(&self, name: &[u8]) -> Result<Vec<u8>> {
        for attempt in 1..10_000 {
            let copy = conflict_name(name, &self.run.stamp, attempt);
            if self.stat_now(&copy)?.is_none() {
                return Ok(copy);
            }
        }
        Err(self.error(
            "find a free name for",
            name,
            std::io::ErrorKind::AlreadyExists.into(),
        ))
    }

    /// Fails for what is, or holds, a protected place.
    pub(crate) fn check_removable(&self, name: &[u8], found: &Meta) -> Result<()> {
        if self.run.protected.is_or_holds(found) {
            return Err(self.protected(name));
        }
        Ok(())
    }

    /// Removes whatever stands under a name.
    pub(crate) fn clear(&self, name: &[u8], found: &Meta) -> Result<u64> {
        self.check_removable(name, found)?;
        let dir = self.dir()?;
        let removed = if found.kind == crate::fs::Kind::Directory {
            dir.remove_tree(name)
        } else {
            dir.remove(name).map(|()| 1)
        };
        removed.map_err(|error| self.error("remove", name, error))
    }

    /// Makes an entry for `name` aside.
    pub(crate) fn draft(
        &self,
        name: &[u8],
        make: impl Fn(&TargetDir, &[u8]) -> std::io::Result<()>,
    ) -> Result<Draft> {
        let dir = self.dir()?;
        let made = dir.draft(name, |temporary| make(dir, temporary));
        made.map(|(draft, ())| draft)
            .map_err(|error| self.error("make", name, error))
    }

    /// Puts an entry that was made aside into its place; what stands there goes only then. `found` is what was seen there
    /// and is to be replaced, `None` where nothing may be.
    pub(crate) fn place(&self, draft: &mut Draft, name: &[u8], found: Option<&Meta>) -> Result<()> {
        let how = match found {
            Some(found) => {
                self.check_removable(name, found)?;
                How::Replace
            }
            None => How::KeepExisting,
        };
        let replaced = draft
            .try_finish(name, how)
            .map_err(|error| self.error("name", name, error))?;
        if let Some(old) = replaced
            && let Err(error) = old.remove()
        {
            let rest = String::from_utf8_lossy(old.name()).into_owned();
            let reason = format!("what stood there is not wholly removed, see {rest}: {error}");
            self.run.skip(&self.path_of(name), reason);
        }
        Ok(())
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let Some(dir) = &self.dir else { return };
        // A run that ends early leaves its directories unfinished, for the next one to take up.
        if self.run.options.dry_run || self.run.is_stopped() || std::thread::panicking() {
            if let (Finish::Mode(mode), false) = (&self.finish, self.run.options.dry_run) {
                let _kept = dir.set_own_mode(*mode);
            }
            return;
        }
        let refused = match &self.finish {
            Finish::Keep => Vec::new(),
            Finish::Mode(mode) => match dir.set_own_mode(*mode) {
                Ok(()) => Vec::new(),
                Err(error) => vec![format!("mode {mode:o} not set: {error}")],
            },
            Finish::Apply(record) => dir.apply(&self.run.attributes(record)),
        };
        self.run.durable.directory(dir);
        self.run.note_refused(&self.path, refused);
    }
}
