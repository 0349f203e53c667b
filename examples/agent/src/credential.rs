//! Vault credentials that are given with a command.

use std::path::Path;

use strongroom::vault::Error;
use strongroom::vault::format::{CredentialFile, CredentialProblem, VaultId};

use crate::access::{self, Place};
use crate::fail::{Fail, Problem, Result};
use crate::run::{Agent, now};

/// A file that is longer is none.
const FILE_MAX_BYTES: u64 = 64 << 10;

/// Reads a file: whole, and as it was signed.
pub(crate) fn read(path: &Path) -> Result<CredentialFile> {
    let fail = |error: &std::io::Error| {
        let message = format!("cannot read the vault credential {}", path.display());
        Fail::known(Problem::CredentialUnreadable, message).because(error)
    };
    let length = std::fs::metadata(path).map_err(|error| fail(&error))?.len();
    let none = || Fail::from(Error::from(CredentialProblem::NotACredential));
    if length > FILE_MAX_BYTES {
        return Err(none());
    }
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(none()),
        read => read.map_err(|error| fail(&error))?,
    };
    CredentialFile::parse(&text).map_err(|problem| Error::from(problem).into())
}

/// The vault that a file names, or that of --vault, which must be the same. A file whose time is over says so before the
/// vault is asked anything.
pub(crate) fn place(agent: &Agent, path: &Path) -> Result<Place> {
    let file = read(path)?;
    file.check_time(now()).map_err(Error::from)?;
    let url = agent.globals.vault.as_deref();
    Ok(Place {
        url: access::absolute(url.unwrap_or(&file.credential.url))?,
        expected_id: Some(file.credential.vault_id.to_string()),
        credential: Some(file),
    })
}

/// The vault at the place is the one that the file is for.
pub(crate) fn check_vault(file: &CredentialFile, found: &str) -> Result<(), Error> {
    let found: VaultId = found.parse()?;
    let expected = file.credential.vault_id;
    if found == expected {
        return Ok(());
    }
    Err(CredentialProblem::OtherVault { expected, found }.into())
}
