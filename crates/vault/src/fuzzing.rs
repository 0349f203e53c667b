//! What the fuzz targets of this crate do with bytes.
//!
//! A body takes any bytes, hands them to a parser, checks the laws of `docs/format.md` on what comes out, and tells
//! whether the parser accepted them; a broken law panics. Bodies that stand behind a seal seal the bytes first. The
//! corpus under `fuzz/corpus` is replayed by the ordinary tests.

mod objects;
mod sweep;
mod tables;

pub use objects::{config, control, copied_point, header, manifest};
pub use sweep::{notice, remap, signed, sweep_document, sweep_table};
pub use tables::{block, index_segment, list_piece, object_name, pack_toc, wire};

use strongroom_crypto::SecretKey;

use crate::format::{FormatError, Header, ObjectKind, VaultId, open_object, seal_object};

/// Takes any bytes; true when they were accepted.
pub type Body = fn(&[u8]) -> bool;

/// Name and body of every target of this crate.
pub const TARGETS: &[(&str, Body)] = &[
    ("block", block),
    ("config", config),
    ("control", control),
    ("header", header),
    ("index_segment", index_segment),
    ("list_piece", list_piece),
    ("copied_point", copied_point),
    ("manifest", manifest),
    ("notice", notice),
    ("object_name", object_name),
    ("pack_toc", pack_toc),
    ("remap", remap),
    ("signed", signed),
    ("sweep_document", sweep_document),
    ("sweep_table", sweep_table),
    ("wire", wire),
];

/// The vault of all bodies: the one of the golden vectors, so that seeds can be taken from them.
const VAULT: VaultId = VaultId::from_bytes([0x11; 16]);
const OTHER_VAULT: VaultId = VaultId::from_bytes([0x12; 16]);
const OBJECT_ID: [u8; 16] = [0xab; 16];

fn key() -> SecretKey {
    SecretKey::from_bytes([2; 32])
}

fn other_key() -> SecretKey {
    SecretKey::from_bytes([3; 32])
}

/// A position below `len` that depends on every byte, so that the fuzzer can move it.
fn some_position(bytes: &[u8], len: usize) -> usize {
    let mixed = bytes.iter().fold(7_usize, |sum, &byte| {
        sum.wrapping_mul(31).wrapping_add(usize::from(byte))
    });
    mixed % len.max(1)
}

/// The same bytes with one bit turned over.
fn with_a_bit_turned(bytes: &[u8]) -> Vec<u8> {
    let at = some_position(bytes, bytes.len());
    let mut changed = bytes.to_vec();
    if let Some(byte) = changed.get_mut(at) {
        *byte ^= 1 << (at % 8);
    }
    changed
}

/// Seals the bytes, and checks that only the same kind, key and vault open them, and only unchanged.
fn sealed(kind: ObjectKind, plain: &[u8]) -> Vec<u8> {
    let object = seal_object(kind, OBJECT_ID, &key(), &VAULT, plain).expect("within the limit");
    let opened = open_object(kind, &key(), &VAULT, &object).expect("the key that sealed it");
    assert!(opened == plain, "an object opens to what was sealed");
    assert!(open_object(kind, &other_key(), &VAULT, &object).is_err());
    assert!(open_object(kind, &key(), &OTHER_VAULT, &object).is_err());
    assert!(open_object(kind, &key(), &VAULT, &with_a_bit_turned(&object)).is_err());
    assert!(
        Header::parse(&object, ObjectKind::Slot)
            .is_err_and(|error| matches!(error, FormatError::WrongKind { .. }))
    );
    let body = object.get(crate::format::HEADER_BYTES..).expect("a body");
    let disguise = Header::new(ObjectKind::Slot, OBJECT_ID, body.len() as u64).encode(&[]);
    let disguised = [disguise.as_slice(), body].concat();
    assert!(open_object(ObjectKind::Slot, &key(), &VAULT, &disguised).is_err());
    object
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::{TARGETS, replay};

    #[test]
    fn the_corpus_of_every_target_is_replayed() {
        replay::all("strongroom_vault", TARGETS);
    }

    #[test]
    fn mutated_seeds_break_no_law() {
        replay::mutated(TARGETS, 1_000);
    }

    #[test]
    #[ignore = "soak: minutes"]
    fn soak_mutated_seeds_break_no_law() {
        replay::mutated(TARGETS, 50_000);
    }
}
