//! From a directory to a summary.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use fuser::{BackgroundSession, Config, MountOption, Session};
use strongroom::vault::format::SessionId;
use strongroom::{Monitor, NoMonitor, Strongroom};

use crate::answers::Answers;
use crate::attributes::Owner;
use crate::filesystem::Kernel;
use crate::lease::Lease;
use crate::node::{Node, OpenPoint, ROOT};
use crate::points::{NameOf, Points};
use crate::reports::Reports;
use crate::system;
use crate::{Error, Result};

/// Threads that answer the kernel. Each answers one question at a time.
const THREADS_COUNT: usize = 8;

/// How to mount.
#[derive(Clone)]
#[non_exhaustive]
pub struct MountOptions {
    /// Is told of bytes that are read, and of what cannot be read. Default: nobody.
    pub monitor: Arc<dyn Monitor>,
    /// How a point is named after when it was taken. Default: in UTC, `2026-01-31 18-00-00`.
    pub name_of: NameOf,
}

impl Default for MountOptions {
    fn default() -> Self {
        Self {
            monitor: Arc::new(NoMonitor),
            name_of: Arc::new(|at| at.format("%Y-%m-%d %H-%M-%S").to_string()),
        }
    }
}

impl std::fmt::Debug for MountOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MountOptions").finish_non_exhaustive()
    }
}

/// What [`Mount::serve`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody asks for the end.
    Stop,
    /// It was unmounted by others; the mount itself sends this.
    Ended,
}

/// Why a mount ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was unmounted by others.
    Unmounted,
    /// [`Event::Stop`] came.
    Stopped,
    /// Its lease was over.
    Lease,
}

/// Something to tell while it goes on.
#[derive(Debug)]
pub enum Notice<'a> {
    /// It should have ended, but could not: mostly because it is in use ([`Error::Busy`]).
    Stays(End, &'a Error),
}

/// What a mount was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Why it ended.
    pub end: End,
    /// Files and directories that are damaged in the vault.
    pub damaged_count: u64,
    /// Files and directories that could not be read for other reasons.
    pub failed_count: u64,
}

/// A mounted file system. Dropping it unmounts it, unless it is in use.
pub struct Mount {
    session: BackgroundSession,
    answers: Arc<Answers>,
    path: PathBuf,
    was_dead: bool,
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mount")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Mount {
    /// Mounts one recovery point on an empty directory: what was backed up stands there under its absolute path. The
    /// mount sends [`Event::Ended`] when it is unmounted.
    ///
    /// # Errors
    /// When the point cannot be read, or the directory cannot be mounted on.
    pub fn point(
        engine: &Strongroom,
        id: &SessionId,
        path: &Path,
        options: &MountOptions,
        events: Sender<Event>,
    ) -> Result<Self> {
        let tree = engine.browse(id)?;
        let point = Arc::new(OpenPoint { tree, root: ROOT });
        let root = Node::of_entry(&point, &point.tree.root());
        Self::start(engine, root, path, options, events)
    }

    /// Mounts all recovery points on an empty directory, each as `source/date`, with a link `source/latest`. New ones are
    /// seen within seconds.
    ///
    /// # Errors
    /// As [`Mount::point`].
    pub fn all(
        engine: &Strongroom,
        path: &Path,
        options: &MountOptions,
        events: Sender<Event>,
    ) -> Result<Self> {
        Self::start(engine, Node::Sources, path, options, events)
    }

    fn start(
        engine: &Strongroom,
        root: Node,
        path: &Path,
        options: &MountOptions,
        events: Sender<Event>,
    ) -> Result<Self> {
        let points = Points::new(engine.clone(), Arc::clone(&options.name_of));
        if matches!(root, Node::Sources) {
            points.refresh()?;
        }
        let owner = Owner {
            uid: rustix::process::getuid().as_raw(),
            gid: rustix::process::getgid().as_raw(),
        };
        let reports = Reports::new(Arc::clone(&options.monitor));
        let answers = Answers::new(root, points, reports, owner);
        let answers = Arc::new(answers.map_err(Error::Session)?);
        let (path, was_dead) = system::prepare(path)?;
        let kernel = Kernel {
            answers: Arc::clone(&answers),
            events,
        };
        let session = Session::new(kernel, &path, &config());
        let session = session.map_err(|error| system::mount_error(&path, error))?;
        let session = session.spawn().map_err(Error::Session)?;
        Ok(Self {
            session,
            answers,
            path,
            was_dead,
        })
    }

    /// The directory that it is mounted on, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// True if the directory carried a mount of a process that had died, which was taken away.
    #[must_use]
    pub fn was_dead(&self) -> bool {
        self.was_dead
    }

    /// Stays until it is unmounted by others, its lease is over, or an event asks for the end. While it is in use it
    /// stays mounted, which is told, and goes on; with `detach` it goes out of sight all the same, and who has a file of it
    /// open can read on as long as this process lives.
    ///
    /// # Errors
    /// When the thread that serves it failed.
    pub fn serve(
        self,
        lease: &Lease,
        detach: bool,
        events: &Receiver<Event>,
        tell: &dyn Fn(Notice<'_>),
    ) -> Result<Summary> {
        let mut refused = None;
        loop {
            let due = lease.try_at(self.answers.used(), refused);
            let wait = due.saturating_sub(self.answers.elapsed());
            let end = match events.recv_timeout(wait) {
                Ok(Event::Ended) | Err(RecvTimeoutError::Disconnected) => {
                    return self.finish(End::Unmounted);
                }
                Ok(Event::Stop) => End::Stopped,
                // It was used meanwhile.
                Err(_) if self.is_before(lease, refused) => continue,
                Err(RecvTimeoutError::Timeout) => End::Lease,
            };
            match system::unmount(&self.path, detach) {
                Ok(()) if detach => return Ok(self.leave(end)),
                Ok(()) => return self.finish(end),
                Err(error) => {
                    // That the lease is over is told once.
                    if end == End::Stopped || refused.is_none() {
                        tell(Notice::Stays(end, &error));
                    }
                    if end == End::Lease {
                        refused = Some(self.answers.elapsed());
                    }
                }
            }
        }
    }

    fn is_before(&self, lease: &Lease, refused: Option<Duration>) -> bool {
        self.answers.elapsed() < lease.try_at(self.answers.used(), refused)
    }

    fn summary(&self, end: End) -> Summary {
        Summary {
            end,
            damaged_count: self.answers.reports.damaged_count(),
            failed_count: self.answers.reports.failed_count(),
        }
    }

    /// It is unmounted: waits for the last answer.
    fn finish(self, end: End) -> Result<Summary> {
        let summary = self.summary(end);
        self.session.join().map_err(Error::Session)?;
        Ok(summary)
    }

    /// It is out of sight, but may be in use: its threads go on until nobody has anything of it or the process ends.
    /// Dropping the session would unmount what may stand in its place by then.
    fn leave(self, end: End) -> Summary {
        let summary = self.summary(end);
        std::mem::forget(self.session);
        summary
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::FSName(system::NAME.to_owned()),
        MountOption::RO,
        MountOption::NoDev,
        MountOption::NoSuid,
        MountOption::NoAtime,
    ];
    config.n_threads = Some(THREADS_COUNT);
    config
}
