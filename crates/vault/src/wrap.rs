//! Stores around stores, for tests and simulations: of this crate, and of programs that build on it.
//!
//! [`Memory`] is a store in memory that can be copied in one step and whose clock stands still until it is set.
//! [`Faulty`] puts a judge in front of any store, who decides what becomes of each operation; [`recording`] only
//! counts; [`Weather`] is a judge that throws dice, the same for the same seed.
//!
//! Two of them around each other are both at work: one may slow down what the other lets fail.
//!
//! # Examples
//! A disk that is full, as far as packs are concerned:
//! ```
//! use strongroom_vault::wrap::{Action, Fate, Faulty, Memory};
//! let memory = Memory::new();
//! let full = Faulty::new(memory, |operation| match operation.action {
//!     Action::Put if operation.name.starts_with("d/") => Fate::Fail(std::io::ErrorKind::StorageFull),
//!     _ => Fate::Pass,
//! });
//! # drop(full);
//! ```

mod faulty;
mod memory;
mod pages;
mod weather;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use object_store::ObjectStore;

pub use faulty::{Fate, Faulty};
pub use memory::Memory;
pub use weather::{Dice, Weather};

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// An object is written.
    Put,
    /// An object, a range of it or its length is read.
    Get,
    /// Names are listed.
    List,
    /// An object is deleted.
    Delete,
}

impl Action {
    /// Whether the store is another one afterwards.
    #[must_use]
    pub fn is_change(self) -> bool {
        matches!(self, Self::Put | Self::Delete)
    }
}

/// One operation on a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What.
    pub action: Action,
    /// On which object or prefix.
    pub name: String,
    /// Bytes written; 0 for anything else.
    pub bytes: u64,
}

/// What [`recording`] has seen. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Operation>>>);

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<Operation>> {
        lock(&self.0)
    }

    /// All operations since the last call, in order.
    #[must_use]
    pub fn take(&self) -> Vec<Operation> {
        std::mem::take(&mut self.lock())
    }

    /// Names of the objects written so far.
    #[must_use]
    pub fn written(&self) -> Vec<String> {
        let log = self.lock();
        log.iter()
            .filter(|operation| operation.action == Action::Put)
            .map(|put| put.name.clone())
            .collect()
    }
}

/// A store that writes down every operation before passing it on.
pub fn recording(inner: Arc<dyn ObjectStore>) -> (Arc<dyn ObjectStore>, Log) {
    let log = Log::default();
    let seen = log.clone();
    let store = Faulty::new(inner, move |operation| {
        seen.lock().push(operation.clone());
        Fate::Pass
    });
    (store, log)
}

/// A judge or a test that panicked has failed already.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
