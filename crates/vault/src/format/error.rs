//! What can be wrong with bytes.

use super::header::ObjectKind;

/// Why an object or a part of it is not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Bytes end before they should.
    #[error("{0} is cut short")]
    Truncated(&'static str),
    /// The object does not begin like one of a vault.
    #[error("this is not an object of a Strongroom vault")]
    BadMagic,
    /// The header's check does not match.
    #[error("the object's header is damaged")]
    HeaderDamaged,
    /// Made by another major version.
    #[error("the object has format version {found}, this program reads version 1")]
    UnsupportedVersion {
        /// The major version found.
        found: u8,
    },
    /// A required feature is not known.
    #[error("the object needs feature bit {bit}, which this program does not know")]
    UnknownFeature {
        /// Number of the lowest unknown bit.
        bit: u32,
    },
    /// The table in a sealed object has a layout that this program does not know.
    #[error("the {what} has layout {found}, which this program does not know")]
    UnknownLayout {
        /// What it is the table of.
        what: &'static str,
        /// The number of the layout.
        found: u8,
    },
    /// An object of another kind stands under this name.
    #[error("the object is a {found}, not a {expected}")]
    WrongKind {
        /// What was asked for.
        expected: ObjectKind,
        /// What the header says.
        found: ObjectKind,
    },
    /// A valid object, but another one than its name says.
    #[error("another object stands in the place of this one")]
    WrongObject,
    /// A number is beyond its limit.
    #[error("{what} is {found}, the limit is {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        found: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Fields contradict the format or each other.
    #[error("{0}")]
    Malformed(&'static str),
    /// A JSON document does not have the right fields.
    #[error("the {what} document does not parse")]
    Json {
        /// Which one.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A block does not decompress to what it should be.
    #[error("a block does not decompress")]
    Decompression,
    /// The compressor failed.
    #[error("a block cannot be compressed")]
    Compression(#[source] std::io::Error),
    /// Sealed bytes do not open, or a key problem.
    #[error(transparent)]
    Crypto(#[from] strongroom_crypto::Error),
}

impl FormatError {
    /// True when stored bytes are damaged; false for a version, feature or key problem.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        match self {
            Self::UnsupportedVersion { .. }
            | Self::UnknownFeature { .. }
            | Self::UnknownLayout { .. }
            | Self::Compression(_) => false,
            Self::Crypto(error) => matches!(
                error,
                strongroom_crypto::Error::OpenFailed | strongroom_crypto::Error::Malformed(_)
            ),
            _ => true,
        }
    }

    pub(crate) fn limit(what: &'static str, found: u64, limit: u64) -> Result<(), Self> {
        if found > limit {
            Err(Self::Limit { what, found, limit })
        } else {
            Ok(())
        }
    }
}
