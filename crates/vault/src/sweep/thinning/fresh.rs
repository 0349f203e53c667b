//! A pack that a sweep fills and makes durable.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::super::held::{Contents, Held};
use crate::format::{
    BlockName, BlockRowDraft, ObjectKind, ObjectName, PackBuilder, PackId, SealedPack, Segment,
    SegmentEntry, SessionId,
};
use crate::store::Created;
use crate::{Error, Result, Vault};

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

    /// Bytes of its blocks so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
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
    let mut random = [0; 10];
    vault.entropy().fill(&mut random)?;
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    let name = ObjectName::Segment {
        domain: *vault.domain_id(),
        session: SessionId::new(millis, random),
        number: 0,
    };
    let object = segment.seal(vault.toc_key()?, vault.id(), &**vault.entropy())?;
    vault
        .store()
        .create_once(&name.to_string(), &[Bytes::from(object)])
        .await?;
    Ok(())
}
