//! Reading the index: its segments, and the tables of packs that none of them names.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::digest::{Chunks, Digest};
use super::{IndexProblem, PackDirectory, PackEntry, kept, pack_value};
use crate::format::{
    BlockName, FormatError, ObjectKind, ObjectName, PackId, Segment, SegmentPack, TOC_AT, Toc,
    padme, toc_extent,
};
use crate::notices::Notices;
use crate::remaps::Remaps;
use crate::rule::{self, Rule};
use crate::sweep::{IndexSegment, RowSums};
use crate::{Error, Result, Vault};

/// Bytes read at first from a pack whose table is wanted: most tables are shorter.
const TOC_GUESS_BYTES: u64 = 24 << 10;

/// How much of the index is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Which blocks lie where.
    Blocks,
    /// Which chunks lie where, too.
    Chunks,
}

impl PackDirectory {
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

    pub(super) fn add_toc(&mut self, pack: PackId, toc: &Toc, detail: Detail) {
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
