//! The recovery kit: a page that holds a generated passphrase and how to restore with it.

mod page;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use strongroom::crypto::Passphrase;
use zeroize::Zeroizing;

use crate::fail::{Code, Fail, Result};
use crate::slots;
use crate::state::{State, fail_reading, read_private, write_private};
pub(crate) use page::Page;

const NO_VAULT_YET: &str = "not made yet";

/// A passphrase that stands in a file before any vault depends on it.
pub(crate) struct Kit {
    pub(crate) path: PathBuf,
    pub(crate) passphrase: Passphrase,
    /// Left behind by a run that was interrupted; its vault may exist already.
    pub(crate) is_resumed: bool,
    url: String,
    host: String,
    generated_at: DateTime<Utc>,
}

impl Kit {
    /// Writes a kit for a vault that is about to be made at `url`, or takes up one that was left behind.
    pub(crate) fn begin(state: &State, url: &str, host: &str, now: DateTime<Utc>) -> Result<Self> {
        let dir = state.prepare()?;
        let (mut path, mut number) = (dir.join("recovery-kit.txt"), 2);
        while let Some(text) = read_private(&path)? {
            if field(&text, "vault") == Some(url) && field(&text, "vault id") == Some(NO_VAULT_YET)
            {
                return Self::resume(path, &text, url, host, now);
            }
            path = dir.join(format!("recovery-kit-{number}.txt"));
            number += 1;
        }
        let kit = Self {
            path,
            passphrase: slots::generate()?,
            is_resumed: false,
            url: url.to_owned(),
            host: host.to_owned(),
            generated_at: now,
        };
        kit.write(NO_VAULT_YET)?;
        Ok(kit)
    }

    fn resume(
        path: PathBuf,
        text: &str,
        url: &str,
        host: &str,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let passphrase = Passphrase::new(field(text, "passphrase").unwrap_or_default());
        let passphrase = passphrase.map_err(|error| fail_reading(&path, error.into()));
        let passphrase =
            passphrase.map_err(|fail| fail.or_help("remove the file and run the command again"))?;
        Ok(Self {
            path,
            passphrase,
            is_resumed: true,
            url: url.to_owned(),
            host: host.to_owned(),
            generated_at: now,
        })
    }

    /// Notes the vault that the passphrase opens.
    pub(crate) fn finish(&self, vault_id: &str) -> Result<()> {
        self.write(vault_id)
    }

    /// Removes it: no vault was made with it.
    pub(crate) fn discard(self) -> Result<()> {
        std::fs::remove_file(&self.path)
            .map_err(|error| Fail::own_file("remove", &self.path, &error))
    }

    fn write(&self, vault_id: &str) -> Result<()> {
        write_private(&self.path, self.text(vault_id).as_bytes())
    }

    fn text(&self, vault_id: &str) -> Zeroizing<String> {
        let page = Page {
            url: &self.url,
            vault_id,
            passphrase: Some(self.passphrase.expose()),
            host: &self.host,
            generated_at: self.generated_at,
        };
        page.text()
    }
}

/// The kit in the state directory that belongs to this vault, if there is one.
pub(crate) fn of_vault(dir: &Path, vault_id: &str) -> Result<Option<PathBuf>> {
    let (mut path, mut number) = (dir.join("recovery-kit.txt"), 2);
    while let Some(text) = read_private(&path)? {
        if field(&text, "vault id") == Some(vault_id) {
            return Ok(Some(path));
        }
        path = dir.join(format!("recovery-kit-{number}.txt"));
        number += 1;
    }
    Ok(None)
}

/// The passphrase and the day in the kit of this vault, if there is one.
pub(crate) fn secret_of_vault(
    dir: &Path,
    vault_id: &str,
) -> Result<Option<(Passphrase, DateTime<Utc>)>> {
    let Some(path) = of_vault(dir, vault_id)? else {
        return Ok(None);
    };
    let text = read_private(&path)?.unwrap_or_default();
    let passphrase = Passphrase::new(field(&text, "passphrase").unwrap_or_default());
    let passphrase = passphrase.map_err(|error| fail_reading(&path, error.into()))?;
    let generated_at = field(&text, "generated").and_then(|at| at.parse().ok());
    Ok(Some((passphrase, generated_at.unwrap_or_default())))
}

/// The kit of the vault that was made at `url`, and its passphrase: a run that was interrupted before it noted the vault
/// as its own left it.
pub(crate) fn of_place(dir: &Path, url: &str) -> Result<Option<(PathBuf, Passphrase)>> {
    let (mut path, mut number) = (dir.join("recovery-kit.txt"), 2);
    while let Some(text) = read_private(&path)? {
        let is_made = field(&text, "vault id") != Some(NO_VAULT_YET);
        let passphrase = field(&text, "passphrase").unwrap_or_default();
        if let (true, Some(true), Ok(passphrase)) = (
            is_made,
            field(&text, "vault").map(|place| place == url),
            Passphrase::new(passphrase),
        ) {
            return Ok(Some((path, passphrase)));
        }
        path = dir.join(format!("recovery-kit-{number}.txt"));
        number += 1;
    }
    Ok(None)
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

/// No vault was made, although a kit was left behind by an earlier run.
pub(crate) fn foreign_vault(url: &str) -> Fail {
    let help =
        "choose another place, or give this vault's passphrase to `strongroom-agent vault attach`";
    Fail::new(
        Code::Usage,
        format!("a vault with another passphrase stands at {url} already"),
        help,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_600, 0).unwrap()
    }

    #[test]
    fn a_kit_that_was_left_behind_is_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path()));
        let first = Kit::begin(&state, "/v", "host", now()).unwrap();
        let again = Kit::begin(&state, "/v", "host", now()).unwrap();
        assert!(again.is_resumed && !first.is_resumed);
        assert_eq!(first.passphrase.expose(), again.passphrase.expose());
        again.finish("1234").unwrap();
        assert_eq!(of_vault(dir.path(), "1234").unwrap(), Some(again.path));
    }

    #[test]
    fn a_kit_in_use_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path()));
        Kit::begin(&state, "/v", "host", now())
            .unwrap()
            .finish("1234")
            .unwrap();
        let other = Kit::begin(&state, "/v", "host", now()).unwrap();
        assert!(other.path.ends_with("recovery-kit-2.txt") && !other.is_resumed);
        other.discard().unwrap();
        assert_eq!(of_vault(dir.path(), "other").unwrap(), None);
    }
}
