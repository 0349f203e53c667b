//! Encrypted, deduplicated objects in any object store.
//!
//! A vault is a set of sealed objects (`docs/format.md`); this crate creates, reads and lists them and keeps the order
//! in which a session may write. It decides nothing about files, schedules or retention.
//!
//! | module | is |
//! |---|---|
//! | [`mod@format`] | the bytes of every object; pure |
//! | [`Store`] | an object store with deadlines, retries and create-once |
//! | [`Vault`] | an open vault: configuration, keys, slots |
//! | [`Session`] | one writer: registration, packs, index, checkpoints, manifest |
//! | [`PackDirectory`] | which packs exist and where a chunk may be found |
//! | [`BlockReader`] | chunks by address, each block opened once |
//! | [`points`] | recovery points of a vault |
//! | [`chain`] | deleting, holding and purging them |
//! | [`sweep()`] | deleting what no point reaches |
//! | [`wrap`] | stores that count or fail, for tests and simulations |
//!
//! All calls are async and need a tokio runtime with time enabled.

mod cache;
pub mod chain;
mod directory;
mod error;
pub mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod location;
pub mod points;
mod probe;
mod reader;
mod remaps;
mod session;
mod slots;
mod store;
mod sweep;
mod vault;
pub mod wrap;

pub use directory::{IndexProblem, PackDirectory, PackEntry};
pub use error::{Error, Result};
pub use location::open_url;
pub use probe::probe;
pub use reader::{BlockReader, WholePack};
pub use remaps::Remaps;
pub use session::{Committed, LeftBehind, Session};
pub use slots::SlotView;
pub use store::{Created, Listed, Store};
pub use sweep::{
    Emptied, OpenSession, Outlook, SweepOptions, SweepReport, Unusable, outlook, sweep,
};
pub use vault::{InitOptions, Vault};
