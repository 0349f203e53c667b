//! Signatures of owners and maintenance hosts.

use ed25519_dalek::Signer;

use crate::{Error, Result, SecretKey};

/// An Ed25519 signing key; wiped on drop.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// The key of a seed.
    #[must_use]
    pub fn from_seed(seed: &SecretKey) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    /// What others check signatures with.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`Error::BadSignature`] never in practice: a local key does not fail to sign.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        Ok(self
            .0
            .try_sign(message)
            .map_err(|_| Error::BadSignature)?
            .to_bytes())
    }
}

/// Checks a signature strictly (no malleable forms).
///
/// # Errors
/// [`Error::BadSignature`].
pub fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<()> {
    let key =
        ed25519_dalek::VerifyingKey::from_bytes(public_key).map_err(|_| Error::BadSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    key.verify_strict(message, &signature)
        .map_err(|_| Error::BadSignature)
}
