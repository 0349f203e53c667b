//! The label of each disk of a seed.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::problem::SeedProblem;
use super::together::{check_whole, continued};
use super::{SeedDisk, VAULT, contents};
use crate::monitor::{Cancel, Monitor};
use crate::{Error, Result};

const NAME: &str = "strongroom-seed.json";
const MAX_BYTES: u64 = 64 << 10;
pub(super) const VERSION: u32 = 1;

/// What stands on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Text {
    pub(super) version: u32,
    pub(super) vault_id: String,
    pub(super) seed_id: String,
    /// From 1.
    pub(super) disk: u32,
    /// What the last export that ended has left; `None` while one is under way.
    pub(super) finished: Option<Finished>,
    /// How many exports have ended on these disks.
    pub(super) exports_count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Finished {
    pub(super) disks_count: u32,
    /// BLAKE3 of the list of contents.
    pub(super) contents: String,
}

/// A disk and its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) directory: PathBuf,
    pub(super) text: Text,
}

impl Label {
    fn read(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(NAME);
        let text = match read_plain(&path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail("read", &path)(error)),
        };
        let bad = |reason: String| SeedProblem::BadLabel {
            directory: directory.to_owned(),
            reason,
        };
        let text: Text = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
        if text.version != VERSION {
            return Err(bad(format!("it is of version {}", text.version)).into());
        }
        Ok(Some(Self {
            directory: directory.to_owned(),
            text,
        }))
    }

    fn write(&self) -> Result<()> {
        let text = format!("{}\n", serde_json::json!(self.text));
        write_durably(&self.directory.join(NAME), text.as_bytes())
    }
}

pub(super) fn id_of(labels: &[Label]) -> String {
    labels
        .first()
        .map_or_else(String::new, |label| label.text.seed_id.clone())
}

/// Labels the disks, those that have one included: what is exported from here on has not ended.
pub(super) fn begin(directories: &[PathBuf], vault_id: &str, fresh_id: &str) -> Result<Vec<Label>> {
    let read = directories.iter().map(|directory| {
        std::fs::create_dir_all(directory.join(VAULT)).map_err(fail("make", directory))?;
        Ok((directory.clone(), Label::read(directory)?))
    });
    let mut labels = continued(read.collect::<Result<_>>()?, vault_id, fresh_id)?;
    for label in &mut labels {
        label.text.finished = None;
        label.write()?;
    }
    Ok(labels)
}

/// Notes on each disk what it holds, then on all of them that the export has ended.
pub(super) fn finish(labels: &[Label], cancel: &Cancel) -> Result<Vec<SeedDisk>> {
    let disks_count = u32::try_from(labels.len()).unwrap_or(u32::MAX);
    let mut disks = Vec::new();
    let mut ended = Vec::new();
    for label in labels {
        let (held, contents) = contents::note(&label.directory, VAULT, cancel)?;
        let mut label = label.clone();
        label.text.exports_count += 1;
        label.text.finished = Some(Finished {
            disks_count,
            contents,
        });
        disks.push(disk(&label, held));
        ended.push(label);
    }
    ended.iter().try_for_each(Label::write)?;
    Ok(disks)
}

/// The labels of all disks of one seed of this vault, whose export has ended.
pub(super) fn whole(directories: &[PathBuf], vault_id: &str) -> Result<Vec<Label>> {
    let read = directories.iter().map(|directory| {
        let label = Label::read(directory)?;
        label.ok_or_else(|| SeedProblem::NoLabel(directory.clone()).into())
    });
    let mut labels = read.collect::<Result<Vec<Label>>>()?;
    labels.sort_by_key(|label| label.text.disk);
    check_whole(&labels, vault_id)?;
    Ok(labels)
}

/// Reads all disks and compares them with their lists.
pub(super) fn check_contents(
    labels: &[Label],
    cancel: &Cancel,
    monitor: &dyn Monitor,
) -> Result<Vec<SeedDisk>> {
    let check = |label: &Label| {
        let finished = label
            .text
            .finished
            .as_ref()
            .ok_or(SeedProblem::Unfinished)?;
        let seen = |bytes| monitor.transferred(bytes);
        let held = contents::check(&label.directory, VAULT, &finished.contents, cancel, seen)?;
        Ok(disk(label, held))
    };
    labels.iter().map(check).collect()
}

fn disk(label: &Label, held: contents::Held) -> SeedDisk {
    SeedDisk {
        number: label.text.disk,
        directory: label.directory.clone(),
        objects_count: held.objects_count,
        bytes: held.bytes,
    }
}

/// A file as text. A disk may hold anything under its name: a pipe never ends, and neither does a device.
pub(super) fn read_plain(path: &Path, max_bytes: u64) -> io::Result<String> {
    let meta = std::fs::symlink_metadata(path)?;
    if !meta.is_file() || meta.len() > max_bytes {
        let reason = "it is no plain file of a size that it can have";
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    std::fs::read_to_string(path)
}

pub(super) fn fail(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::File {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Replaces a file in one step; it is on the disk when this returns.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension("new");
    let write = || {
        // A disk that was elsewhere may hold a link under that name: it is not followed.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::create_new(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        match path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(fail("write", path))
}
