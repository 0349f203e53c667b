//! Reads one file into chunks: what each worker thread does.

use std::io::{self, Read};
use std::sync::mpsc::Sender;

use strongroom_chunking::{ChunkHasher, Chunker};
use strongroom_crypto::BlockType;

use super::jobs::{Job, JobQueue, Order, Ticket};
use super::packer::{BlockWriter, Packer};
use super::walk::hard_link;
use crate::fs::{Meta, Segment, SourceFile};
use crate::tree::content::push_chunk;
use crate::tree::{Capture, Content, Extent, Extras, Record};
use crate::{Error, Result};

/// A file that changes while it is read is read again this often before it is kept as torn.
const READ_ATTEMPTS: usize = 3;

/// What came of a job.
pub(crate) enum Done {
    /// The file's record, unless it is gone, and how many of its bytes were new.
    Captured {
        ticket: Ticket,
        record: Option<Box<Record>>,
        new_bytes: u64,
        read_bytes: u64,
        warning: Option<String>,
    },
    /// The worker sealed its block for this round.
    Flushed,
    /// The run cannot go on.
    Failed(Error),
}

/// One worker: takes orders until it is told to leave.
pub(crate) fn work(
    packer: &Packer<'_>,
    queue: &JobQueue,
    tools: (Chunker, ChunkHasher),
    done: &Sender<Done>,
) {
    let _watch = Watch(done);
    let outcome = Worker::new(packer, queue, tools, done).and_then(|mut worker| worker.run());
    if let Err(error) = outcome {
        // The walk may be gone already; then nobody needs to hear of it.
        let _gone = done.send(Done::Failed(error));
    }
}

/// Tells the walk should the thread die, so that it does not wait for ever.
struct Watch<'a>(&'a Sender<Done>);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _gone = self.0.send(Done::Failed(Error::WorkerDied));
        }
    }
}

struct Worker<'a, 'm> {
    packer: &'a Packer<'m>,
    queue: &'a JobQueue,
    done: &'a Sender<Done>,
    writer: BlockWriter<'a, 'm>,
    chunker: Chunker,
    hasher: ChunkHasher,
    buffer: Vec<u8>,
    inline_bytes: u64,
    seen_round: u64,
}

/// Content of one reading of a file.
#[derive(Default)]
struct Reading {
    content: Content,
    extents: Vec<Extent>,
    size_bytes: u64,
    new_bytes: u64,
}

impl<'a, 'm> Worker<'a, 'm> {
    fn new(
        packer: &'a Packer<'m>,
        queue: &'a JobQueue,
        (chunker, hasher): (Chunker, ChunkHasher),
        done: &'a Sender<Done>,
    ) -> Result<Self> {
        let inline_bytes = packer.inline_bytes();
        let writer = BlockWriter::new(packer, BlockType::Data)?;
        Ok(Self {
            packer,
            queue,
            done,
            writer,
            chunker,
            hasher,
            buffer: Vec::new(),
            inline_bytes,
            seen_round: 0,
        })
    }

    fn run(&mut self) -> Result<()> {
        loop {
            match self.queue.next(self.seen_round) {
                Order::Read(job) => {
                    let done = self.capture(&job)?;
                    if self.done.send(done).is_err() {
                        return Ok(());
                    }
                }
                Order::Flush(round) => self.take_part(round)?,
                Order::Leave if self.queue.is_abandoned() => return Ok(()),
                Order::Leave => return self.writer.flush(),
            }
        }
    }

    fn take_part(&mut self, round: u64) -> Result<()> {
        self.writer.flush()?;
        self.seen_round = round;
        if self.done.send(Done::Flushed).is_ok() {
            self.queue.wait_for_end(round);
        }
        Ok(())
    }

    fn capture(&mut self, job: &Job) -> Result<Done> {
        self.packer.check()?;
        let captured = |record, new_bytes, read_bytes, warning| {
            Ok(Done::Captured {
                ticket: job.ticket,
                record,
                new_bytes,
                read_bytes,
                warning,
            })
        };
        match self.read_steadily(job) {
            Ok((record, reading, warning)) => captured(
                Some(Box::new(record)),
                reading.new_bytes,
                reading.size_bytes,
                warning,
            ),
            Err(ReadFailure::Fatal(error)) => Err(error),
            Err(ReadFailure::Source(error)) if error.kind() == io::ErrorKind::NotFound => {
                captured(None, 0, 0, None)
            }
            Err(ReadFailure::Source(error)) => {
                let mut meta = job.meta.clone();
                meta.size = 0;
                let extras = Extras {
                    capture: Some(Capture::Unreadable),
                    ..Extras::default()
                };
                let record = Record {
                    name: job.name.clone(),
                    meta,
                    content: Content::Empty,
                    extras,
                };
                captured(
                    Some(Box::new(record)),
                    0,
                    0,
                    Some(format!("cannot read: {error}")),
                )
            }
        }
    }

