//! The crate's error.

/// What went wrong with a key, a passphrase or sealed bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The passphrase or credential does not belong to this slot.
    #[error("wrong passphrase or key")]
    WrongKey,
    /// Sealed bytes do not open: they were changed, or another key sealed them.
    #[error("sealed bytes do not open: damaged, or sealed with another key")]
    OpenFailed,
    /// A layout does not follow the format.
    #[error("{0}")]
    Malformed(&'static str),
    /// The passphrase has fewer characters than required.
    #[error("the passphrase has {found} characters, at least {needed} are needed")]
    PassphraseTooShort {
        /// Characters after normalisation.
        found: usize,
        /// Least number of characters.
        needed: usize,
    },
    /// The cost of the key derivation is outside its bounds.
    #[error("key derivation cost is out of bounds: {0}")]
    KdfCost(&'static str),
    /// The text is no credential.
    #[error("this is not a credential: {0}")]
    NotACredential(&'static str),
    /// The key ring does not hold what is needed for this.
    #[error("this key does not permit it: {0} is needed")]
    NotPermitted(&'static str),
    /// The operating system gave no random numbers.
    #[error("no random numbers from the operating system")]
    Entropy,
    /// Something is too long to be sealed.
    #[error("{0} is too long to be sealed")]
    TooLong(&'static str),
    /// A signature does not match.
    #[error("the signature does not match")]
    BadSignature,
}

/// Result with the crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
