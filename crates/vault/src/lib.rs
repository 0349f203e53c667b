//! Encrypted, deduplicated objects in any object store.
//!
//! A vault is a set of sealed objects (`docs/format.md`); this crate creates, reads and lists them and keeps the order
//! in which a session may write. It decides nothing about files, schedules or retention.
//!
//! | module | is |
//! |---|---|
//! | [`mod@format`] | the bytes of every object; pure |
//! | [`Store`] | one object store, or several as one, with deadlines, retries and create-once |
//! | [`Pace`] | how fast bytes may go to a store and come from it |
//! | [`catch_up()`] | what a place of a mirrored vault has missed |
//! | [`Vault`] | an open vault: configuration, keys, slots |
//! | [`Session`] | one writer: registration, packs, index, checkpoints, manifest |
//! | [`PackDirectory`] | which packs exist and where a chunk may be found |
//! | [`BlockReader`] | chunks by address, each block opened once |
//! | [`Notices`] | which copies of blocks are known to be damaged |
//! | [`points`] | recovery points of a vault |
//! | [`chain`] | deleting, holding and purging them |
//! | [`sweep()`] | deleting what no point reaches |
//! | [`CredentialTerms`] | which vault credentials were issued, and whether one still counts |
//! | [`PinSetting`] | whether what destroys asks for a PIN |
//! | [`mod@copy`] | bringing points to another place of the vault |
//! | [`wrap`] | stores that count, fail or wait, for tests and simulations |
//!
//! All calls are async and need a tokio runtime with time enabled.

mod admission;
mod cache;
mod catch_up;
pub mod chain;
pub mod copy;
mod directory;
mod error;
mod failover;
pub mod format;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod hints;
mod inspect;
mod location;
mod notices;
mod pace;
mod pin;
pub mod points;
mod probe;
mod reader;
mod refusal;
mod remaps;
mod rule;
#[cfg(test)]
mod search;
mod session;
mod slots;
mod store;
mod sweep;
mod vault;
pub mod wrap;

pub use admission::CredentialTerms;
pub use catch_up::{CaughtUp, catch_up};
pub use directory::{Candidate, IndexProblem, PackDirectory, PackEntry};
pub use error::{Error, Result};
pub use failover::{AddedPlace, FailoverReport, add_place, failover};
pub use hints::{ChunkHints, hints_of, metadata_of_session};
pub use inspect::{BlockCopy, ChunkCheck, Fault, Inspection};
pub use location::{
    OpenGateway, StoreSettings, VaultUrl, create_store, is_same_place, open_disks, open_store,
    open_url, open_url_with,
};
pub use notices::Notices;
pub use pace::{Direction, Pace};
pub use pin::{PIN_RESET_DAYS, PinProblem, PinSecret, PinSetting, Protected};
pub use probe::probe;
pub use reader::BlockReader;
pub use refusal::{Refusal, RefusalKind};
pub use remaps::Remaps;
pub use session::{Committed, LeftBehind, Session};
pub use slots::SlotView;
pub use store::{Created, Listed, PlaceView, Store};
pub use sweep::{
    Emptied, OpenSession, Outlook, SweepOptions, SweepReport, Unusable, outlook, sweep,
};
pub use vault::{InitOptions, Vault};
