//! Where a vault may stand.

use std::path::Path;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use crate::{Error, Result};

/// Opens the place that a URL names: a path, `file:///path` or `memory:`. With `create`, a directory that does not
/// exist is made, readable by its owner only. Writes to a local vault are synced to disk before they count.
///
/// Any other store can be given to [`Vault`](crate::Vault) ready made.
///
/// # Errors
/// [`Error::Location`] when the URL is not understood, [`Error::NoVault`] when the directory does not exist.
pub fn open_url(url: &str, create: bool) -> Result<Arc<dyn ObjectStore>> {
    if url == "memory:" {
        return Ok(Arc::new(InMemory::new()));
    }
    let refuse = |reason: &str| Error::Location {
        url: url.to_owned(),
        reason: reason.to_owned(),
    };
    let path = match url.split_once("://") {
        Some(("file", path)) if path.starts_with('/') => path,
        Some(("file", _)) => return Err(refuse("a file URL has three slashes: file:///path")),
        Some((scheme, _)) => {
            return Err(refuse(&format!(
                "this build has no support for {scheme}://"
            )));
        }
        None if url.is_empty() => return Err(refuse("it is empty")),
        None => url,
    };
    open_directory(Path::new(path), create)
}

fn open_directory(path: &Path, create: bool) -> Result<Arc<dyn ObjectStore>> {
    let place = || path.display().to_string();
    let fail = |action: &'static str, error: std::io::Error| {
        let source = object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(error),
        };
        Error::Store {
            action,
            object: place(),
            source,
        }
    };
    if create {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path);
        made.map_err(|error| fail("make the directory", error))?;
    }
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => {
            return Err(Error::Location {
                url: place(),
                reason: "it is not a directory".to_owned(),
            });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NoVault { place: place() });
        }
        Err(error) => return Err(fail("open", error)),
    }
    let store = LocalFileSystem::new_with_prefix(path).map_err(|source| Error::Store {
        action: "open",
        object: place(),
        source,
    })?;
    Ok(Arc::new(store.with_fsync(true)))
}
