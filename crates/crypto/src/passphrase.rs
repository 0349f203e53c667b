//! What a person remembers or prints.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::{Entropy, Error, Result};

/// Least number of characters (Unicode scalar values after NFKC).
const MIN_CHARS: usize = 16;
/// Without letters and digits that look alike.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
/// 26 characters of 5 bits: 130 bits.
const GENERATED_CHARS: usize = 26;

/// A passphrase in normal form: wiped on drop, not printable.
///
/// # Examples
/// ```
/// # use strongroom_crypto::{OsEntropy, Passphrase};
/// assert!(Passphrase::new("too short").is_err());
/// let generated = Passphrase::generate(&OsEntropy)?;
/// assert_eq!(Passphrase::new(generated.expose())?.expose(), generated.expose());
/// # Ok::<(), strongroom_crypto::Error>(())
/// ```
pub struct Passphrase(Zeroizing<String>);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl Passphrase {
    /// Takes what was typed or read from a file: one line break at the end is dropped, the rest is normalised (NFKC), so
    /// that the same characters typed on another system give the same key.
    ///
    /// # Errors
    /// [`Error::PassphraseTooShort`] below 16 characters.
    pub fn new(text: &str) -> Result<Self> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        // Room for the longest expansion, so that no copy is left behind by growing.
        let mut normal = Zeroizing::new(String::with_capacity(line.len().saturating_mul(18)));
        normal.extend(line.nfkc());
        let found = normal.chars().count();
        if found < MIN_CHARS {
            return Err(Error::PassphraseTooShort {
                found,
                needed: MIN_CHARS,
            });
        }
        Ok(Self(normal))
    }

    /// A random passphrase of 130 bits in groups that can be read out and typed.
    ///
    /// # Errors
    /// When there is no entropy.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self> {
        let mut random = Zeroizing::new([0; GENERATED_CHARS]);
        entropy.fill(random.as_mut_slice())?;
        let mut text = Zeroizing::new(String::with_capacity(2 * GENERATED_CHARS));
        for (index, byte) in random.iter().enumerate() {
            if index > 0 && index % 5 == 0 && index < 25 {
                text.push('-');
            }
            let letter = ALPHABET
                .get(usize::from(byte & 31))
                .copied()
                .unwrap_or(b'a');
            text.push(char::from(letter));
        }
        Ok(Self(text))
    }

    /// The normalised text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
