//! What can be wrong with parameters.

use crate::Scan;

/// What is wrong with parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A size is odd; FastCDC v2020 looks at bytes in pairs.
    #[error("chunk size {0} is odd")]
    Odd(usize),
    /// A size is outside of what the format allows.
    #[error("chunk size {bytes} is not within {least} and {most}")]
    OutOfRange {
        /// The size given, bytes.
        bytes: usize,
        /// The least allowed, bytes.
        least: usize,
        /// The most allowed, bytes.
        most: usize,
    },
    /// The sizes are not in ascending order.
    #[error("chunk sizes must ascend: minimum {min}, average {avg}, maximum {max}")]
    Order {
        /// Minimum, bytes.
        min: usize,
        /// Average, bytes.
        avg: usize,
        /// Maximum, bytes.
        max: usize,
    },
    /// The size is no multiple of what it must be one of.
    #[error("chunk size {bytes} is no multiple of {multiple}")]
    Unaligned {
        /// The size given, bytes.
        bytes: usize,
        /// What it must be a multiple of, bytes.
        multiple: usize,
    },
    /// The processor lacks the instructions of this way to scan.
    #[error("this processor cannot scan by {0:?}")]
    ScanUnavailable(Scan),
    /// The numbers given to a filter were chosen to make it fail.
    #[error("no filter could be built for these ids")]
    FilterNotBuilt,
}

/// Result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
