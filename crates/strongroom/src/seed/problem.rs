//! Why disks are not taken for a seed.

use std::path::PathBuf;

/// Why disks are not taken for a seed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeedProblem {
    /// No disk was named.
    #[error("no disk is given")]
    NoDisk,
    /// A directory has no label.
    #[error("{} is no disk of a seed: it has no label", .0.display())]
    NoLabel(PathBuf),
    /// A label that does not parse, or of a newer program.
    #[error("the label of {} cannot be read: {reason}", directory.display())]
    BadLabel {
        /// Of the disk.
        directory: PathBuf,
        /// Why.
        reason: String,
    },
    /// The seed was made for another vault.
    #[error("{} belongs to a seed of vault {found}, not of {expected}", directory.display())]
    OtherVault {
        /// Of the disk.
        directory: PathBuf,
        /// Which vault the label names.
        found: String,
        /// Which was opened.
        expected: String,
    },
    /// The disks are of different seeds.
    #[error("{} and {} are disks of different seeds", .0.display(), .1.display())]
    Mixed(PathBuf, PathBuf),
    /// Two directories are the same disk, or one disk was copied.
    #[error("disk {0} of the seed was given twice")]
    Twice(u32),
    /// A disk of the seed was not given.
    #[error("disk {number} of {count} of the seed is missing")]
    MissingDisk {
        /// Its number.
        number: u32,
        /// How many there are.
        count: u32,
    },
    /// The export has not ended yet.
    #[error("the export onto these disks has not ended")]
    Unfinished,
    /// The disk is as it was before a later export onto the same disks.
    #[error("disk {0} is older than the others: it has missed an export")]
    Outdated(u32),
    /// Something on a disk is not as it was written.
    #[error("{object} is damaged: {reason}")]
    Damaged {
        /// What.
        object: String,
        /// How.
        reason: String,
    },
    /// Nothing is left to do.
    #[error("all of this seed is in the vault already")]
    Imported,
}
