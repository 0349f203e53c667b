//! How fast bytes may go to a store and come from it.
//!
//! A [`Pace`] decides, a [`Pacer`] keeps the one that counts now, and each request has a [`Ticket`] with which it asks
//! for one piece after another. Requests of a direction stand in one queue, so that all of them get on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

/// What is asked for at once. It fits into a second of the slowest rates, so that no request waits long for the others.
const PIECE_BYTES: u64 = 32 << 10;
/// What is not larger does not stand in the queue: registrations, marks and manifests wait for nobody's packs.
const SMALL_BYTES: u64 = 16 << 10;
/// A pace may change while something waits: it is asked again after so long at most.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// What is written.
    ToStore,
    /// What is read.
    FromStore,
}

/// Decides when bytes may go to a store or come from it ([`Store::set_pace`](crate::Store::set_pace)).
pub trait Pace: Send + Sync + std::fmt::Debug {
    /// Lets `bytes` go, or says how long to wait before asking again; then nothing was taken. It is asked for 32 KiB or
    /// less, and may be asked again earlier than it said.
    fn take(&self, direction: Direction, bytes: u64) -> Option<Duration>;
}

/// The pace of a store, which may change at any time. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pacer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    pace: RwLock<Option<Arc<dyn Pace>>>,
    to_store: tokio::sync::Mutex<()>,
    from_store: tokio::sync::Mutex<()>,
    held_count: AtomicUsize,
}

impl Pacer {
    pub(crate) fn set(&self, pace: Option<Arc<dyn Pace>>) {
        *self.0.pace.write().unwrap_or_else(PoisonError::into_inner) = pace;
    }

    /// Whether a request waits for its turn now.
    pub(crate) fn is_holding(&self) -> bool {
        self.0.held_count.load(Ordering::Relaxed) > 0
    }

    /// A ticket for one request.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(Arc::new(Request {
            pacer: self.clone(),
            held: Mutex::default(),
        }))
    }

    fn pace(&self) -> Option<Arc<dyn Pace>> {
        let pace = self.0.pace.read();
        pace.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a piece may go.
    async fn admit(&self, direction: Direction, bytes: u64) {
        let queue = match direction {
            Direction::ToStore => &self.0.to_store,
            Direction::FromStore => &self.0.from_store,
        };
        let _turn = if bytes > SMALL_BYTES {
            Some(queue.lock().await)
        } else {
            None
        };
        while let Some(wait) = self.pace().and_then(|pace| pace.take(direction, bytes)) {
            tokio::time::sleep(wait.min(ASK_AGAIN_AFTER)).await;
        }
    }
}

/// Whatever counts at the time: so another store keeps the same pace.
impl Pace for Pacer {
    fn take(&self, direction: Direction, bytes: u64) -> Option<Duration> {
        self.pace()?.take(direction, bytes)
    }
}

/// The turns of one request. Clones are of the same request.
#[derive(Debug, Clone)]
pub(crate) struct Ticket(Arc<Request>);

#[derive(Debug)]
struct Request {
    pacer: Pacer,
    held: Mutex<Held>,
}

/// How long a request was held back.
#[derive(Debug, Default)]
struct Held {
    before: Duration,
    since: Option<Instant>,
}

impl Held {
    fn so_far(&self) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Ticket {
    /// Whether nothing holds it back now.
    pub(crate) fn is_free(&self) -> bool {
        self.0.pacer.pace().is_none()
    }

    /// Waits until so many bytes may go. One who stops waiting has taken no more than the pieces that had their turn.
    pub(crate) async fn pass(&self, direction: Direction, bytes: u64) {
        if self.is_free() {
            return;
        }
        let _waits = Wait::begin(&self.0);
        let mut left = bytes;
        while left > 0 {
            let piece = left.min(PIECE_BYTES);
            self.0.pacer.admit(direction, piece).await;
            left -= piece;
        }
    }

    /// How long the request was held back so far: no time in which the store was silent.
    pub(crate) fn held(&self) -> Duration {
        self.0.held().so_far()
    }
}

impl Request {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the time until it is dropped, by whatever end.
struct Wait<'a>(&'a Request);

impl<'a> Wait<'a> {
    fn begin(request: &'a Request) -> Self {
        request.held().since = Some(Instant::now());
        request.pacer.0.held_count.fetch_add(1, Ordering::Relaxed);
        Self(request)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut held = self.0.held();
        held.before = held.so_far();
        held.since = None;
        self.0.pacer.0.held_count.fetch_sub(1, Ordering::Relaxed);
    }
}
