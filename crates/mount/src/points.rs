//! The points of the vault: which there are, and those that are looked at.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use strongroom::vault::format::SessionId;
use strongroom::{Result, Strongroom};

use crate::node::OpenPoint;
use crate::shelf::Shelf;

/// The vault is asked for new points at most this often, and only when somebody looks.
const REFRESH_EVERY: Duration = Duration::from_secs(10);
/// Points that stay open though the kernel knows nothing of them.
const RECENT_MAX: usize = 8;

/// How a point is named after the time at which it was taken.
pub(crate) type NameOf = Arc<dyn Fn(DateTime<Utc>) -> String + Send + Sync>;

/// Opens points and keeps the shelf fresh.
pub(crate) struct Points {
    engine: Strongroom,
    name_of: NameOf,
    fresh: Mutex<Fresh>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Fresh {
    shelf: Arc<Shelf>,
    asked_at: Option<Instant>,
}

#[derive(Default)]
struct Open {
    all: HashMap<SessionId, Weak<OpenPoint>>,
    recent: VecDeque<Arc<OpenPoint>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Points {
    pub(crate) fn new(engine: Strongroom, name_of: NameOf) -> Self {
        Self {
            engine,
            name_of,
            fresh: Mutex::default(),
            open: Mutex::default(),
        }
    }

    /// The points that there are, as of a few seconds ago. Who asks while they are read again gets those from before, as
    /// does everybody while the vault cannot be read.
    pub(crate) fn shelf(&self) -> Arc<Shelf> {
        let now = Instant::now();
        let mut fresh = lock(&self.fresh);
        let is_old = |at: Instant| now.duration_since(at) >= REFRESH_EVERY;
        if !fresh.asked_at.is_none_or(is_old) {
            return Arc::clone(&fresh.shelf);
        }
        fresh.asked_at = Some(now);
        drop(fresh);
        if let Err(error) = self.refresh() {
            tracing::warn!(%error, "the recovery points cannot be listed");
        }
        Arc::clone(&lock(&self.fresh).shelf)
    }

    /// Reads them now.
    pub(crate) fn refresh(&self) -> Result<()> {
        let shelf = Arc::new(Shelf::arrange(&self.engine.points()?, &*self.name_of));
        *lock(&self.fresh) = Fresh {
            shelf,
            asked_at: Some(Instant::now()),
        };
        Ok(())
    }

    /// Opens a point whose root has this number. One that is open already is shared.
    pub(crate) fn open(&self, id: SessionId, root: u64) -> Result<Arc<OpenPoint>> {
        if let Some(point) = lock(&self.open).all.get(&id).and_then(Weak::upgrade) {
            return Ok(point);
        }
        let tree = self.engine.browse(&id)?;
        let point = Arc::new(OpenPoint { tree, root });
        let mut open = lock(&self.open);
        if let Some(other) = open.all.get(&id).and_then(Weak::upgrade) {
            return Ok(other);
        }
        open.all.retain(|_, point| point.strong_count() > 0);
        open.all.insert(id, Arc::downgrade(&point));
        open.recent.push_front(Arc::clone(&point));
        let oldest = match open.recent.len() {
            0..=RECENT_MAX => None,
            _ => open.recent.pop_back(),
        };
        // Closing a point takes its time: not while others wait.
        drop(open);
        drop(oldest);
        Ok(point)
    }
}
