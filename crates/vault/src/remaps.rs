//! Where the chunks of rewritten blocks are now.

use std::collections::HashMap;

use crate::error::in_object;
use crate::format::{
    BlockName, ChunkAddress, FormatError, ObjectKind, ObjectName, Remap, RemapId, RemapRun,
    open_signed,
};
use crate::{Error, Result, Vault};

/// More steps from an old address to a new one are damage (format.md §12).
const STEPS_MAX: usize = 64;

/// All remaps of a domain.
#[derive(Debug, Default)]
pub struct Remaps {
    runs: HashMap<BlockName, Vec<RemapRun>>,
}

impl Remaps {
    /// Reads all remaps. One that vanishes meanwhile is not needed any more; one that is damaged is passed over with
    /// a warning: its chunks are then missed by whoever looks for them, and told as missing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load(vault: &Vault) -> Result<Self> {
        let mut remaps = Self::default();
        let listed = vault
            .store()
            .list(&format!("remap/{}", vault.domain_id()))
            .await?;
        for line in listed {
            let Some(name @ ObjectName::Remap { .. }) = ObjectName::parse(&line.name) else {
                continue;
            };
            let read = vault
                .store()
                .read(&line.name, ObjectKind::Remap.max_bytes())
                .await;
            let opened = match read {
                Ok(object) => in_object(&name, open(vault, &name, &object)),
                Err(error) => Err(error),
            };
            match opened {
                Ok(remap) => remaps.add(&remap),
                Err(Error::Missing { .. }) => {}
                Err(error) if error.is_corruption() => {
                    tracing::warn!(remap = line.name, %error, "a remap cannot be used");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(remaps)
    }

    /// Takes in one remap.
    pub fn add(&mut self, remap: &Remap) {
        for run in &remap.runs {
            let runs = self.runs.entry(run.old.block_name()).or_default();
            runs.push(*run);
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The address of a chunk in a block that is there, reached by one or more remaps; `None` where none leads to one.
    #[must_use]
    pub fn resolve(
        &self,
        at: ChunkAddress,
        is_there: impl Fn(BlockName) -> bool,
    ) -> Option<ChunkAddress> {
        let mut open = vec![at];
        for _ in 0..STEPS_MAX {
            let at = open.pop()?;
            let runs = self
                .runs
                .get(&at.block_name())
                .map(Vec::as_slice)
                .unwrap_or_default();
            for new in runs.iter().filter_map(|run| run.resolve(at)) {
                if is_there(new.block_name()) {
                    return Some(new);
                }
                open.push(new);
            }
        }
        None
    }
}

/// Chunks that one remap names at most when it is written; each may be a run of its own.
const CHUNKS_MAX: usize = 1 << 17;

impl Vault {
    /// Makes it known where chunks can be had from now on: from an old address to a new one. The caller has read and
    /// hashed what stands at the new ones.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] without an owner's or maintenance key, or when the store fails.
    pub async fn remap(&self, chunks: &[(ChunkAddress, ChunkAddress)]) -> Result<()> {
        for part in chunks.chunks(CHUNKS_MAX) {
            let mut random = [0; 16];
            self.entropy().fill(&mut random)?;
            let name = ObjectName::Remap {
                domain: *self.domain_id(),
                remap: RemapId::from_bytes(random),
            };
            let remap = Remap::of_chunks(part.to_vec());
            self.create_signed(name, ObjectKind::Remap, &remap.encode())
                .await?;
        }
        Ok(())
    }
}

/// Only what an owner or a maintenance host has signed moves anything.
fn open(vault: &Vault, name: &ObjectName, object: &[u8]) -> Result<Remap, FormatError> {
    let key = vault.keys().toc().ok_or(FormatError::WrongObject)?;
    let signers = vault.signers();
    let (_, plain) = open_signed(ObjectKind::Remap, name, object, key, vault.id(), &signers)?;
    Remap::decode(&plain)
}
