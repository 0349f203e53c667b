//! Objects on their way: a file that nobody sees until it is whole, proven and on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, XattrFlags, fsetxattr, renameat_with};

/// Who has made an object, on the object itself: so it goes where the object goes, and nothing has to be kept in step.
pub(super) const OWNER_XATTR: &str = "user.strongroom.agent";

/// A file of the spool. Dropped before it is published, it is gone.
#[derive(Debug)]
pub(super) struct Spooled {
    path: PathBuf,
    file: File,
    hasher: blake3::Hasher,
    bytes: u64,
    is_published: bool,
}

impl Spooled {
    pub(super) fn new(spool: &Path, random: [u8; 16]) -> io::Result<Self> {
        let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = spool.join(name);
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Self {
            path,
            file,
            hasher: blake3::Hasher::new(),
            bytes: 0,
            is_published: false,
        })
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.file.write_all(piece)?;
        self.hasher.update(piece);
        self.bytes += piece.len() as u64;
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn hash(&self) -> blake3::Hash {
        self.hasher.finalize()
    }

    /// What was written, of an object that is small.
    pub(super) fn content(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }

    /// Makes it durable, then gives it its name if nobody has it. The folder must be there; it is synced by the caller.
    pub(super) fn publish(mut self, owner: &str, target: &Path) -> io::Result<()> {
        fsetxattr(
            &self.file,
            OWNER_XATTR,
            owner.as_bytes(),
            XattrFlags::empty(),
        )?;
        self.file.sync_all()?;
        renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE)?;
        self.is_published = true;
        Ok(())
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        if !self.is_published
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a cut upload stays in the spool until the next start");
        }
    }
}
