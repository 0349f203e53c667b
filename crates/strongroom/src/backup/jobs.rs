//! The queue between the walk and the threads that read files.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::known::lock;
use crate::fs::{Directory, Meta};

/// A file to be read.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) dir: Arc<Directory>,
    pub(crate) name: Vec<u8>,
    pub(crate) meta: Meta,
}

/// Where the outcome of a job belongs: a frame of the walk and a place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ticket {
    pub(crate) frame: u64,
    pub(crate) place: u64,
}

/// What a worker is to do next.
#[derive(Debug)]
pub(crate) enum Order {
    /// Read this file.
    Read(Job),
    /// Seal the open block; then acknowledge this round.
    Flush(u64),
    /// Seal the open block and leave.
    Leave,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    flush_round: u64,
    /// The round is over: workers that took part may begin new blocks.
    ended_round: u64,
    closed: bool,
    abandoned: bool,
}

/// Jobs in order, and rounds in which every worker seals its open block.
#[derive(Debug, Default)]
pub(crate) struct JobQueue {
    state: Mutex<State>,
    changed: Condvar,
}

impl JobQueue {
    pub(crate) fn push(&self, job: Job) {
        lock(&self.state).jobs.push_back(job);
        self.changed.notify_one();
    }

    /// Begins a round of flushes and returns its number; each worker takes part once.
    pub(crate) fn begin_flush(&self) -> u64 {
        let mut state = lock(&self.state);
        state.flush_round += 1;
        self.changed.notify_all();
        state.flush_round
    }

    /// Ends the round: everything that was sealed in it is durable.
    pub(crate) fn end_flush(&self) {
        let mut state = lock(&self.state);
        state.ended_round = state.flush_round;
        self.changed.notify_all();
    }

    /// Waits for the end of a round. Until then a worker begins no block: its pack could not be completed.
    pub(crate) fn wait_for_end(&self, round: u64) {
        let mut state = lock(&self.state);
        while state.ended_round < round && !state.abandoned {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The round that is wanted now; a worker in the middle of a long file compares it with its own.
    pub(crate) fn flush_round(&self) -> u64 {
        lock(&self.state).flush_round
    }

    /// No more jobs will come: workers finish what is queued and leave.
    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// Workers drop what is queued and leave.
    pub(crate) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.abandoned = true;
        state.jobs.clear();
        self.changed.notify_all();
    }

    /// Abandons the queue when it is dropped, so that workers end however the walk does.
    pub(crate) fn abandon_at_end(&self) -> AbandonAtEnd<'_> {
        AbandonAtEnd(self)
    }

    /// True once the run is being given up.
    pub(crate) fn is_abandoned(&self) -> bool {
        lock(&self.state).abandoned
    }

    /// Waits for the next order for a worker that has taken part in flushes up to `seen_round`.
    pub(crate) fn next(&self, seen_round: u64) -> Order {
        let mut state = lock(&self.state);
        loop {
            if state.abandoned {
                return Order::Leave;
            }
            if state.flush_round > seen_round {
                return Order::Flush(state.flush_round);
            }
            if let Some(job) = state.jobs.pop_front() {
                return Order::Read(job);
            }
            if state.closed {
                return Order::Leave;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// See [`JobQueue::abandon_at_end`].
#[derive(Debug)]
pub(crate) struct AbandonAtEnd<'q>(&'q JobQueue);

impl Drop for AbandonAtEnd<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
