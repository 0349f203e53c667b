//! Passphrases that are given with a command.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use strongroom::crypto::{self, Passphrase};
use zeroize::Zeroizing;

use crate::cli::Globals;
use crate::fail::{Fail, Problem, Result};
use crate::output::tell;
use crate::prompt;

const FILE_MAX_BYTES: usize = 64 << 10;

/// A passphrase as it was typed or read; not yet checked.
pub(crate) struct Given(Zeroizing<Vec<u8>>);

impl Given {
    /// The passphrase that flags, the environment or the configuration file name.
    pub(crate) fn from_globals(globals: &Globals) -> Result<Option<Self>> {
        Self::from_flags(
            globals.passphrase_file.as_deref(),
            globals.passphrase_command.as_deref(),
        )
    }

    /// The passphrase in a file or printed by a command, if either is given.
    pub(crate) fn from_flags(file: Option<&Path>, command: Option<&str>) -> Result<Option<Self>> {
        match (file, command) {
            (Some(path), _) => read_file(path).map(Self).map(Some),
            (None, Some(command)) => run_command(command).map(Self).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Asks on the terminal.
    pub(crate) fn ask(question: &str) -> Result<Self> {
        prompt::line(question).map(Self)
    }

    /// Asks twice on the terminal, until both are the same and long enough.
    pub(crate) fn ask_new(what: &str) -> Result<Passphrase> {
        loop {
            let (first, second) = (Self::ask(what)?, Self::ask("Once more")?);
            if first.0 != second.0 {
                tell("They differ. Again:");
                continue;
            }
            match first.for_new() {
                Ok(passphrase) => return Ok(passphrase),
                Err(fail) => tell(&format!(
                    "{}: {}. Again:",
                    fail.message,
                    fail.causes.join(": ")
                )),
            }
        }
    }

    /// As the secret of a vault that exists: one that could never be set is a wrong one.
    pub(crate) fn for_opening(&self) -> Result<Passphrase> {
        let wrong = || Fail::known(Problem::WrongPassphrase, "wrong passphrase or key");
        self.parse().map_err(|cause| Fail {
            causes: cause.causes,
            ..wrong()
        })
    }

    /// As the secret of something new.
    pub(crate) fn for_new(&self) -> Result<Passphrase> {
        self.parse()
    }

    /// What was typed, where it is text.
    pub(crate) fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    fn parse(&self) -> Result<Passphrase> {
        let help = "use text of at least 16 characters; four or five random words are good";
        let fail = |error: &dyn std::error::Error| {
            Fail::usage("this is no usable passphrase", help)
                .named(Problem::PassphraseUnusable)
                .because(error)
        };
        let text = std::str::from_utf8(&self.0).map_err(|error| fail(&error))?;
        Passphrase::new(text).map_err(|error: crypto::Error| fail(&error))
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let fail = |error: &std::io::Error| {
        let message = format!("cannot read the passphrase file {}", path.display());
        Fail::usage(
            message,
            "give --passphrase-file a file that this user may read",
        )
        .named(Problem::PassphraseSource)
        .because(error)
    };
    // Room for all of it from the start, so that growing leaves no copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_MAX_BYTES + 1));
    let file = std::fs::File::open(path).map_err(|error| fail(&error))?;
    file.take(FILE_MAX_BYTES as u64 + 1)
        .read_to_end(&mut text)
        .map_err(|error| fail(&error))?;
    if text.len() > FILE_MAX_BYTES {
        return Err(fail(&std::io::Error::other("it is longer than 64 KiB")));
    }
    Ok(text)
}

fn run_command(command: &str) -> Result<Zeroizing<Vec<u8>>> {
    let help = "run the command by hand: it has to print the passphrase and end with 0";
    let fail =
        || Fail::usage("the passphrase command failed", help).named(Problem::PassphraseSource);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit());
    let output = shell.output().map_err(|error| fail().because(&error))?;
    let text = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(fail().because(&std::io::Error::other(output.status.to_string())));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fail::Code;

    fn given(text: &[u8]) -> Given {
        Given(Zeroizing::new(text.to_vec()))
    }

    #[test]
    fn a_short_one_is_wrong_for_opening_and_unusable_as_new() {
        assert_eq!(given(b"short").for_opening().unwrap_err().code, Code::Key);
        assert_eq!(given(b"short").for_new().unwrap_err().code, Code::Usage);
        assert_eq!(given(b"\xff\xfe").for_new().unwrap_err().code, Code::Usage);
        let long = given(b"correct horse battery staple\n").for_new().unwrap();
        assert_eq!(long.expose(), "correct horse battery staple");
    }

    #[test]
    fn files_and_commands_give_passphrases() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        assert_eq!(
            Given::from_flags(Some(&path), None).err().unwrap().code,
            Code::Usage
        );
        std::fs::write(&path, "correct horse battery staple\n").unwrap();
        for given in [
            Given::from_flags(Some(&path), None),
            Given::from_flags(None, Some("echo correct horse battery staple")),
        ] {
            assert!(given.unwrap().unwrap().for_opening().is_ok());
        }
        assert_eq!(
            Given::from_flags(None, Some("exit 3")).err().unwrap().code,
            Code::Usage
        );
        assert!(Given::from_flags(None, None).unwrap().is_none());
    }
}
