//! The walk through the point's tree: directories, links and special files; files go to the workers.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::directory::{self, Role};
use super::extra::Extra;
use super::file::{FileJob, is_without_content};
use super::links::{self, Pending, Place};
use super::run::Run;
use super::scope::{Entered, Finish, Scope};
use super::special;
use super::start::{Start, parent};
use crate::fs::{Kind, Meta, Target, TargetDir};
use crate::options::{OnConflict, RestoreTarget};
use crate::tree::{Capture, Descent, Record};
use crate::{Error, Result};

/// The walking side of a restore.
pub(crate) struct Walk<'r> {
    run: &'r Run<'r>,
    jobs: SyncSender<FileJob<'r>>,
    stack: Descent<'r, Frame<'r>>,
    /// The target; `None` in a dry run where it does not exist.
    base: Option<TargetDir>,
    /// The target was made by this run.
    is_made: bool,
    /// Directories on the way to what was asked for, by path: several starts may share them, and they get their
    /// attributes when all is done.
    passed: HashMap<Vec<u8>, Arc<Scope<'r>>>,
}

/// A directory on the way down.
struct Frame<'r> {
    scope: Arc<Scope<'r>>,
    extra: Option<Extra>,
}

impl<'r> Walk<'r> {
    /// Opens the target: the only path that is followed, because the user chose it. Everything else is below it.
    pub(crate) fn open(run: &'r Run<'r>, jobs: SyncSender<FileJob<'r>>) -> Result<Self> {
        let path = target_path(&run.options.target);
        if matches!(run.options.target, RestoreTarget::Directory(_)) && run.protected.covers(&path)
        {
            return Err(Error::Protected(path));
        }
        let opened = if run.options.dry_run || path == Path::new("/") {
            Target::open(&path).map(|dir| (Some(dir), false))
        } else {
            Target::create(&path).map(|(dir, is_made)| (Some(dir), is_made))
        };
        let (base, is_made) = match opened {
            Err(error) if run.options.dry_run && error.kind() == ErrorKind::NotFound => {
                (None, false)
            }
            Err(error) if is_not_a_directory(&error, &path) => {
                return Err(Error::TargetNotDirectory(path));
            }
            Err(source) => {
                let action = "open";
                return Err(Error::File {
                    action,
                    path,
                    source,
                });
            }
            Ok(opened) => opened,
        };
        if let Some(dir) = base.as_ref().filter(|_| is_made) {
            run.durable.made(dir, &path);
        }
        Ok(Self {
            run,
            jobs,
            stack: Descent::new(&run.tree),
            base,
            is_made,
            passed: HashMap::new(),
        })
    }

    /// Restores one root or chosen path.
    pub(crate) fn restore(&mut self, start: Start) -> Result<()> {
        let path = start.path.clone();
        if let Err(error) = self.begin(start) {
            self.run.settle(&path, error)?;
        }
        self.run_down()
    }

    fn begin(&mut self, start: Start) -> Result<()> {
        if start.is_whole {
            return self.begin_whole(start);
        }
        let above = (0..=start.way.len()).fold(start.path.as_slice(), |path, _| parent(path));
        let mut scope = self.base_scope(above.to_vec(), Finish::Keep, self.base.is_none());
        for step in &start.way {
            scope = self.pass(&scope, step)?;
        }
        self.entry(&scope, start.record, Role::Start)
    }

    fn pass(&mut self, scope: &Arc<Scope<'r>>, step: &Record) -> Result<Arc<Scope<'r>>> {
        let path = scope.path_of(&step.name);
        if let Some(passed) = self.passed.get(&path) {
            return Ok(Arc::clone(passed));
        }
        let found = scope.stat(&step.name)?;
        let below = directory::enter(scope, step, found, Role::Passed)?
            .ok_or_else(|| scope.error("enter", &step.name, ErrorKind::NotADirectory.into()))?;
        self.passed.insert(path, Arc::clone(&below));
        Ok(below)
    }

    /// The content of a directory lands in the target itself.
    fn begin_whole(&mut self, start: Start) -> Result<()> {
        let mut found = None;
        if let Some(dir) = &self.base {
            let fail = |error| Error::file("prepare", &start.path, error);
            if self.is_made {
                dir.set_own_mode(directory::UNFINISHED_MODE).map_err(fail)?;
            } else {
                let meta = dir.meta().map_err(fail)?;
                if directory::is_locked(self.run, &meta) && !self.run.options.dry_run {
                    let _refused = dir.set_own_mode(meta.mode | 0o700);
                }
                found = Some(meta);
            }
        }
        let finish = directory::finish(
            self.run,
            &start.path,
            &start.record,
            found.as_ref(),
            Role::Start,
        );
        let is_fresh = self.is_made || self.base.is_none();
        let scope = self.base_scope(start.path, finish, is_fresh);
        self.descend(scope, &start.record)
    }

    fn base_scope(&self, path: Vec<u8>, finish: Finish, is_fresh: bool) -> Arc<Scope<'r>> {
        let entered = Entered {
            dir: self.base.clone(),
            is_fresh,
            may_clean: true,
            path,
            finish,
        };
        Scope::new(self.run, entered, None)
    }

