//! What was written, to make it durable at the end.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::backup::lock;
use crate::fs::{Target, TargetDir};
use crate::{Error, Result};

/// Up to so many entries are made durable one by one. A whole file system at once is faster for more of them, but also
/// waits for what others have written to it.
const FEW: usize = 48;

/// Gathers what a run writes.
#[derive(Default)]
pub(crate) struct Durable(Mutex<Written>);

#[derive(Default)]
struct Written {
    /// A directory of each file system that was written to.
    systems: Vec<TargetDir>,
    entries: Vec<Entry>,
    /// There were more.
    are_many: bool,
}

enum Entry {
    /// A directory that was made by its path, with those above it.
    Made(PathBuf),
    File(TargetDir, Vec<u8>),
    Directory(TargetDir),
}

impl Durable {
    /// A file was written, and has its name.
    pub(crate) fn file(&self, dir: &TargetDir, name: &[u8]) {
        self.add(dir, || Entry::File(dir.clone(), name.to_vec()));
    }

    /// Entries or attributes of a directory were changed.
    pub(crate) fn directory(&self, dir: &TargetDir) {
        self.add(dir, || Entry::Directory(dir.clone()));
    }

    /// A directory was made by its path.
    pub(crate) fn made(&self, dir: &TargetDir, path: &Path) {
        self.add(dir, || Entry::Made(path.to_owned()));
    }

    fn add(&self, dir: &TargetDir, entry: impl FnOnce() -> Entry) {
        let mut written = lock(&self.0);
        if !written
            .systems
            .iter()
            .any(|system| system.dev() == dir.dev())
        {
            written.systems.push(dir.clone());
        }
        if written.entries.len() < FEW {
            written.entries.push(entry());
        } else {
            written.are_many = true;
        }
    }

    /// Waits until all of it is durable.
    ///
    /// # Errors
    /// Those of `syncfs(2)`, with the path of the target.
    pub(crate) fn finish(&self, target: &Path) -> Result<()> {
        let written = std::mem::take(&mut *lock(&self.0));
        // A file that may not be opened for reading, for instance, is made durable with all others.
        if !written.are_many && written.entries.iter().all(|entry| entry.sync().is_ok()) {
            return Ok(());
        }
        for system in written.systems {
            system.sync_filesystem().map_err(|source| Error::File {
                action: "make durable what was written to",
                path: target.to_owned(),
                source,
            })?;
        }
        Ok(())
    }
}

impl Entry {
    fn sync(&self) -> std::io::Result<()> {
        match self {
            Self::File(dir, name) => dir.sync_file(name),
            Self::Directory(dir) => dir.sync(),
            Self::Made(path) => {
                let path = std::path::absolute(path)?;
                let mut above = path.ancestors().skip(1);
                above.try_for_each(|above| Target::open(above)?.sync())
            }
        }
    }
}
