//! A pack that a sweep fills and makes durable.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::super::held::{Contents, Held};
use super::super::segments::fresh_name;
use crate::format::{
    BlockName, BlockRowDraft, ObjectKind, ObjectName, PackBuilder, PackId, SealedPack, Segment,
    SegmentEntry,
};
use crate::store::Created;
use crate::{Error, Result, Vault};

/// A pack is full when its table would be longer; readers take 16 MiB.
const TABLE_FULL_BYTES: u64 = 12 << 20;
/// A pack is full when it has this many blocks; readers take 65 535.
const BLOCKS_FULL: u16 = 60_000;

/// A new pack that is being filled.
pub(super) struct FreshPack {
    pack: PackId,
    kind: ObjectKind,
    builder: PackBuilder,
    blocks: Vec<BlockName>,
    chunks_count: u32,
    bytes: u64,
}

impl FreshPack {
    pub(super) fn new(vault: &Vault, kind: ObjectKind) -> Result<Self> {
        let mut id = [0; 16];
        vault.entropy().fill(&mut id)?;
        let pack = PackId::from_bytes(id);
        Ok(Self {
            pack,
            kind,
            builder: PackBuilder::new(kind, pack),
            blocks: Vec::new(),
            chunks_count: 0,
            bytes: 0,
        })
    }

    /// The name of a block that is born at the next position.
    pub(super) fn next_name(&self) -> BlockName {
        BlockName {
            pack: self.pack,
            ordinal: self.position(),
        }
    }

    /// Whether a block of so many bytes and chunks fits into a pack of this size, and its row into the table.
    pub(super) fn has_room(&self, bytes: u64, chunks_count: u32, pack_bytes: u64) -> bool {
        let chunks_count = u64::from(self.chunks_count) + u64::from(chunks_count);
        let table_bytes = 40 * (self.blocks.len() as u64 + 1) + 19 * chunks_count;
        self.bytes + bytes <= pack_bytes
            && table_bytes <= TABLE_FULL_BYTES
            && self.position() < BLOCKS_FULL
    }

    fn position(&self) -> u16 {
        u16::try_from(self.blocks.len()).unwrap_or(u16::MAX)
    }

    pub(super) fn put(&mut self, row: BlockRowDraft, sealed: Vec<u8>) {
        let position = self.position();
        self.bytes += sealed.len() as u64;
        self.chunks_count = self.chunks_count.saturating_add(row.chunks_count());
        self.blocks.push(row.birth);
        self.builder.put_block(position, row, sealed);
    }

    /// Makes it durable, then indexes it.
    pub(super) async fn store(self, vault: &Vault, now: DateTime<Utc>) -> Result<Held> {
        let sealed = self
            .builder
            .finish(vault.id(), vault.domain_id(), vault.toc_key()?)?;
        let name = ObjectName::pack(self.kind, *vault.domain_id(), self.pack).to_string();
        if vault.store().create_once(&name, &sealed.parts).await? != Created::Ours {
            return Err(Error::NameTaken { object: name });
        }
        index(vault, &sealed, now).await?;
        let pack = self.pack;
        let is_born_here = (0..=u16::MAX)
            .zip(&self.blocks)
            .all(|(ordinal, name)| *name == BlockName { pack, ordinal });
        let count = u16::try_from(self.blocks.len()).unwrap_or(u16::MAX);
        Ok(Held {
            pack,
            kind: self.kind,
            object_bytes: sealed.object_bytes,
            chunks_count: self.chunks_count,
            contents: if is_born_here {
                Contents::Born(count)
            } else {
                Contents::Given(self.blocks)
            },
            is_hurt: false,
        })
    }
}

/// Publishes what stands in a pack under a session id of its own.
async fn index(vault: &Vault, sealed: &SealedPack, now: DateTime<Utc>) -> Result<()> {
    let mut segment = Segment::default();
    for (block, chunk, row) in sealed.toc.addressed_chunks() {
        segment.entries.push(SegmentEntry {
            prefix: row.id.prefix(),
            pack: 0,
            block,
            chunk,
        });
    }
    segment.packs.push(sealed.segment_row());
    let name = fresh_name(vault, now)?;
    let object = segment.seal(vault.toc_key()?, vault.id(), &**vault.entropy())?;
    vault
        .store()
        .create_once(&name.to_string(), &[Bytes::from(object)])
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks that compress well, from many packs: the bytes alone would never fill a pack.
    #[test]
    fn a_pack_is_full_before_its_table_is_too_long() {
        let pack = PackId::from_bytes([1; 16]);
        let mut fresh = FreshPack {
            pack,
            kind: ObjectKind::DataPack,
            builder: PackBuilder::new(ObjectKind::DataPack, pack),
            blocks: Vec::new(),
            chunks_count: 8192 * 70,
            bytes: 1000,
        };
        assert!(fresh.has_room(1000, 8192, 2000));
        assert!(!fresh.has_room(1001, 8192, 2000));
        fresh.chunks_count = 8192 * 80;
        assert!(!fresh.has_room(1000, 8192, 2000));
        fresh.chunks_count = 0;
        fresh.blocks = vec![fresh.next_name(); 60_000];
        assert!(!fresh.has_room(1000, 1, 2000));
    }
}
