//! Which packs exist, and where a chunk may be found.

mod copies;
mod digest;
mod kept;
mod pages;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use strongroom_chunking::Dedup;

use crate::format::{
    BlockName, ChunkAddress, FormatError, ObjectKind, ObjectName, PackId, RemapId, Segment,
    SegmentPack, TOC_AT, Toc, padme, toc_extent,
};
use crate::notices::Notices;
use crate::remaps::Remaps;
use crate::rule::{self, Rule};
use crate::sweep::{Contents, Held, IndexSegment, RowSums, Unusable};
use crate::{Error, Result, Vault};
use digest::{Chunks, Digest};
use pages::Pages;

/// Bytes read at first from a pack whose table is wanted: most tables are shorter.
const TOC_GUESS_BYTES: u64 = 24 << 10;

/// How much of the index is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Which blocks lie where.
    Blocks,
    /// Which chunks lie where, too.
    Chunks,
}

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

    /// Reads all segments, and the table of every pack that none of them names. What is damaged is passed over: its
    /// chunks are not found, so they are stored again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load_index(&mut self, vault: &Vault) -> Result<()> {
        let (problems, _segments) = self.load(vault, Detail::Chunks).await?;
        for problem in problems {
            tracing::warn!(
                object = problem.object,
                reason = problem.reason,
                "part of the index cannot be used"
            );
        }
        Ok(())
    }

    /// Like [`PackDirectory::load_index`]; says what was passed over, and reads every segment from the vault, also where this
    /// machine keeps it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load_index_lenient(&mut self, vault: &Vault) -> Result<Vec<IndexProblem>> {
        self.takes_kept = false;
        let (problems, _segments) = self.load(vault, Detail::Chunks).await?;
        Ok(problems)
    }

    /// Learns which blocks lie where, but not which chunks are in them; returns what each segment says.
    ///
    /// # Errors
    /// When a table cannot be read, or the store fails.
    pub(crate) async fn load_packs(&mut self, vault: &Vault) -> Result<Vec<IndexSegment>> {
        let (problems, segments) = self.load(vault, Detail::Blocks).await?;
        for problem in problems {
            // A pack whose blocks are not known holds no copy that counts, and is not condemned either.
            tracing::warn!(
                object = problem.object,
                reason = problem.reason,
                "part of the index cannot be used"
            );
        }
        Ok(segments)
    }

    async fn load(
        &mut self,
        vault: &Vault,
        detail: Detail,
    ) -> Result<(Vec<IndexProblem>, Vec<IndexSegment>)> {
        let mut problems = Vec::new();
        let segments = self.load_segments(vault, detail, &mut problems).await?;
        let is_unindexed = |entry: &&PackEntry| entry.indexed_bytes.is_none();
        let unindexed: Vec<PackEntry> = self.packs.iter().filter(is_unindexed).cloned().collect();
        for entry in unindexed {
            let read = read_toc(vault, entry.pack_id, entry.kind).await;
            match read.map(|(toc, _)| toc) {
                Ok(toc) if padme(toc.unpadded_bytes()) != entry.object_bytes => {
                    let source = FormatError::Truncated("a pack");
                    let object = entry.object_name(vault.domain_id());
                    let error = Error::Object {
                        object: object.clone(),
                        source,
                    };
                    problems.push(problem(object, &error));
                    self.remove(&entry.pack_id);
                }
                Ok(toc) => {
                    self.add_toc(entry.pack_id, &toc, detail);
                    self.unindexed.insert(entry.pack_id);
                }
                // A sweep may have deleted it since it was listed.
                Err(Error::Missing { .. }) => self.remove(&entry.pack_id),
                Err(error) if error.is_corruption() => {
                    problems.push(problem(entry.object_name(vault.domain_id()), &error));
                }
                Err(error) => return Err(error),
            }
        }
        let remaps = Remaps::load_without(vault, &self.unusable_remaps).await?;
        self.remaps = Arc::new(remaps);
        self.take_notices(Notices::load(vault).await?);
        Ok((problems, segments))
    }

    /// Reads the segments that were not read before; returns what each says, where only packs are wanted.
    async fn load_segments(
        &mut self,
        vault: &Vault,
        detail: Detail,
        problems: &mut Vec<IndexProblem>,
    ) -> Result<Vec<IndexSegment>> {
        let mut segments = Vec::new();
        let mut listed = HashSet::new();
        // A sweep may put segments together while they are read: the one that has taken their place stands by then.
        let mut is_complete = false;
        while !is_complete {
            is_complete = true;
            let prefix = format!("index/{}", vault.domain_id());
            for line in vault.store().list(&prefix).await? {
                let Some(name @ ObjectName::Segment { .. }) = ObjectName::parse(&line.name) else {
                    continue;
                };
                listed.insert(name);
                if !self.seen.insert(name) {
                    continue;
                }
                let read = match detail {
                    Detail::Chunks => self.load_chunks(vault, name).await.map(|()| None),
                    Detail::Blocks => self.load_rows(vault, name).await.map(Some),
                };
                match read {
                    Ok(segment) => segments.extend(segment),
                    Err(Error::Missing { .. }) => is_complete = false,
                    Err(error) if error.is_corruption() => {
                        problems.push(problem(line.name, &error));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        if let Some(dir) = vault.index_dir().filter(|_| detail == Detail::Chunks) {
            kept::forget_others(dir, &listed);
        }
        Ok(segments)
    }

    /// Reads what a segment says of packs.
    async fn load_rows(&mut self, vault: &Vault, name: ObjectName) -> Result<IndexSegment> {
        let key = vault.toc_key()?;
        let open = |object: Bytes| {
            let mut sums = RowSums::default();
            let packs = Segment::open(&object, key, vault.id(), |entry| sums.add(entry))?;
            Ok((packs, sums))
        };
        let max_bytes = ObjectKind::Segment.max_bytes();
        let object = name.to_string();
        let read = vault.store().read_checked(&object, max_bytes, open).await?;
        let (packs, sums) = read.value;
        let segment = sums.finish(name, &packs);
        for (pack, row) in packs.iter().zip(&segment.rows) {
            self.take_in(pack, row.chunks_count, Detail::Blocks);
        }
        Ok(segment)
    }

    /// Learns which chunks a segment says lie where: all of them of a small one, of a large one how to look.
    async fn load_chunks(&mut self, vault: &Vault, name: ObjectName) -> Result<()> {
        let digest = Digest::load(vault, name, self.takes_kept).await?;
        let positions: Vec<Option<u32>> = digest
            .packs
            .iter()
            .zip(&digest.chunks_counts)
            .map(|(pack, count)| self.take_in(pack, *count, Detail::Chunks))
            .collect();
        match digest.chunks {
            Chunks::All(entries) => {
                for entry in entries {
                    let position = positions.get(entry.pack as usize).copied().flatten();
                    if let Some(position) = position {
                        let value = pack_value(position, entry.block, entry.chunk);
                        self.dedup.insert(entry.prefix, value);
                    }
                }
            }
            Chunks::Filtered { filter, pages } => {
                self.dedup.add_segment(filter);
                self.pages.add(name, pages, positions);
            }
        }
        Ok(())
    }

    /// Whether a segment that was asked has gone: a sweep has put it together with others.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.pages.has_lost()
    }

    /// Reads the segments that have taken the place of those that have gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn renew_index(&mut self, vault: &Vault) -> Result<()> {
        for position in self.pages.take_lost() {
            if let Some(entry) = self.packs.get_mut(position as usize) {
                entry.indexed_bytes = None;
            }
        }
        let mut problems = Vec::new();
        self.load_segments(vault, Detail::Chunks, &mut problems)
            .await?;
        Ok(())
    }

    /// Position of a listed pack that no segment has named so far.
    fn take_in(&mut self, pack: &SegmentPack, chunks_count: u32, detail: Detail) -> Option<u32> {
        let listed_only = match detail {
            Detail::Chunks => Rule::ListPacks,
            Detail::Blocks => Rule::KeepListed,
        };
        let position = match self.positions.get(&pack.pack_id) {
            Some(position) => *position,
            None if rule::holds(listed_only) => return None,
            None => self.insert(PackEntry::listed(
                pack.pack_id,
                pack.kind,
                pack.object_bytes,
            )),
        };
        let entry = self.packs.get_mut(position as usize)?;
        if entry.indexed_bytes.is_some() || entry.kind != pack.kind {
            return None;
        }
        if entry.object_bytes != pack.object_bytes {
            // Which of the two is wrong, the pack's own table tells.
            let (pack, listed) = (pack.pack_id, entry.object_bytes);
            tracing::warn!(%pack, listed, "a pack does not have the length that the index says");
            return None;
        }
        entry.indexed_bytes = Some(pack.object_bytes);
        entry.blake3 = Some(pack.blake3);
        entry.blocks_count = pack.block_count;
        entry.chunks_count = chunks_count;
        for (birth, at) in &pack.moved {
            let copies = self.moved.entry(*birth).or_default();
            if !copies.contains(&(position, *at)) {
                copies.push((position, *at));
            }
        }
        Some(position)
    }

    fn add_toc(&mut self, pack: PackId, toc: &Toc, detail: Detail) {
        let Some(&position) = self.positions.get(&pack) else {
            return;
        };
        if let Some(entry) = self.packs.get_mut(position as usize) {
            entry.blocks_count = u32::try_from(toc.blocks().len()).unwrap_or(u32::MAX);
            entry.chunks_count = u32::try_from(toc.chunks().len()).unwrap_or(u32::MAX);
        }
        if detail == Detail::Chunks {
            for (block, chunk, row) in toc.addressed_chunks() {
                self.dedup
                    .insert(row.id.prefix(), pack_value(position, block, chunk));
            }
        }
        for (at, row) in (0..=u16::MAX).zip(toc.blocks()) {
            if row.birth != (BlockName { pack, ordinal: at }) {
                self.moved
                    .entry(row.birth)
                    .or_default()
                    .push((position, at));
            }
        }
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

fn problem(object: String, error: &Error) -> IndexProblem {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    IndexProblem {
        object,
        reason: cause.unwrap_or_else(|| error.to_string()),
    }
}

/// Reads and opens a pack's table; tells whether a copy of it was damaged or missing.
pub(crate) async fn read_toc(vault: &Vault, pack: PackId, kind: ObjectKind) -> Result<(Toc, bool)> {
    let name = ObjectName::pack(kind, *vault.domain_id(), pack).to_string();
    let key = vault
        .keys()
        .toc()
        .ok_or(Error::NotPermitted("a key for the index"))?;
    let store = vault.store();
    // Each step is a check of its own: of several copies, another may be good.
    let extent_of = |front: Bytes| {
        let extent = toc_extent(front.get(..TOC_AT).unwrap_or(&front), kind)?;
        let toc = match front.len() < extent {
            true => None,
            false => Some(Toc::open(&front, kind, pack, vault.id(), key)?),
        };
        Ok((extent, toc))
    };
    let guess = store.read_range_checked(&name, 0..TOC_GUESS_BYTES, extent_of);
    let guess = guess.await?;
    let is_hurt = !guess.hurt.is_empty();
    let (extent, toc) = guess.value;
    if let Some(toc) = toc {
        return Ok((toc, is_hurt));
    }
    let open = |front: Bytes| Toc::open(&front, kind, pack, vault.id(), key);
    let whole = store.read_range_checked(&name, 0..extent as u64, open);
    let whole = whole.await?;
    Ok((whole.value, is_hurt || !whole.hurt.is_empty()))
}
