//! Chunks that get a new block. Blocks of which little is needed are opened, what is needed of them is compared with its
//! id and gathered into blocks of the usual size, and a signed remap says where it is now.

use std::collections::HashSet;

use strongroom_chunking::{ChunkHasher, ChunkId};
use strongroom_crypto::{BlockContext, BlockType, seal_block};

use super::super::liveness::{User, chunk_of};
use super::super::survey::Survey;
use super::super::thin::{Thin, Treatment};
use super::fresh::FreshPack;
use super::window::Window;
use super::{Work, is_left};
use crate::Result;
use crate::error::in_object;
use crate::format::{
    BlockCodec, BlockName, BlockRowDraft, ChunkAddress, FormatError, ObjectKind, ObjectName,
    PackId, Remap, RemapId, Toc,
};

/// Most chunks of one block, as in backups.
const BLOCK_CHUNKS_MAX: usize = 8192;
/// A pack is complete when its remap names so many addresses: more would come near the limit of a remap.
const ADDRESSES_FULL: usize = 1 << 18;

/// What may share a block: chunks that one source uses, or chunks that shared a pack before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Source(crate::format::SourceId),
    Pack(PackId),
}

/// A block that is to be rewritten. In this order, what shares a block stands together, and neighbours stay neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    is_data: bool,
    group: Group,
    block_type: u8,
    /// Position of its pack among those that are emptied.
    pack: usize,
    position: u16,
}

/// A block that is being filled.
struct FreshBlock {
    name: BlockName,
    block_type: BlockType,
    raw: Vec<u8>,
    chunks: Vec<(ChunkId, u32)>,
}

