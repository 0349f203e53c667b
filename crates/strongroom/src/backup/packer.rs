//! Chunks → blocks → packs → store, shared by all workers of a session.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use strongroom_chunking::ChunkId;
use strongroom_crypto::{BlockContext, BlockType, SecretKey, seal_block};
use strongroom_vault::Session;
use strongroom_vault::format::{
    BlockCodec, BlockName, BlockRowDraft, ChunkAddress, ObjectKind, PackBuilder, Segment,
    SegmentEntry, SegmentPack, Toc,
};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::known::{Known, lock};
use super::lane::{BLOCK_CHUNKS_MAX, Lane, SealedBlock, Slot};
use crate::engine::Strongroom;
use crate::monitor::Monitor;
use crate::{Error, Result};

/// Index entries gathered before a segment is written: bounds memory, not meaning.
const SEGMENT_ENTRIES: usize = 1 << 19;

/// A worker looks whether its pack waits for its block after so many bytes of chunks that were known.
const YIELD_AFTER_BYTES: usize = 8 << 20;

/// Where the blocks of one session go.
pub(crate) struct Packer<'m> {
    engine: Strongroom,
    session: Option<Arc<Session>>,
    pub(crate) known: Arc<Known>,
    monitor: &'m dyn Monitor,
    data: Mutex<Lane>,
    meta: Mutex<Lane>,
    /// One pack of each kind may be on its way while the next one fills.
    data_way: Arc<Semaphore>,
    meta_way: Arc<Semaphore>,
    uploads: Mutex<Vec<JoinHandle<Result<Uploaded>>>>,
    published: Mutex<Unpublished>,
    failed: AtomicBool,
    stored_bytes: AtomicU64,
    level: i32,
}

/// Packs that are durable but stand in no segment yet.
#[derive(Default)]
struct Unpublished {
    segment: Segment,
}

struct Uploaded {
    pack: SegmentPack,
    toc: Toc,
}

impl<'m> Packer<'m> {
    /// A packer that writes through `session`; without one, nothing is written (a dry run).
    pub(crate) fn new(
        engine: Strongroom,
        session: Option<Arc<Session>>,
        known: Arc<Known>,
        monitor: &'m dyn Monitor,
    ) -> Self {
        let config = engine.vault().config();
        let pack_max_bytes = engine.memory().pack_max_bytes;
        let data = Lane::new(
            ObjectKind::DataPack,
            config.data_pack_bytes.min(pack_max_bytes),
            config.block_bytes as usize,
        );
        let meta = Lane::new(
            ObjectKind::MetaPack,
            config.meta_pack_bytes.min(pack_max_bytes / 4),
            config.tree_block_bytes as usize,
        );
        let level = config.compression_level;
        Self {
            engine,
            session,
            known,
            monitor,
            data: Mutex::new(data),
            meta: Mutex::new(meta),
            data_way: Arc::new(Semaphore::new(1)),
            meta_way: Arc::new(Semaphore::new(1)),
            uploads: Mutex::default(),
            published: Mutex::default(),
            failed: AtomicBool::new(false),
            stored_bytes: AtomicU64::new(0),
            level,
        }
    }

