//! What takes time, on threads of its own: however slow the vault is, the screen goes on.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use strongroom::fs::Kind;
use strongroom::{
    Cancel, Entry, Monitor, NoMonitor, Phase, PointTree, PointView, Position, RestoreOptions,
    RestoreReport, RestoreTarget, Skipped, Strongroom,
};
use strongroom_jobs::JobMonitor;

use super::state::{Answer, Event, Hit, Item, Order, Request, Summary};
use crate::fail::Fail;
use crate::output::human;

/// What was found is told at least so often.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// Skipped entries that a result names.
const SKIPPED_SHOWN: usize = 5;

/// What all work needs; cheap to clone.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) vault: Strongroom,
    /// In the order of the state.
    pub(super) points: Arc<Vec<PointView>>,
    /// What no restore touches.
    pub(super) protected: Vec<PathBuf>,
    pub(super) events: Sender<Event>,
}

impl Worker {
    pub(super) fn list(&self, request: Request, point: usize, path: Vec<u8>, cancel: Cancel) {
        self.spawn(move |worker| {
            let outcome = worker.items(point, &path, &cancel);
            worker.answer(request, Answer::Listed(outcome.map_err(|fail| text(&fail))));
        });
    }

    pub(super) fn search(
        &self,
        request: Request,
        points: Vec<usize>,
        glob: String,
        cancel: Cancel,
    ) {
        self.spawn(move |worker| {
            let outcome = worker.find(request, &points, &glob, &cancel);
            worker.answer(request, Answer::SearchEnded(outcome));
        });
    }

    pub(super) fn plan(&self, request: Request, order: Order, cancel: Cancel) {
        self.spawn(move |worker| {
            let outcome = worker.restore_order(&order, true, cancel, &NoMonitor);
            let outcome = outcome.map(|report| summary(&report));
            worker.answer(
                request,
                Answer::Planned(outcome.map_err(|fail| text(&fail))),
            );
        });
    }

    /// Restores; `ended` gets what came of it before the screen does.
    pub(super) fn restore(
        &self,
        request: Request,
        order: Order,
        cancel: Cancel,
        job: Option<Arc<JobMonitor>>,
        ended: Sender<Result<RestoreReport, Fail>>,
    ) {
        self.spawn(move |worker| {
            let progress = Told::new(request, worker.events.clone(), job);
            let outcome = worker.restore_order(&order, false, cancel, &progress);
            // It waits for this.
            let _is_heard = ended.send(outcome.clone()).is_ok();
            let told = outcome.map(|report| summary(&report));
            worker.answer(
                request,
                Answer::RestoreEnded(told.map_err(|fail| text(&fail))),
            );
        });
    }

    fn spawn(&self, work: impl FnOnce(&Self) + Send + 'static) {
        let worker = self.clone();
        thread::spawn(move || work(&worker));
    }

    fn answer(&self, request: Request, answer: Answer) {
        // Nobody listens when the program ends.
        let _is_heard = self.events.send(Event::Answer(request, answer)).is_ok();
    }

    fn point(&self, index: usize) -> Result<&PointView, Fail> {
        let missing = || strongroom::Error::NoSuchPoint(index.to_string()).into();
        self.points.get(index).ok_or_else(missing)
    }

    fn items(&self, point: usize, path: &[u8], cancel: &Cancel) -> Result<Vec<Item>, Fail> {
        let tree = self.vault.browse(&self.point(point)?.id)?;
        if path.is_empty() {
            let roots = tree.roots().iter();
            return roots
                .map(|root| Ok(item(root.clone(), &entry_at(&tree, root)?)))
                .collect();
        }
        let folder = entry_at(&tree, path)?;
        let mut items = Vec::new();
        for entry in tree.read_dir(&folder, Position::START)? {
            cancel.check()?;
            let (_, entry) = entry?;
            items.push(item(entry.name().to_vec(), &entry));
        }
        items.sort_by_key(|item| item.kind != Kind::Directory);
        Ok(items)
    }

    /// Points that are damaged are named in the end; the others are searched all the same.
    fn find(
        &self,
        request: Request,
        points: &[usize],
        glob: &str,
        cancel: &Cancel,
    ) -> Result<(), String> {
        let mut damaged = Vec::new();
        for (done, index) in points.iter().enumerate() {
            let point = self.point(*index).map_err(|fail| text(&fail))?;
            let (mut hits, mut told_at) = (Vec::new(), Instant::now());
            let outcome = self.vault.find(&[point.id], glob, &mut |_, found| {
                cancel.check()?;
                hits.push(Hit {
                    point: *index,
                    path: found.path,
                    size: found.meta.size,
                });
                if told_at.elapsed() >= TELL_EVERY {
                    self.answer(request, Answer::Found(std::mem::take(&mut hits)));
                    told_at = Instant::now();
                }
                Ok(())
            });
            match outcome {
                Err(error) if error.is_corruption() => damaged.push(point.id.to_string()),
                outcome => outcome.map_err(|error| text(&error.into()))?,
            }
            self.answer(request, Answer::Found(hits));
            self.answer(request, Answer::Searched(done + 1));
            cancel.check().map_err(|error| error.to_string())?;
        }
        match damaged.is_empty() {
            true => Ok(()),
            false => Err(format!("damaged: {}", damaged.join(", "))),
        }
    }

