//! The threads that write files.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread::{Scope, ScopedJoinHandle};

use super::file::{self, FileJob};
use super::links::Place;
use super::run::Run;
use crate::Error;
use crate::backup::lock;

/// All of them. They alone own the receiver, so that sending fails when none is left.
pub(crate) struct Workers<'s>(Vec<ScopedJoinHandle<'s, ()>>);

impl<'s> Workers<'s> {
    pub(crate) fn start<'r: 's>(
        scope: &'s Scope<'s, '_>,
        run: &'r Run<'r>,
        jobs: Receiver<FileJob<'r>>,
        count: usize,
    ) -> Self {
        let jobs = Arc::new(Mutex::new(jobs));
        let start = |_| {
            let jobs = Arc::clone(&jobs);
            scope.spawn(move || work(run, &jobs))
        };
        Self((0..count).map(start).collect())
    }

    /// Waits until all have left; one that died fails the run.
    pub(crate) fn join(self, run: &Run<'_>) {
        for worker in self.0 {
            if worker.join().is_err() {
                run.fail(Error::WorkerDied);
            }
        }
    }
}

fn work<'r>(run: &'r Run<'r>, jobs: &Mutex<Receiver<FileJob<'r>>>) {
    let _alarm = Alarm(run);
    loop {
        // The lock is held while waiting: the others wait for the lock instead.
        let next = lock(jobs).recv();
        let Ok(job) = next else { return };
        if run.is_stopped() {
            continue;
        }
        match file::restore(run, &job) {
            Ok(name) => {
                if let (Some(pending), Some(name), Ok(dir)) = (job.pending, name, job.scope.dir()) {
                    let dir = dir.clone();
                    pending.written(Place { dir, name });
                }
            }
            Err(error) => {
                if let Err(fatal) = run.settle(&job.path(), error) {
                    run.fail(fatal);
                }
            }
        }
    }
}

/// Stops the run should the thread die.
struct Alarm<'r>(&'r Run<'r>);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(Error::WorkerDied);
        }
    }
}
