//! Passphrase to keys; seal and open.
//!
//! Pure: no clock, no files, no store, and randomness only through [`Entropy`]. Byte layouts are those of
//! `docs/format.md` §4, §5 and §7; names and meanings of the keys stand there.
//!
//! | module | is |
//! |---|---|
//! | [`Passphrase`], [`KdfCost`], [`Credential`] | what a person or a machine holds |
//! | [`seal_slot`], [`open_slot`], [`KeyBundle`] | the key slot in which a vault keeps its keys |
//! | [`KeyRing`], [`DomainKeys`] | the keys that follow, each for one purpose |
//! | [`seal_frames`], [`seal_block`] | authenticated encryption of objects and blocks |
//!
//! # Examples
//! ```
//! use strongroom_crypto::{OsEntropy, SecretKey, open_frames, seal_frames};
//! let key = SecretKey::generate(&OsEntropy)?;
//! let sealed = seal_frames(&key, 8, b"registration")?;
//! assert_eq!(open_frames(&key, 8, &sealed)?, b"registration");
//! # Ok::<(), strongroom_crypto::Error>(())
//! ```

mod block;
mod bundle;
pub mod context;
mod credential;
mod domain;
mod entropy;
mod error;
mod frames;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod kdf;
mod mac;
mod passphrase;
pub mod pin;
mod ring;
mod role;
mod secret;
#[cfg(feature = "signing")]
pub mod signing;
mod slot;

pub use block::{BLOCK_NONCE_LEN, BLOCK_OVERHEAD, BlockContext, BlockType, open_block, seal_block};
pub use bundle::{KeyBundle, KeyKind};
pub use credential::Credential;
pub use domain::DomainKeys;
pub use entropy::{Entropy, OsEntropy, SeededEntropy};
pub use error::{Error, Result};
pub use frames::{
    FRAME_LEN, SEALED_FRAME_LEN, framed_len, object_key, open_frame, open_frames, seal_frames,
};
pub use kdf::KdfCost;
pub use mac::{mac, verify_mac};
pub use passphrase::Passphrase;
pub use ring::KeyRing;
pub use role::Role;
pub use secret::SecretKey;
pub use slot::{
    SlotInfo, SlotLabel, SlotSecret, SlotTerms, inspect_slot, open_slot, seal_slot, slot_body_len,
};
