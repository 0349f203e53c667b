//! Writing one file, as one worker does it.

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::links::Pending;
use super::run::Run;
use super::scope::Scope;
use crate::fs::{Kind, Meta, UpdateFile};
use crate::options::OnConflict;
use crate::tree::file::{Piece, for_each_piece};
use crate::tree::{Capture, Record};
use crate::{Error, Result};

/// Files up to this size are replaced in one step rather than changed in place.
const REPLACED_BYTES: u64 = 64 << 10;
/// How often an entry is looked at again that others change meanwhile.
const LOOKS: usize = 3;

/// A file to be written.
pub(crate) struct FileJob<'r> {
    pub(crate) scope: Arc<Scope<'r>>,
    pub(crate) record: Record,
    /// What stands under its name.
    pub(crate) found: Option<Meta>,
    /// Other names wait for this one.
    pub(crate) pending: Option<Pending<'r>>,
}

impl FileJob<'_> {
    pub(crate) fn path(&self) -> Vec<u8> {
        self.scope.path_of(&self.record.name)
    }
}

/// Writes one file; returns the name that it stands under, or `None` where it was left out on purpose.
pub(crate) fn restore(run: &Run<'_>, job: &FileJob<'_>) -> Result<Option<Vec<u8>>> {
    let (scope, record) = (&*job.scope, &job.record);
    let work = Work { run, scope, record };
    let mut found = job.found.clone();
    for _ in 1..LOOKS {
        match work.restore(found.as_ref()) {
            // What stood there when the walk looked is gone or another one by now.
            Err(Error::File { source, .. }) if found.is_some() && is_change(&source) => {
                found = scope.stat_now(&record.name)?;
            }
            outcome => return outcome,
        }
    }
    work.restore(found.as_ref())
}

fn is_change(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::StaleNetworkFileHandle
    )
}

/// True for a file whose content the point does not hold, so that nothing good is replaced by nothing.
pub(crate) fn is_without_content(record: &Record) -> bool {
    matches!(record.extras.capture, Some(Capture::Unreadable))
}

struct Work<'a> {
    run: &'a Run<'a>,
    scope: &'a Scope<'a>,
    record: &'a Record,
}