    fn restore_order(
        &self,
        order: &Order,
        dry_run: bool,
        cancel: Cancel,
        monitor: &dyn Monitor,
    ) -> Result<RestoreReport, Fail> {
        let target = match &order.folder {
            None => RestoreTarget::Original,
            Some(folder) => RestoreTarget::Directory(absolute(folder)?),
        };
        let mut options = RestoreOptions::new(target);
        options.paths.clone_from(&order.paths);
        options.on_conflict = order.on_conflict.into();
        options.dry_run = dry_run;
        options.protected.clone_from(&self.protected);
        options.cancel = cancel;
        let point = self.point(order.point)?.id;
        Ok(self.vault.restore(&point, &options, monitor)?)
    }
}

fn entry_at(tree: &PointTree, path: &[u8]) -> Result<Entry, Fail> {
    let mut at = tree.root();
    for name in path
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty())
    {
        let missing = || strongroom::Error::TreeDamaged("a folder is not where it was");
        at = tree.lookup(&at, name)?.ok_or_else(missing)?;
    }
    Ok(at)
}

fn item(name: Vec<u8>, entry: &Entry) -> Item {
    let meta = entry.meta();
    Item {
        name,
        kind: meta.kind,
        size: meta.size,
        changed: human::file_time(meta.mtime),
    }
}

/// As a shell reads it: `~/` is the home.
fn absolute(folder: &str) -> Result<PathBuf, Fail> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let path = match (folder.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home,
        (Some(below), Some(home)) if below.starts_with('/') => {
            home.join(below.trim_start_matches('/'))
        }
        _ => PathBuf::from(std::ffi::OsStr::from_bytes(folder.as_bytes())),
    };
    std::path::absolute(path).map_err(|error| {
        Fail::usage("the folder is no usable path", "name a folder").because(&error)
    })
}

/// A failure in one line.
fn text(fail: &Fail) -> String {
    let causes: String = fail
        .causes
        .iter()
        .map(|cause| format!(": {cause}"))
        .collect();
    human::clean(&format!("{}{causes}", fail.message))
}

fn summary(report: &RestoreReport) -> Summary {
    let skipped = report.skipped.iter().take(SKIPPED_SHOWN);
    let skipped = skipped.map(|entry| {
        format!(
            "{}: {}",
            human::path(&entry.path),
            human::clean(&entry.reason)
        )
    });
    Summary {
        files_count: report.files_count,
        dirs_count: report.dirs_count,
        written_bytes: report.written_bytes,
        reused_bytes: report.reused_bytes,
        conflicts_count: report.conflicts_count,
        skipped: skipped.collect(),
        skipped_count: report.skipped_count,
        damaged_count: report.damaged_count,
    }
}

/// Tells the screen how far a restore is, some times a second, and the journal all of it.
struct Told {
    request: Request,
    events: Sender<Event>,
    job: Option<Arc<JobMonitor>>,
    started: Instant,
    done_bytes: AtomicU64,
    /// After how many milliseconds the screen was told last.
    told_at: AtomicU64,
}

impl Told {
    fn new(request: Request, events: Sender<Event>, job: Option<Arc<JobMonitor>>) -> Self {
        Self {
            request,
            events,
            job,
            started: Instant::now(),
            done_bytes: AtomicU64::new(0),
            told_at: AtomicU64::new(0),
        }
    }

    fn tell_job(&self, tell: impl FnOnce(&JobMonitor)) {
        if let Some(job) = &self.job {
            tell(job);
        }
    }
}

impl Monitor for Told {
    fn phase(&self, phase: Phase) {
        self.tell_job(|job| job.phase(phase));
    }

    fn found(&self, files_count: u64, bytes: u64) {
        self.tell_job(|job| job.found(files_count, bytes));
    }

    fn done(&self, files_count: u64, bytes: u64) {
        self.tell_job(|job| job.done(files_count, bytes));
        let done = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.told_at.load(Ordering::Relaxed);
        if u128::from(now - last.min(now)) >= TELL_EVERY.as_millis() {
            self.told_at.store(now, Ordering::Relaxed);
            let event = Event::Answer(self.request, Answer::Restored(done));
            // Nobody listens when the program ends.
            let _is_heard = self.events.send(event).is_ok();
        }
    }

    fn warning(&self, warning: &Skipped) {
        self.tell_job(|job| job.warning(warning));
    }
}
