//! The folder with everybody's objects: `vaults/<vault>/<name of the object>`, as any local vault has them, and a spool.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock, getxattr, statvfs};

use super::spool::{OWNER_XATTR, Spooled};
use super::usage::Used;
use super::walk;
use crate::wire::{Listing, Page};
use crate::{AgentId, Error, Result, VaultName};

/// Folders whose entry in their parent is known to be on the disk; forgotten when there are more.
const SYNCED_MAX: usize = 4096;

/// The vaults of a gateway on one file system.
#[derive(Debug)]
pub struct Pool {
    vaults: PathBuf,
    spool: PathBuf,
    synced: Mutex<HashSet<PathBuf>>,
    /// Locked as long as it is open: the spool of one gateway is nothing to another.
    _lock: File,
}

impl Pool {
    /// Opens a folder, made if need be, and removes what cut uploads have left. Only one gateway may use it.
    ///
    /// # Errors
    /// [`Error::Unfit`] where a file system cannot create exclusively or note who owns a file, or another gateway uses
    /// it; [`Error::File`].
    pub fn open(root: &Path) -> Result<Self> {
        let (vaults, spool) = (root.join("vaults"), root.join("spool"));
        for folder in [&vaults, &spool] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(Error::file(folder))?;
        }
        let unfit = |reason: String| Error::Unfit {
            path: root.display().to_string(),
            reason,
        };
        let lock = File::open(&spool).map_err(Error::file(&spool))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_held| unfit("another gateway uses it".to_owned()))?;
        let pool = Self {
            vaults,
            spool,
            synced: Mutex::default(),
            _lock: lock,
        };
        for left in fs::read_dir(&pool.spool).map_err(Error::file(&pool.spool))? {
            let left = left.map_err(Error::file(&pool.spool))?.path();
            fs::remove_file(&left).map_err(Error::file(&left))?;
        }
        pool.prove().map_err(unfit)?;
        Ok(pool)
    }

    /// That a name is given once, and that it is known who made a file.
    fn prove(&self) -> Result<(), String> {
        let target = self.spool.join("proof");
        let publish = |number: u8| {
            let mut file = Spooled::new(&self.spool, [number; 16])?;
            file.write(&[number])?;
            file.publish("nobody", &target)
        };
        let first = publish(1).and_then(|()| owner_of(&target));
        let second = publish(2);
        let content = fs::read(&target);
        fs::remove_file(&target).map_err(|error| error.to_string())?;
        match first {
            Ok(Some(owner)) if owner.as_str() == "nobody" => {}
            Ok(_) => return Err("extended attributes are not kept".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
        let is_refused = second.is_err_and(|error| error.kind() == ErrorKind::AlreadyExists);
        if !is_refused || content.is_ok_and(|content| content != [1]) {
            return Err("a name can be given twice".to_owned());
        }
        Ok(())
    }

    /// Makes the folder of a vault, if it is not there; a gateway that serves this folder knows it at once. Returns where
    /// it lies: the same as a local vault.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn add_vault(root: &Path, vault: &VaultName) -> Result<PathBuf> {
        let vaults = root.join("vaults");
        let folder = vaults.join(vault.as_str());
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder);
        made.and_then(|()| sync_dir(&vaults))
            .map_err(Error::file(&folder))?;
        Ok(folder)
    }

    fn vault_dir(&self, vault: &VaultName) -> PathBuf {
        self.vaults.join(vault.as_str())
    }

    /// Whether there is such a vault.
    #[must_use]
    pub fn has_vault(&self, vault: &VaultName) -> bool {
        self.vault_dir(vault).is_dir()
    }

    pub(super) fn path(&self, vault: &VaultName, name: &str) -> PathBuf {
        self.vault_dir(vault).join(name)
    }

    /// Room on the disk, bytes.
    pub(super) fn free_bytes(&self) -> io::Result<u64> {
        let stat = statvfs(&self.spool)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    pub(super) fn spool(&self, random: [u8; 16]) -> io::Result<Spooled> {
        Spooled::new(&self.spool, random)
    }

    /// Gives an object its name. When this returns, it stays there whatever happens to the machine.
    pub(super) fn publish(
        &self,
        spooled: Spooled,
        owner: &AgentId,
        target: &Path,
    ) -> io::Result<()> {
        let folder = target.parent().ok_or(ErrorKind::InvalidInput)?;
        self.make_folder(folder)?;
        spooled.publish(owner.as_str(), target)?;
        sync_dir(folder)
    }

    /// A folder that exists may have been made by somebody who has not synced it yet: its parents are synced until known.
    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if self.synced().contains(folder) {
            return Ok(());
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let ours = folder
            .ancestors()
            .take_while(|path| path.starts_with(&self.vaults) && *path != self.vaults);
        for path in ours {
            if let Some(parent) = path.parent() {
                sync_dir(parent)?;
            }
        }
        let mut synced = self.synced();
        if synced.len() >= SYNCED_MAX {
            synced.clear();
        }
        synced.insert(folder.to_owned());
        Ok(())
    }

    fn synced(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn list(
        &self,
        vault: &VaultName,
        page: &Page,
        accept: &dyn Fn(&str) -> bool,
    ) -> io::Result<Listing> {
        walk::page(&self.vault_dir(vault), page, accept)
    }

    /// What every agent has, by looking at every object.
    pub(super) fn count(&self, mut add: impl FnMut(AgentId, Used)) -> io::Result<()> {
        walk::all(&self.vaults, &mut |path, meta| {
            if let Ok(Some(owner)) = owner_of(path) {
                add(
                    owner,
                    Used {
                        bytes: meta.len(),
                        objects: 1,
                    },
                );
            }
        })
    }
}

/// Who has made an object; `None` for one that came here by another way.
pub(super) fn owner_of(path: &Path) -> io::Result<Option<AgentId>> {
    let mut name = [0; 64];
    match getxattr(path, OWNER_XATTR, &mut name) {
        Ok(len) => {
            let name = name
                .get(..len)
                .and_then(|name| std::str::from_utf8(name).ok());
            Ok(name.and_then(|name| name.parse().ok()))
        }
        Err(rustix::io::Errno::NODATA) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