    /// Works through the open directories until none is left.
    fn run_down(&mut self) -> Result<()> {
        while let Some((records, frame)) = self.stack.innermost() {
            self.run.check()?;
            let scope = Arc::clone(&frame.scope);
            match records.next() {
                Ok(Some(record)) => {
                    if let Some(extra) = &mut frame.extra {
                        extra.remove_before(&scope, Some(&record.name))?;
                    }
                    let path = scope.path_of(&record.name);
                    if let Err(error) = self.entry(&scope, record, Role::Inner) {
                        self.run.settle(&path, error)?;
                    }
                }
                Ok(None) => {
                    if let Some(extra) = &mut frame.extra {
                        extra.remove_before(&scope, None)?;
                    }
                    self.stack.leave();
                }
                // The rest of this directory cannot be read; what was not seen is not extra.
                Err(error) => {
                    self.stack.leave();
                    self.run.settle(&scope.path, error)?;
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, scope: &Arc<Scope<'r>>, record: Record, role: Role) -> Result<()> {
        let found = scope.stat(&record.name)?;
        if let Some(capture) = record.extras.capture.filter(|capture| is_told(*capture)) {
            let reason = format!("as it was backed up: {}", capture.describe());
            self.run.skip(&scope.path_of(&record.name), reason);
        }
        let leave_out = |reason: &str| {
            self.run.monitor.done(1, 0);
            let path = scope.path_of(&record.name);
            self.run.skip(&path, reason.to_owned());
            Ok(())
        };
        match record.meta.kind {
            Kind::Directory => match directory::enter(scope, &record, found, role)? {
                Some(below) => self.descend(below, &record),
                None => Ok(()),
            },
            Kind::Socket => leave_out("a socket is recorded, but not made again"),
            Kind::File if is_without_content(&record) => {
                leave_out("not in the recovery point: it could not be read")
            }
            _ if self.run.options.dry_run => self.pretend(scope, &record, found.as_ref()),
            _ => self.leaf(scope, record, found),
        }
    }

    /// A file or special file: the first name is made, the others are linked to it.
    fn leaf(&self, scope: &Arc<Scope<'r>>, record: Record, found: Option<Meta>) -> Result<()> {
        let mut pending = None;
        if let Some(key) = record.extras.hard_link {
            match self.run.links.first(key) {
                Some(first) => {
                    if links::restore(self.run, scope, &record, found.as_ref(), &first)? {
                        return Ok(());
                    }
                }
                None => pending = Some(Pending::new(&self.run.links, key)),
            }
        }
        if record.meta.kind == Kind::File {
            let job = FileJob {
                scope: Arc::clone(scope),
                record,
                found,
                pending,
            };
            return self.jobs.send(job).map_err(|_| Error::Cancelled);
        }
        let name = special::restore(self.run, scope, &record, found.as_ref())?;
        if let (Some(pending), Some(name)) = (pending, name) {
            let dir = scope.dir()?.clone();
            pending.written(Place { dir, name });
        }
        Ok(())
    }

    /// Opens a directory of the point; its entries follow in [`Walk::run_down`].
    fn descend(&mut self, scope: Arc<Scope<'r>>, record: &Record) -> Result<()> {
        let extra = Extra::list(&scope, record)?;
        self.stack.enter(&record.content, Frame { scope, extra })
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
                self.run.left(meta);
                return Ok(());
            }
        }
        let link = record.extras.hard_link;
        let is_linked = link.is_some_and(|key| self.run.links.is_repeated(key));
        let bytes = if meta.kind == Kind::File && !is_linked {
            meta.size
        } else {
            0
        };
        let (written, reused) = if is_there { (0, bytes) } else { (bytes, 0) };
        self.run.done(meta, written, reused);
        Ok(())
    }
}

/// Where the target lies.
pub(crate) fn target_path(target: &RestoreTarget) -> PathBuf {
    match target {
        RestoreTarget::Directory(path) => path.clone(),
        RestoreTarget::Original => PathBuf::from("/"),
    }
}

/// A state that the user must know of; what could not be read is told where it is left out, and what was not to be
/// entered was the user's choice.
fn is_told(capture: Capture) -> bool {
    !matches!(capture, Capture::Unreadable | Capture::NotEntered)
}

fn is_not_a_directory(error: &std::io::Error, path: &Path) -> bool {
    error.kind() == ErrorKind::NotADirectory
        || (error.kind() == ErrorKind::AlreadyExists && !path.is_dir())
}