    /// Reads until the file was the same before and after, or gives up and keeps it as torn.
    fn read_steadily(
        &mut self,
        job: &Job,
    ) -> Result<(Record, Reading, Option<String>), ReadFailure> {
        let mut attempt = 1;
        let mut new_bytes = 0;
        let mut listed = job.meta.clone();
        loop {
            let mut file = match job.dir.open_file(&job.name, &listed) {
                // Another file has taken its name since it was listed: that one is the file now.
                Err(error) if is_replaced(&error) && attempt < READ_ATTEMPTS => {
                    listed = job.dir.stat(&job.name)?;
                    attempt += 1;
                    continue;
                }
                outcome => outcome?,
            };
            let before = file.stat()?;
            let mut reading = self.read_once(&mut file, &before)?;
            let after = file.stat()?;
            new_bytes += reading.new_bytes;
            let steady = same_state(&before, &after) && reading.size_bytes == before.size;
            if steady || attempt == READ_ATTEMPTS {
                reading.new_bytes = new_bytes;
                let mut extras = Extras {
                    hard_link: hard_link(&after),
                    ..Extras::default()
                };
                let mut warning = None;
                match file.xattrs() {
                    Ok(xattrs) => extras.xattrs = xattrs,
                    Err(error) => {
                        extras.capture = Some(Capture::Torn);
                        warning = Some(format!("cannot read its attributes: {error}"));
                    }
                }
                if !steady {
                    extras.capture = Some(Capture::Torn);
                    warning = Some("changed while it was read".to_owned());
                }
                let mut meta = after;
                meta.size = reading.size_bytes;
                let content = std::mem::take(&mut reading.content);
                let record = Record {
                    name: job.name.clone(),
                    meta,
                    content,
                    extras,
                };
                return Ok((record, reading, warning));
            }
            attempt += 1;
        }
    }

    fn read_once(&mut self, file: &mut SourceFile, meta: &Meta) -> Result<Reading, ReadFailure> {
        let mut reading = Reading::default();
        if meta.size == 0 {
            return Ok(reading);
        }
        let sparse = meta.blocks.saturating_mul(512) < meta.size;
        if !sparse && meta.size <= self.chunker.sizes().min_bytes() as u64 {
            self.read_small(file, meta, &mut reading)?;
        } else if sparse {
            let segments: Vec<_> = file.segments(meta.size).collect::<io::Result<_>>()?;
            for segment in segments {
                match segment {
                    Segment::Data(range) => {
                        file.seek_to(range.start)?;
                        self.read_run(file, range.end - range.start, &mut reading)?;
                    }
                    Segment::Hole(range) => {
                        reading.extents.push(Extent::Hole(range.end - range.start));
                        reading.size_bytes += range.end - range.start;
                    }
                }
            }
        } else {
            file.advise_sequential();
            self.read_run(file, meta.size, &mut reading)?;
        }
        if !reading.extents.is_empty() {
            reading.content = Content::Extents(std::mem::take(&mut reading.extents));
        }
        Ok(reading)
    }

    fn read_small(
        &mut self,
        file: &mut SourceFile,
        meta: &Meta,
        reading: &mut Reading,
    ) -> Result<(), ReadFailure> {
        self.buffer.clear();
        file.take(meta.size).read_to_end(&mut self.buffer)?;
        reading.size_bytes = self.buffer.len() as u64;
        if self.buffer.is_empty() {
            return Ok(());
        }
        if reading.size_bytes <= self.inline_bytes {
            reading.content = Content::Inline(self.buffer.clone());
            return Ok(());
        }
        let id = self.hasher.id(&self.buffer);
        let (at, new) = self
            .writer
            .store(id, &self.buffer)
            .map_err(ReadFailure::Fatal)?;
        push_chunk(&mut reading.extents, at);
        reading.new_bytes = if new { reading.size_bytes } else { 0 };
        Ok(())
    }

    fn read_run(
        &mut self,
        file: &mut SourceFile,
        len: u64,
        reading: &mut Reading,
    ) -> Result<(), ReadFailure> {
        let buffer = std::mem::take(&mut self.buffer);
        let mut stream = self.chunker.stream_with(file.take(len), buffer);
        while let Some(raw) = stream.next_chunk()? {
            let id = self.hasher.id(raw);
            let (at, new) = self.writer.store(id, raw).map_err(ReadFailure::Fatal)?;
            push_chunk(&mut reading.extents, at);
            reading.size_bytes += raw.len() as u64;
            reading.new_bytes += if new { raw.len() as u64 } else { 0 };
            if self.queue.is_abandoned() {
                return Err(ReadFailure::Fatal(Error::Cancelled));
            }
            let round = self.queue.flush_round();
            if round > self.seen_round {
                self.take_part(round).map_err(ReadFailure::Fatal)?;
            }
        }
        self.buffer = stream.into_buffer();
        Ok(())
    }
}

/// Another file stands under the name than the one that was listed.
fn is_replaced(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StaleNetworkFileHandle
}

fn same_state(before: &Meta, after: &Meta) -> bool {
    before.size == after.size && before.mtime == after.mtime && before.ctime == after.ctime
}

/// A failure of the source concerns one file, any other ends the run.
enum ReadFailure {
    Source(io::Error),
    Fatal(Error),
}

impl From<io::Error> for ReadFailure {
    fn from(error: io::Error) -> Self {
        Self::Source(error)
    }
}
