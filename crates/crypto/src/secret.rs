//! A 32-byte key that forgets itself.

use zeroize::Zeroizing;

use crate::{Entropy, Result};

/// A secret key: wiped on drop, neither printable nor comparable, copied only on purpose.
pub struct SecretKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl SecretKey {
    /// A key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A fresh random key.
    ///
    /// # Errors
    /// When there is no entropy.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// The bytes, for a cipher or hash.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A second copy of the key.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// `derive_key(context, self ‖ suffix)`.
    #[must_use]
    pub fn derive(&self, context: &'static str, suffix: &[u8]) -> Self {
        let mut out = Zeroizing::new([0; 32]);
        self.derive_into(context, suffix, out.as_mut_slice());
        Self(out)
    }

    /// Like [`SecretKey::derive`], any number of bytes.
    pub fn derive_into(&self, context: &'static str, suffix: &[u8], out: &mut [u8]) {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(self.0.as_slice());
        hasher.update(suffix);
        hasher.finalize_xof().fill(out);
    }
}