    /// Bytes acknowledged by the store so far.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.stored_bytes.load(Ordering::Relaxed)
    }

    /// Fails early once an upload has failed.
    pub(crate) fn check(&self) -> Result<()> {
        if self.failed.load(Ordering::Relaxed) {
            self.settle(0)
        } else {
            Ok(())
        }
    }

    /// Content up to this size lies in its record.
    pub(crate) fn inline_bytes(&self) -> u64 {
        u64::from(self.engine.vault().config().inline_bytes)
    }

    fn lane(&self, block_type: BlockType) -> &Mutex<Lane> {
        if block_type == BlockType::Data {
            &self.data
        } else {
            &self.meta
        }
    }

    fn reserve(&self, block_type: BlockType) -> Result<Slot> {
        // Nobody holds a slot while it waits for the store: its pack could not be completed meanwhile.
        self.ship_complete(block_type)?;
        let gate = self
            .engine
            .wait_or_stop(Arc::clone(self.way(block_type)).acquire_owned())?
            .map_err(|_closed| Error::Cancelled)?;
        drop(gate);
        let pack = self.engine.vault().new_pack_id()?;
        Ok(lock(self.lane(block_type)).reserve(pack))
    }

    fn put(&self, block_type: BlockType, block: SealedBlock) -> Result<()> {
        if !lock(self.lane(block_type)).put(block) {
            let lost = std::io::Error::other("a block belongs to no pack that is open");
            return Err(Error::Runtime(lost));
        }
        self.ship_complete(block_type)
    }

    fn ship_complete(&self, block_type: BlockType) -> Result<()> {
        loop {
            let complete = lock(self.lane(block_type)).take_complete();
            match complete {
                Some(builder) => self.ship(builder)?,
                None => return Ok(()),
            }
        }
    }

    fn way(&self, block_type: BlockType) -> &Arc<Semaphore> {
        if block_type == BlockType::Data {
            &self.data_way
        } else {
            &self.meta_way
        }
    }

    /// Seals a complete pack's table and sends the pack; waits while another of its kind is on its way.
    fn ship(&self, builder: PackBuilder) -> Result<()> {
        let Some(session) = self.session.clone() else {
            return Ok(());
        };
        self.settle(8)?;
        let way = match builder.kind() {
            ObjectKind::DataPack => &self.data_way,
            _ => &self.meta_way,
        };
        let permit = self
            .engine
            .wait_or_stop(Arc::clone(way).acquire_owned())?
            .map_err(|_closed| Error::Cancelled)?;
        let vault = self.engine.vault().clone();
        let pack = builder.finish(vault.id(), vault.domain_id(), vault.domain()?.toc())?;
        let task = async move {
            let row = pack.segment_row();
            let (bytes, toc) = session.put_pack(pack).await?;
            drop(permit);
            tracing::debug!(pack = %row.pack_id, bytes, "pack is durable");
            Ok(Uploaded { pack: row, toc })
        };
        let handle = self.engine.spawn(task);
        lock(&self.uploads).push(handle);
        Ok(())
    }

    /// Takes in finished uploads until at most `keep` are still running.
    fn settle(&self, keep: usize) -> Result<()> {
        loop {
            let next = {
                let mut uploads = lock(&self.uploads);
                let finished = uploads.iter().position(JoinHandle::is_finished);
                match finished {
                    Some(index) => uploads.swap_remove(index),
                    None if uploads.len() > keep => uploads.swap_remove(0),
                    None => return Ok(()),
                }
            };
            let outcome = self
                .engine
                .wait_or_stop(next)?
                .unwrap_or_else(|join| Err(Error::Runtime(std::io::Error::other(join))));
            match outcome {
                Ok(uploaded) => self.take_in(uploaded)?,
                Err(error) => {
                    self.failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    }

    fn take_in(&self, uploaded: Uploaded) -> Result<()> {
        let Uploaded { pack, toc } = uploaded;
        self.stored_bytes
            .fetch_add(pack.object_bytes, Ordering::Relaxed);
        self.monitor.transferred(pack.object_bytes);
        self.known
            .promote(pack.pack_id, pack.kind, pack.object_bytes, &toc);
        let full = {
            let mut open = lock(&self.published);
            add_to_segment(&mut open.segment, pack, &toc);
            open.segment.entries.len() >= SEGMENT_ENTRIES
        };
        if full { self.publish() } else { Ok(()) }
    }

    /// Sends what is open and waits until everything is durable and stands in an index segment.
    ///
    /// Every [`BlockWriter`] must have been flushed.
    pub(crate) fn flush(&self) -> Result<()> {
        for lane in [&self.data, &self.meta] {
            let packs = lock(lane).flush();
            for pack in packs {
                self.ship(pack)?;
            }
        }
        self.settle(0)?;
        self.publish()
    }

    fn publish(&self) -> Result<()> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        let mut segment = std::mem::take(&mut lock(&self.published).segment);
        for (pack, kind) in self.known.take_adopted() {
            let (row, toc) = self.engine.segment_row(pack, kind)?;
            add_to_segment(&mut segment, row, &toc);
        }
        if segment.packs.is_empty() {
            return Ok(());
        }
        let bytes = self.engine.wait_or_stop(session.put_segment(segment))??;
        self.stored_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.monitor.transferred(bytes);
        Ok(())
    }

    /// Notes bytes written past the packer (manifest, checkpoints).
    pub(crate) fn add_stored(&self, bytes: u64) {
        self.stored_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Packs that nobody waits for any more would keep the next run off the line.
impl Drop for Packer<'_> {
    fn drop(&mut self) {
        if self.engine.is_cancelled() {
            lock(&self.uploads).iter().for_each(JoinHandle::abort);
        }
    }
}

fn add_to_segment(segment: &mut Segment, pack: SegmentPack, toc: &Toc) {
    let position = u32::try_from(segment.packs.len()).unwrap_or(u32::MAX);
    segment.packs.push(pack);
    for (block, chunk, row) in toc.addressed_chunks() {
        segment.entries.push(SegmentEntry {
            prefix: row.id.prefix(),
            pack: position,
            block,
            chunk,
        });
    }
}

/// The block that one thread is filling.
pub(crate) struct BlockWriter<'p, 'm> {
    packer: &'p Packer<'m>,
    block_type: BlockType,
    key: SecretKey,
    codec: BlockCodec,
    open: Option<OpenBlock>,
}

struct OpenBlock {
    slot: Slot,
    raw: Vec<u8>,
    chunks: Vec<(ChunkId, u32)>,
    /// Bytes of known chunks that went by since it was looked whether the pack waits.
    known_bytes: usize,
}

impl<'p, 'm> BlockWriter<'p, 'm> {
    pub(crate) fn new(packer: &'p Packer<'m>, block_type: BlockType) -> Result<Self> {
        let domain = packer.engine.vault().domain()?;
        let key = match block_type {
            BlockType::Data => domain.data(0),
            BlockType::Tree => domain.tree(0),
            BlockType::List => domain.list().duplicate(),
        };
        Ok(Self {
            packer,
            block_type,
            key,
            codec: BlockCodec::new()?,
            open: None,
        })
    }

    /// Stores a chunk unless the vault has it; returns its address and whether it is new.
    pub(crate) fn store(&mut self, id: ChunkId, raw: &[u8]) -> Result<(ChunkAddress, bool)> {
        if let Some(at) = self.packer.known.find(&id)? {
            self.yield_slot(raw.len())?;
            return Ok((at, false));
        }
        let fits = self.open.as_ref().is_some_and(|open| {
            open.raw.len() + raw.len() <= open.slot.target_bytes
                && open.chunks.len() < BLOCK_CHUNKS_MAX
        });
        if !fits {
            self.flush()?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(OpenBlock {
                slot: self.packer.reserve(self.block_type)?,
                raw: Vec::new(),
                chunks: Vec::new(),
                known_bytes: 0,
            }),
        };
        let chunk = u16::try_from(open.chunks.len()).unwrap_or(u16::MAX);
        open.raw.extend_from_slice(raw);
        open.chunks
            .push((id, u32::try_from(raw.len()).unwrap_or(u32::MAX)));
        let at = ChunkAddress {
            pack: open.slot.pack,
            block: open.slot.ordinal,
            chunk,
        };
        self.packer.known.add_fresh(id, at);
        Ok((at, true))
    }

    /// A block that gets nothing new for a while is sealed as it is when its pack waits for it.
    fn yield_slot(&mut self, known_bytes: usize) -> Result<()> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.known_bytes += known_bytes;
        if open.known_bytes < YIELD_AFTER_BYTES {
            return Ok(());
        }
        open.known_bytes = 0;
        let pack = open.slot.pack;
        let is_waited_for = lock(self.packer.lane(self.block_type)).is_waiting(pack);
        if is_waited_for { self.flush() } else { Ok(()) }
    }

    /// Seals the open block, if any, and hands it to its pack.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let vault = self.packer.engine.vault();
        let raw_len = u32::try_from(open.raw.len()).unwrap_or(u32::MAX);
        let (mut payload, codec) = self.codec.compress(&open.raw, self.packer.level)?;
        let context = BlockContext {
            vault_id: *vault.id().as_bytes(),
            domain_id: *vault.domain_id().as_bytes(),
            birth_pack: *open.slot.pack.as_bytes(),
            birth_ordinal: open.slot.ordinal,
            block_type: self.block_type,
            codec,
            raw_len,
        };
        seal_block(&self.key, &context, &mut payload, &**vault.entropy())?;
        let row = BlockRowDraft {
            birth: BlockName {
                pack: open.slot.pack,
                ordinal: open.slot.ordinal,
            },
            block_type: self.block_type,
            codec,
            key_epoch: 0,
            raw_len,
            chunks: open.chunks,
        };
        self.packer.put(
            self.block_type,
            SealedBlock {
                slot: open.slot,
                row,
                sealed: payload,
            },
        )
    }
}
