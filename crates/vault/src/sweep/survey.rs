//! What a vault holds and what of it is needed, as one sweep sees it.

use std::collections::HashMap;
use std::sync::Arc;

use super::cycles::Unusable;
use super::held::{Held, Places};
use super::liveness::Liveness;
use super::sessions::Sessions;
use crate::chain::{self, Chain};
use crate::format::{DomainId, ObjectName, PackId, Remap, RemapId, SessionId};
use crate::remaps::Remaps;
use crate::{BlockReader, PackDirectory, Result, Vault};

/// A look at the whole domain. Packs are listed first, then remaps, points after them: a pack that a listed point needs
/// was durable before the point, hence is listed, or was uploaded later and is not up for judgement.
#[derive(Debug)]
pub(crate) struct Survey {
    domain: DomainId,
    /// Packs that may be condemned.
    pub(crate) held: Vec<Held>,
    /// Where blocks can be read.
    pub(crate) places: Places,
    pub(crate) remaps: Arc<Remaps>,
    pub(crate) live: Liveness,
    pub(crate) sessions: Sessions,
    /// Who wrote the segment that names a pack.
    writers: HashMap<PackId, SessionId>,
}

impl Survey {
    /// Dead packs and remaps are none: neither kept nor counted as copies, even if the store lists one.
    pub(crate) async fn take(vault: &Vault, reader: &BlockReader, dead: &Unusable) -> Result<Self> {
        let sessions = Sessions::read(vault).await?;
        let mut directory = PackDirectory::list_without(vault, dead).await?;
        let writers = directory.load_packs(vault).await?;
        let directory = Arc::new(directory);
        // Lists whose blocks were moved are found without another look at the index.
        reader.learn(Arc::clone(&directory));
        let chains: HashMap<SessionId, Chain> = chain::all(vault).await?;
        let live = Liveness::gather(vault, reader, &chains).await?;
        let held: Vec<Held> = directory.held().collect();
        Ok(Self {
            domain: *vault.domain_id(),
            places: Places::of(held.iter()),
            held,
            remaps: directory.remaps(),
            live,
            sessions,
            writers,
        })
    }
    /// Decides where everything that is needed is read from now on.
    pub(crate) fn settle(&mut self) {
        let places = &self.places;
        self.live
            .settle(&self.remaps, |name| places.has(name), |_| true);
    }

    /// Takes in a pack that this sweep has just made durable.
    pub(crate) fn add_pack(&mut self, pack: Held) {
        self.places.add(&pack);
        self.held.push(pack);
    }

    /// Takes in a remap that this sweep has just made durable.
    pub(crate) fn add_remap(&mut self, id: RemapId, remap: &Remap) {
        Arc::make_mut(&mut self.remaps).add(id, remap);
    }

    /// The packs that may be condemned, without those that a running session has written: a courtesy. Its segments tell
    /// which they are; while any session runs, packs without a segment may be its own, too.
    pub(crate) fn spare_running(&mut self) {
        let open = &self.sessions.open_ids;
        if open.is_empty() {
            return;
        }
        let (live, writers) = (&self.live, &self.writers);
        self.held.retain(|pack| {
            let writer = writers.get(&pack.pack);
            pack.needed(live).next().is_some()
                || writer.is_some_and(|writer| !open.contains(writer))
        });
    }

    pub(crate) fn name_of(&self, pack: &Held) -> String {
        ObjectName::pack(pack.kind, self.domain, pack.pack).to_string()
    }

    pub(crate) fn name_of_remap(&self, remap: RemapId) -> String {
        let domain = self.domain;
        ObjectName::Remap { domain, remap }.to_string()
    }
}
