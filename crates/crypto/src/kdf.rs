//! Passphrase to key.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::{Error, Passphrase, Result, SecretKey};

/// What deriving a key from a passphrase costs (Argon2id v1.3).
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct KdfCost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for KdfCost {
    fn default() -> Self {
        Self {
            memory_kib: 256 << 10,
            passes: 3,
            lanes: 4,
        }
    }
}

impl KdfCost {
    /// The least that readers accept; tests use it.
    pub const MINIMUM: Self = Self {
        memory_kib: 64 << 10,
        passes: 1,
        lanes: 1,
    };

    /// Checks the bounds within which slots are written and opened.
    ///
    /// # Errors
    /// [`Error::KdfCost`] naming the bound.
    pub fn validate(&self) -> Result<()> {
        if self.memory_kib < Self::MINIMUM.memory_kib || self.memory_kib > 4 << 20 {
            return Err(Error::KdfCost("memory is 64 MiB to 4 GiB"));
        }
        if !(1..=64).contains(&self.passes) {
            return Err(Error::KdfCost("passes are 1 to 64"));
        }
        if !(1..=16).contains(&self.lanes) {
            return Err(Error::KdfCost("lanes are 1 to 16"));
        }
        Ok(())
    }

    pub(crate) fn derive(&self, passphrase: &Passphrase, salt: &[u8; 16]) -> Result<SecretKey> {
        self.validate()?;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_invalid| Error::KdfCost("refused by Argon2"))?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.expose().as_bytes(), salt, key.as_mut_slice())
            .map_err(|_failed| Error::KdfCost("refused by Argon2"))?;
        Ok(SecretKey::from_bytes(*key))
    }
}
