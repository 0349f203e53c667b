//! Whose certificates are worthless: a file of lines that may change while the gateway runs.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::authority::{Holder, create_private};
use crate::{AgentId, Error, Result};

/// `agent <id>` for all certificates of an agent, `serial <hex>` for one.
#[derive(Debug)]
pub struct Revocations {
    path: PathBuf,
    read: Mutex<Option<(Version, BTreeSet<String>)>>,
}

/// What tells one content of the file from another: it is replaced, never changed.
type Version = (u64, u64, i64, i64);

impl Revocations {
    /// The list of a state directory; without a file it is empty.
    #[must_use]
    pub fn open(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join("revoked"),
            read: Mutex::default(),
        }
    }

    /// Whether a certificate is worthless now. The file is looked at every time.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read: then nobody is let in.
    pub fn names(&self, holder: &Holder) -> Result<bool> {
        let agent = format!("agent {}", holder.identity.agent);
        let serial = format!("serial {}", holder.serial);
        let version = match fs::metadata(&self.path) {
            Ok(meta) => (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::file(&self.path)(error)),
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.as_ref().is_none_or(|(of, _)| *of != version) {
            *read = Some((version, self.lines()?));
        }
        let lines = read.as_ref().map(|(_, lines)| lines);
        Ok(lines.is_some_and(|lines| lines.contains(&agent) || lines.contains(&serial)))
    }

    /// Makes all certificates of an agent worthless, those to come, too.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn revoke(&self, agent: &AgentId) -> Result<()> {
        self.change(|lines| lines.insert(format!("agent {agent}")))
    }

    /// Makes one certificate worthless.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn revoke_serial(&self, serial: &str) -> Result<()> {
        self.change(|lines| lines.insert(format!("serial {serial}")))
    }

    /// Takes an agent back.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn readmit(&self, agent: &AgentId) -> Result<()> {
        self.change(|lines| lines.remove(&format!("agent {agent}")))
    }

    fn lines(&self) -> Result<BTreeSet<String>> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(text.lines().map(|line| line.trim().to_owned()).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(Error::file(&self.path)(error)),
        }
    }

    fn change(&self, change: impl FnOnce(&mut BTreeSet<String>) -> bool) -> Result<()> {
        let mut lines = self.lines()?;
        if !change(&mut lines) {
            return Ok(());
        }
        let mut text: String = lines.into_iter().collect::<Vec<_>>().join("\n");
        text.push('\n');
        let new = self.path.with_extension("new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::file(&new)(error));
            }
            _ => {}
        }
        create_private(&new, text.as_bytes()).map_err(Error::file(&new))?;
        fs::rename(&new, &self.path).map_err(Error::file(&self.path))
    }
}
