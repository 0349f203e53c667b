//! Index segments: which of them say nothing any more, and which are worth putting together.
//!
//! Segments are hints, and nothing is lost with one. But whoever opens the vault reads all of them, and a pack that none
//! names costs a read of its table; and a repair believes what they say of packs that are lost. So one goes only when
//! every word of it stands in what is left, or speaks of a pack that a plan has named.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::survey::Survey;
use super::{SweepOptions, Unusable};
use crate::error::in_object;
use crate::format::{
    ObjectKind, ObjectName, PackId, Segment, SegmentEntry, SegmentPack, SessionId,
};
use crate::{Result, Vault};

/// A segment is full with so many chunks.
pub(crate) const SEGMENT_FULL_COUNT: u64 = 1 << 19;
/// One that holds fewer is put together with others.
const SMALL_COUNT: u64 = SEGMENT_FULL_COUNT / 2;
/// So many segments are written in one run at most.
const MERGES_MAX: usize = 16;

/// What one segment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexSegment {
    pub(crate) name: ObjectName,
    pub(crate) rows: Vec<IndexRow>,
}

/// What a segment says of one pack. Two that are equal say the same, word for word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct IndexRow {
    pub(crate) pack: PackId,
    /// The session that said so.
    pub(crate) writer: SessionId,
    pub(crate) chunks_count: u32,
    digest: [u8; 16],
}

/// Sums up the entries of a segment by packs, while they are read.
#[derive(Debug, Default)]
pub(crate) struct RowSums {
    entries: Vec<Vec<u8>>,
}

impl RowSums {
    pub(crate) fn add(&mut self, entry: SegmentEntry) {
        let at = entry.pack as usize;
        if self.entries.len() <= at {
            self.entries.resize_with(at + 1, Vec::new);
        }
        if let Some(entries) = self.entries.get_mut(at) {
            entries.extend_from_slice(&entry.prefix.to_be_bytes());
            entries.extend_from_slice(&entry.block.to_be_bytes());
            entries.extend_from_slice(&entry.chunk.to_be_bytes());
        }
    }

    pub(crate) fn finish(self, name: ObjectName, packs: &[SegmentPack]) -> IndexSegment {
        let mut entries = self.entries.into_iter();
        let rows = packs.iter().map(|pack| {
            let entries = entries.next().unwrap_or_default();
            IndexRow {
                pack: pack.pack_id,
                writer: writer_of(name, pack),
                chunks_count: u32::try_from(entries.len() / ENTRY_BYTES).unwrap_or(u32::MAX),
                digest: pack.digest(&entries),
            }
        });
        let rows = rows.collect();
        IndexSegment { name, rows }
    }
}

const ENTRY_BYTES: usize = 12;

fn writer_of(name: ObjectName, pack: &SegmentPack) -> SessionId {
    let of_name = match name {
        ObjectName::Segment { session, .. } => session,
        _ => SessionId::from_bytes([0; 16]),
    };
    pack.writer.unwrap_or(of_name)
}

impl IndexSegment {
    /// What it says of packs that no plan has named.
    fn said<'a>(&'a self, dead: &'a Unusable) -> impl Iterator<Item = &'a IndexRow> {
        let rows = self.rows.iter();
        rows.filter(|row| !dead.packs.contains(&row.pack))
    }

    fn said_count(&self, dead: &Unusable) -> u64 {
        self.said(dead).map(|row| u64::from(row.chunks_count)).sum()
    }
}

/// The segments that can go: those that plans have named already, and those of which every word stands in what is left.
/// They are given up one by one, the small ones first.
pub(crate) fn spent(segments: &[IndexSegment], dead: &Unusable) -> Vec<ObjectName> {
    let (mut spent, mut order) = (Vec::new(), Vec::new());
    for segment in segments {
        match dead.segments.contains(&segment.name) {
            true => spent.push(segment.name),
            false => order.push(segment),
        }
    }
    let mut said: HashMap<&IndexRow, u32> = HashMap::new();
    for segment in &order {
        // One that says a thing twice does not make up for itself.
        let words: HashSet<&IndexRow> = segment.said(dead).collect();
        words
            .into_iter()
            .for_each(|row| *said.entry(row).or_default() += 1);
    }
    order.sort_by_cached_key(|segment| (segment.said_count(dead), written_at(segment.name)));
    for segment in order {
        let words: HashSet<&IndexRow> = segment.said(dead).collect();
        if words
            .iter()
            .all(|row| said.get(row).is_some_and(|count| *count > 1))
        {
            for row in words {
                said.entry(row).and_modify(|count| *count -= 1);
            }
            spent.push(segment.name);
        }
    }
    spent
}