/// Fills one block of one pack at a time.
pub(super) struct Rewriter<'a> {
    work: Work<'a>,
    survey: &'a mut Survey,
    codec: BlockCodec,
    pack: Option<FreshPack>,
    block: Option<FreshBlock>,
    /// Old and new addresses of what the open pack holds.
    addresses: Vec<(ChunkAddress, ChunkAddress)>,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(work: Work<'a>, survey: &'a mut Survey) -> Result<Self> {
        Ok(Self {
            work,
            survey,
            codec: BlockCodec::new()?,
            pack: None,
            block: None,
            addresses: Vec::new(),
        })
    }

    /// Rewrites the blocks of these packs that are to be rewritten; returns the packs with a block that could not be read.
    pub(super) async fn run(&mut self, thin: &[Thin]) -> Result<HashSet<PackId>> {
        let mut hurt = HashSet::new();
        let items = self.items(thin).await?;
        let mut open_group = None;
        // Consecutive items of one pack are read together.
        for run in items.chunk_by(|a, b| (a.group, a.pack) == (b.group, b.pack)) {
            let Some((first, pack)) = run
                .first()
                .and_then(|item| Some((item, thin.get(item.pack)?)))
            else {
                continue;
            };
            let group = (first.is_data, first.group);
            if open_group.replace(group) != Some(group) {
                self.store_pack().await?;
            }
            let positions: Vec<u16> = run.iter().map(|item| item.position).collect();
            if !self.rewrite(pack, &positions).await? {
                hurt.insert(pack.pack);
            }
        }
        self.store_pack().await?;
        Ok(hurt)
    }

    async fn items(&self, thin: &[Thin]) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        for (index, pack) in thin.iter().enumerate() {
            let toc = self.work.toc(pack).await?;
            for (position, treatment) in &pack.blocks {
                let Some(row) = toc.block(*position) else {
                    continue;
                };
                if *treatment == Treatment::Rewrite {
                    items.push(Item {
                        is_data: pack.kind == ObjectKind::DataPack,
                        group: self.group(row.birth),
                        block_type: row.block_type as u8,
                        pack: index,
                        position: *position,
                    });
                }
            }
        }
        items.sort_unstable();
        Ok(items)
    }

    fn group(&self, name: BlockName) -> Group {
        match self.survey.live.user(&name) {
            Some(User::One(source)) => Group::Source(source),
            Some(User::Several) | None => Group::Pack(name.pack),
        }
    }

    /// Rewrites some blocks of a pack; false when one of them stays where it is.
    async fn rewrite(&mut self, pack: &Thin, positions: &[u16]) -> Result<bool> {
        let toc = self.work.toc(pack).await?;
        let vault = self.work.vault;
        let object = ObjectName::pack(pack.kind, *vault.domain_id(), pack.pack).to_string();
        let ranges = positions.iter().filter_map(|at| toc.block_range(*at));
        let mut window = Window::new(vault.store(), object.clone(), ranges.collect());
        let mut is_whole = true;
        for position in positions {
            match self.take(&toc, *position, &object, &mut window).await {
                Ok(chunks) => self.put(pack.kind, chunks).await?,
                Err(error) if is_left(pack.pack, &error) => is_whole = false,
                Err(error) => return Err(error),
            }
        }
        Ok(is_whole)
    }

    /// The needed chunks of a block, each compared with its id.
    async fn take(
        &self,
        toc: &Toc,
        position: u16,
        object: &String,
        window: &mut Window<'_>,
    ) -> Result<Taken> {
        let none = FormatError::Malformed("a block is named that its pack does not hold");
        let place = toc.block(position).zip(toc.block_range(position));
        let (row, range) = in_object(object, place.ok_or(none))?;
        let sealed = window.read(range).await?;
        let raw = in_object(object, self.work.reader.open(row, sealed.into()))?;
        let hasher = ChunkHasher::new(self.work.vault.domain()?.chunk_id_key(row.block_type));
        let needed = self.survey.live.needed(&row.birth);
        let mut chunks = Vec::new();
        let mut rest = raw.as_slice();
        for (number, chunk) in (0..=u16::MAX).zip(toc.chunks_of(position)) {
            let split = rest.split_at_checked(chunk.raw_len as usize);
            let (bytes, after) = in_object(object, split.ok_or(FormatError::Truncated("a block")))?;
            rest = after;
            if !needed.contains(number) {
                continue;
            }
            if hasher.id(bytes) != chunk.id {
                let wrong = "a chunk does not have the id that its pack says";
                return in_object(object, Err(FormatError::Malformed(wrong)));
            }
            chunks.push((chunk_of(row.birth, number), chunk.id, bytes.to_vec()));
        }
        Ok(Taken {
            block_type: row.block_type,
            chunks,
        })
    }

    async fn put(&mut self, kind: ObjectKind, taken: Taken) -> Result<()> {
        for (old, id, raw) in taken.chunks {
            let target_bytes = self.work.block_bytes(kind);
            let fits = self.block.as_ref().is_some_and(|block| {
                block.block_type == taken.block_type
                    && block.raw.len() + raw.len() <= target_bytes
                    && block.chunks.len() < BLOCK_CHUNKS_MAX
            });
            if !fits {
                self.seal()?;
                self.begin(kind, taken.block_type).await?;
            }
            let Some(block) = &mut self.block else {
                continue;
            };
            let chunk = u16::try_from(block.chunks.len()).unwrap_or(u16::MAX);
            let new = chunk_of(block.name, chunk);
            block.raw.extend_from_slice(&raw);
            let raw_len = u32::try_from(raw.len()).unwrap_or(u32::MAX);
            block.chunks.push((id, raw_len));
            self.addresses.push((old, new));
            // Whoever names the chunk by another address is led here at once, and the remap that leads to the old place
            // is not needed any more.
            let live = &self.survey.live;
            let others = self.survey.remaps.sources(old).into_iter();
            let named = others.filter(|other| live.is_away(*other));
            self.addresses.extend(named.map(|other| (other, new)));
        }
        Ok(())
    }

    /// Begins a block, in a new pack where the open one is full.
    async fn begin(&mut self, kind: ObjectKind, block_type: BlockType) -> Result<()> {
        let target_bytes = self.work.block_bytes(kind);
        let pack_bytes = self.work.pack_bytes(kind);
        let most_chunks = u32::try_from(BLOCK_CHUNKS_MAX).unwrap_or(u32::MAX);
        let has_room =
            |pack: &FreshPack| pack.has_room(target_bytes as u64, most_chunks, pack_bytes);
        let is_full = self.pack.as_ref().is_some_and(|pack| !has_room(pack));
        if is_full || self.addresses.len() >= ADDRESSES_FULL {
            self.store_pack().await?;
        }
        let pack = match &mut self.pack {
            Some(pack) => pack,
            none => none.insert(FreshPack::new(self.work.vault, kind)?),
        };
        self.block = Some(FreshBlock {
            name: pack.next_name(),
            block_type,
            raw: Vec::new(),
            chunks: Vec::new(),
        });
        Ok(())
    }

    /// Compresses and seals the open block.
    fn seal(&mut self) -> Result<()> {
        let (Some(block), Some(pack)) = (self.block.take(), &mut self.pack) else {
            return Ok(());
        };
        let vault = self.work.vault;
        let raw_len = u32::try_from(block.raw.len()).unwrap_or(u32::MAX);
        let level = vault.config().compression_level;
        let (mut payload, codec) = self.codec.compress(&block.raw, level)?;
        let context = BlockContext {
            vault_id: *vault.id().as_bytes(),
            domain_id: *vault.domain_id().as_bytes(),
            birth_pack: *block.name.pack.as_bytes(),
            birth_ordinal: block.name.ordinal,
            block_type: block.block_type,
            codec,
            raw_len,
        };
        let key = vault.domain()?.block(block.block_type, 0);
        seal_block(&key, &context, &mut payload, &**vault.entropy())?;
        let row = BlockRowDraft {
            birth: block.name,
            block_type: block.block_type,
            codec,
            key_epoch: 0,
            raw_len,
            chunks: block.chunks,
        };
        pack.put(row, payload);
        Ok(())
    }

    /// Makes the open pack durable, indexes it, and only then says where its chunks came from.
    async fn store_pack(&mut self) -> Result<()> {
        self.seal()?;
        let Some(pack) = self.pack.take() else {
            return Ok(());
        };
        let held = pack.store(self.work.vault, self.work.now).await?;
        self.survey.add_pack(held);
        let remap = Remap::of_chunks(std::mem::take(&mut self.addresses));
        let id = self.create_remap(&remap).await?;
        self.survey.add_remap(id, &remap);
        Ok(())
    }

    async fn create_remap(&self, remap: &Remap) -> Result<RemapId> {
        let vault = self.work.vault;
        let mut id = [0; 16];
        vault.entropy().fill(&mut id)?;
        let id = RemapId::from_bytes(id);
        let name = ObjectName::Remap {
            domain: *vault.domain_id(),
            remap: id,
        };
        vault
            .create_signed(name, ObjectKind::Remap, &remap.encode())
            .await?;
        Ok(id)
    }
}

/// What is needed of a block: old addresses, ids and bytes.
struct Taken {
    block_type: BlockType,
    chunks: Vec<(ChunkAddress, ChunkId, Vec<u8>)>,
}
