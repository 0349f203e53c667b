//! The tree on disk.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Taken;
use crate::{Error, Result};

impl Taken {
    /// Writes the tree into a directory that is for nothing else, and removes from it what is not of the tree. A file that
    /// holds the right bytes already is not touched, so that a system which has not changed costs a backup nothing.
    ///
    /// Passwords are among it: all is for its owner alone.
    ///
    /// # Errors
    /// When the directory cannot be written.
    pub fn write_to(&self, dir: &Path) -> Result<()> {
        let mut expected = BTreeSet::new();
        make_dir(dir)?;
        for (name, bytes) in &self.files {
            let path = dir.join(name);
            if let Some(parent) = path.parent() {
                make_dir(parent)?;
                expected.insert(parent.to_owned());
            }
            if fs::read(&path).ok().as_deref() != Some(bytes) {
                let part = path.with_extension("part");
                replace(&path, &part, bytes).map_err(|error| fail(&path, error))?;
            }
            expected.insert(path);
        }
        remove_others(dir, &expected)
    }
}

fn make_dir(dir: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| fail(dir, error))
}

fn replace(path: &Path, part: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(part)?;
    file.write_all(bytes)?;
    fs::rename(part, path)
}

fn remove_others(dir: &Path, expected: &BTreeSet<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(dir).map_err(|error| fail(dir, error))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_dir && expected.contains(&path) {
            remove_others(&path, expected)?;
        } else if !expected.contains(&path) {
            let removed = match is_dir {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            removed.map_err(|error| fail(&path, error))?;
        }
    }
    Ok(())
}

fn fail(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}
