//! A first backup that travels on disks: made where the data is, brought into the vault where the line is good.
//!
//! The disks of a seed hold a second copy of the vault (format.md §16), spread over them, with the points that were made
//! for it. So what lies on them is sealed as in any vault, and bringing it in is copying from one place to another.

mod contents;
mod label;
mod problem;
mod together;

use std::path::PathBuf;
use std::sync::Arc;

use strongroom_crypto::Entropy;
use strongroom_vault::format::SessionId;
use strongroom_vault::{Error as VaultError, Store, copy, open_disks};

use crate::Result;
use crate::copy::{CopyOptions, CopyTarget};
use crate::engine::Strongroom;
use crate::monitor::{Monitor, Phase};
use crate::options::BackupOptions;
use crate::report::BackupReport;
use label::Label;

pub use problem::SeedProblem;

/// Where the objects lie below the directory of a disk.
const VAULT: &str = "strongroom-seed";

/// One disk of a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedDisk {
    /// Its number, from 1.
    pub number: u32,
    /// The directory that was given for it.
    pub directory: PathBuf,
    /// Objects that lie on it.
    pub objects_count: u64,
    /// Their size.
    pub bytes: u64,
}

/// What an export has put onto disks.
#[derive(Debug)]
#[non_exhaustive]
pub struct SeedExport {
    /// Which seed it is: all of its disks carry this id.
    pub seed_id: String,
    /// The backup itself.
    pub backup: BackupReport,
    /// The disks, by number.
    pub disks: Vec<SeedDisk>,
}

/// What an import has brought into the vault.
#[derive(Debug)]
#[non_exhaustive]
pub struct SeedImport {
    /// Which seed it was.
    pub seed_id: String,
    /// The disks, by number.
    pub disks: Vec<SeedDisk>,
    /// Points that were brought in.
    pub copied: Vec<SessionId>,
    /// Points of the seed that the vault had already.
    pub present_count: u64,
    /// Bytes of blocks that were brought in.
    pub copied_bytes: u64,
}

impl Strongroom {
    /// Backs up onto disks instead of into the vault: each directory is one disk, all of them are there at once. Of the
    /// vault only its keys and its configuration are read. What was stopped, or found the disks full, goes on with the
    /// same disks and, where they do not suffice, more of them. In the end everything is read back and listed with its
    /// hash on each disk.
    ///
    /// # Errors
    /// [`Error::Seed`](crate::Error::Seed) when the disks do not belong together or hold a seed of another vault; as
    /// [`Strongroom::backup`].
    pub fn export_seed(
        &self,
        directories: &[PathBuf],
        options: &BackupOptions,
        monitor: &dyn Monitor,
    ) -> Result<SeedExport> {
        monitor.phase(Phase::Preparing);
        let fresh = self.fresh_seed_id()?;
        let labels = label::begin(directories, &self.vault().id().to_string(), &fresh)?;
        let seed = self.on_disks(&labels, true)?;
        let backup = seed.backup(options, monitor)?;
        monitor.phase(Phase::Finishing);
        let disks = label::finish(&labels, &options.cancel)?;
        Ok(SeedExport {
            seed_id: label::id_of(&labels),
            backup,
            disks,
        })
    }

    /// Brings a seed into this vault, whole disks checked before anything is written. An import that was stopped goes on
    /// where it was.
    ///
    /// # Errors
    /// [`Error::Seed`](crate::Error::Seed) when a disk is missing, damaged, of another export or another vault, when the export has not
    /// ended, or when all of it has been brought in before; as [`Strongroom::copy`].
    pub fn import_seed(
        &self,
        directories: &[PathBuf],
        options: &CopyOptions,
        monitor: &dyn Monitor,
    ) -> Result<SeedImport> {
        monitor.phase(Phase::Verifying);
        let labels = label::whole(directories, &self.vault().id().to_string())?;
        let disks = label::check_contents(&labels, &options.cancel, monitor)?;
        let seed = self.on_disks(&labels, false)?;
        let options = CopyOptions {
            target: CopyTarget::Store(self.vault().store().clone()),
            ..options.clone()
        };
        let plan = seed.plan_copy(&options, monitor)?;
        if plan.missing.is_empty() && plan.damaged.is_empty() {
            return Err(SeedProblem::Imported.into());
        }
        let report = seed.copy(&plan, &options, monitor)?;
        if let Some(damage) = report.damaged.first() {
            let (object, reason) = (damage.object.clone(), damage.reason.clone());
            return Err(SeedProblem::Damaged { object, reason }.into());
        }
        Ok(SeedImport {
            seed_id: label::id_of(&labels),
            disks,
            copied: report.copied,
            present_count: report.present_count,
            copied_bytes: report.copied_bytes,
        })
    }

    /// The copy of this vault on the disks, opened with the keys of this one.
    fn on_disks(&self, labels: &[Label], create: bool) -> Result<Self> {
        let directories: Vec<PathBuf> = labels
            .iter()
            .map(|label| label.directory.join(VAULT))
            .collect();
        let store = Store::new(open_disks(&directories)?);
        let vault = match self.wait(self.vault().beside(store.clone())) {
            Err(VaultError::NoVault { .. }) if create => {
                self.wait(copy::make_beside(self.vault(), store))?
            }
            outcome => outcome?,
        };
        let disks = labels.iter().map(|label| label.directory.clone());
        Ok(self.beside(vault, disks))
    }

    fn fresh_seed_id(&self) -> Result<String> {
        let entropy: &Arc<dyn Entropy> = self.vault().entropy();
        let mut id = [0; 16];
        entropy.fill(&mut id)?;
        Ok(format!("{:032x}", u128::from_be_bytes(id)))
    }
}
