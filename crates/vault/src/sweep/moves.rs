//! Packs of which little is needed: their needed blocks move into new packs, sealed as they are.

use chrono::{DateTime, Utc};

use super::SweepOptions;
use super::decide::Held;
use super::liveness::Liveness;
use super::survey::Survey;
use crate::format::{
    BlockName, BlockRowDraft, ObjectKind, ObjectName, PackBuilder, PackId, Segment, SegmentEntry,
    SessionId,
};
use crate::store::Created;
use crate::{BlockReader, Error, Result, Vault};

/// Where a needed block lies now.
struct Sealed {
    row: BlockRowDraft,
    range: std::ops::Range<u64>,
}

/// A sparse pack and the blocks of it that are needed.
pub(super) struct Sparse {
    name: String,
    kind: ObjectKind,
    pack: PackId,
    blocks: Vec<Sealed>,
}

/// The packs that are worth it, within the limit of one run.
pub(super) async fn choose(
    vault: &Vault,
    reader: &BlockReader,
    survey: &Survey,
    options: &SweepOptions,
) -> Result<Vec<Sparse>> {
    let mut chosen: Vec<Sparse> = Vec::new();
    let mut room = options.move_max_bytes;
    // Sealed blocks are copied unread: damage would get away from the notice that names it.
    for pack in survey.held.iter().filter(|pack| !pack.is_hurt) {
        let needed = pack
            .blocks
            .iter()
            .filter(|name| survey.live.of_block(name).is_some())
            .count();
        if needed == 0 || needed == pack.blocks.len() {
            continue;
        }
        let sparse = look_into(vault, reader, survey, pack).await?;
        let needed_bytes: u64 = sparse
            .blocks
            .iter()
            .map(|block| block.range.end - block.range.start)
            .sum();
        let limit = u64::from(options.move_below_percent);
        if needed_bytes * 100 < pack.object_bytes * limit && needed_bytes <= room {
            room -= needed_bytes;
            chosen.push(sparse);
        }
    }
    // One sparse pack alone would only become one smaller pack; that is worth it only when much goes.
    Ok(chosen)
}

async fn look_into(
    vault: &Vault,
    reader: &BlockReader,
    survey: &Survey,
    pack: &Held,
) -> Result<Sparse> {
    let toc = reader.toc(pack.pack, pack.kind).await?;
    let mut blocks = Vec::new();
    for (position, row) in (0..=u16::MAX).zip(toc.blocks()) {
        if survey.live.of_block(&row.birth).is_none() {
            continue;
        }
        let chunks = toc.chunks_of(position);
        let row = BlockRowDraft {
            birth: row.birth,
            block_type: row.block_type,
            codec: row.codec,
            key_epoch: row.key_epoch,
            raw_len: row.raw_len,
            chunks: chunks.iter().map(|row| (row.id, row.raw_len)).collect(),
        };
        let range = toc.block_range(position).unwrap_or_default();
        blocks.push(Sealed { row, range });
    }
    Ok(Sparse {
        name: ObjectName::pack(pack.kind, *vault.domain_id(), pack.pack).to_string(),
        kind: pack.kind,
        pack: pack.pack,
        blocks,
    })
}

/// Copies the blocks into new packs, makes them durable and indexes them. The old packs stay: they are condemned only
/// by the mark that follows, which finds the copies.
pub(super) async fn carry_out(
    vault: &Vault,
    live: &Liveness,
    sparse: Vec<Sparse>,
    now: DateTime<Utc>,
) -> Result<Vec<Held>> {
    let mut moved = Vec::new();
    for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
        let target = match kind {
            ObjectKind::DataPack => vault.config().data_pack_bytes,
            _ => vault.config().meta_pack_bytes,
        };
        let mut open: Option<Open> = None;
        for pack in sparse.iter().filter(|pack| pack.kind == kind) {
            for block in &pack.blocks {
                let sealed = vault
                    .store()
                    .read_range(&pack.name, block.range.clone())
                    .await?;
                let filling = match open.take() {
                    Some(filling) if filling.bytes + sealed.len() as u64 <= target => filling,
                    full => {
                        if let Some(full) = full {
                            moved.push(full.store(vault, now).await?);
                        }
                        Open::new(vault, kind)?
                    }
                };
                open = Some(filling.with(block.row.clone(), sealed.into()));
            }
            tracing::debug!(pack = %pack.pack, blocks = pack.blocks.len(), "moved");
        }
        if let Some(last) = open {
            moved.push(last.store(vault, now).await?);
        }
    }
    debug_assert!(
        moved
            .iter()
            .flat_map(|pack| &pack.blocks)
            .all(|name| live.of_block(name).is_some())
    );
    Ok(moved)
}

/// A new pack that is being filled.
struct Open {
    pack: PackId,
    kind: ObjectKind,
    builder: PackBuilder,
    blocks: Vec<BlockName>,
    bytes: u64,
}

impl Open {
    fn new(vault: &Vault, kind: ObjectKind) -> Result<Self> {
        let mut id = [0; 16];
        vault.entropy().fill(&mut id)?;
        let pack = PackId::from_bytes(id);
        Ok(Self {
            pack,
            kind,
            builder: PackBuilder::new(kind, pack),
            blocks: Vec::new(),
            bytes: 0,
        })
    }

    fn with(mut self, row: BlockRowDraft, sealed: Vec<u8>) -> Self {
        let ordinal = u16::try_from(self.blocks.len()).unwrap_or(u16::MAX);
        self.bytes += sealed.len() as u64;
        self.blocks.push(row.birth);
        self.builder.put_block(ordinal, row, sealed);
        self
    }

    async fn store(self, vault: &Vault, now: DateTime<Utc>) -> Result<Held> {
        let sealed = self
            .builder
            .finish(vault.id(), vault.domain_id(), vault.toc_key()?)?;
        let name = ObjectName::pack(self.kind, *vault.domain_id(), self.pack).to_string();
        if vault.store().create_once(&name, &sealed.parts).await? != Created::Ours {
            return Err(Error::NameTaken { object: name });
        }
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
            .create_once(&name.to_string(), &[object.into()])
            .await?;
        Ok(Held {
            pack: self.pack,
            kind: self.kind,
            object_bytes: sealed.object_bytes,
            blocks: self.blocks,
            is_hurt: false,
        })
    }
}
