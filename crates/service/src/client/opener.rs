//! From `strongroom://…` to a store, by the enrolments of a directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use strongroom_vault::{OpenGateway, StoreSettings};

use super::enrolment::Enrolment;
use super::line::Now;
use super::store::GatewayStore;
use super::url::GatewayUrl;
use crate::{Error, Result};

/// The enrolments of one machine, a file each.
#[derive(Clone)]
pub struct Gateways {
    dir: PathBuf,
    now: Now,
}

impl std::fmt::Debug for Gateways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateways")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl Gateways {
    /// Enrolments in this directory, which need not exist, by this clock.
    pub fn new(
        dir: &Path,
        now: impl Fn() -> chrono::DateTime<chrono::Utc> + Send + Sync + 'static,
    ) -> Self {
        Self {
            dir: dir.to_owned(),
            now: Arc::new(now),
        }
    }

    /// The file for an enrolment with this vault.
    #[must_use]
    pub fn path(&self, url: &GatewayUrl) -> PathBuf {
        let name = blake3::hash(url.to_string().as_bytes()).to_hex();
        self.dir
            .join(format!("{}.json", name.get(..32).unwrap_or_default()))
    }

    /// Keeps an enrolment, in the place of an earlier one with the same vault.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn keep(&self, enrolment: &Enrolment) -> Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir);
        made.map_err(Error::file(&self.dir))?;
        enrolment.save(&self.path(&enrolment.url))
    }

    /// The vault behind this URL.
    ///
    /// # Errors
    /// When this machine is not enrolled with it.
    pub fn store(&self, url: &GatewayUrl, settings: &StoreSettings) -> Result<GatewayStore> {
        let path = self.path(url);
        let enrolment = Enrolment::load(&path)?;
        GatewayStore::new(
            enrolment,
            Some(path),
            settings.clone(),
            Arc::clone(&self.now),
        )
    }
}

impl OpenGateway for Gateways {
    fn open(&self, url: &str, settings: &StoreSettings) -> Result<Arc<dyn ObjectStore>, String> {
        let url: GatewayUrl = url.parse().map_err(|error: Error| error.to_string())?;
        match self.store(&url, settings) {
            Ok(store) => Ok(Arc::new(store)),
            Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                Err("this machine is not enrolled with this server".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
