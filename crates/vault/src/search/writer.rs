//! A writer: backups of a handful of contents, in the order of format.md §12 and with the look-ups of the engine.

mod pack;

use std::collections::BTreeMap;

use strongroom_chunking::{ChunkHasher, ChunkId};
use strongroom_crypto::{BlockType, Role};

use super::World;
use super::process::Process;
use super::shadow::{Expected, bytes_of};
use crate::format::{
    ChunkAddress, ListPieceRef, MachineId, Names, ObjectKind, PackId, Segment, SourceId, Structure,
};
use crate::points::{self, PointRef};
use crate::rule::{self, Rule};
use crate::wrap::Dice;
use crate::{Committed, PackDirectory, Result, Session, chain};
use pack::{Filling, add_to_segment, decode_tree, encode_tree, list_of};

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
        let mut run = Run {
            backup: self,
            session,
            directory,
            segment: Segment::default(),
        };
        let contents = run.write_contents(self.choose(dice), &known).await?;
        let (tree, list, first) = run.write_metadata(&contents).await?;
        run.publish().await?;
        if dice.per_mille(300) {
            let session = &run.session;
            session.put_checkpoint(0, Some(tree), 0, 0, now).await?;
        }
        let expected = Expected {
            point: PointRef {
                sid: run.session.id(),
                source: self.source,
            },
            contents,
            tree,
            list,
            is_acknowledged: false,
            may_be_gone: false,
        };
        run.commit(expected, first, seq + 1).await
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
}

/// A session at work.
struct Run<'a> {
    backup: &'a Backup<'a>,
    session: Session,
    directory: PackDirectory,
    /// Packs that are durable, but stand in no segment yet.
    segment: Segment,
}

impl Run<'_> {
    /// Where each content is, carried over, found or written.
    async fn write_contents(
        &mut self,
        wanted: Vec<u64>,
        known: &Known,
    ) -> Result<Vec<(u64, ChunkAddress)>> {
        let mut contents = Vec::new();
        let mut filling: Option<Filling> = None;
        for content in wanted {
            let carried = known.get(&content).copied();
            let is_usable =
                |at: &ChunkAddress| self.directory.has_chunks(at.block_name(), at.chunk, 1);
            let raw = bytes_of(content);
            let id = self.backup.id(BlockType::Data, &raw)?;
            let found = match carried.filter(is_usable) {
                Some(at) => Some(at),
                None => self.find(&id).await?,
            };
            if let Some(at) = found {
                contents.push((content, at));
                continue;
            }
            let process = self.backup.process;
            let mut open = match filling.take() {
                Some(open) => open,
                None => Filling::new(process, ObjectKind::DataPack)?,
            };
            let at = open.add(process, BlockType::Data, id, &raw)?;
            contents.push((content, at));
            if open.blocks_count < 2 {
                filling = Some(open);
            } else {
                self.upload(open).await?;
            }
        }
        if let Some(open) = filling {
            self.upload(open).await?;
        }
        Ok(contents)
    }

    /// Tree and list, each looked up like any content; returns where they are, and the first pack of the list.
    async fn write_metadata(
        &mut self,
        contents: &[(u64, ChunkAddress)],
    ) -> Result<(ChunkAddress, ChunkAddress, PackId)> {
        let process = self.backup.process;
        let mut filling = Filling::new(process, ObjectKind::MetaPack)?;
        let raw = encode_tree(contents);
        let id = self.backup.id(BlockType::Tree, &raw)?;
        let tree = match self.find(&id).await? {
            Some(at) => at,
            None => filling.add(process, BlockType::Tree, id, &raw)?,
        };
        let mut uses: Vec<ChunkAddress> = contents.iter().map(|(_, at)| *at).collect();
        uses.push(tree);
        let piece = list_of(&uses);
        let first = piece.packs.first().map(|entry| entry.pack);
        let raw = piece.encode();
        let id = self.backup.id(BlockType::List, &raw)?;
        let list = match self.find(&id).await? {
            Some(at) => at,
            None => filling.add(process, BlockType::List, id, &raw)?,
        };
        if filling.blocks_count > 0 {
            self.upload(filling).await?;
        }
        Ok((tree, list, first.unwrap_or(tree.pack)))
    }

    /// As the engine does it: an entry of the index counts once the pack's own table confirms it.
    async fn find(&mut self, id: &ChunkId) -> Result<Option<ChunkAddress>> {
        for at in self.directory.candidates(id.prefix()).await? {
            let toc = match self.backup.process.reader.toc(at.pack, at.kind).await {
                Ok(toc) => toc,
                Err(error) if error.is_corruption() => continue,
                Err(error) => return Err(error),
            };
            if let (Some(row), Some(found)) = (toc.block(at.block), toc.chunk(at.block, at.chunk))
                && found.id == *id
            {
                if self.directory.is_unindexed(&at.pack) {
                    self.directory.adopt(at.pack);
                }
                return Ok(Some(ChunkAddress {
                    pack: row.birth.pack,
                    block: row.birth.ordinal,
                    chunk: at.chunk,
                }));
            }
        }
        Ok(None)
    }

    async fn upload(&mut self, filling: Filling) -> Result<()> {
        let vault = &self.backup.process.vault;
        let (id, kind) = (filling.pack, filling.builder.kind());
        let sealed = filling
            .builder
            .finish(vault.id(), vault.domain_id(), vault.toc_key()?)?;
        let row = sealed.segment_row();
        let (bytes, toc) = self.session.put_pack(sealed).await?;
        self.directory.add_uploaded(id, kind, bytes, &toc);
        add_to_segment(&mut self.segment, row, &toc);
        Ok(())
    }

    async fn publish(&mut self) -> Result<()> {
        for pack in self.directory.take_adopted() {
            let kind = self.directory.entry(&pack).map(|entry| entry.kind);
            let kind = kind.unwrap_or(ObjectKind::DataPack);
            let reader = &self.backup.process.reader;
            let (row, toc) = reader.segment_row(pack, kind).await?;
            add_to_segment(&mut self.segment, row, &toc);
        }
        let segment = std::mem::take(&mut self.segment);
        if !segment.packs.is_empty() {
            self.session.put_segment(segment).await?;
        }
        Ok(())
    }

    async fn commit(self, expected: Expected, first: PackId, seq: u64) -> Result<()> {
        let (backup, session) = (self.backup, &self.session);
        let vault = &backup.process.vault;
        let structure = Structure {
            source: backup.source,
            sid: session.id(),
            seq,
            pin: session.epoch(),
            machine: backup.machine,
            started_at: backup.process.now(),
            list: vec![ListPieceRef::new(first, expected.list)],
            ..Structure::for_vault(vault.id(), vault.domain_id())
        };
        let names = Names::with_tree(expected.tree);
        let shadow = &backup.world.shadow;
        shadow.expect(expected);
        if let Committed::Point { .. } = session.commit(structure, names).await? {
            shadow.note(session.id(), |point| point.is_acknowledged = true);
        }
        Ok(())
    }
}
