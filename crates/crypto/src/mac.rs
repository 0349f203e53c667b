//! Keyed hashes.

use crate::SecretKey;

/// Keyed BLAKE3 over the parts, one after another.
#[must_use]
pub fn mac(key: &SecretKey, parts: &[&[u8]]) -> [u8; 32] {
    keyed(key, parts).into()
}

/// Compares in constant time.
#[must_use]
pub fn verify_mac(key: &SecretKey, parts: &[&[u8]], expected: &[u8; 32]) -> bool {
    keyed(key, parts) == blake3::Hash::from_bytes(*expected)
}

fn keyed(key: &SecretKey, parts: &[&[u8]]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key.expose());
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}
