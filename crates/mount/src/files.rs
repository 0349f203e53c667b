//! Open files, and the threads that read ahead.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use strongroom::{FileReader, Result};

use crate::sequence::Sequence;

/// Threads that read ahead.
const AHEAD_THREADS: usize = 2;
/// Wishes that wait for them; more are dropped, which costs time and nothing else.
const AHEAD_WAITING: usize = 8;

/// What is to be read ahead.
type Wish = (Arc<FileReader>, Range<u64>);

/// One opening of a file.
struct Handle {
    reader: Arc<FileReader>,
    sequence: Mutex<Sequence>,
}

/// All openings of files. Those of one file share what is known of it.
pub(crate) struct Files {
    handles: Mutex<HashMap<u64, Arc<Handle>>>,
    readers: Mutex<HashMap<u64, Weak<FileReader>>>,
    last: AtomicU64,
    ahead: SyncSender<Wish>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Files {
    /// Starts the threads, which end when this is dropped.
    pub(crate) fn start() -> io::Result<Self> {
        let (ahead, wishes) = sync_channel(AHEAD_WAITING);
        let wishes = Arc::new(Mutex::new(wishes));
        for _ in 0..AHEAD_THREADS {
            let wishes = Arc::clone(&wishes);
            let builder = std::thread::Builder::new().name("read-ahead".to_owned());
            drop(builder.spawn(move || read_ahead(&wishes))?);
        }
        Ok(Self {
            handles: Mutex::default(),
            readers: Mutex::default(),
            last: AtomicU64::new(0),
            ahead,
        })
    }

    /// Opens the file of this inode number; returns the number of the opening.
    pub(crate) fn open(
        &self,
        number: u64,
        open: impl FnOnce() -> Result<FileReader>,
    ) -> Result<u64> {
        let known = lock(&self.readers).get(&number).and_then(Weak::upgrade);
        let reader = match known {
            Some(reader) => reader,
            None => {
                let reader = Arc::new(open()?);
                lock(&self.readers).insert(number, Arc::downgrade(&reader));
                reader
            }
        };
        let handle = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let sequence = Mutex::default();
        lock(&self.handles).insert(handle, Arc::new(Handle { reader, sequence }));
        Ok(handle)
    }

    pub(crate) fn close(&self, number: u64, handle: u64) {
        // The reader goes before it is asked for, so that the last one is found to be gone.
        drop(lock(&self.handles).remove(&handle));
        let mut readers = lock(&self.readers);
        if readers
            .get(&number)
            .is_some_and(|it| it.strong_count() == 0)
        {
            readers.remove(&number);
        }
    }

    /// The file of an opening.
    pub(crate) fn reader(&self, handle: u64) -> Option<Arc<FileReader>> {
        let handle = lock(&self.handles).get(&handle).map(Arc::clone)?;
        Some(Arc::clone(&handle.reader))
    }

    /// Bytes of an opened file; what a reader in order asks for next is fetched meanwhile.
    pub(crate) fn read(&self, handle: u64, offset: u64, len: usize) -> Option<Result<Vec<u8>>> {
        let handle = lock(&self.handles).get(&handle).map(Arc::clone)?;
        let reader = &handle.reader;
        let end = offset.saturating_add(len as u64).min(reader.size());
        let ahead = lock(&handle.sequence).next(offset.min(end)..end);
        if let Some(range) = ahead.filter(|range| range.start < reader.size()) {
            // Where no thread is free, the reader comes to it by itself.
            let _is_taken = self.ahead.try_send((Arc::clone(reader), range)).is_ok();
        }
        Some(reader.read_at(offset, len))
    }
}

fn read_ahead(wishes: &Mutex<Receiver<Wish>>) {
    loop {
        // The lock is held while waiting: the other thread waits for the lock instead.
        let next = lock(wishes).recv();
        let Ok((reader, range)) = next else { return };
        let len = usize::try_from(range.end - range.start).unwrap_or(0);
        if let Err(error) = reader.prefetch(range.start, len) {
            tracing::debug!(%error, "nothing is read ahead");
        }
    }
}
