//! What a vault keeps of the vault credentials that were issued for it (format.md §12).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{FormatError, json};

const JSON_MAX_BYTES: u64 = 1 << 20;

/// A vault credential was issued: from then on no older one counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Version of the document: 1.
    pub v: u32,
    /// The number in its name, which is the serial of the credential.
    pub number: u32,
    /// Hash of the whole text of the credential; none where all were withdrawn.
    pub blake3: Option<String>,
    /// When it was made.
    pub issued_at: DateTime<Utc>,
    /// From when on it does not count any more.
    pub expires_at: DateTime<Utc>,
}

impl Issued {
    /// The document, to be sealed and signed.
    ///
    /// # Errors
    /// When it is beyond its limit.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        json::write("record of a vault credential", self, JSON_MAX_BYTES)
    }

    /// Reads the document of this number.
    ///
    /// # Errors
    /// When it is malformed or of another number.
    pub fn decode(plain: &[u8], number: u32) -> Result<Self, FormatError> {
        let issued: Self = json::read("record of a vault credential", plain, JSON_MAX_BYTES)?;
        if issued.v != 1 {
            return Err(FormatError::Malformed(
                "a record of a vault credential of an unknown version",
            ));
        }
        if issued.number != number {
            return Err(FormatError::WrongObject);
        }
        Ok(issued)
    }
}
