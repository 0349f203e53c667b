//! Where the chunks of rewritten blocks are now.

use std::collections::HashMap;

use crate::error::in_object;
use crate::format::{BlockName, ChunkAddress, ObjectKind, ObjectName, Remap, RemapId, RemapRun};
use crate::{Error, Result, Vault};

/// More steps from an old address to a new one are damage (format.md §12).
const STEPS_MAX: usize = 64;

/// All remaps of a domain.
#[derive(Debug, Default)]
pub struct Remaps {
    runs: HashMap<BlockName, Vec<(RemapId, RemapRun)>>,
    ids: Vec<RemapId>,
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
            let Some(ObjectName::Remap { remap: id, .. }) = ObjectName::parse(&line.name) else {
                continue;
            };
            let read = vault
                .store()
                .read(&line.name, ObjectKind::Remap.max_bytes())
                .await;
            let opened = match read {
                Ok(object) => in_object(
                    &line.name,
                    Remap::open(&object, vault.toc_key()?, vault.id()),
                ),
                Err(error) => Err(error),
            };
            match opened {
                Ok(remap) => remaps.add(id, &remap),
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
    pub fn add(&mut self, id: RemapId, remap: &Remap) {
        self.ids.push(id);
        for run in &remap.runs {
            let runs = self.runs.entry(run.old.block_name()).or_default();
            runs.push((id, *run));
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Ids of all remaps.
    #[must_use]
    pub fn ids(&self) -> &[RemapId] {
        &self.ids
    }

    /// The remaps that move chunks of this block.
    pub fn of_block(&self, name: BlockName) -> impl Iterator<Item = RemapId> {
        let runs = self.runs.get(&name).map(Vec::as_slice).unwrap_or_default();
        runs.iter().map(|(id, _)| *id)
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
            for new in runs.iter().filter_map(|(_, run)| run.resolve(at)) {
                if is_there(new.block_name()) {
                    return Some(new);
                }
                open.push(new);
            }
        }
        None
    }
}
