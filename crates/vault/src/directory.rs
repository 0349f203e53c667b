//! Which packs exist, and where a chunk may be found.

mod copies;
mod digest;
mod kept;
mod load;
mod pages;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use strongroom_chunking::Dedup;

use crate::format::{BlockName, ChunkAddress, ObjectKind, ObjectName, PackId, RemapId, Toc};
use crate::notices::Notices;
use crate::remaps::Remaps;
use crate::sweep::{Contents, Held, Unusable};
use crate::{Result, Vault};
use load::Detail;
pub(crate) use load::read_toc;
use pages::Pages;

/// What is known about a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackEntry {
    /// Its id.
    pub pack_id: PackId,
    /// Data or metadata.
    pub kind: ObjectKind,
    /// Length by the listing.
    pub object_bytes: u64,
    /// The store lists it.
    pub listed: bool,
    /// Length by the index, where a segment names it.
    pub indexed_bytes: Option<u64>,
    /// Blocks in it, by the index or its own table.
    pub blocks_count: u32,
    /// Chunks in it, likewise.
    pub chunks_count: u32,
    /// Hash of the whole object by the index.
    pub blake3: Option<[u8; 32]>,
    /// A damage notice names it, or some of its blocks.
    pub is_hurt: bool,
}

impl PackEntry {
    fn listed(pack_id: PackId, kind: ObjectKind, object_bytes: u64) -> Self {
        Self {
            pack_id,
            kind,
            object_bytes,
            listed: true,
            indexed_bytes: None,
            blocks_count: 0,
            chunks_count: 0,
            blake3: None,
            is_hurt: false,
        }
    }

    /// Name of its object.
    #[must_use]
    pub fn object_name(&self, domain: &crate::format::DomainId) -> String {
        ObjectName::pack(self.kind, *domain, self.pack_id).to_string()
    }
}

/// Where a chunk may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its pack.
    pub pack: PackId,
    /// Data or metadata.
    pub kind: ObjectKind,
    /// Position of its block there.
    pub block: u16,
    /// Its number in the block.
    pub chunk: u16,
}

/// An index segment or table of contents that cannot be used. No data is lost by that alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexProblem {
    /// Name of the object.
    pub object: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Chunks that lie beside what was found lately and are remembered, about 40 bytes each.
const LEARNED_COUNT: usize = 1 << 16;

/// The packs of a domain: the listing is the truth, the index tells what is inside.
pub struct PackDirectory {
    packs: Vec<PackEntry>,
    positions: HashMap<PackId, u32>,
    /// Where chunks lie: those of small segments and of packs that no segment names, and filters over large segments.
    dedup: Dedup,
    pages: Pages,
    /// Segments that were read.
    seen: HashSet<ObjectName>,
    /// What this machine keeps of segments is used.
    takes_kept: bool,
    /// Blocks that lie in another pack than that of their birth: where their copies are.
    moved: HashMap<BlockName, Vec<(u32, u16)>>,
    remaps: Arc<Remaps>,
    unusable_remaps: HashSet<RemapId>,
    notices: Notices,
    /// Listed, but named by no segment.
    unindexed: BTreeSet<PackId>,
    /// Of these, those that a session refers to and must publish.
    adopted: BTreeSet<PackId>,
    /// Listed, but taken for absent.
    passed_over: Vec<PackEntry>,
}

impl std::fmt::Debug for PackDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackDirectory")
            .field("packs", &self.packs.len())
            .finish_non_exhaustive()
    }
}

