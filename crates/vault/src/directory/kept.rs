//! Copies of index segments on this machine. Nothing here is trusted: what does not open is as if it were not there, and
//! what cannot be written is read from the vault the next time.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::format::{ObjectKind, ObjectName};

const DIGEST: &str = "digest";

fn path_of(dir: &Path, name: ObjectName) -> PathBuf {
    dir.join(name.to_string().replace('/', "-"))
}

pub(super) fn read_segment(dir: &Path, name: ObjectName) -> Option<Vec<u8>> {
    let path = path_of(dir, name);
    let bytes = fs::metadata(&path).ok()?.len();
    (bytes <= ObjectKind::Segment.max_bytes()).then(|| fs::read(path).ok())?
}

pub(super) fn read_digest(dir: &Path, name: ObjectName) -> Option<Vec<u8>> {
    let path = path_of(dir, name).with_added_extension(DIGEST);
    let bytes = fs::metadata(&path).ok()?.len();
    (bytes <= ObjectKind::Segment.max_bytes()).then(|| fs::read(path).ok())?
}

pub(super) fn read_range(dir: &Path, name: ObjectName, range: Range<u64>) -> Option<Vec<u8>> {
    let mut file = File::open(path_of(dir, name)).ok()?;
    file.seek(SeekFrom::Start(range.start)).ok()?;
    let mut bytes = Vec::new();
    let len = range.end.checked_sub(range.start)?;
    file.take(len).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

pub(super) fn write_segment(dir: &Path, name: ObjectName, object: &[u8]) {
    write(dir, &path_of(dir, name), object);
}

pub(super) fn write_digest(dir: &Path, name: ObjectName, file: &[u8]) {
    write(dir, &path_of(dir, name).with_added_extension(DIGEST), file);
}

/// Whole or not at all, as far as readers see; several processes may do so at once.
fn write(dir: &Path, path: &Path, bytes: &[u8]) {
    let attempt = || -> std::io::Result<()> {
        fs::create_dir_all(dir)?;
        let part = path.with_added_extension(format!("{}.part", std::process::id()));
        let written = File::create(&part).and_then(|mut file| file.write_all(bytes));
        let placed = written.and_then(|()| fs::rename(&part, path));
        placed.inspect_err(|_| {
            let _gone = fs::remove_file(&part);
        })
    };
    if let Err(error) = attempt() {
        tracing::debug!(path = %path.display(), %error, "part of the index is not kept");
    }
}

/// Removes what is kept of segments that the vault does not list any more.
pub(super) fn forget_others(dir: &Path, listed: &HashSet<ObjectName>) {
    let named: HashSet<PathBuf> = listed
        .iter()
        .map(|name| path_of(dir, *name))
        .flat_map(|path| [path.with_added_extension(DIGEST), path])
        .collect();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if !named.contains(&path) {
            let _gone = fs::remove_file(path);
        }
    }
}
