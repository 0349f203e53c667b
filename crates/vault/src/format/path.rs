//! Paths in JSON.

use serde::{Deserialize, Serialize};

use super::ids::parse_hex;

/// A path: text where it is UTF-8, else hexadecimal.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathText {
    /// A path that is UTF-8.
    Text(String),
    /// Any other.
    Hex {
        /// Its bytes.
        hex: String,
    },
}

impl PathText {
    /// From the bytes of a path.
    #[must_use]
    pub fn from_bytes(path: &[u8]) -> Self {
        match std::str::from_utf8(path) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Hex {
                hex: path.iter().map(|byte| format!("{byte:02x}")).collect(),
            },
        }
    }

    /// The bytes of the path; digits that are none become `?`.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Hex { hex } => hex
                .as_bytes()
                .chunks(2)
                .map(|pair| {
                    let pair = std::str::from_utf8(pair).unwrap_or_default();
                    parse_hex::<1>(pair).map_or(b'?', |[byte]| byte)
                })
                .collect(),
        }
    }
}
