//! Places that a run must neither read nor harm: its own vault, and what the caller names.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::fs::Meta;
use crate::{Error, Result};

/// Device and inode: no second path leads to a place unseen.
type Inode = (u64, u64);

/// Protected places and the directories above them, as they stand when a run begins.
#[derive(Debug, Default)]
pub(crate) struct Protected {
    /// Real paths.
    paths: Vec<PathBuf>,
    places: HashSet<Inode>,
    above: HashSet<Inode>,
}

impl Protected {
    /// Looks the places up; one that is not there needs no protection.
    ///
    /// # Errors
    /// When a place cannot be looked at: then it could not be told from others.
    pub(crate) fn find<'p>(places: impl IntoIterator<Item = &'p PathBuf>) -> Result<Self> {
        let mut protected = Self::default();
        for place in places {
            match protected.add(place) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::file("find", place.as_os_str().as_bytes(), error));
                }
                _ => {}
            }
        }
        Ok(protected)
    }

    fn add(&mut self, place: &Path) -> std::io::Result<()> {
        let real = std::fs::canonicalize(place)?;
        for path in real.ancestors().skip(1) {
            self.above.insert(inode(path)?);
        }
        self.places.insert(inode(&real)?);
        self.paths.push(real);
        Ok(())
    }

    /// True for a protected place itself.
    pub(crate) fn is_place(&self, meta: &Meta) -> bool {
        self.places.contains(&(meta.dev, meta.ino))
    }

    /// True for the real path of a protected place: where a directory is read elsewhere, its inode tells nothing.
    pub(crate) fn is_path(&self, path: &[u8]) -> bool {
        let mut places = self.paths.iter();
        places.any(|place| place.as_os_str().as_bytes() == path)
    }

    /// True for a protected place and for every directory above one: none may be removed or replaced.
    pub(crate) fn is_or_holds(&self, meta: &Meta) -> bool {
        self.is_place(meta) || self.above.contains(&(meta.dev, meta.ino))
    }

    /// True for a path that leads to a protected place or below it; symlinks are followed as far as the path exists.
    pub(crate) fn covers(&self, path: &Path) -> bool {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut above = absolute.ancestors();
        let existing = above.find_map(|above| std::fs::canonicalize(above).ok());
        existing.is_some_and(|real| self.paths.iter().any(|place| real.starts_with(place)))
    }
}

fn inode(path: &Path) -> std::io::Result<Inode> {
    let meta = std::fs::metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}
