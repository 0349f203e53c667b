//! The crate's error.

use crate::Refusal;
use crate::format::{
    ChainState, CredentialProblem, FormatError, Hold, SessionId, Standing, VaultId,
};

/// What went wrong with a vault or its store, by what a caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error("cannot {action} {object} in the vault's store")]
    Store {
        /// What was tried.
        action: &'static str,
        /// On which object or prefix.
        object: String,
        /// Why it failed.
        source: object_store::Error,
    },
    /// The store did not answer in time.
    #[error("the store did not answer in time: {action} {object}")]
    TimedOut {
        /// What was tried.
        action: &'static str,
        /// On which object or prefix.
        object: String,
    },
    /// A place of a mirrored vault is needed that cannot be reached, mostly the one that decides.
    #[error("{place} cannot be reached, and is needed: {reason}")]
    PlaceAway {
        /// Which one.
        place: String,
        /// What it did when it was asked last.
        reason: String,
    },
    /// A newer generation of the vault has begun: this handle belongs to an older one and decides nothing any more.
    #[error(
        "generation {generation} of the vault has begun at {place}: this run belongs to an older one"
    )]
    Superseded {
        /// Where it was found.
        place: String,
        /// Its number.
        generation: u64,
    },
    /// An object that must be there is not.
    #[error("{object} is missing in the vault")]
    Missing {
        /// Its name.
        object: String,
    },
    /// An object is damaged, of an unknown version or not what its name says.
    #[error("{object} cannot be used")]
    Object {
        /// Its name.
        object: String,
        /// What is wrong with it.
        source: FormatError,
    },
    /// Bytes cannot be sealed or read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// No vault stands at this place.
    #[error("there is no vault at {place}")]
    NoVault {
        /// Where it was looked for.
        place: String,
    },
    /// A vault stands at this place already.
    #[error("a vault exists here already")]
    VaultExists,
    /// Soft delete lasts 14 to 180 days.
    #[error("{0} days of soft delete are not between 14 and 180")]
    SoftDeleteDays(u32),
    /// Another vault stands where a copy of this one is looked for.
    #[error("at {place} stands another vault: {found} instead of {expected}")]
    OtherVault {
        /// Where.
        place: String,
        /// Its id.
        found: VaultId,
        /// The id of this one.
        expected: VaultId,
    },
    /// The passphrase or credential opens no slot of this vault.
    #[error("wrong passphrase or key")]
    WrongKey,
    /// The slot that was opened does not permit this.
    #[error("this key does not permit it: {0} is needed")]
    NotPermitted(&'static str),
    /// The vault has a feature that this program does not know, and beside which only those may write who know it.
    #[error(
        "the vault can only be read: it has feature bit {bit}, which this program does not know"
    )]
    ReadOnly {
        /// Number of the lowest unknown bit of ro_compat.
        bit: u32,
    },
    /// The place behaves in a way that would lose data.
    #[error("the store is not fit for a vault: {reason}")]
    StoreRefused {
        /// What it does wrong.
        reason: String,
    },
    /// The name is taken by other content.
    #[error("{object} exists with other content")]
    NameTaken {
        /// The name.
        object: String,
    },
    /// The chain of a recovery point does not permit this now.
    #[error("recovery point {point} {}", described(.state))]
    NotInThisState {
        /// The point.
        point: SessionId,
        /// What its chain says.
        state: ChainState,
    },
    /// An object that only owners and maintenance hosts may write was written by someone else and is in the way.
    #[error("{object} is not signed by an owner or maintenance host")]
    Void {
        /// Its name.
        object: String,
    },
    /// The location is not understood or not supported by this build.
    #[error("{url:?} is no usable vault location: {reason}")]
    Location {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A vault credential that does not count here, or not now.
    #[error(transparent)]
    VaultCredential(#[from] CredentialProblem),
    /// A security PIN is missing, or does not count.
    #[error(transparent)]
    Pin(#[from] crate::PinProblem),
    /// The last slot with which a person can open the vault as its owner must stay.
    #[error("this is the last passphrase of the vault's owner")]
    LastOwner,
    /// A task in the background ended by a panic, or with its runtime.
    #[error("a task in the background died: {0}")]
    Died(String),
    /// Random numbers or keys are not to be had.
    #[error(transparent)]
    Crypto(strongroom_crypto::Error),
}

/// What a chain says, in words.
fn described(state: &ChainState) -> &'static str {
    match (state.standing, state.hold) {
        (Standing::Gone, _) => "is gone for ever",
        (_, Hold::Until(_) | Hold::ForEver) => "is held",
        (Standing::Deleted(_), _) => "is deleted",
        (Standing::Stands, _) => "is neither deleted nor held",
    }
}

/// Result with the crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<strongroom_crypto::Error> for Error {
    fn from(error: strongroom_crypto::Error) -> Self {
        match error {
            strongroom_crypto::Error::WrongKey => Self::WrongKey,
            strongroom_crypto::Error::NotPermitted(what) => Self::NotPermitted(what),
            other => Self::Crypto(other),
        }
    }
}

impl Error {
    /// True when stored bytes are damaged or missing.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        match self {
            Self::Missing { .. } => true,
            Self::Object { source, .. } => source.is_corruption(),
            Self::Format(error) => error.is_corruption(),
            _ => false,
        }
    }

    /// True when an object is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// True when an object is of a version or needs a feature that this program does not know.
    #[must_use]
    pub fn is_unknown_version(&self) -> bool {
        if matches!(self, Self::ReadOnly { .. }) {
            return true;
        }
        let (Self::Object { source, .. } | Self::Format(source)) = self else {
            return false;
        };
        matches!(
            source,
            FormatError::UnsupportedVersion { .. }
                | FormatError::UnknownFeature { .. }
                | FormatError::UnknownLayout { .. }
        )
    }

    /// What a cloud said when it refused, if that is what went wrong.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Store { source, .. } => Refusal::find(source),
            _ => None,
        }
    }

    /// The kind of the operating system's error behind this one, if there is one.
    #[must_use]
    pub fn io_kind(&self) -> Option<std::io::ErrorKind> {
        match self {
            Self::Store { source, .. } => io_kind(source),
            _ => None,
        }
    }
}

/// The first `io::Error` in the chain of causes.
pub(crate) fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

/// Names the object that a format error is about.
pub(crate) fn in_object<T>(object: &impl ToString, result: Result<T, FormatError>) -> Result<T> {
    result.map_err(|source| Error::Object {
        object: object.to_string(),
        source,
    })
}
