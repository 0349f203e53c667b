//! Directories that are read elsewhere.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use crate::fs::Directory;
use crate::options::StandIn;

/// Inode number of the empty directory that a btrfs snapshot has where another subvolume hangs in its original: that one
/// is read where it really is, or all of it would be missing without a word.
pub(super) const EMPTY_SUBVOLUME: u64 = 2;

/// Where the directory of this path is read, if elsewhere.
pub(super) fn of<'o>(stand_ins: &'o [StandIn], path: &[u8]) -> Option<&'o Path> {
    let mut found = stand_ins.iter();
    let found = found.find(|one| one.path.as_os_str().as_bytes() == path);
    found.map(|one| one.read_at.as_path())
}

/// Opens a directory by its absolute path, following no link on the way.
pub(super) fn open_unlinked(path: &Path) -> io::Result<Directory> {
    let mut dir = Directory::open(Path::new("/"))?;
    for part in path.components() {
        match part {
            Component::RootDir => {}
            Component::Normal(name) => {
                let meta = dir.stat(name.as_bytes())?;
                dir = dir.open_child(name.as_bytes(), &meta)?;
            }
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    Ok(dir)
}
