//! What every point must give back, kept beside the store.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, PoisonError};

use crate::format::{ChunkAddress, SessionId};
use crate::points::PointRef;
use crate::wrap::Operation;

/// What a point is made of.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) point: PointRef,
    /// Number and place of each content.
    pub(super) contents: Vec<(u64, ChunkAddress)>,
    pub(super) tree: ChunkAddress,
    pub(super) list: ChunkAddress,
    /// The writer was told that the point exists.
    pub(super) is_acknowledged: bool,
    /// Someone purged it, or did not hear that they had not.
    pub(super) may_be_gone: bool,
}

/// All points that anyone has tried to make.
#[derive(Default)]
pub(super) struct Shadow {
    points: RefCell<BTreeMap<SessionId, Expected>>,
    pub(super) packs_deleted_count: Cell<u64>,
    losses: RefCell<Vec<String>>,
    trace: Arc<Trace>,
}

impl Shadow {
    /// A writer is about to make a point.
    pub(super) fn expect(&self, expected: Expected) {
        let sid = expected.point.sid;
        self.points.borrow_mut().insert(sid, expected);
    }

    /// Something is known about a point that was expected.
    pub(super) fn note(&self, sid: SessionId, change: impl FnOnce(&mut Expected)) {
        if let Some(expected) = self.points.borrow_mut().get_mut(&sid) {
            change(expected);
        }
    }

    pub(super) fn get(&self, sid: SessionId) -> Option<Expected> {
        self.points.borrow().get(&sid).cloned()
    }

    pub(super) fn all(&self) -> Vec<Expected> {
        self.points.borrow().values().cloned().collect()
    }

    /// Something is lost that must not be.
    pub(super) fn lose(&self, what: String) {
        self.losses.borrow_mut().push(what);
    }

    pub(super) fn first_loss(&self) -> Option<String> {
        self.losses.borrow().first().cloned()
    }

    pub(super) fn trace(&self) -> Arc<Trace> {
        Arc::clone(&self.trace)
    }
}

/// All operations, counted and hashed in order; with `STRONGROOM_TRACE` in the environment they are printed.
#[derive(Debug)]
pub(super) struct Trace {
    is_shown: bool,
    seen: Mutex<(u64, u64)>,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            is_shown: std::env::var_os("STRONGROOM_TRACE").is_some(),
            seen: Mutex::default(),
        }
    }
}

impl Trace {
    pub(super) fn note(&self, actor: &str, operation: &Operation) {
        if self.is_shown {
            println!("{actor:12} {:?} {}", operation.action, operation.name);
        }
        let mut trace = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(trace.1);
        hasher.write(actor.as_bytes());
        hasher.write_u8(operation.action as u8);
        hasher.write(operation.name.as_bytes());
        *trace = (trace.0 + 1, hasher.finish());
    }

    /// How many there were, and the hash over them.
    pub(super) fn get(&self) -> (u64, u64) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of a content.
pub(super) fn bytes_of(content: u64) -> Vec<u8> {
    let mut bytes = vec![0; 60 + usize::try_from(content).unwrap_or(0)];
    let mut hasher = blake3::Hasher::new_derive_key("strongroom search content");
    hasher.update(&content.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}
