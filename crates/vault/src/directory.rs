//! Which packs exist, and where a chunk may be found.

use std::collections::{BTreeSet, HashMap};

use strongroom_chunking::PrefixTable;

use crate::error::in_object;
use crate::format::{
    BlockName, ObjectKind, ObjectName, PackId, Segment, SegmentEntry, SegmentPack, TOC_AT, Toc,
    toc_extent,
};
use crate::{Error, Result, Vault};

/// Bytes read at first from a pack whose table is wanted: most tables are shorter.
const TOC_GUESS_BYTES: u64 = 24 << 10;

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
    /// Hash of the whole object by the index.
    pub blake3: Option<[u8; 32]>,
}

impl PackEntry {
    /// Name of its object.
    #[must_use]
    pub fn object_name(&self, domain: &crate::format::DomainId) -> String {
        ObjectName::pack(self.kind, *domain, self.pack_id).to_string()
    }
}

/// An index segment or table of contents that cannot be used. No data is lost by that alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexProblem {
    /// Name of the object.
    pub object: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The packs of a domain: the listing is the truth, the index tells what is inside.
#[derive(Default)]
pub struct PackDirectory {
    packs: Vec<PackEntry>,
    positions: HashMap<PackId, u32>,
    prefixes: PrefixTable,
    moved: HashMap<BlockName, (u32, u16)>,
    /// Listed, but named by no segment.
    unindexed: BTreeSet<PackId>,
    /// Of these, those that a session refers to and must publish.
    adopted: BTreeSet<PackId>,
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
        let mut directory = Self::default();
        for (prefix, kind) in [("d", ObjectKind::DataPack), ("m", ObjectKind::MetaPack)] {
            for line in vault
                .store()
                .list(&format!("{prefix}/{}", vault.domain_id()))
                .await?
            {
                if let Some(ObjectName::Pack { pack, .. }) = ObjectName::parse(&line.name) {
                    directory.insert(pack, kind, line.bytes);
                }
            }
        }
        Ok(directory)
    }

    fn insert(&mut self, pack_id: PackId, kind: ObjectKind, object_bytes: u64) -> u32 {
        let position = u32::try_from(self.packs.len()).unwrap_or(u32::MAX);
        let entry = PackEntry {
            pack_id,
            kind,
            object_bytes,
            listed: true,
            indexed_bytes: None,
            blake3: None,
        };
        self.packs.push(entry);
        self.positions.insert(pack_id, position);
        position
    }

    /// Reads all segments, and the table of every pack that none of them names. What is damaged is passed over: its
    /// chunks are not found, so they are stored again.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load_index(&mut self, vault: &Vault) -> Result<()> {
        for problem in self.load_index_lenient(vault).await? {
            tracing::warn!(
                object = problem.object,
                reason = problem.reason,
                "part of the index cannot be used"
            );
        }
        Ok(())
    }

    /// Like [`PackDirectory::load_index`]; says what was passed over.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn load_index_lenient(&mut self, vault: &Vault) -> Result<Vec<IndexProblem>> {
        let mut problems = Vec::new();
        for line in vault
            .store()
            .list(&format!("index/{}", vault.domain_id()))
            .await?
        {
            if !matches!(
                ObjectName::parse(&line.name),
                Some(ObjectName::Segment { .. })
            ) {
                continue;
            }
            match self.load_segment(vault, &line.name).await {
                Ok(()) | Err(Error::Missing { .. }) => {}
                Err(error) if error.is_corruption() => problems.push(problem(line.name, &error)),
                Err(error) => return Err(error),
            }
        }
        let is_unindexed = |entry: &&PackEntry| entry.indexed_bytes.is_none();
        let unindexed: Vec<PackEntry> = self.packs.iter().filter(is_unindexed).cloned().collect();
        for entry in unindexed {
            match read_toc(vault, entry.pack_id, entry.kind).await {
                Ok(toc) => {
                    self.add_toc(entry.pack_id, &toc);
                    self.unindexed.insert(entry.pack_id);
                }
                Err(error) if error.is_corruption() => {
                    problems.push(problem(entry.object_name(vault.domain_id()), &error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(problems)
    }

    async fn load_segment(&mut self, vault: &Vault, name: &str) -> Result<()> {
        let object = vault
            .store()
            .read(name, ObjectKind::Segment.max_bytes())
            .await?;
        let key = vault
            .keys()
            .toc()
            .ok_or(Error::NotPermitted("a key for the index"))?;
        let mut entries: Vec<SegmentEntry> = Vec::new();
        let packs = in_object(
            &name,
            Segment::open(&object, key, vault.id(), |entry| entries.push(entry)),
        )?;
        let positions: Vec<Option<u32>> = packs.iter().map(|pack| self.take_in(pack)).collect();
        for entry in entries {
            let position = positions.get(entry.pack as usize).copied().flatten();
            if let Some(position) = position {
                self.prefixes
                    .insert(entry.prefix, pack_value(position, entry.block, entry.chunk));
            }
        }
        Ok(())
    }

    /// Position of a listed pack that no segment has named so far.
    fn take_in(&mut self, pack: &SegmentPack) -> Option<u32> {
        let position = *self.positions.get(&pack.pack_id)?;
        let entry = self.packs.get_mut(position as usize)?;
        if entry.indexed_bytes.is_some() || entry.kind != pack.kind {
            return None;
        }
        entry.indexed_bytes = Some(pack.object_bytes);
        entry.blake3 = Some(pack.blake3);
        for (birth, at) in &pack.moved {
            self.moved.insert(*birth, (position, *at));
        }
        Some(position)
    }

    fn add_toc(&mut self, pack: PackId, toc: &Toc) {
        let Some(&position) = self.positions.get(&pack) else {
            return;
        };
        for (block, chunk, row) in toc.addressed_chunks() {
            self.prefixes
                .insert(row.id.prefix(), pack_value(position, block, chunk));
        }
        for (at, row) in (0..=u16::MAX).zip(toc.blocks()) {
            if row.birth != (BlockName { pack, ordinal: at }) {
                self.moved.insert(row.birth, (position, at));
            }
        }
    }

    /// Takes in a pack that this session has just made durable.
    pub fn add_uploaded(&mut self, pack: PackId, kind: ObjectKind, object_bytes: u64, toc: &Toc) {
        if !self.positions.contains_key(&pack) {
            self.insert(pack, kind, object_bytes);
            self.add_toc(pack, toc);
        }
    }

    /// Where chunks with this prefix may be: pack, its kind, position of the block, number of the chunk. To be confirmed
    /// by the pack's own table.
    #[must_use]
    pub fn candidates(&self, prefix: u64) -> Vec<(PackId, ObjectKind, u16, u16)> {
        let place = |value: u64| {
            let [chunk_low, chunk_high, block_low, block_high, ..] = value.to_le_bytes();
            let position = usize::try_from(value >> 32).ok()?;
            let entry = self.packs.get(position)?;
            let block = u16::from_le_bytes([block_low, block_high]);
            Some((
                entry.pack_id,
                entry.kind,
                block,
                u16::from_le_bytes([chunk_low, chunk_high]),
            ))
        };
        self.prefixes.candidates(prefix).filter_map(place).collect()
    }

    /// Whether the store lists this pack.
    #[must_use]
    pub fn is_listed(&self, pack: &PackId) -> bool {
        self.positions.contains_key(pack)
    }

    /// What is known about a pack that the store lists.
    #[must_use]
    pub fn entry(&self, pack: &PackId) -> Option<&PackEntry> {
        self.packs.get(*self.positions.get(pack)? as usize)
    }

    /// Where a block is now: in the pack of its birth, or where it was moved to.
    #[must_use]
    pub fn resolve(&self, name: BlockName) -> Option<(PackId, u16)> {
        if self.is_listed(&name.pack) {
            return Some((name.pack, name.ordinal));
        }
        let (position, at) = *self.moved.get(&name)?;
        Some((self.packs.get(position as usize)?.pack_id, at))
    }

    /// Blocks that lie in another pack than that of their birth.
    pub(crate) fn into_moved(self) -> HashMap<BlockName, (PackId, u16)> {
        let place = |(name, (position, at)): (BlockName, (u32, u16))| {
            Some((name, (self.packs.get(position as usize)?.pack_id, at)))
        };
        self.moved.into_iter().filter_map(place).collect()
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

/// Reads and opens a pack's table.
pub(crate) async fn read_toc(vault: &Vault, pack: PackId, kind: ObjectKind) -> Result<Toc> {
    let name = ObjectName::pack(kind, *vault.domain_id(), pack).to_string();
    let key = vault
        .keys()
        .toc()
        .ok_or(Error::NotPermitted("a key for the index"))?;
    let mut front = vault.store().read_range(&name, 0..TOC_GUESS_BYTES).await?;
    let extent = in_object(
        &name,
        toc_extent(front.get(..TOC_AT).unwrap_or(&front), kind),
    )?;
    if front.len() < extent {
        front = vault.store().read_range(&name, 0..extent as u64).await?;
    }
    in_object(&name, Toc::open(&front, kind, pack, vault.id(), key))
}
