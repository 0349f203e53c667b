//! Blocks that move, sealed as they are: no key of their content is needed.

use super::super::survey::Survey;
use super::super::thin::{Thin, Treatment};
use super::fresh::FreshPack;
use super::window::Window;
use super::{Work, is_left};
use crate::Result;
use crate::format::{BlockRowDraft, ObjectKind, ObjectName, Toc};

/// Copies the blocks into new packs, makes them durable and indexes them.
pub(super) async fn move_blocks(work: Work<'_>, survey: &mut Survey, thin: &[&Thin]) -> Result<()> {
    for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
        let pack_bytes = work.pack_bytes(kind);
        let mut open: Option<FreshPack> = None;
        for pack in thin.iter().filter(|pack| pack.kind == kind) {
            let toc = work.toc(pack).await?;
            for (row, sealed) in read(work, pack, &toc).await? {
                let bytes = sealed.len() as u64;
                let mut filling = match open.take() {
                    Some(filling) if filling.has_room(bytes, row.chunks_count(), pack_bytes) => {
                        filling
                    }
                    full => {
                        if let Some(full) = full {
                            survey.add_pack(full.store(work.vault, work.now).await?);
                        }
                        FreshPack::new(work.vault, kind)?
                    }
                };
                filling.put(row, sealed);
                open = Some(filling);
            }
        }
        if let Some(last) = open {
            survey.add_pack(last.store(work.vault, work.now).await?);
        }
    }
    Ok(())
}

/// The blocks of a pack that move; none where one of them cannot be read.
async fn read(work: Work<'_>, pack: &Thin, toc: &Toc) -> Result<Vec<(BlockRowDraft, Vec<u8>)>> {
    let moving = || {
        let blocks = pack.blocks.iter();
        blocks.filter(|(_, treatment)| *treatment == Treatment::Move)
    };
    let ranges = moving().filter_map(|(position, _)| toc.block_range(*position));
    let name = ObjectName::pack(pack.kind, *work.vault.domain_id(), pack.pack).to_string();
    let mut window = Window::new(work.vault.store(), name, ranges.collect());
    let mut blocks = Vec::new();
    for (position, _) in moving() {
        let Some((row, range)) = draft(toc, *position) else {
            continue;
        };
        match window.read(range).await {
            Ok(sealed) => blocks.push((row, sealed.into())),
            Err(error) if is_left(pack.pack, &error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
    }
    Ok(blocks)
}

fn draft(toc: &Toc, position: u16) -> Option<(BlockRowDraft, std::ops::Range<u64>)> {
    let row = toc.block(position)?;
    let chunks = toc.chunks_of(position).iter();
    let draft = BlockRowDraft {
        birth: row.birth,
        block_type: row.block_type,
        codec: row.codec,
        key_epoch: row.key_epoch,
        raw_len: row.raw_len,
        chunks: chunks.map(|row| (row.id, row.raw_len)).collect(),
    };
    Some((draft, toc.block_range(position)?))
}
