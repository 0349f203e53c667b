//! A damaged file, and the one that takes its place.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::file::{beside, sync_parent};
use crate::error::{Error, Result};

/// Corrupt files that are kept beside the catalog, numbered from 1.
const ASIDE_MAX_COUNT: u32 = 10_000;

/// Held by the process that recovers a file, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Alone(#[expect(dead_code, reason = "the lock ends with it")] File);

/// Makes sure that nobody else recovers this file.
pub(crate) fn recover_alone(path: &Path) -> Result<Alone> {
    let failed = |source| Error::Io {
        doing: "lock",
        source,
    };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(beside(path, "recovery")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Alone(file)),
        Err(TryLockError::WouldBlock) => Err(Error::InUse),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Gives a damaged file a second name beside its own, and tells which.
pub(crate) fn keep_aside(path: &Path) -> Result<PathBuf> {
    let failed = |source| Error::Io {
        doing: "move aside",
        source,
    };
    for number in 1..=ASIDE_MAX_COUNT {
        let aside = beside(path, &format!("corrupt-{number}"));
        // A name that stands is never replaced: a link fails where a renaming would not.
        match fs::hard_link(path, &aside) {
            Ok(()) => {}
            // Whoever has given it this name died before the new one took its place.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_same(path, &aside) => {
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(failed(error)),
        }
        sync_parent(path)?;
        return Ok(aside);
    }
    Err(failed(io::Error::other(
        "too many damaged catalogs lie beside it",
    )))
}

#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    id(one).is_some() && id(one) == id(other)
}

#[cfg(not(unix))]
fn is_same(_one: &Path, _other: &Path) -> bool {
    false
}

/// Where the new file is made; what a process that died has left there is removed.
pub(crate) fn new_draft(path: &Path) -> Result<PathBuf> {
    let draft = beside(path, "recovered");
    match fs::remove_file(&draft) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Io {
            doing: "remove",
            source,
        }),
        _ => Ok(draft),
    }
}

/// Gives a file that is whole and durable the name of another one, in one step.
pub(crate) fn replace(draft: &Path, path: &Path) -> Result<()> {
    fs::rename(draft, path).map_err(|source| Error::Io {
        doing: "rename",
        source,
    })?;
    sync_parent(path)
}
