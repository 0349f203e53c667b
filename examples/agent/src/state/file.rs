//! Files that only their owner may read, written as a whole or not at all.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::fail::{Fail, Result};

/// Makes a directory and those above it that are missing, and makes their names durable.
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    let missing = path.ancestors().take_while(|dir| !dir.exists()).count();
    let mut maker = DirBuilder::new();
    maker.recursive(true).mode(0o700).create(path)?;
    for dir in path.ancestors().skip(1).take(missing) {
        // The parent of a relative name is the working directory.
        let dir = if dir.as_os_str().is_empty() {
            Path::new(".")
        } else {
            dir
        };
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

/// The text of a file; `None` when there is none.
pub(crate) fn read_private(path: &Path) -> Result<Option<Zeroizing<String>>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fail::own_file("read", path, &error)),
    }
}

/// Removes a file; one that is not there is removed already.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Fail::own_file("remove", path, &error))
        }
        _ => Ok(()),
    }
}

/// Replaces a file; after a crash the old or the new one stands there.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    replace(path, content).map_err(|error| Fail::own_file("write", path, &error))
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    if let Err(error) = write() {
        // What went wrong first is what counts; a leftover part is overwritten or ignored.
        drop(std::fs::remove_file(&part));
        return Err(error);
    }
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// A file of ours was read, but does not hold what it should.
pub(crate) fn fail_reading(path: &Path, error: strongroom::Error) -> Fail {
    let fail = Fail::from(error);
    let mut causes = vec![fail.message];
    causes.extend(fail.causes);
    Fail {
        message: format!("{} cannot be used", path.display()),
        causes,
        ..Fail::new(fail.code, "", fail.help).named(fail.problem)
    }
}
