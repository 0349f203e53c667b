//! What the fuzz targets of this crate do with bytes.
//!
//! A body takes any bytes, hands them to a parser, checks the laws of `docs/format.md` on what comes out, and tells
//! whether the parser accepted them; a broken law panics.

use crate::slot::parse_label;
use crate::{
    Credential, Error, KdfCost, KeyBundle, Role, SecretKey, SeededEntropy, SlotSecret, SlotTerms,
    inspect_slot, open_slot, seal_slot,
};

/// Takes any bytes; true when they were accepted.
pub type Body = fn(&[u8]) -> bool;

/// Name and body of every target of this crate.
pub const TARGETS: &[(&str, Body)] = &[
    ("credential", credential),
    ("slot", slot),
    ("slot_bundle", slot_bundle),
];

fn credential_of(seed: u64) -> Credential {
    Credential::generate([0xab; 16], &SeededEntropy::new(seed)).expect("seeded")
}

/// A key slot object, as anybody may put it into the store.
pub fn slot(object: &[u8]) -> bool {
    let credential = credential_of(1);
    let opened = open_slot(object, SlotSecret::Credential(&credential));
    assert!(opened.is_err(), "a slot that this credential did not seal");
    let Ok(info) = inspect_slot(object) else {
        return false;
    };
    assert!((64 + 104 + 16..=4096).contains(&object.len()));
    let cost = info.cost.unwrap_or(KdfCost::MINIMUM);
    assert!((64 << 10..=4 << 20).contains(&cost.memory_kib));
    assert!((1..=64).contains(&cost.passes) && (1..=16).contains(&cost.lanes));
    assert_eq!(info.is_credential, info.cost.is_none());
    assert_eq!(
        object.get(64),
        Some(&if info.is_credential { 2 } else { 1 })
    );
    assert_eq!(object.get(65), Some(&info.role.number()));
    assert_eq!(object.get(96..104), Some(info.domain_id.as_slice()));
    assert_eq!(object.get(66..68), Some([0; 2].as_slice()));
    assert_eq!(object.get(104..112), Some([0; 8].as_slice()));
    true
}

/// What lies sealed in a slot: keys, then the label.
pub fn slot_bundle(plain: &[u8]) -> bool {
    let Ok((bundle, rest)) = KeyBundle::decode(plain) else {
        return false;
    };
    let encoded = bundle.encode();
    let (again, nothing) = KeyBundle::decode(&encoded).expect("its own");
    assert!(*again.encode() == *encoded && nothing.is_empty());
    // Keys of kinds that are not known are passed over; all others come back.
    let read_bytes = plain.len() - rest.len();
    assert!(encoded.len() <= read_bytes && (read_bytes - encoded.len()).is_multiple_of(37));
    assert!(encoded.len() < read_bytes || plain.starts_with(&encoded));
    let Ok(label) = parse_label(rest) else {
        return false;
    };
    assert_eq!(
        parse_label(label.to_json().as_bytes()).expect("its own"),
        label
    );
    let (credential, entropy) = (credential_of(1), SeededEntropy::new(2));
    let (front, secret) = ([0xcd; 64], SlotSecret::Credential(&credential));
    let terms = SlotTerms {
        role: Role::Agent,
        cost: KdfCost::MINIMUM,
        domain_id: [0x22; 8],
    };
    let sealed = match seal_slot(&front, secret, terms, &bundle, &label, &entropy) {
        Ok(body) => [front.as_slice(), &body].concat(),
        Err(error) => {
            assert!(matches!(error, Error::TooLong(_)), "{error}");
            return true;
        }
    };
    check_sealed(&sealed, secret, &encoded, &label);
    true
}

fn check_sealed(object: &[u8], secret: SlotSecret<'_>, keys: &[u8], label: &crate::SlotLabel) {
    let (opened, label_again) = open_slot(object, secret).expect("its own");
    assert!(opened.encode().as_slice() == keys && label_again == *label);
    let stranger = credential_of(3);
    let refused = open_slot(object, SlotSecret::Credential(&stranger));
    assert!(matches!(refused, Err(Error::WrongKey)));
    let mixed = keys.iter().fold(object.len(), |sum, &byte| {
        sum.wrapping_mul(31).wrapping_add(usize::from(byte))
    });
    let mut changed = object.to_vec();
    if let Some(byte) = changed.get_mut(mixed % object.len()) {
        *byte ^= 1 << (mixed % 8);
    }
    assert!(open_slot(&changed, secret).is_err());
}

/// The text of a credential.
pub fn credential(bytes: &[u8]) -> bool {
    let Ok(given) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Ok(credential) = Credential::from_text(given) else {
        return false;
    };
    let text = credential.to_text();
    let again = Credential::from_text(&text).expect("its own");
    assert_eq!(again.slot_id(), credential.slot_id());
    let expose = |credential: &Credential| *SecretKey::expose(credential.secret());
    assert!(expose(&again) == expose(&credential));
    // Upper case and white space around it are allowed, because people copy such texts.
    assert!(given.trim().eq_ignore_ascii_case(&text));
    true
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::{TARGETS, replay};

    #[test]
    fn the_corpus_of_every_target_is_replayed() {
        replay::all("strongroom_crypto", TARGETS);
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