impl Work<'_> {
    fn fail(&self, action: &'static str) -> impl Fn(std::io::Error) -> Error + '_ {
        move |error| self.scope.error(action, &self.record.name, error)
    }

    fn restore(&self, found: Option<&Meta>) -> Result<Option<Vec<u8>>> {
        let name = &self.record.name;
        let Some(found) = found else {
            return self.write_new(name, None);
        };
        if found.kind == Kind::File && self.is_there(found)? {
            self.keep()?;
            return Ok(Some(name.clone()));
        }
        let outcome = match self.run.options.on_conflict {
            OnConflict::Skip => {
                self.run.left(&self.record.meta);
                Ok(None)
            }
            OnConflict::Copy => self.write_new(&self.scope.free_name(name)?, None),
            OnConflict::Overwrite => self.overwrite(found),
        };
        if outcome.is_ok() {
            self.run.count(|report| report.conflicts_count += 1);
        }
        outcome
    }

    /// Every piece of the content, with what it takes to fetch them.
    fn for_each_piece(&self, each: &mut dyn FnMut(u64, Piece<'_>) -> Result<()>) -> Result<()> {
        for_each_piece(&self.run.tree, self.record, &mut |at, piece| {
            self.run.check()?;
            if let Piece::Bytes(bytes) = &piece {
                self.run.monitor.transferred(bytes.len() as u64);
            }
            each(at, piece)
        })
    }

    /// Writes a file aside and gives it its name; returns the name, or `None` where an entry that was made there
    /// meanwhile is kept.
    fn write_new(&self, name: &[u8], replaced: Option<&Meta>) -> Result<Option<Vec<u8>>> {
        let dir = self.scope.dir()?;
        let mut file = dir
            .create_file(&self.record.name, self.first_mode())
            .map_err(self.fail("create"))?;
        let mut ends_in_hole = false;
        self.for_each_piece(&mut |at, piece| {
            ends_in_hole = matches!(piece, Piece::Hole(_));
            match piece {
                Piece::Bytes(bytes) => file.write_at(bytes, at).map_err(self.fail("write")),
                Piece::Hole(_) => Ok(()),
            }
        })?;
        if ends_in_hole {
            file.set_len(self.record.meta.size)
                .map_err(self.fail("write"))?;
        }
        let refused = file.apply(&self.run.attributes(self.record));
        self.run
            .note_refused(&self.scope.path_of(&self.record.name), refused);
        let (mut name, mut replaced) = (name.to_vec(), replaced.cloned());
        loop {
            match self.scope.place(file.draft(), &name, replaced.as_ref()) {
                Ok(()) => break,
                // Someone made an entry of this name since it was looked for.
                Err(Error::File { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
                    self.run.count(|report| report.conflicts_count += 1);
                    match self.run.options.on_conflict {
                        OnConflict::Skip => {
                            self.run.left(&self.record.meta);
                            return Ok(None);
                        }
                        OnConflict::Copy => name = self.scope.free_name(&self.record.name)?,
                        OnConflict::Overwrite => replaced = self.scope.stat_now(&name)?,
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.run.durable.file(dir, &name);
        self.verify(&name)?;
        self.run.done(&self.record.meta, self.record.meta.size, 0);
        Ok(Some(name))
    }

    /// Permissions of a file that is being written. In a directory that nobody else may enter yet they can be the final
    /// ones from the beginning, which saves changing them.
    fn first_mode(&self) -> u16 {
        if self.scope.is_fresh {
            self.record.meta.mode & 0o777
        } else {
            0o600
        }
    }

    /// Whether the file that stands there is the one of the point.
    fn is_there(&self, found: &Meta) -> Result<bool> {
        let is_candidate = found.size == self.record.meta.size
            && (found.mtime == self.record.meta.mtime
                || self.run.options.on_conflict == OnConflict::Overwrite);
        if !is_candidate {
            return Ok(false);
        }
        match self.scope.dir()?.open_read(&self.record.name) {
            Ok(file) => self.is_equal(&|into, at| file.read_at(into, at)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(self.fail("read")(error)),
        }
    }

    fn is_equal(&self, read_at: &dyn Fn(&mut [u8], u64) -> std::io::Result<usize>) -> Result<bool> {
        let mut equal = true;
        let mut buffer = Vec::new();
        let outcome = self.for_each_piece(&mut |at, piece| {
            let (len, wanted) = match piece {
                Piece::Bytes(bytes) => (bytes.len() as u64, Some(bytes)),
                Piece::Hole(len) => (len, None),
            };
            equal = is_same(read_at, &mut buffer, at, len, wanted).map_err(self.fail("read"))?;
            // `Cancelled` only ends the loop here; it does not leave this function.
            if equal { Ok(()) } else { Err(Error::Cancelled) }
        });
        match outcome {
            Err(Error::Cancelled) if !equal => Ok(false),
            Err(error) => Err(error),
            Ok(()) => Ok(true),
        }
    }

    /// The content is right; only what is to be overwritten gets its attributes, too.
    fn keep(&self) -> Result<()> {
        if self.run.options.on_conflict == OnConflict::Overwrite {
            let dir = self.scope.dir()?;
            let refused = dir.apply_to(&self.record.name, &self.run.attributes(self.record));
            self.run
                .note_refused(&self.scope.path_of(&self.record.name), refused);
            self.run.durable.file(dir, &self.record.name);
        }
        self.run.done(&self.record.meta, 0, self.record.meta.size);
        Ok(())
    }

    fn overwrite(&self, found: &Meta) -> Result<Option<Vec<u8>>> {
        let name = &self.record.name;
        self.scope.check_removable(name, found)?;
        let in_place =
            found.kind == Kind::File && found.nlink == 1 && self.record.meta.size > REPLACED_BYTES;
        if in_place {
            // A file that may not be opened for writing, or is being executed, is replaced.
            if let Ok(file) = self.scope.dir()?.open_update(name, found) {
                self.update(&file)?;
                return Ok(Some(name.clone()));
            }
        }
        self.write_new(name, Some(found))
    }

    /// Writes only what differs. All chunks are read before the first byte is written, so that damage in the vault leaves
    /// the file as it was.
    fn update(&self, file: &UpdateFile) -> Result<()> {
        let read_at = |into: &mut [u8], at: u64| file.read_at(into, at);
        let mut buffer = Vec::new();
        let mut is_right = Vec::new();
        self.for_each_piece(&mut |at, piece| {
            let same = match piece {
                Piece::Bytes(bytes) => {
                    is_same(&read_at, &mut buffer, at, bytes.len() as u64, Some(bytes))
                }
                Piece::Hole(len) => is_same(&read_at, &mut buffer, at, len, None),
            };
            is_right.push(same.map_err(self.fail("read"))?);
            Ok(())
        })?;
        let attributes = self.run.attributes(self.record);
        if is_right.iter().any(|&right| !right) {
            file.restrict(&attributes)
                .map_err(self.fail("set permissions of"))?;
        }
        let (mut written, mut reused) = (0, 0);
        let mut right = is_right.iter();
        self.for_each_piece(&mut |at, piece| {
            let keep = right.next().copied().unwrap_or(false);
            match piece {
                Piece::Bytes(bytes) if keep => reused += bytes.len() as u64,
                Piece::Bytes(bytes) => {
                    file.write_at(bytes, at).map_err(self.fail("write"))?;
                    written += bytes.len() as u64;
                }
                Piece::Hole(len) if keep => reused += len,
                Piece::Hole(len) => file
                    .punch_hole(at..at.saturating_add(len))
                    .map_err(self.fail("write"))?,
            }
            Ok(())
        })?;
        file.set_len(self.record.meta.size)
            .map_err(self.fail("write"))?;
        let refused = file.apply(&attributes);
        self.run
            .note_refused(&self.scope.path_of(&self.record.name), refused);
        self.run.durable.file(self.scope.dir()?, &self.record.name);
        self.verify(&self.record.name)?;
        self.run.done(&self.record.meta, written, reused);
        Ok(())
    }

    /// Reads the file back, if that was asked for.
    fn verify(&self, name: &[u8]) -> Result<()> {
        if !self.run.options.verify {
            return Ok(());
        }
        let file = self
            .scope
            .dir()?
            .open_read(name)
            .map_err(self.fail("read back"))?;
        if self.is_equal(&|into, at| file.read_at(into, at))? {
            return Ok(());
        }
        let path = self.scope.path_of(name);
        Err(Error::ReadBack(std::ffi::OsStr::from_bytes(&path).into()))
    }
}

/// Whether `len` bytes at an offset are these, or zeros.
fn is_same(
    read_at: &dyn Fn(&mut [u8], u64) -> std::io::Result<usize>,
    buffer: &mut Vec<u8>,
    mut at: u64,
    len: u64,
    wanted: Option<&[u8]>,
) -> std::io::Result<bool> {
    buffer.resize(256 << 10, 0);
    let end = at + len;
    let start = at;
    while at < end {
        let now = usize::try_from(end - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = read_at(buffer.get_mut(..now).unwrap_or_default(), at)?;
        if count == 0 {
            return Ok(false);
        }
        let got = buffer.get(..count).unwrap_or_default();
        let same = match wanted {
            None => got.iter().all(|&byte| byte == 0),
            Some(bytes) => {
                let from = usize::try_from(at - start).unwrap_or(usize::MAX);
                bytes.get(from..from + count) == Some(got)
            }
        };
        if !same {
            return Ok(false);
        }
        at += count as u64;
    }
    Ok(true)
}
