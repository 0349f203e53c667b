//! What a machine holds instead of a passphrase.

use zeroize::Zeroizing;

use crate::{Entropy, Error, Result, SecretKey};

const PREFIX: &str = "strongroom-credential-1:";

/// A random secret that opens exactly one slot, without any key derivation cost.
pub struct Credential {
    /// The slot that it opens.
    slot_id: [u8; 16],
    secret: SecretKey,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

impl Credential {
    /// A fresh secret for this slot.
    ///
    /// # Errors
    /// When there is no entropy.
    pub fn generate(slot_id: [u8; 16], entropy: &dyn Entropy) -> Result<Self> {
        Ok(Self {
            slot_id,
            secret: SecretKey::generate(entropy)?,
        })
    }

    /// The slot that it opens.
    #[must_use]
    pub fn slot_id(&self) -> &[u8; 16] {
        &self.slot_id
    }

    pub(crate) fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// One line of text, to be kept in a file that only its owner can read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 98));
        text.push_str(PREFIX);
        push_hex(&mut text, &self.slot_id);
        text.push(':');
        push_hex(&mut text, self.secret.expose());
        text
    }

    /// Reads what [`Credential::to_text`] wrote.
    ///
    /// # Errors
    /// [`Error::NotACredential`].
    pub fn from_text(text: &str) -> Result<Self> {
        let body = text
            .trim()
            .strip_prefix(PREFIX)
            .ok_or(Error::NotACredential(
                "it does not begin with strongroom-credential-1:",
            ))?;
        let (slot, secret) = body
            .split_once(':')
            .ok_or(Error::NotACredential("it is cut short"))?;
        let mut slot_id = [0; 16];
        let mut key = Zeroizing::new([0; 32]);
        parse_hex(slot, &mut slot_id)?;
        parse_hex(secret, key.as_mut_slice())?;
        Ok(Self {
            slot_id,
            secret: SecretKey::from_bytes(*key),
        })
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
}

fn parse_hex(text: &str, out: &mut [u8]) -> Result<()> {
    let wrong = Error::NotACredential("its digits are not complete");
    if text.len() != out.len() * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong);
    }
    for (pair, byte) in text.as_bytes().chunks_exact(2).zip(out) {
        let digit = |at: usize| {
            pair.get(at)
                .and_then(|&c| char::from(c).to_digit(16))
                .unwrap_or(0)
        };
        *byte = u8::try_from(digit(0) * 16 + digit(1)).unwrap_or(0);
    }
    Ok(())
}
