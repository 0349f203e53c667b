//! Whether destructive operations ask for a PIN, and which PINs were used (format.md §12).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{FormatError, json};

const JSON_MAX_BYTES: u64 = 1 << 20;

/// A setting of the owner; the newest that is in force counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    /// Version of the document: 1.
    pub v: u32,
    /// The number in its name.
    pub number: u32,
    /// Number of the secret that PINs are made with; none where no PIN is asked for.
    pub pin: Option<u32>,
    /// From when on it is in force.
    pub from: DateTime<Utc>,
    /// When it was made.
    pub at: DateTime<Utc>,
}

impl Security {
    /// The document, to be sealed and signed.
    ///
    /// # Errors
    /// When it is beyond its limit.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        json::write("security setting", self, JSON_MAX_BYTES)
    }

    /// Reads the document of this number.
    ///
    /// # Errors
    /// When it is malformed or of another number.
    pub fn decode(plain: &[u8], number: u32) -> Result<Self, FormatError> {
        let setting: Self = json::read("security setting", plain, JSON_MAX_BYTES)?;
        if setting.v != 1 {
            return Err(FormatError::Malformed(
                "a security setting of an unknown version",
            ));
        }
        if setting.number != number {
            return Err(FormatError::WrongObject);
        }
        Ok(setting)
    }
}

/// A PIN that was used, and cannot be again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentPin {
    /// Version of the document: 1.
    pub v: u32,
    /// What it was used for.
    pub operation: String,
    /// When it was used.
    pub at: DateTime<Utc>,
    /// Random: no two uses are the same.
    pub nonce: String,
}

impl SpentPin {
    /// The document, to be sealed and signed.
    ///
    /// # Errors
    /// When it is beyond its limit.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        json::write("used PIN", self, JSON_MAX_BYTES)
    }
}
