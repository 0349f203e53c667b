//! Why a command did not do what it was asked to: which problem it is, message, causes and the next step.

mod catalogue;
mod map;

use std::error::Error as StdError;
use std::io;

use strongroom::Error;

pub(crate) use catalogue::Problem;
pub(crate) use map::is_out_of_files;
use map::{of_file, problem_of};

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Code {
    /// All is well.
    Done = 0,
    /// Nothing was committed.
    Failed = 1,
    /// Flags or settings are wrong.
    Usage = 2,
    /// Done, but some entries were skipped.
    Warnings = 3,
    /// Stored bytes are damaged.
    Damage = 4,
    /// Wrong passphrase or key.
    Key = 5,
    /// The vault cannot be reached, or refuses.
    Vault = 6,
    /// Another job is running.
    Busy = 7,
    /// Stopped on request.
    Cancelled = 130,
}

/// A command's failure as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fail {
    pub(crate) problem: Problem,
    pub(crate) code: Code,
    pub(crate) message: String,
    /// Reasons, the nearest first; no text twice.
    pub(crate) causes: Vec<String>,
    /// The next step.
    pub(crate) help: String,
    /// Where the only copy of a passphrase stands that was generated before the failure.
    pub(crate) recovery_kit: Option<String>,
    /// Something was asked for that is not there: whoever has asked learns it, and nobody else needs to.
    pub(crate) is_of_request: bool,
}

pub(crate) type Result<T, E = Fail> = std::result::Result<T, E>;

impl Fail {
    pub(crate) fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            problem: Problem::general(code),
            code,
            message: message.into(),
            causes: Vec::new(),
            help: help.into(),
            recovery_kit: None,
            is_of_request: code == Code::Usage,
        }
    }

    /// A problem that the catalogue knows, with its exit code and next step.
    pub(crate) fn known(problem: Problem, message: impl Into<String>) -> Self {
        let entry = problem.entry();
        Self::new(entry.code, message, entry.help).named(problem)
    }

    /// The same by the name, and with the exit code, of this problem.
    pub(crate) fn named(self, problem: Problem) -> Self {
        let code = problem.entry().code;
        Self {
            problem,
            code,
            ..self
        }
    }

    /// Bad usage or configuration.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(Code::Usage, message, help)
    }

    /// The same with an error and all that is behind it as causes.
    pub(crate) fn because(mut self, error: &dyn StdError) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            let is_known = |said: &String| said.contains(&text);
            if !is_known(&self.message) && !self.causes.iter().any(is_known) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// The same with another next step.
    pub(crate) fn or_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// A file of the agent itself cannot be used.
    pub(crate) fn own_file(action: &str, path: &std::path::Path, error: &io::Error) -> Self {
        let message = format!("cannot {action} {}", path.display());
        let problem = match error.kind() {
            _ if is_out_of_files(error) => Problem::OpenFiles,
            io::ErrorKind::PermissionDenied => Problem::StateAccessDenied,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Problem::StateFull,
            _ => match of_file(error) {
                Problem::CorruptFile => Problem::CorruptFile,
                _ => Problem::StateUnusable,
            },
        };
        Self::known(problem, message).because(error)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        if is_closed_pipe(&error) {
            return Self::new(Code::Done, "", "");
        }
        let mut fail = Self::known(problem_of(&error), error.to_string());
        fail.is_of_request |= matches!(error, Error::NothingToBackUp(_) | Error::NoSuchPoint(_));
        if let Some(source) = error.source() {
            fail = fail.because(source);
        }
        fail
    }
}

impl From<strongroom::vault::Error> for Fail {
    fn from(error: strongroom::vault::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<strongroom::crypto::Error> for Fail {
    fn from(error: strongroom::crypto::Error) -> Self {
        Error::from(error).into()
    }
}

/// Standard output failed.
impl From<io::Error> for Fail {
    fn from(error: io::Error) -> Self {
        stdout_error(error).into()
    }
}

/// What a callback of the engine returns when standard output fails.
pub(crate) fn stdout_error(source: io::Error) -> Error {
    Error::File {
        action: "write to",
        path: "standard output".into(),
        source,
    }
}

/// The reader of standard output has gone: no failure.
fn is_closed_pipe(error: &Error) -> bool {
    matches!(error, Error::File { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let inner = io::Error::other("the disk is on fire");
        let error = Error::File {
            action: "read",
            path: "/a".into(),
            source: inner,
        };
        let fail = Fail::from(error);
        assert_eq!(fail.message, "cannot read /a");
        assert_eq!(fail.causes, ["the disk is on fire"]);
        let again = fail.clone().because(&io::Error::other("disk is on fire"));
        assert_eq!(again, fail);
    }

    #[test]
    fn a_closed_pipe_is_quiet() {
        assert_eq!(
            Fail::from(io::Error::from(io::ErrorKind::BrokenPipe)).code,
            Code::Done
        );
        assert_eq!(
            Fail::from(io::Error::from(io::ErrorKind::StorageFull)).code,
            Code::Failed
        );
    }
}
