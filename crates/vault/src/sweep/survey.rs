//! What a vault holds and what of it is needed, as one sweep sees it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::cycles::Unusable;
use super::decide;
use super::held::{Contents, Held, Places};
use super::liveness::Liveness;
use super::segments::{IndexSegment, spent};
use super::sessions::Sessions;
use crate::chain::{self, Chain};
use crate::format::{DomainId, Mark, ObjectName, PackId, Remap, RemapId, SessionId};
use crate::remaps::Remaps;
use crate::{BlockReader, PackDirectory, Result, Vault};

/// A look at the whole domain. Packs are listed first, then remaps, points after them: a pack that a listed point needs
/// was durable before the point, hence is listed, or was uploaded later and is not up for judgement.
#[derive(Debug)]
pub(crate) struct Survey {
    domain: DomainId,
    /// Packs that may be condemned.
    pub(crate) held: Vec<Held>,
    /// Packs that a plan has named, and that are there all the same: an upload arrived a second time.
    pub(crate) dead: Vec<Held>,
    /// Where blocks can be read.
    pub(crate) places: Places,
    pub(crate) remaps: Arc<Remaps>,
    pub(crate) live: Liveness,
    pub(crate) sessions: Sessions,
    /// What each index segment says.
    pub(crate) segments: Vec<IndexSegment>,
    /// What plans have named.
    pub(crate) dead_ids: Unusable,
}

impl Survey {
    /// Dead packs and remaps are none: neither kept nor counted as copies, even if the store lists one.
    pub(crate) async fn take(vault: &Vault, reader: &BlockReader, dead: &Unusable) -> Result<Self> {
        let sessions = Sessions::read(vault).await?;
        let mut directory = PackDirectory::list_without(vault, dead).await?;
        let segments = directory.load_packs(vault).await?;
        let directory = Arc::new(directory);
        // Lists whose blocks were moved are found without another look at the index.
        reader.learn(Arc::clone(&directory));
        let chains: HashMap<SessionId, Chain> = chain::all(vault).await?;
        let live = Liveness::gather(vault, reader, &chains).await?;
        let held: Vec<Held> = directory.held().collect();
        let passed_over = directory
            .passed_over()
            .iter()
            .map(|entry| Held {
                pack: entry.pack_id,
                kind: entry.kind,
                object_bytes: entry.object_bytes,
                chunks_count: 0,
                contents: Contents::Born(0),
                is_hurt: false,
            })
            .collect();
        Ok(Self {
            domain: *vault.domain_id(),
            places: Places::of(held.iter()),
            held,
            dead: passed_over,
            remaps: directory.remaps(),
            live,
            sessions,
            segments,
            dead_ids: dead.clone(),
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
        let rows = || self.segments.iter().flat_map(|segment| &segment.rows);
        let of_running = rows().filter(|row| open.contains(&row.writer));
        let of_running: HashSet<PackId> = of_running.map(|row| row.pack).collect();
        let named: HashSet<PackId> = rows().map(|row| row.pack).collect();
        let live = &self.live;
        self.held.retain(|pack| {
            let is_anothers = named.contains(&pack.pack) && !of_running.contains(&pack.pack);
            is_anothers || pack.needed(live).next().is_some()
        });
    }

    /// What a mark would condemn now.
    pub(crate) fn condemn(&self) -> Mark {
        decide::condemn(&self.held, &self.dead, &self.remaps, &self.live)
    }

    /// What beside packs and remaps a plan would name that deletes all that this mark condemns.
    pub(crate) fn tidied(&self, mark: &Mark) -> Vec<String> {
        let mut dead = self.dead_ids.clone();
        dead.packs.extend(mark.packs.iter().map(|(pack, _)| *pack));
        let segments = spent(&self.segments, &dead);
        let segments = segments.iter().map(ToString::to_string);
        let gone = self.live.gone.iter();
        let gone = gone.map(|point| point.object_name(&self.domain));
        let left = self.sessions.finished.iter().cloned();
        segments.chain(gone).chain(left).collect()
    }

    pub(crate) fn name_of(&self, pack: &Held) -> String {
        ObjectName::pack(pack.kind, self.domain, pack.pack).to_string()
    }

    pub(crate) fn name_of_remap(&self, remap: RemapId) -> String {
        let domain = self.domain;
        ObjectName::Remap { domain, remap }.to_string()
    }
}