impl PackDirectory {
    /// Lists the packs. Nothing is known yet about what they hold.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(vault: &Vault) -> Result<Self> {
        Self::list_without(vault, &Unusable::default()).await
    }

    /// As [`PackDirectory::list`], as if these packs and remaps were not there: those that a sweep condemns or has
    /// deleted.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_without(vault: &Vault, unusable: &Unusable) -> Result<Self> {
        let mut directory = Self {
            packs: Vec::new(),
            positions: HashMap::new(),
            dedup: Dedup::new(LEARNED_COUNT),
            pages: Pages::new(vault.clone()),
            seen: HashSet::new(),
            takes_kept: true,
            moved: HashMap::new(),
            remaps: Arc::default(),
            unusable_remaps: unusable.remaps.clone(),
            notices: Notices::default(),
            unindexed: BTreeSet::new(),
            adopted: BTreeSet::new(),
            passed_over: Vec::new(),
        };
        for (prefix, kind) in [("d", ObjectKind::DataPack), ("m", ObjectKind::MetaPack)] {
            for line in vault
                .store()
                .list(&format!("{prefix}/{}", vault.domain_id()))
                .await?
            {
                let Some(ObjectName::Pack { pack, .. }) = ObjectName::parse(&line.name) else {
                    continue;
                };
                let entry = PackEntry::listed(pack, kind, line.bytes);
                if unusable.packs.contains(&pack) {
                    directory.passed_over.push(entry);
                } else {
                    directory.insert(entry);
                }
            }
        }
        Ok(directory)
    }

    fn insert(&mut self, entry: PackEntry) -> u32 {
        let position = u32::try_from(self.packs.len()).unwrap_or(u32::MAX);
        self.positions.insert(entry.pack_id, position);
        self.packs.push(entry);
        position
    }

    /// Takes all metadata packs for absent: nothing new will refer to what is in them.
    pub fn forget_metadata(&mut self) {
        let metadata: Vec<PackId> = self
            .packs
            .iter()
            .filter(|entry| entry.kind == ObjectKind::MetaPack)
            .map(|entry| entry.pack_id)
            .collect();
        metadata.iter().for_each(|pack| self.remove(pack));
    }

    /// Forgets a pack that has gone since it was listed.
    pub(crate) fn remove(&mut self, pack: &PackId) {
        if let Some(position) = self.positions.remove(pack)
            && let Some(entry) = self.packs.get_mut(position as usize)
        {
            entry.listed = false;
        }
    }

    /// The packs that the store lists although they were to be taken for absent.
    pub(crate) fn passed_over(&self) -> &[PackEntry] {
        &self.passed_over
    }

    /// The packs that the store lists and whose blocks are known, with the names of the blocks of which they hold a copy
    /// that counts.
    pub(crate) fn held(&self) -> impl Iterator<Item = Held> {
        let mut foreign: HashMap<u32, Vec<(u16, BlockName)>> = HashMap::new();
        for (name, copies) in &self.moved {
            for (position, at) in copies {
                foreign.entry(*position).or_default().push((*at, *name));
            }
        }
        (0_u32..)
            .zip(&self.packs)
            .filter(|(_, entry)| entry.listed && entry.blocks_count > 0)
            .map(move |(position, entry)| {
                self.counting(Held {
                    pack: entry.pack_id,
                    kind: entry.kind,
                    object_bytes: entry.object_bytes,
                    chunks_count: entry.chunks_count,
                    contents: contents_of(entry, foreign.get(&position)),
                    is_hurt: entry.is_hurt,
                })
            })
    }

    /// The remaps that may be used.
    pub(crate) fn remaps(&self) -> Arc<Remaps> {
        Arc::clone(&self.remaps)
    }

    /// Whether these chunks can be read: their block lies somewhere, or remaps lead to where they are now.
    #[must_use]
    pub fn has_chunks(&self, name: BlockName, first: u16, count: u16) -> bool {
        if self.resolve(name).is_some() {
            return true;
        }
        let is_there = |name| self.resolve(name).is_some();
        (0..count).all(|offset| {
            let chunk = first.saturating_add(offset);
            let at = ChunkAddress {
                pack: name.pack,
                block: name.ordinal,
                chunk,
            };
            self.remaps.resolve(at, is_there).is_some()
        })
    }

    /// Takes in a pack that this session has just made durable.
    pub fn add_uploaded(&mut self, pack: PackId, kind: ObjectKind, object_bytes: u64, toc: &Toc) {
        if !self.positions.contains_key(&pack) {
            self.insert(PackEntry::listed(pack, kind, object_bytes));
            self.add_toc(pack, toc, Detail::Chunks);
        }
    }

    /// All places where chunks with this prefix may be. To be confirmed by the packs' own tables.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub async fn candidates(&self, prefix: u64) -> Result<Vec<Candidate>> {
        let values = self.dedup.candidates(&self.pages, prefix).await?;
        Ok(values
            .into_iter()
            .filter_map(|value| self.place(value))
            .collect())
    }

    /// A place that was [learned](Self::learn) lately, to be confirmed likewise.
    #[must_use]
    pub fn learned(&self, prefix: u64) -> Option<Candidate> {
        self.place(self.dedup.learned(prefix)?)
    }

    /// Remembers for a while what lies in a pack: who asks for one of its chunks asks for others next.
    pub fn learn(&self, pack: &PackId, toc: &Toc) {
        // Without large segments all is in memory anyway.
        if self.pages.is_empty() {
            return;
        }
        if let Some(&position) = self.positions.get(pack) {
            let chunks = toc.addressed_chunks();
            self.dedup.learn(
                chunks.map(|(block, chunk, row)| {
                    (row.id.prefix(), pack_value(position, block, chunk))
                }),
            );
        }
    }

    fn place(&self, value: u64) -> Option<Candidate> {
        let [chunk_low, chunk_high, block_low, block_high, ..] = value.to_le_bytes();
        let position = usize::try_from(value >> 32).ok()?;
        let entry = self.packs.get(position).filter(|entry| entry.listed)?;
        let block = u16::from_le_bytes([block_low, block_high]);
        (!self.is_hurt(&entry.pack_id, block)).then_some(Candidate {
            pack: entry.pack_id,
            kind: entry.kind,
            block,
            chunk: u16::from_le_bytes([chunk_low, chunk_high]),
        })
    }

    /// Whether the store lists this pack.
    #[must_use]
    pub fn is_listed(&self, pack: &PackId) -> bool {
        self.positions.contains_key(pack)
    }

    /// Whether the store listed a pack when it was asked, even if the pack has gone while the index was read: then this
    /// may be older than what a sweep has put in its place.
    pub(crate) fn was_listed(&self, pack: &PackId) -> bool {
        self.packs.iter().any(|entry| entry.pack_id == *pack)
    }

    /// What is known about a pack that the store lists.
    #[must_use]
    pub fn entry(&self, pack: &PackId) -> Option<&PackEntry> {
        self.packs.get(*self.positions.get(pack)? as usize)
    }

    /// Where a chunk is now, by remaps; `None` where none leads to a block that is there.
    #[must_use]
    pub fn remapped(&self, at: ChunkAddress) -> Option<ChunkAddress> {
        self.remaps.resolve(at, |name| self.resolve(name).is_some())
    }

    /// Whether a pack is listed but named by no segment.
    #[must_use]
    pub fn is_unindexed(&self, pack: &PackId) -> bool {
        self.unindexed.contains(pack)
    }

    /// Notes that a session refers to an unindexed pack.
    pub fn adopt(&mut self, pack: PackId) {
        if self.unindexed.remove(&pack) {
            self.adopted.insert(pack);
        }
    }

    /// The adopted packs that were not taken yet; the session publishes them in its next segment.
    pub fn take_adopted(&mut self) -> Vec<PackId> {
        std::mem::take(&mut self.adopted).into_iter().collect()
    }

    /// All packs that the store lists.
    pub fn packs(&self) -> impl Iterator<Item = &PackEntry> {
        self.packs.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn packs_count(&self) -> u64 {
        self.packs.len() as u64
    }

    /// Bytes of all packs.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.packs.iter().map(|pack| pack.object_bytes).sum()
    }

    /// Name of a pack's object; a pack that is not listed is taken for a data pack.
    #[must_use]
    pub fn object_name(&self, vault: &Vault, pack: &PackId) -> String {
        let kind = self
            .entry(pack)
            .map_or(ObjectKind::DataPack, |entry| entry.kind);
        ObjectName::pack(kind, *vault.domain_id(), *pack).to_string()
    }
}

fn contents_of(entry: &PackEntry, foreign: Option<&Vec<(u16, BlockName)>>) -> Contents {
    let count = u16::try_from(entry.blocks_count).unwrap_or(u16::MAX);
    let Some(foreign) = foreign else {
        return Contents::Born(count);
    };
    let pack = entry.pack_id;
    let mut names: Vec<BlockName> = (0..count)
        .map(|ordinal| BlockName { pack, ordinal })
        .collect();
    for (at, name) in foreign {
        if let Some(place) = names.get_mut(usize::from(*at)) {
            *place = *name;
        }
    }
    Contents::Given(names)
}

fn pack_value(position: u32, block: u16, chunk: u16) -> u64 {
    u64::from(position) << 32 | u64::from(block) << 16 | u64::from(chunk)
}
