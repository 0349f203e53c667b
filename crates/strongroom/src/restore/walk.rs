//! The walk through the point's tree: directories, links and special files; files go to the workers.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::file::{FileJob, is_without_content};
use super::links::Place;
use super::run::Run;
use super::scope::Scope;
use super::special;
use super::start::Start;
use crate::fs::{Kind, Meta, Names, Target, TargetDir};
use crate::options::OnConflict;
use crate::tree::{Capture, DirReader, Record};
use crate::{Error, Result};

/// The walking side of a restore.
pub(crate) struct Walk<'r> {
    run: &'r Run<'r>,
    jobs: SyncSender<FileJob<'r>>,
    stack: Vec<Frame<'r>>,
    bases: Vec<(TargetDir, PathBuf)>,
}

/// A directory on the way down.
struct Frame<'r> {
    records: DirReader,
    scope: Arc<Scope<'r>>,
    /// Names that stood in the target before; only where extra ones are to be removed.
    before: Option<(Names, usize)>,
}

impl<'r> Walk<'r> {
    pub(crate) fn new(run: &'r Run<'r>, jobs: SyncSender<FileJob<'r>>) -> Self {
        Self {
            run,
            jobs,
            stack: Vec::new(),
            bases: Vec::new(),
        }
    }

    /// Restores one root or chosen path.
    pub(crate) fn restore(&mut self, start: Start) -> Result<()> {
        let Start {
            path,
            mut record,
            into,
            name,
        } = start;
        let dir = self.open_base(&into)?;
        self.bases.extend(dir.clone().map(|dir| (dir, into)));
        match name {
            None => {
                let wanted = (!self.run.is_above_a_root(&path)).then(|| record.clone());
                let scope = Scope::base(self.run, dir, path, wanted);
                self.run.count(|report| report.dirs_count += 1);
                self.descend(scope, &record)?;
            }
            Some(name) => {
                let above = path.len() - name.len();
                let parent = path
                    .get(..above.saturating_sub(1).max(1))
                    .unwrap_or(b"/")
                    .to_vec();
                record.name = name;
                let scope = Scope::base(self.run, dir, parent, None);
                self.entry(&scope, record)?;
            }
        }
        self.run_down()
    }

    /// The directories that were restored into; to be made durable when all workers are done.
    pub(crate) fn into_bases(self) -> Vec<(TargetDir, PathBuf)> {
        self.bases
    }

    fn open_base(&self, into: &std::path::Path) -> Result<Option<TargetDir>> {
        let opened = if self.run.options.dry_run {
            Target::open(into)
        } else {
            Target::create(into)
        };
        match opened {
            Ok(dir) => Ok(Some(dir)),
            Err(error)
                if self.run.options.dry_run && error.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            Err(error) if is_not_a_directory(&error, into) => {
                Err(Error::TargetNotDirectory(into.to_owned()))
            }
            Err(source) => Err(Error::File {
                action: "open",
                path: into.to_owned(),
                source,
            }),
        }
    }

