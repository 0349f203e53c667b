//! From the database's errors to ours.

use std::io;

use crate::error::Error;

/// A failure of the database while doing something.
pub(super) fn fault(doing: &'static str) -> impl Fn(redb::Error) -> Error {
    move |error| match error {
        redb::Error::DatabaseAlreadyOpen
        | redb::Error::LockProtocolMismatch
        | redb::Error::TransactionInProgress => Error::InUse,
        redb::Error::Io(source) => io_fault(doing, source),
        redb::Error::PreviousIo => Error::Io {
            doing,
            source: io::Error::other("an earlier write failed; open it again"),
        },
        other => Error::corrupt(other.to_string()),
    }
}

/// A file that is too short, or whose content is not what it should be, is damaged; all else is the file system's.
pub(super) fn io_fault(doing: &'static str, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
            Error::corrupt(source.to_string())
        }
        _ => Error::Io { doing, source },
    }
}
