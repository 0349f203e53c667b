//! What the index says of blocks whose packs cannot be asked any more.

use std::collections::{HashMap, HashSet};

use crate::error::in_object;
use crate::format::{BlockName, ObjectKind, ObjectName, PackId, Segment, SegmentEntry, SessionId};
use crate::{Result, Vault};

/// The first 8 bytes of the ids of the chunks of a block, by number; `None` where segments contradict each other.
pub type ChunkHints = HashMap<u16, Option<u64>>;

/// Reads all segments for what they say of these blocks. A segment that cannot be read says nothing.
///
/// Whoever holds the keys of the domain can write segments, but none can be changed or taken away: where two disagree,
/// neither is believed.
///
/// # Errors
/// When the store fails.
pub async fn hints_of(
    vault: &Vault,
    wanted: &HashSet<BlockName>,
) -> Result<HashMap<BlockName, ChunkHints>> {
    let mut hints: HashMap<BlockName, ChunkHints> = HashMap::new();
    if wanted.is_empty() {
        return Ok(hints);
    }
    let prefix = format!("index/{}", vault.domain_id());
    for line in vault.store().list(&prefix).await? {
        let Some(ObjectName::Segment { .. }) = ObjectName::parse(&line.name) else {
            continue;
        };
        match read(vault, &line.name, wanted).await {
            Ok(said) => said.into_iter().for_each(|(name, chunk, prefix)| {
                let known = hints.entry(name).or_default().entry(chunk);
                let known = known.or_insert(Some(prefix));
                if *known != Some(prefix) {
                    *known = None;
                }
            }),
            Err(error) if error.is_corruption() => {
                tracing::warn!(segment = line.name, %error, "an index segment says nothing");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(hints)
}

async fn read(
    vault: &Vault,
    name: &str,
    wanted: &HashSet<BlockName>,
) -> Result<Vec<(BlockName, u16, u64)>> {
    let object = vault
        .store()
        .read(name, ObjectKind::Segment.max_bytes())
        .await?;
    let key = vault.toc_key()?;
    let mut entries: Vec<SegmentEntry> = Vec::new();
    let packs = in_object(
        &name,
        Segment::open(&object, key, vault.id(), |entry| entries.push(entry)),
    )?;
    let ids: Vec<PackId> = packs.iter().map(|pack| pack.pack_id).collect();
    let mut moved: HashMap<(PackId, u16), BlockName> = HashMap::new();
    for pack in packs {
        let names = pack.moved.iter();
        moved.extend(names.map(|(birth, position)| ((pack.pack_id, *position), *birth)));
    }
    let named = entries.into_iter().filter_map(|entry| {
        let pack = *ids.get(entry.pack as usize)?;
        let own = BlockName {
            pack,
            ordinal: entry.block,
        };
        let name = moved.get(&(pack, entry.block)).copied().unwrap_or(own);
        wanted
            .contains(&name)
            .then_some((name, entry.chunk, entry.prefix))
    });
    Ok(named.collect())
}

/// The metadata packs that the segments of a session name, in the order in which they were written.
///
/// # Errors
/// When the store fails.
pub async fn metadata_of_session(vault: &Vault, session: SessionId) -> Result<Vec<PackId>> {
    let listed = vault
        .store()
        .list(&format!("index/{}", vault.domain_id()))
        .await?;
    // A sweep may have put its segments together with others.
    let mut segments: Vec<(SessionId, u32, String)> = Vec::new();
    for line in listed {
        if let Some(ObjectName::Segment {
            session, number, ..
        }) = ObjectName::parse(&line.name)
        {
            segments.push((session, number, line.name));
        }
    }
    segments.sort_unstable();
    let mut found = Vec::new();
    for (of_name, _, name) in segments {
        let read = vault
            .store()
            .read(&name, ObjectKind::Segment.max_bytes())
            .await;
        let opened = match read {
            Ok(object) => in_object(
                &name,
                Segment::open(&object, vault.toc_key()?, vault.id(), |_| {}),
            ),
            Err(error) => Err(error),
        };
        match opened {
            Ok(packs) => {
                let metadata = packs
                    .iter()
                    .filter(|pack| pack.kind == ObjectKind::MetaPack)
                    .filter(|pack| pack.writer.unwrap_or(of_name) == session);
                found.extend(metadata.map(|pack| pack.pack_id));
            }
            Err(error) if error.is_corruption() => {
                tracing::warn!(segment = name, %error, "an index segment says nothing");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
