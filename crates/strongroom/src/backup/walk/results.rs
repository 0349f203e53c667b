//! What workers bring back, and when it is made durable.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use super::{Walk, new_inline_bytes};
use crate::backup::capture::Done;
use crate::backup::jobs::Ticket;
use crate::fs::Kind;
use crate::tree::{Content, Extent, Record};
use crate::{Error, Result};

/// How long the walk waits for a file before it looks whether anything else is due.
const LOOK_AROUND: Duration = Duration::from_millis(200);

impl Walk<'_, '_> {
    /// Takes in what the workers have done until at most `most` files are with them, and not too many records wait
    /// behind one of these files.
    pub(super) fn take_done(&mut self, most: usize) -> Result<()> {
        loop {
            let is_crowded = self.frames.is_crowded() && !self.pending.is_empty();
            let done = if self.pending.len() > most || is_crowded {
                match self.done.recv_timeout(LOOK_AROUND) {
                    Ok(done) => done,
                    Err(RecvTimeoutError::Timeout) => {
                        self.look_around()?;
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => return Err(Error::Cancelled),
                }
            } else {
                match self.done.try_recv() {
                    Ok(done) => done,
                    Err(_) => return Ok(()),
                }
            };
            self.take(done)?;
            self.look_around()?;
        }
    }

    /// What must not wait for a long file: cancellation, and the next checkpoint.
    pub(super) fn look_around(&mut self) -> Result<()> {
        self.options.cancel.check()?;
        if self
            .checkpoints
            .is_due(self.engine.now(), self.tally.read_bytes)
        {
            self.checkpoint()?;
        }
        Ok(())
    }

    fn take(&mut self, done: Done) -> Result<()> {
        let (ticket, record, new_bytes, read_bytes, warning) = match done {
            Done::Captured {
                ticket,
                record,
                new_bytes,
                read_bytes,
                warning,
            } => (ticket, record, new_bytes, read_bytes, warning),
            Done::Flushed => {
                self.acknowledged_count += 1;
                return Ok(());
            }
            Done::Failed(error) => {
                self.is_short_of_workers = true;
                return Err(error);
            }
        };
        let Some(pending) = self.pending.remove(&ticket) else {
            return Ok(());
        };
        let inline_bytes = record
            .as_ref()
            .map_or(0, |record| new_inline_bytes(record, pending.base.as_ref()));
        self.tally
            .captured(ticket, new_bytes + inline_bytes, read_bytes, warning);
        let fresh = record
            .map(|record| self.fresh(record, pending.device))
            .transpose()?;
        if let Some(key) = pending.hard_link {
            self.settle_links(key, fresh.as_ref())?;
        }
        let (record, extents) = fresh.map(|fresh| (fresh.record, fresh.extents)).unzip();
        self.settle(ticket, record, extents.as_deref(), pending.base.as_ref())
    }

    /// The record of an entry is final: counts it against the base and gives it to its directory. `extents` are those
    /// of its content where it was made in this run.
    pub(super) fn settle(
        &mut self,
        ticket: Ticket,
        record: Option<Box<Record>>,
        extents: Option<&[Extent]>,
        base: Option<&Record>,
    ) -> Result<()> {
        let empty = Content::Empty;
        let is_dir = base.is_some_and(|base| base.meta.kind == Kind::Directory);
        if let Some(base) = base.filter(|_| is_dir) {
            self.forget(base)?;
        }
        let old = base
            .filter(|_| !is_dir)
            .map_or(&empty, |base| &base.content);
        let new = record.as_ref().map_or(&empty, |record| &record.content);
        self.frames.count_replaced(old, new, extents)?;
        if let Some(record) = &record {
            self.tally.entry_done(record, base);
        }
        self.frames.deliver(ticket, record)
    }

    /// Makes everything read so far durable and names it, so that a run after a crash need not read it again.
    pub(crate) fn checkpoint(&mut self) -> Result<()> {
        self.acknowledged_count = 0;
        self.queue.begin_flush();
        let workers_count = self.engine.workers_count(self.options.workers_count);
        while self.acknowledged_count < workers_count {
            let done = self.done.recv().map_err(|_gone| Error::Cancelled)?;
            self.take(done)?;
        }
        let tree = self.frames.snapshot()?;
        self.frames.flush()?;
        self.packer.flush()?;
        self.queue.end_flush();
        let written = self.checkpoints.write(self.engine, tree, &self.tally)?;
        self.packer.add_stored(written);
        Ok(())
    }

    /// Waits until all workers have left; the queue must be closed.
    pub(crate) fn join_workers(&mut self) -> Result<()> {
        while let Ok(done) = self.done.recv() {
            self.take(done)?;
        }
        Ok(())
    }
}
