//! The bytes of a vault: pure codecs of every object, without any store.
//!
//! Layouts and limits are those of `docs/format.md`. All lengths that come from outside are checked before they are
//! used; hostile bytes give a [`FormatError`], never a panic.

mod block;
mod chain;
mod config;
mod control;
mod copied;
mod credential;
mod cycle;
mod error;
mod generation;
mod header;
mod ids;
mod issued;
mod json;
mod list;
mod manifest;
mod name;
mod notice;
mod pack;
mod path;
mod remap;
mod sealed;
mod security;
mod segment;
mod signed;
mod toc;
pub mod wire;

pub use block::BlockCodec;
pub use chain::{ChainState, Hold, Link, LinkOp, Standing};
pub(crate) use config::PLACES_MAX;
pub use config::{ChunkerConfig, PlaceConfig, PlaceMode, VaultConfig};
pub use control::{Checkpoint, Fence, Pin, Registration};
pub use copied::{COPIED_FRONT_BYTES, CopiedPoint};
pub use credential::{CredentialFile, CredentialProblem, VaultCredential};
pub use cycle::{CYCLE_MAX_ENTRIES, End, Mark, Plan};
pub use error::FormatError;
pub use generation::{CountedPlans, Generation};
pub use header::{EXT_MAX_BYTES, HEADER_BYTES, Header, ObjectKind};
pub(crate) use ids::parse_hex;
pub use ids::{
    BlockName, ChunkAddress, DomainId, MachineId, NoticeId, PackId, RemapId, SessionId, SlotId,
    SourceId, VaultId,
};
pub use issued::Issued;
pub use list::{BlockUse, ListPiece, PackUse, ScannedBlock, ends_list_piece};
pub use manifest::{
    ListPieceRef, Manifest, Names, PointStats, PreviousPoint, SkippedEntry, Structure,
};
pub use name::ObjectName;
pub use notice::{HurtPack, Notice};
pub use pack::{PACK_MAX_BYTES, PackBuilder, SealedPack, pack_padding, padme};
pub use path::PathText;
pub use remap::{Remap, RemapRun};
pub(crate) use sealed::Frames;
pub use sealed::{open_object, seal_object};
pub use security::{Security, SpentPin};
pub(crate) use segment::SegmentFront;
pub use segment::{Segment, SegmentEntry, SegmentPack};
pub use signed::{Signer, Signers, open_signed, seal_signed};
pub use toc::{BlockRow, BlockRowDraft, ChunkRow, TOC_AT, Toc, toc_extent};
