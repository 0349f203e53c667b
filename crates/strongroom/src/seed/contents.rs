//! What lies on a disk of a seed: names, sizes and hashes, in the form that `b3sum --check` reads.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::Result;
use crate::monitor::Cancel;

use super::label::{fail, read_plain, write_durably};
use super::problem::SeedProblem;

/// Beside the objects, on the disk itself.
const LIST: &str = "strongroom-seed.b3";
/// A line is about 110 bytes, and a pack some MiB.
const LIST_MAX_BYTES: u64 = 1 << 30;
const BUFFER_BYTES: usize = 1 << 20;

/// One object as it was read.
struct Found {
    hash: blake3::Hash,
    bytes: u64,
}

/// How many objects a disk holds, and their size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) objects_count: u64,
    pub(super) bytes: u64,
}

/// Reads everything on a disk and notes it there. Returns what there is and the hash of the list.
pub(super) fn note(directory: &Path, below: &str, cancel: &Cancel) -> Result<(Held, String)> {
    let (mut text, mut held) = (String::new(), Held::default());
    for path in objects(&directory.join(below))? {
        cancel.check()?;
        let found = read(&path)?;
        held.objects_count += 1;
        held.bytes += found.bytes;
        let name = path.strip_prefix(directory).unwrap_or(&path);
        text.push_str(&format!("{}  {}\n", found.hash, name.display()));
    }
    write_durably(&directory.join(LIST), text.as_bytes())?;
    Ok((held, blake3::hash(text.as_bytes()).to_string()))
}

/// Compares a disk with its list, whose own hash the label has.
pub(super) fn check(
    directory: &Path,
    below: &str,
    list_hash: &str,
    cancel: &Cancel,
    mut seen: impl FnMut(u64),
) -> Result<Held> {
    let path = directory.join(LIST);
    let text = read_plain(&path, LIST_MAX_BYTES).map_err(fail("read", &path))?;
    let damaged = |object: &str, reason: &str| SeedProblem::Damaged {
        object: directory.join(object).display().to_string(),
        reason: reason.to_owned(),
    };
    if blake3::hash(text.as_bytes()).to_string() != list_hash {
        return Err(damaged(LIST, "it is not the list that the label names").into());
    }
    let mut held = Held::default();
    for line in text.lines() {
        cancel.check()?;
        let Some((hash, name)) = line.split_once("  ") else {
            return Err(damaged(LIST, "a line has no hash").into());
        };
        // The list is as little to be trusted as the disk: a name may lead anywhere, and a pipe never ends.
        let is_below = Path::new(name).starts_with(below)
            && Path::new(name)
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
        let path = directory.join(name);
        let is_file = || std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
        if !is_below || !is_file() {
            return Err(damaged(name, "it is missing").into());
        }
        let found = read(&path)?;
        if found.hash.to_string() != hash {
            return Err(damaged(name, "its bytes are not those that were written").into());
        }
        held.objects_count += 1;
        held.bytes += found.bytes;
        seen(found.bytes);
    }
    Ok(held)
}

fn read(path: &Path) -> Result<Found> {
    let mut file = File::open(path).map_err(fail("read", path))?;
    let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = file.read(&mut buffer).map_err(fail("read", path))?;
        if count == 0 {
            break;
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        bytes += count as u64;
    }
    Ok(Found {
        hash: hasher.finalize(),
        bytes,
    })
}

/// All files of a vault, in order; what was never finished (`name#1`) and the ballast are not of it.
fn objects(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).map_err(fail("list", &at))? {
            let entry = entry.map_err(fail("list", &at))?;
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().map_err(fail("look at", &path))?;
            if kind.is_dir() {
                open.push(path);
            } else if !name.as_encoded_bytes().contains(&b'#') && name != "ballast" {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
