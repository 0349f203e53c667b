//! What an enrolled agent holds, in a file of its own.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::url::GatewayUrl;
use crate::{Error, Identity, Result};

/// A certificate, its key, and who is trusted. The file is for its owner alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The vault that it opens.
    pub url: GatewayUrl,
    /// Who its holder is.
    pub identity: Identity,
    /// The authority of the server, PEM: the only one that is trusted.
    pub authority_pem: String,
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// Its key, PEM.
    pub key_pem: String,
    /// When the certificate was issued, by this machine's clock.
    pub issued_at: DateTime<Utc>,
    /// When it becomes worthless.
    pub expires_at: DateTime<Utc>,
}

/// Without the key.
impl std::fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrolment")
            .field("url", &self.url)
            .field("identity", &self.identity)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Enrolment {
    /// Reads one.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Content`].
    pub fn load(path: &Path) -> Result<Self> {
        let content = fs::read(path).map_err(Error::file(path))?;
        serde_json::from_slice(&content).map_err(|error| Error::Content {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
    }

    /// Writes it in one step, mode 0600.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let content = serde_json::to_vec_pretty(self).map_err(|error| Error::Content {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        let new = path.with_extension(format!("new-{}", std::process::id()));
        let write = || {
            match fs::remove_file(&new) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&content)?;
            file.sync_all()?;
            fs::rename(&new, path)
        };
        write().map_err(Error::file(path))
    }

    /// Two thirds of its time are over.
    pub(super) fn is_due(&self, now: DateTime<Utc>) -> bool {
        let valid = self.expires_at - self.issued_at;
        now >= self.expires_at - valid / 3 || now < self.issued_at - TimeDelta::days(1)
    }

    pub(super) fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.expires_at
    }
}
