//! The file of the database: made whole or not at all, checked whenever it is opened.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, Database, StorageBackend};

use super::fault::{fault, io_fault};
use super::{Store, Table};
use crate::error::{Error, Result};

/// Opens storage that holds a database, or nothing at all.
pub(super) fn open_backend(backend: impl StorageBackend, cache_bytes: usize) -> Result<Database> {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes);
    // Every page is checked against its hash. Without that, damage is met while reading, and as a panic.
    builder.set_check_integrity_on_open(true);
    let opened = builder.create_with_backend(backend);
    opened.map_err(|error| fault("open")(error.into()))
}

/// Opens a file that is there.
fn open_file(path: &Path, cache_bytes: usize) -> Result<Store> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(|source| Error::Io {
        doing: "open",
        source,
    })?;
    let metadata = file.metadata().map_err(|error| io_fault("open", error))?;
    // A catalog gets its name only when it is whole: none was ever empty.
    if metadata.len() == 0 {
        return Err(Error::corrupt("the file is empty"));
    }
    let database = open_locked(file, cache_bytes)?;
    Ok(Store { database })
}

/// Opens a file, or makes it if there is none.
pub(crate) fn open_or_create_file(
    path: &Path,
    cache_bytes: usize,
    fill: impl FnOnce(&Store) -> Result<()>,
) -> Result<Store> {
    let is_missing = |error: &Error| matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound);
    match open_file(path, cache_bytes) {
        Err(error) if is_missing(&error) => {}
        opened => return opened,
    }
    create_file(path, cache_bytes, fill)?;
    open_file(path, cache_bytes)
}

/// Makes a file under another name, and gives it its own once it is whole and durable. Whoever comes first wins.
fn create_file(
    path: &Path,
    cache_bytes: usize,
    fill: impl FnOnce(&Store) -> Result<()>,
) -> Result<()> {
    let draft = beside(path, "new");
    let database = open_draft(&draft, cache_bytes)?;
    // Nobody writes to a catalog before it has its name. If it has it by now, this draft may be what bears it.
    if path.exists() {
        return Ok(());
    }
    let store = Store { database };
    let write = store.write(true)?;
    for table in Table::ALL {
        write.clear(table)?;
    }
    write.commit()?;
    fill(&store)?;
    let closed = store.database.close();
    closed.map_err(|error| fault("create")(error.into()))?;
    let named = fs::hard_link(&draft, path).and_then(|()| fs::remove_file(&draft));
    match named.map_err(|source| (source.kind(), source)) {
        Ok(()) => sync_parent(path),
        Err((io::ErrorKind::AlreadyExists, _)) => Ok(()),
        // Another process has taken the draft for what a dead one left behind.
        Err((io::ErrorKind::NotFound, _)) => Err(Error::InUse),
        Err((_, source)) => Err(cannot_create(source)),
    }
}

/// Opens a draft that a process which died has left, or begins a new one.
fn open_draft(draft: &Path, cache_bytes: usize) -> Result<Database> {
    let open = || {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        open_locked(options.open(draft).map_err(cannot_create)?, cache_bytes)
    };
    match open() {
        Err(Error::Corrupt { .. }) => {
            fs::remove_file(draft).map_err(cannot_create)?;
            open()
        }
        opened => opened,
    }
}

fn cannot_create(source: io::Error) -> Error {
    Error::Io {
        doing: "create",
        source,
    }
}

fn open_locked(file: File, cache_bytes: usize) -> Result<Database> {
    let backend = FileBackend::new(file).map_err(|error| fault("open")(error.into()))?;
    open_backend(backend, cache_bytes)
}

/// Makes names in the directory of a path durable.
pub(super) fn sync_parent(path: &Path) -> Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let synced = File::open(parent.unwrap_or(Path::new("."))).and_then(|dir| dir.sync_all());
    synced.map_err(|source| Error::Io {
        doing: "sync the directory of",
        source,
    })
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}