    /// Works through the open directories until none is left.
    fn run_down(&mut self) -> Result<()> {
        while let Some(frame) = self.stack.last_mut() {
            self.run.check()?;
            let scope = Arc::clone(&frame.scope);
            match frame.records.next() {
                Ok(Some(record)) => {
                    frame.remove_before(self.run, Some(&record.name))?;
                    let path = scope.path_of(&record.name);
                    if let Err(error) = self.entry(&scope, record) {
                        self.run.settle(&path, error)?;
                    }
                }
                Ok(None) => {
                    frame.remove_before(self.run, None)?;
                    self.stack.pop();
                }
                // The rest of this directory cannot be read; what was not seen is not extra.
                Err(error) => {
                    self.stack.pop();
                    self.run.settle(&scope.path, error)?;
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, scope: &Arc<Scope<'r>>, record: Record) -> Result<()> {
        let found = scope.stat(&record.name)?;
        if let Some(capture) = record
            .extras
            .capture
            .filter(|capture| *capture != Capture::Unreadable)
        {
            let reason = format!("as it was backed up: {}", capture.describe());
            self.run.skip(&scope.path_of(&record.name), reason);
        }
        match record.meta.kind {
            Kind::Directory => self.directory(scope, record, found),
            Kind::Socket => {
                self.run.monitor.done(1, 0);
                let reason = "a socket is recorded, but not made again".to_owned();
                self.run.skip(&scope.path_of(&record.name), reason);
                Ok(())
            }
            Kind::File if is_without_content(&record) => {
                self.run.monitor.done(1, 0);
                let reason = "not in the recovery point: it could not be read".to_owned();
                self.run.skip(&scope.path_of(&record.name), reason);
                Ok(())
            }
            _ if self.run.options.dry_run => self.pretend(scope, &record, found.as_ref()),
            _ => self.leaf(scope, record, found),
        }
    }

    /// A file or special file: the first name is made, the others are linked to it.
    fn leaf(&self, scope: &Arc<Scope<'r>>, record: Record, found: Option<Meta>) -> Result<()> {
        let link = record.extras.hard_link;
        if let Some(first) = link.and_then(|key| self.run.links.first(key)) {
            return self.link(scope, &record, found, &first);
        }
        if record.meta.kind == Kind::File {
            let job = FileJob {
                scope: Arc::clone(scope),
                record,
                found,
                link,
            };
            return self.jobs.send(job).map_err(|_| Error::Cancelled);
        }
        let outcome = special::restore(self.run, scope, &record, found.as_ref());
        if let Some(key) = link {
            let name = outcome.as_ref().ok().cloned().flatten();
            self.run
                .links
                .done(key, name.and_then(|name| scope.place_of(&name)));
        }
        outcome.map(|_| ())
    }

    fn link(
        &self,
        scope: &Arc<Scope<'r>>,
        record: &Record,
        found: Option<Meta>,
        first: &Place,
    ) -> Result<()> {
        let fail = |error| scope.error("link", &record.name, error);
        let (first_dir, first_name) = first.open().map_err(fail)?;
        let mut name = record.name.clone();
        if let Some(found) = found {
            let target = first_dir.stat(first_name).map_err(fail)?;
            if target.is_some_and(|meta| (meta.dev, meta.ino) == (found.dev, found.ino)) {
                self.run.done(&record.meta, 0, record.meta.size);
                return Ok(());
            }
            self.run.count(|report| report.conflicts_count += 1);
            match self.run.options.on_conflict {
                OnConflict::Skip => return Ok(()),
                OnConflict::Copy => name = scope.free_name(&name)?,
                OnConflict::Overwrite => {
                    scope.clear(&name, &found)?;
                }
            }
        }
        scope
            .dir()?
            .make_link(&first_dir, first_name, &name)
            .map_err(fail)?;
        self.run.done(&record.meta, 0, 0);
        Ok(())
    }

    fn directory(
        &mut self,
        scope: &Arc<Scope<'r>>,
        record: Record,
        found: Option<Meta>,
    ) -> Result<()> {
        let mut name = record.name.clone();
        let fail = |error| scope.error("make the directory", &record.name, error);
        let mut merged = false;
        match &found {
            Some(meta) if meta.kind == Kind::Directory => merged = true,
            Some(meta) => {
                self.run.count(|report| report.conflicts_count += 1);
                match self.run.options.on_conflict {
                    OnConflict::Skip => return Ok(()),
                    _ if self.run.options.dry_run => {}
                    OnConflict::Copy => name = scope.free_name(&name)?,
                    OnConflict::Overwrite => {
                        scope.clear(&name, meta)?;
                    }
                }
            }
            None => {}
        }
        let dir = match (merged, self.run.options.dry_run) {
            (true, _) => Some(scope.dir()?.open_dir(&name).map_err(fail)?),
            (false, true) => None,
            (false, false) => Some(scope.dir()?.make_dir(&name).map_err(fail)?),
        };
        self.run.count(|report| report.dirs_count += 1);
        let path = scope.path_of(&record.name);
        let wanted = self.wanted(&path, &record, merged);
        let below = scope.below(dir, !merged, name, path, wanted);
        self.descend(below, &record)
    }

    /// What a directory shall look like. One above a root was only passed through: an existing one is left as it is.
    fn wanted(&self, path: &[u8], record: &Record, merged: bool) -> Option<Record> {
        if !self.run.is_above_a_root(path) {
            return Some(record.clone());
        }
        let mut wanted = record.clone();
        wanted.meta.mtime = self.run.started_at;
        (!merged).then_some(wanted)
    }

    /// Opens a directory of the point; its entries follow in [`Walk::run_down`].
    fn descend(&mut self, scope: Arc<Scope<'r>>, record: &Record) -> Result<()> {
        let records = self.run.tree.open_dir(&record.content)?;
        let is_whole = record.extras.capture.is_none() && !self.run.is_above_a_root(&scope.path);
        let cleans = self.run.options.delete_extra && !scope.is_fresh && is_whole;
        let before = match scope.dir() {
            Ok(dir) if cleans => {
                let names = dir
                    .list()
                    .map_err(|error| scope.error("list", b"", error))?;
                Some((names, 0))
            }
            _ => None,
        };
        self.stack.push(Frame {
            records,
            scope,
            before,
        });
        Ok(())
    }

    /// Counts what would be done.
    fn pretend(&self, scope: &Arc<Scope<'r>>, record: &Record, found: Option<&Meta>) -> Result<()> {
        let meta = &record.meta;
        let is_there = match found {
            None => false,
            Some(found) if found.kind == Kind::File && meta.kind == Kind::File => {
                (found.size, found.mtime) == (meta.size, meta.mtime)
            }
            Some(found) => special::is_there(scope.dir()?, record, found),
        };
        if found.is_some() && !is_there {
            self.run.count(|report| report.conflicts_count += 1);
            if self.run.options.on_conflict == OnConflict::Skip {
                return Ok(());
            }
        }
        let bytes = if meta.kind == Kind::File {
            meta.size
        } else {
            0
        };
        let (written, reused) = if is_there { (0, bytes) } else { (bytes, 0) };
        self.run.done(meta, written, reused);
        Ok(())
    }
}

impl Frame<'_> {
    /// Removes entries of the target whose names come before `next` and are not in the point.
    fn remove_before(&mut self, run: &Run<'_>, next: Option<&[u8]>) -> Result<()> {
        let Some((names, at)) = &mut self.before else {
            return Ok(());
        };
        while let Some(name) = names.get(*at) {
            match next.map(|next| name.cmp(next)) {
                Some(std::cmp::Ordering::Greater) => return Ok(()),
                Some(std::cmp::Ordering::Equal) => {
                    *at += 1;
                    return Ok(());
                }
                Some(std::cmp::Ordering::Less) | None => {}
            }
            let outcome = match self.scope.stat(name) {
                Ok(Some(_)) if run.options.dry_run => Ok(1),
                Ok(Some(meta)) => self.scope.clear(name, &meta),
                Ok(None) => Ok(0),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(removed) => run.count(|report| report.removed_count += removed),
                Err(error) => run.settle(&self.scope.path_of(name), error)?,
            }
            *at += 1;
        }
        Ok(())
    }
}

fn is_not_a_directory(error: &std::io::Error, path: &std::path::Path) -> bool {
    error.kind() == std::io::ErrorKind::NotADirectory
        || (error.kind() == std::io::ErrorKind::AlreadyExists && !path.is_dir())
}
