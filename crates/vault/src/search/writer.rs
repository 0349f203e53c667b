//! A writer: backups of a handful of contents, in the order of format.md §12 and with the look-ups of the engine.

use std::collections::BTreeMap;

use strongroom_chunking::{ChunkHasher, ChunkId};
use strongroom_crypto::{BLOCK_NONCE_LEN, BlockContext, BlockType, Role, seal_block};

use super::World;
use super::process::Process;
use super::shadow::{Expected, bytes_of};
use crate::format::wire::{Reader, Writer as Wire};
use crate::format::{
    BlockName, BlockRowDraft, BlockUse, ChunkAddress, ListPiece, ListPieceRef, MachineId, Names,
    ObjectKind, PackBuilder, PackId, PackUse, Segment, SegmentEntry, SegmentPack, SourceId,
    Structure, Toc,
};
use crate::points::{self, PointRef};
use crate::rule::{self, Rule};
use crate::wrap::Dice;
use crate::{Committed, PackDirectory, Result, Session, chain};

/// Runs backups, each in a new process when the one before has died.
pub(super) async fn writer(world: World, number: u64) {
    let name = format!("writer {number}");
    let mut dice = world.dice(&name, 0);
    let mut process = None;
    for backup in 1..=world.setup.backups_count {
        if !world.begin(&name, backup, &mut dice, 2000).await {
            return;
        }
        let alive = match process.take() {
            Some(alive) => alive,
            None => match Process::start(&world, Role::Agent, &name, backup).await {
                Ok(started) => started,
                Err(_died) => continue,
            },
        };
        // Two writers share a source.
        let source = SourceId::from_bytes([u8::try_from(number / 2).unwrap_or(0); 8]);
        let machine = MachineId::from_bytes([u8::try_from(number).unwrap_or(0) + 1; 16]);
        let run = Backup {
            world: &world,
            process: &alive,
            source,
            machine,
        };
        if run.run(&mut dice).await.is_ok() {
            process = Some(alive);
        }
    }
}

struct Backup<'a> {
    world: &'a World,
    process: &'a Process,
    source: SourceId,
    machine: MachineId,
}

/// What a tree of old says: where contents are.
type Known = BTreeMap<u64, ChunkAddress>;

/// A pack that is being filled.
struct Filling {
    pack: PackId,
    builder: PackBuilder,
    blocks_count: u16,
}

