//! What a vault holds and what of it is needed, as one sweep sees it.

use std::collections::{HashMap, HashSet};

use super::decide::Held;
use super::liveness::Liveness;
use super::sessions::Sessions;
use crate::chain::{self, Chain};
use crate::format::{DomainId, ObjectName, PackId, SessionId};
use crate::remaps::Remaps;
use crate::{BlockReader, PackDirectory, Result, Vault};

/// A look at the whole domain. Packs are listed first, points after them: a pack that a listed point needs was
/// durable before the point, hence is listed, or was uploaded later and is not up for judgement.
#[derive(Debug)]
pub(crate) struct Survey {
    domain: DomainId,
    /// Packs that may be condemned: those of undecided sessions are not among them.
    pub(crate) held: Vec<Held>,
    pub(crate) live: Liveness,
    pub(crate) sessions: Sessions,
}

impl Survey {
    /// Dead packs are none: neither kept nor counted as copies, even if the store lists one.
    pub(crate) async fn take(
        vault: &Vault,
        reader: &BlockReader,
        dead: &HashSet<PackId>,
    ) -> Result<Self> {
        let sessions = Sessions::read(vault).await?;
        let mut directory = PackDirectory::list_without(vault, dead).await?;
        let segments = directory.load_packs(vault).await?;
        let remaps = Remaps::load(vault).await?;
        let chains: HashMap<SessionId, Chain> = chain::all(vault).await?;
        let mut live = Liveness::gather(vault, reader, &chains).await?;
        live.follow(&remaps, |name| directory.resolve(name).is_some());
        let held = directory
            .held()
            .map(|(entry, blocks)| Held {
                pack: entry.pack_id,
                kind: entry.kind,
                object_bytes: entry.object_bytes,
                blocks,
                is_hurt: entry.is_hurt,
            })
            .collect();
        let mut survey = Self {
            domain: *vault.domain_id(),
            held,
            live,
            sessions,
        };
        survey.spare_running(&segments);
        Ok(survey)
    }

    /// A courtesy: packs that a running session has written are not condemned under its feet. Its segments tell
    /// which they are; while any session runs, packs without a segment may be its own, too.
    fn spare_running(&mut self, segments: &HashMap<PackId, SessionId>) {
        if self.sessions.open_ids.is_empty() {
            return;
        }
        let live = &self.live;
        let open = &self.sessions.open_ids;
        self.held.retain(|pack| {
            let is_needed = pack.blocks.iter().any(|name| live.of_block(name).is_some());
            is_needed
                || segments
                    .get(&pack.pack)
                    .is_some_and(|writer| !open.contains(writer))
        });
    }

    pub(crate) fn name_of(&self, pack: &Held) -> String {
        ObjectName::pack(pack.kind, self.domain, pack.pack).to_string()
    }
}
