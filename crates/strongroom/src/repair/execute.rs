//! Carrying a plan out: new objects only, those that others lead to first.

use std::sync::Arc;

use strongroom_crypto::BlockType;
use strongroom_vault::format::{
    ChunkAddress, MachineId, ObjectKind, PackBuilder, PackId, SealedPack, Segment, SegmentEntry,
    SegmentPack, SessionId, SourceId, Toc,
};
use strongroom_vault::{PackDirectory, Session};

use super::replacements::read_copy;
use super::{BlockMove, ListRepair, RepairOptions, RepairPlan, salvage, unless_damaged};
use crate::backup::{BlockWriter, Known, Packer};
use crate::engine::Strongroom;
use crate::monitor::Monitor;
use crate::{Error, Result};

/// Name of the source that sessions of repairs belong to; they make no points.
const SOURCE: &str = "(repair)";
/// Packs in one index segment.
const SEGMENT_PACKS: usize = 256;

/// Does what the plan says; returns the salvaged points with those that they stand for.
pub(super) fn carry_out(
    engine: &Strongroom,
    plan: &RepairPlan,
    options: &RepairOptions,
    monitor: &dyn Monitor,
) -> Result<Vec<(SessionId, SessionId)>> {
    let mut remaps = plan.remaps.clone();
    if !(plan.index.is_empty() && plan.moves.is_empty() && plan.lists.is_empty()) {
        let vault = engine.vault();
        let source = SourceId::from_bytes(vault.domain()?.source_id(SOURCE));
        let (machine, now) = (MachineId::from(options), engine.now());
        if options.machine != [0; 16] {
            engine.wait(Session::fence_predecessors(vault, source, machine, now))?;
        }
        let session = engine.wait(Session::begin(vault, source, machine, now))?;
        let session = Arc::new(session);
        write_index(engine, &session, &plan.index, options)?;
        write_moves(engine, &session, &plan.moves, options)?;
        let lists = write_lists(engine, &session, &plan.lists, monitor)?;
        remaps.extend(lists);
        engine.wait(session.give_up("a repair is done"))?;
    }
    // Everything that they lead to is durable.
    engine.wait(engine.vault().remap(&remaps))?;
    engine.reader().forget_places();
    let mut salvaged = Vec::new();
    for one in &plan.salvage {
        options.cancel.check()?;
        if let Some(point) = salvage::carry_out(engine, one, options, monitor)? {
            salvaged.push((point, one.lost));
        }
    }
    Ok(salvaged)
}

fn write_index(
    engine: &Strongroom,
    session: &Session,
    packs: &[(PackId, ObjectKind)],
    options: &RepairOptions,
) -> Result<()> {
    for packs in packs.chunks(SEGMENT_PACKS) {
        let mut segment = Segment::default();
        for &(pack, kind) in packs {
            options.cancel.check()?;
            // One that is damaged further back stays unnamed; it is found by its listing.
            if let Some((row, toc)) = unless_damaged(engine.segment_row(pack, kind))? {
                add(&mut segment, row, &toc);
            }
        }
        if !segment.packs.is_empty() {
            engine.wait(session.put_segment(segment))?;
        }
    }
    Ok(())
}

fn add(segment: &mut Segment, row: SegmentPack, toc: &Toc) {
    let position = u32::try_from(segment.packs.len()).unwrap_or(u32::MAX);
    segment.packs.push(row);
    let entries = toc
        .addressed_chunks()
        .map(|(block, chunk, row)| SegmentEntry {
            prefix: row.id.prefix(),
            pack: position,
            block,
            chunk,
        });
    segment.entries.extend(entries);
}

/// Copies whole blocks out of damaged packs, sealed as they are; each is checked once more.
fn write_moves(
    engine: &Strongroom,
    session: &Session,
    moves: &[BlockMove],
    options: &RepairOptions,
) -> Result<()> {
    let mut segment = Segment::default();
    for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
        let target = match kind {
            ObjectKind::DataPack => engine.vault().config().data_pack_bytes,
            _ => engine.vault().config().meta_pack_bytes,
        };
        let mut open: Option<(PackBuilder, u16, u64)> = None;
        for block in moves.iter().filter(|block| block.kind == kind) {
            options.cancel.check()?;
            let Some(copy) = unless_damaged(read_copy(engine, block))? else {
                continue;
            };
            let len = copy.sealed.len() as u64;
            let (mut pack, ordinal, bytes) = match open.take() {
                Some(filling) if filling.2 + len <= target && filling.1 < u16::MAX => filling,
                full => {
                    if let Some((full, ..)) = full {
                        put(engine, session, full, &mut segment)?;
                    }
                    (PackBuilder::new(kind, new_id(engine)?), 0, 0)
                }
            };
            pack.put_block(ordinal, copy.row, copy.sealed.to_vec());
            open = Some((pack, ordinal + 1, bytes + len));
        }
        if let Some((last, ..)) = open {
            put(engine, session, last, &mut segment)?;
        }
    }
    if !segment.packs.is_empty() {
        engine.wait(session.put_segment(segment))?;
    }
    Ok(())
}

fn new_id(engine: &Strongroom) -> Result<PackId> {
    let mut id = [0; 16];
    engine.vault().entropy().fill(&mut id)?;
    Ok(PackId::from_bytes(id))
}

fn put(
    engine: &Strongroom,
    session: &Session,
    pack: PackBuilder,
    segment: &mut Segment,
) -> Result<()> {
    let vault = engine.vault();
    let sealed: SealedPack = pack
        .finish(vault.id(), vault.domain_id(), vault.domain()?.toc())
        .map_err(Error::from)?;
    let row = sealed.segment_row();
    let (_, toc) = engine.wait(session.put_pack(sealed))?;
    add(segment, row, &toc);
    Ok(())
}

/// Stores pieces of lists anew; returns where they are, with the addresses that must lead there.
fn write_lists(
    engine: &Strongroom,
    session: &Arc<Session>,
    lists: &[ListRepair],
    monitor: &dyn Monitor,
) -> Result<Vec<(ChunkAddress, ChunkAddress)>> {
    if lists.is_empty() {
        return Ok(Vec::new());
    }
    let listing = PackDirectory::list_without(engine.vault(), session.unusable());
    let known = Arc::new(Known::new(engine.clone(), engine.wait(listing)?));
    let packer = Packer::new(engine.clone(), Some(Arc::clone(session)), known, monitor);
    let mut writer = BlockWriter::new(&packer, BlockType::List)?;
    let hasher = engine.hasher(BlockType::List)?;
    let mut written = Vec::new();
    for (old, raw) in lists.iter().flat_map(|list| &list.pieces) {
        let (new, _) = writer.store(hasher.id(raw), raw)?;
        if new.block_name() != old.block_name() {
            written.push((*old, new));
        }
    }
    writer.flush()?;
    packer.flush()?;
    Ok(written)
}