impl Backup<'_> {
    async fn run(&self, dice: &mut Dice) -> Result<()> {
        let (vault, now) = (&self.process.vault, self.process.now());
        let too_early = if rule::holds(Rule::ListAfterMark) {
            None
        } else {
            Some(PackDirectory::list(vault).await?)
        };
        let left = Session::fence_predecessors(vault, self.source, self.machine, now).await?;
        let session = Session::begin(vault, self.source, self.machine, now).await?;
        let (base, seq) = self.newest_tree().await?;
        let mut known = Known::new();
        let of_checkpoint = left.and_then(|left| left.tree);
        for tree in of_checkpoint.into_iter().chain(base) {
            known.append(&mut self.read_tree(tree).await?);
        }
        let mut directory = match too_early {
            Some(mut directory) => {
                let unusable = session.unusable().packs.iter();
                unusable.for_each(|pack| directory.remove(pack));
                directory
            }
            None => PackDirectory::list_without(vault, session.unusable()).await?,
        };
        directory.load_index(vault).await?;
        let mut segment = Segment::default();
        let mut contents = Vec::new();
        let mut filling: Option<Filling> = None;
        for content in self.choose(dice) {
            let carried = known.get(&content).copied();
            let carried = carried.filter(|at| directory.has_chunks(at.block_name(), at.chunk, 1));
            let raw = bytes_of(content);
            let id = self.id(BlockType::Data, &raw)?;
            let found = match carried {
                Some(at) => Some(at),
                None => self.find(&mut directory, &id).await?,
            };
            let at = match found {
                Some(at) => at,
                None => {
                    let mut open = match filling.take() {
                        Some(open) => open,
                        None => Filling::new(self.process, ObjectKind::DataPack)?,
                    };
                    let at = open.add(self.process, BlockType::Data, id, &raw)?;
                    if open.blocks_count < 2 {
                        filling = Some(open);
                    } else {
                        self.upload(&session, &mut directory, open, &mut segment)
                            .await?;
                    }
                    at
                }
            };
            contents.push((content, at));
        }
        if let Some(open) = filling {
            self.upload(&session, &mut directory, open, &mut segment)
                .await?;
        }
        let written = self
            .write_metadata(&session, &mut directory, &contents, &mut segment)
            .await?;
        let (tree, list, first) = written;
        self.publish(&session, &mut directory, segment).await?;
        if dice.per_mille(300) {
            session.put_checkpoint(0, Some(tree), 0, 0, now).await?;
        }
        self.world.shadow.expect(Expected {
            point: PointRef {
                sid: session.id(),
                source: self.source,
            },
            contents,
            tree,
            list,
            is_acknowledged: false,
            may_be_gone: false,
        });
        let structure = Structure {
            source: self.source,
            sid: session.id(),
            seq: seq + 1,
            pin: session.epoch(),
            machine: self.machine,
            started_at: now,
            list: vec![ListPieceRef::new(first, list)],
            ..Structure::for_vault(vault.id(), vault.domain_id())
        };
        if let Committed::Point { .. } = session.commit(structure, Names::with_tree(tree)).await? {
            let shadow = &self.world.shadow;
            shadow.note(session.id(), |point| point.is_acknowledged = true);
        }
        Ok(())
    }

    fn choose(&self, dice: &mut Dice) -> Vec<u64> {
        let all = 0..self.world.setup.contents_count;
        let mut chosen: Vec<u64> = all.filter(|_| dice.per_mille(450)).collect();
        if chosen.is_empty() {
            chosen.push(dice.below(self.world.setup.contents_count));
        }
        chosen
    }

    fn id(&self, block_type: BlockType, raw: &[u8]) -> Result<ChunkId> {
        let key = self.process.vault.domain()?.chunk_id_key(block_type);
        Ok(ChunkHasher::new(key).id(raw))
    }

    /// Tree and number of the point of this source that is furthest in its history.
    async fn newest_tree(&self) -> Result<(Option<ChunkAddress>, u64)> {
        let vault = &self.process.vault;
        let mut newest = (None, 0);
        for point in points::of_source(vault, self.source).await? {
            if chain::of_point(vault, &point).await?.is_gone() {
                continue;
            }
            match points::read(vault, &point).await {
                Ok(Some(read)) if read.structure.seq > newest.1 => {
                    newest = (Some(read.names.tree), read.structure.seq);
                }
                Ok(_) => {}
                Err(error) if error.is_corruption() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(newest)
    }

    /// Nothing where the tree is not there any more: it is of a session that was fenced, or of a point that is gone.
    async fn read_tree(&self, at: ChunkAddress) -> Result<Known> {
        match self.process.reader.chunk(at, ObjectKind::MetaPack).await {
            Ok(raw) => decode_tree(&raw),
            Err(error) if error.is_corruption() => Ok(Known::new()),
            Err(error) => Err(error),
        }
    }

    /// As the engine does it: an entry of the index counts once the pack's own table confirms it.
    async fn find(
        &self,
        directory: &mut PackDirectory,
        id: &ChunkId,
    ) -> Result<Option<ChunkAddress>> {
        for (pack, kind, block, chunk) in directory.candidates(id.prefix()) {
            let toc = match self.process.reader.toc(pack, kind).await {
                Ok(toc) => toc,
                Err(error) if error.is_corruption() => continue,
                Err(error) => return Err(error),
            };
            if let (Some(row), Some(found)) = (toc.block(block), toc.chunk(block, chunk))
                && found.id == *id
            {
                if directory.is_unindexed(&pack) {
                    directory.adopt(pack);
                }
                return Ok(Some(ChunkAddress {
                    pack: row.birth.pack,
                    block: row.birth.ordinal,
                    chunk,
                }));
            }
        }
        Ok(None)
    }

    async fn upload(
        &self,
        session: &Session,
        directory: &mut PackDirectory,
        filling: Filling,
        segment: &mut Segment,
    ) -> Result<()> {
        let vault = &self.process.vault;
        let (id, kind) = (filling.pack, filling.builder.kind());
        let sealed = filling
            .builder
            .finish(vault.id(), vault.domain_id(), vault.toc_key()?)?;
        let row = sealed.segment_row();
        let (bytes, toc) = session.put_pack(sealed).await?;
        directory.add_uploaded(id, kind, bytes, &toc);
        add_to_segment(segment, row, &toc);
        Ok(())
    }

    /// Tree and list, each looked up like any content; returns where they are, and the first pack of the list.
    async fn write_metadata(
        &self,
        session: &Session,
        directory: &mut PackDirectory,
        contents: &[(u64, ChunkAddress)],
        segment: &mut Segment,
    ) -> Result<(ChunkAddress, ChunkAddress, PackId)> {
        let mut filling = Filling::new(self.process, ObjectKind::MetaPack)?;
        let raw = encode_tree(contents);
        let id = self.id(BlockType::Tree, &raw)?;
        let tree = match self.find(directory, &id).await? {
            Some(at) => at,
            None => filling.add(self.process, BlockType::Tree, id, &raw)?,
        };
        let mut uses: Vec<ChunkAddress> = contents.iter().map(|(_, at)| *at).collect();
        uses.push(tree);
        let piece = list_of(&uses);
        let first = piece.packs.first().map(|entry| entry.pack);
        let raw = piece.encode();
        let id = self.id(BlockType::List, &raw)?;
        let list = match self.find(directory, &id).await? {
            Some(at) => at,
            None => filling.add(self.process, BlockType::List, id, &raw)?,
        };
        if filling.blocks_count > 0 {
            self.upload(session, directory, filling, segment).await?;
        }
        Ok((tree, list, first.unwrap_or(tree.pack)))
    }

    async fn publish(
        &self,
        session: &Session,
        directory: &mut PackDirectory,
        mut segment: Segment,
    ) -> Result<()> {
        for pack in directory.take_adopted() {
            let kind = directory.entry(&pack).map(|entry| entry.kind);
            let kind = kind.unwrap_or(ObjectKind::DataPack);
            let (row, toc) = self.process.reader.segment_row(pack, kind).await?;
            add_to_segment(&mut segment, row, &toc);
        }
        if !segment.packs.is_empty() {
            session.put_segment(segment).await?;
        }
        Ok(())
    }
}

impl Filling {
    fn new(process: &Process, kind: ObjectKind) -> Result<Self> {
        let pack = process.vault.new_pack_id()?;
        Ok(Self {
            pack,
            builder: PackBuilder::new(kind, pack),
            blocks_count: 0,
        })
    }

    /// Adds a block of one chunk.
    fn add(
        &mut self,
        process: &Process,
        block_type: BlockType,
        id: ChunkId,
        raw: &[u8],
    ) -> Result<ChunkAddress> {
        let vault = &process.vault;
        let raw_len = u32::try_from(raw.len()).unwrap_or(u32::MAX);
        let context = BlockContext {
            vault_id: *vault.id().as_bytes(),
            domain_id: *vault.domain_id().as_bytes(),
            birth_pack: *self.pack.as_bytes(),
            birth_ordinal: self.blocks_count,
            block_type,
            codec: 0,
            raw_len,
        };
        let mut payload = vec![0; BLOCK_NONCE_LEN];
        payload.extend_from_slice(raw);
        let key = vault.domain()?.block(block_type, 0);
        seal_block(&key, &context, &mut payload, &**vault.entropy())?;
        let row = BlockRowDraft {
            birth: BlockName {
                pack: self.pack,
                ordinal: self.blocks_count,
            },
            block_type,
            codec: 0,
            key_epoch: 0,
            raw_len,
            chunks: vec![(id, raw_len)],
        };
        self.builder.put_block(self.blocks_count, row, payload);
        let block = self.blocks_count;
        self.blocks_count += 1;
        Ok(ChunkAddress {
            pack: self.pack,
            block,
            chunk: 0,
        })
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

/// The reference list of a point: each chunk once.
fn list_of(uses: &[ChunkAddress]) -> ListPiece {
    let mut packs: BTreeMap<PackId, BTreeMap<u16, Vec<u32>>> = BTreeMap::new();
    for at in uses {
        let counts = packs
            .entry(at.pack)
            .or_default()
            .entry(at.block)
            .or_default();
        let chunk = usize::from(at.chunk);
        if counts.len() <= chunk {
            counts.resize(chunk + 1, 0);
        }
        counts[chunk] += 1;
    }
    let blocks = |blocks: BTreeMap<u16, Vec<u32>>| {
        let uses = blocks.into_iter();
        uses.map(|(ordinal, counts)| BlockUse { ordinal, counts })
            .collect()
    };
    let packs = packs.into_iter().map(|(pack, used)| PackUse {
        pack,
        blocks: blocks(used),
    });
    ListPiece {
        packs: packs.collect(),
    }
}

fn encode_tree(contents: &[(u64, ChunkAddress)]) -> Vec<u8> {
    let mut out = Wire::new();
    for (content, at) in contents {
        out.varint(*content);
        out.raw(at.pack.as_bytes());
        out.varint(u64::from(at.block));
        out.varint(u64::from(at.chunk));
    }
    out.into_vec()
}

fn decode_tree(raw: &[u8]) -> Result<Known> {
    let input = &mut Reader::new(raw);
    let mut known = Known::new();
    while !input.is_empty() {
        let content = input.varint()?;
        let at = ChunkAddress {
            pack: PackId::from_bytes(input.array()?),
            block: u16::try_from(input.varint()?).unwrap_or(u16::MAX),
            chunk: u16::try_from(input.varint()?).unwrap_or(u16::MAX),
        };
        known.insert(content, at);
    }
    Ok(known)
}