/// Groups of segments that are worth putting together, each into one; none where fewer than `from_count` would go.
pub(crate) fn small<'a>(
    segments: &'a [IndexSegment],
    dead: &Unusable,
    from_count: usize,
) -> Vec<Vec<&'a IndexSegment>> {
    let spent: HashSet<ObjectName> = spent(segments, dead).into_iter().collect();
    let mut small: Vec<(u64, &IndexSegment)> = segments
        .iter()
        .filter(|segment| !spent.contains(&segment.name))
        .map(|segment| (segment.said_count(dead), segment))
        .filter(|(count, _)| *count < SMALL_COUNT)
        .collect();
    if small.len() < from_count.max(2) {
        return Vec::new();
    }
    // In the order in which sessions wrote them: a salvage asks what came last.
    small.sort_unstable_by_key(|(_, segment)| written_at(segment.name));
    let mut groups: Vec<Vec<&IndexSegment>> = Vec::new();
    let mut room = 0;
    for (count, segment) in small {
        if count > room || groups.is_empty() {
            if groups.len() == MERGES_MAX {
                break;
            }
            groups.push(Vec::new());
            room = SEGMENT_FULL_COUNT;
        }
        if let Some(group) = groups.last_mut() {
            group.push(segment);
        }
        room = room.saturating_sub(count);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn written_at(name: ObjectName) -> Option<(SessionId, u32)> {
    match name {
        ObjectName::Segment {
            session, number, ..
        } => Some((session, number)),
        _ => None,
    }
}

/// What one segment in the place of these will say.
pub(crate) fn merged(name: ObjectName, group: &[&IndexSegment], dead: &Unusable) -> IndexSegment {
    let mut known = HashSet::new();
    let rows = group.iter().flat_map(|segment| segment.said(dead));
    let rows = rows.filter(|row| known.insert(**row)).copied().collect();
    IndexSegment { name, rows }
}

/// A name for a segment that a sweep writes: under a session id of its own.
pub(super) fn fresh_name(vault: &Vault, now: DateTime<Utc>) -> Result<ObjectName> {
    let mut random = [0; 10];
    vault.entropy().fill(&mut random)?;
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    Ok(ObjectName::Segment {
        domain: *vault.domain_id(),
        session: SessionId::new(millis, random),
        number: 0,
    })
}

/// Puts small segments together, or with `dry_run` only counts what would be; returns how many.
pub(super) async fn put_together(
    vault: &Vault,
    survey: &mut Survey,
    options: &SweepOptions,
    now: DateTime<Utc>,
) -> Result<u64> {
    let mut written = Vec::new();
    let mut merged_count = 0;
    let mut name = fresh_name(vault, now)?;
    for group in small(&survey.segments, &survey.dead_ids, options.tidy_from_count) {
        let new = match options.dry_run {
            true => Some(merged(name, &group, &survey.dead_ids)),
            false => merge(vault, name, &group, &survey.dead_ids).await?,
        };
        if let Some(new) = new {
            merged_count += group.len() as u64;
            written.push(new);
        }
        if let ObjectName::Segment { number, .. } = &mut name {
            *number += 1;
        }
    }
    survey.segments.extend(written);
    Ok(merged_count)
}

/// Writes one segment that says all that these say of packs that no plan has named; `None` when one of them has gone or
/// cannot be read now. They stay: only a plan deletes.
async fn merge(
    vault: &Vault,
    name: ObjectName,
    group: &[&IndexSegment],
    dead: &Unusable,
) -> Result<Option<IndexSegment>> {
    let mut segment = Segment::default();
    let mut known = HashSet::new();
    for part in group {
        let (packs, entries) = match read(vault, part.name).await {
            Ok(read) => read,
            Err(error) if error.is_corruption() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut positions: BTreeMap<u32, u32> = BTreeMap::new();
        for ((at, pack), row) in (0..).zip(packs).zip(&part.rows) {
            if !dead.packs.contains(&row.pack) && known.insert(*row) {
                let position = u32::try_from(segment.packs.len()).unwrap_or(u32::MAX);
                positions.insert(at, position);
                segment.packs.push(SegmentPack {
                    writer: Some(row.writer),
                    ..pack
                });
            }
        }
        let entries = entries.into_iter().filter_map(|entry| {
            let pack = *positions.get(&entry.pack)?;
            Some(SegmentEntry { pack, ..entry })
        });
        segment.entries.extend(entries);
    }
    let object = segment.seal(vault.toc_key()?, vault.id(), &**vault.entropy())?;
    let object = Bytes::from(object);
    vault
        .store()
        .create_once(&name.to_string(), &[object])
        .await?;
    Ok(Some(merged(name, group, dead)))
}

async fn read(vault: &Vault, name: ObjectName) -> Result<(Vec<SegmentPack>, Vec<SegmentEntry>)> {
    let max_bytes = ObjectKind::Segment.max_bytes();
    let object = vault.store().read(&name.to_string(), max_bytes).await?;
    let mut entries = Vec::new();
    let opened = Segment::open(&object, vault.toc_key()?, vault.id(), |entry| {
        entries.push(entry);
    });
    let packs = in_object(&name, opened)?;
    Ok((packs, entries))
}

#[cfg(test)]
mod tests;
