//! Context strings of all key derivations (format.md §4, §5, §7). Frozen: a change makes vaults unreadable.

/// MAC key of the configuration.
pub const CONFIG: &str = "strongroom 2026-11 v1 config";
/// Reserved for the vault's head chain.
pub const HEAD: &str = "strongroom 2026-11 v1 head";
/// Seed of the owner's signing key.
pub const OWNER_SIGNING: &str = "strongroom 2026-11 v1 owner signing";
/// Secrets of security PINs.
pub const PIN: &str = "strongroom 2026-11 v1 pin";
/// Root key of one domain.
pub const DOMAIN: &str = "strongroom 2026-11 v1 domain";
/// Seed of the signing key of maintenance hosts.
pub const MAINTENANCE_SIGNING: &str = "strongroom 2026-11 v1 maintenance signing";
/// Chunk ids of file content.
pub const CHUNK_ID_DATA: &str = "strongroom 2026-11 v1 chunk id data";
/// Chunk ids of tree and extent pieces.
pub const CHUNK_ID_TREE: &str = "strongroom 2026-11 v1 chunk id tree";
/// Chunk ids of list pieces.
pub const CHUNK_ID_LIST: &str = "strongroom 2026-11 v1 chunk id list";
/// Gear table of the chunker.
pub const GEAR_TABLE: &str = "strongroom 2026-11 v1 gear table";
/// Data blocks.
pub const DATA: &str = "strongroom 2026-11 v1 data";
/// Tree blocks.
pub const TREE: &str = "strongroom 2026-11 v1 tree";
/// List blocks.
pub const LIST: &str = "strongroom 2026-11 v1 list";
/// Tables of contents, index segments and remaps.
pub const TABLE_OF_CONTENTS: &str = "strongroom 2026-11 v1 table of contents";
/// Structure section of manifests.
pub const MANIFEST: &str = "strongroom 2026-11 v1 manifest";
/// Names section of manifests.
pub const NAMES: &str = "strongroom 2026-11 v1 names";
/// Registrations, pins, checkpoints, fences, chain links, marks, plans and ends.
pub const CONTROL: &str = "strongroom 2026-11 v1 control";
/// Source ids.
pub const SOURCE_ID: &str = "strongroom 2026-11 v1 source id";
/// Commitment of a slot to its secret.
pub const SLOT_COMMIT: &str = "strongroom 2026-11 v1 slot commit";
/// Key that seals the bundle of a slot.
pub const SLOT_WRAP: &str = "strongroom 2026-11 v1 slot wrap";
/// Padding of packs.
pub const PADDING: &str = "strongroom 2026-11 v1 padding";
