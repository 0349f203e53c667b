//! Packs of the target that are filled with sealed blocks.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::format::{
    BlockRowDraft, ObjectKind, PackBuilder, PackId, SealedPack, Segment, SegmentEntry, SegmentPack,
    Toc,
};
use crate::{Error, PackDirectory, Result, Session, Vault};

/// Packs on their way to the store at once.
const UPLOADS_MAX: usize = 2;
/// Packs that are durable before a segment is written that names them.
const SEGMENT_PACKS: usize = 16;
/// Of the 16 MiB that a table may have.
const TABLE_MAX_BYTES: u64 = 15 << 20;

/// A pack that is being filled.
struct Open {
    builder: PackBuilder,
    blocks_count: u16,
    bytes: u64,
    /// Bytes of its table, about.
    table_bytes: u64,
}

/// Fills packs, uploads them and publishes them in index segments.
pub(super) struct Filler {
    target: Vault,
    session: Arc<Session>,
    data: Option<Open>,
    meta: Option<Open>,
    data_max_bytes: u64,
    meta_max_bytes: u64,
    uploads: JoinSet<Result<(SegmentPack, Toc)>>,
    segment: Segment,
    pub(super) packs_count: u64,
}

impl Filler {
    pub(super) fn new(target: &Vault, session: &Arc<Session>, pack_max_bytes: u64) -> Self {
        let config = target.config();
        Self {
            target: target.clone(),
            session: Arc::clone(session),
            data: None,
            meta: None,
            data_max_bytes: config.data_pack_bytes.min(pack_max_bytes),
            meta_max_bytes: config.meta_pack_bytes.min(pack_max_bytes / 4),
            uploads: JoinSet::new(),
            segment: Segment::default(),
            packs_count: 0,
        }
    }

    /// Puts a block into the open pack of its kind; a full one goes to the store first.
    pub(super) async fn put(
        &mut self,
        kind: ObjectKind,
        row: BlockRowDraft,
        sealed: &Bytes,
        there: &mut PackDirectory,
    ) -> Result<()> {
        let (open, max_bytes) = match kind {
            ObjectKind::DataPack => (&mut self.data, self.data_max_bytes),
            _ => (&mut self.meta, self.meta_max_bytes),
        };
        let bytes = sealed.len() as u64;
        let row_bytes = 40 + 19 * u64::from(row.chunks_count());
        let is_full = |open: &Open| {
            open.bytes + bytes > max_bytes
                || open.table_bytes + row_bytes > TABLE_MAX_BYTES
                || open.blocks_count == u16::MAX
        };
        if let Some(full) = open.take_if(|open| is_full(open)) {
            self.send(full, there).await?;
        }
        let open = match kind {
            ObjectKind::DataPack => &mut self.data,
            _ => &mut self.meta,
        };
        let filling = match open {
            Some(filling) => filling,
            None => open.insert(Open::new(&self.target, kind)?),
        };
        filling.bytes += bytes;
        filling.table_bytes += row_bytes;
        filling
            .builder
            .put_block(filling.blocks_count, row, sealed.to_vec());
        filling.blocks_count += 1;
        Ok(())
    }

    async fn send(&mut self, full: Open, there: &mut PackDirectory) -> Result<()> {
        while self.uploads.len() >= UPLOADS_MAX {
            self.land(there).await?;
        }
        let target = &self.target;
        let key = target.toc_key()?;
        let sealed = full.builder.finish(target.id(), target.domain_id(), key)?;
        let session = Arc::clone(&self.session);
        self.uploads.spawn(store(session, sealed));
        Ok(())
    }

    /// Waits for one upload, and takes its pack into what the target has.
    async fn land(&mut self, there: &mut PackDirectory) -> Result<()> {
        let Some(landed) = self.uploads.join_next().await else {
            return Ok(());
        };
        let (row, toc) = landed.map_err(|died| Error::Died(died.to_string()))??;
        there.add_uploaded(row.pack_id, row.kind, row.object_bytes, &toc);
        let pack = u32::try_from(self.segment.packs.len()).unwrap_or(u32::MAX);
        for (block, chunk, found) in toc.addressed_chunks() {
            self.segment.entries.push(SegmentEntry {
                prefix: found.id.prefix(),
                pack,
                block,
                chunk,
            });
        }
        self.segment.packs.push(row);
        self.packs_count += 1;
        if self.segment.packs.len() >= SEGMENT_PACKS {
            self.publish().await?;
        }
        Ok(())
    }

    async fn publish(&mut self) -> Result<()> {
        if !self.segment.packs.is_empty() {
            let segment = std::mem::take(&mut self.segment);
            self.session.put_segment(segment).await?;
        }
        Ok(())
    }

    /// Sends what is open; on return everything is durable and stands in segments.
    pub(super) async fn flush(&mut self, there: &mut PackDirectory) -> Result<()> {
        for open in [self.data.take(), self.meta.take()].into_iter().flatten() {
            self.send(open, there).await?;
        }
        while !self.uploads.is_empty() {
            self.land(there).await?;
        }
        self.publish().await
    }
}

impl Open {
    fn new(target: &Vault, kind: ObjectKind) -> Result<Self> {
        let mut id = [0; 16];
        target.entropy().fill(&mut id)?;
        Ok(Self {
            builder: PackBuilder::new(kind, PackId::from_bytes(id)),
            blocks_count: 0,
            bytes: 0,
            table_bytes: 0,
        })
    }
}

async fn store(session: Arc<Session>, sealed: SealedPack) -> Result<(SegmentPack, Toc)> {
    let row = sealed.segment_row();
    let (_, toc) = session.put_pack(sealed).await?;
    Ok((row, toc))
}
