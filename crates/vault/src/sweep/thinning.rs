//! Carrying out what [`thin`](super::thin) decides: needed blocks move into new packs, needed chunks into new blocks.
//!
//! Whatever is new is durable and indexed before a remap leads to it, and the old packs stay: they are condemned by the
//! mark that follows, which finds the copies.

mod fresh;
mod moving;
mod rewriting;
mod window;

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::SweepOptions;
use super::held::Held;
use super::liveness::Liveness;
use super::survey::Survey;
use super::thin::{self, BlockFacts, Thin, Treatment};
use crate::format::{ObjectKind, PackId, Toc};
use crate::{BlockReader, Error, Result, Vault};

use moving::move_blocks;
use rewriting::Rewriter;

/// The packs that are worth it, the most wasteful first, within the limit of one run. Nothing is written.
pub(super) async fn choose(
    vault: &Vault,
    reader: &BlockReader,
    survey: &Survey,
    options: &SweepOptions,
) -> Result<Vec<Thin>> {
    let can_open = vault.domain().is_ok();
    let mut chosen = Vec::new();
    let mut room_bytes = options.move_max_bytes;
    for pack in suspects(survey) {
        let toc = match reader.toc(pack.pack, pack.kind).await {
            Ok(toc) => toc,
            Err(error) if error.is_corruption() => {
                tracing::warn!(pack = %pack.pack, %error, "a pack stays as it is");
                continue;
            }
            Err(error) => return Err(error),
        };
        let blocks = facts(&toc, &survey.live);
        let place = (pack.pack, pack.kind, pack.object_bytes);
        let Some(thin) = thin::treat(place, &blocks, options, can_open) else {
            continue;
        };
        let bytes = thin.moved_bytes + thin.rewritten_bytes;
        if bytes <= room_bytes {
            room_bytes -= bytes;
            chosen.push(thin);
        }
    }
    Ok(chosen)
}

fn suspects(survey: &Survey) -> Vec<&Held> {
    let mut suspects: Vec<(u64, &Held)> = Vec::new();
    for pack in &survey.held {
        let needed = pack.needed_chunks_count(&survey.live);
        if thin::is_suspect(needed, pack.chunks_count) {
            let (needed, all) = (u64::from(needed), u64::from(pack.chunks_count.max(1)));
            let unneeded_bytes = pack.object_bytes * all.saturating_sub(needed) / all;
            suspects.push((unneeded_bytes, pack));
        }
    }
    suspects.sort_unstable_by_key(|(bytes, pack)| (std::cmp::Reverse(*bytes), pack.pack));
    suspects.into_iter().map(|(_, pack)| pack).collect()
}

fn facts(toc: &Toc, live: &Liveness) -> Vec<BlockFacts> {
    let rows = (0..=u16::MAX).zip(toc.blocks());
    let block = |(position, row): (u16, &crate::format::BlockRow)| {
        let needed = live.needed(&row.birth);
        let chunks = (0..=u16::MAX).zip(toc.chunks_of(position));
        BlockFacts {
            position,
            stored_bytes: u64::from(row.stored_len),
            raw_bytes: u64::from(row.raw_len),
            needed_bytes: chunks
                .filter(|(chunk, _)| needed.contains(*chunk))
                .map(|(_, row)| u64::from(row.raw_len))
                .sum(),
        }
    };
    rows.map(block).collect()
}

/// Empties these packs: what is needed of them stands elsewhere afterwards, and the survey knows where. A pack with a
/// block that cannot be read or does not hold what it says is left as it is.
pub(super) async fn carry_out(
    vault: &Vault,
    reader: &BlockReader,
    survey: &mut Survey,
    thin: &[Thin],
    now: DateTime<Utc>,
) -> Result<()> {
    let work = Work { vault, reader, now };
    let mut hurt: HashSet<PackId> = HashSet::new();
    let rewrites = |pack: &Thin| {
        let mut blocks = pack.blocks.iter();
        blocks.any(|(_, treatment)| *treatment == Treatment::Rewrite)
    };
    if thin.iter().any(rewrites) {
        let mut rewriter = Rewriter::new(work, survey)?;
        hurt = rewriter.run(thin).await?;
    }
    let whole: Vec<&Thin> = thin
        .iter()
        .filter(|pack| !hurt.contains(&pack.pack))
        .collect();
    move_blocks(work, survey, &whole).await?;
    survey.settle();
    Ok(())
}

/// What both ways of thinning need.
#[derive(Clone, Copy)]
struct Work<'a> {
    vault: &'a Vault,
    reader: &'a BlockReader,
    now: DateTime<Utc>,
}

impl Work<'_> {
    /// Size at which a pack is complete.
    fn pack_bytes(&self, kind: ObjectKind) -> u64 {
        let config = self.vault.config();
        match kind {
            ObjectKind::DataPack => config.data_pack_bytes,
            _ => config.meta_pack_bytes,
        }
    }

    /// Raw bytes after which a block ends.
    fn block_bytes(&self, kind: ObjectKind) -> usize {
        let config = self.vault.config();
        let bytes = match kind {
            ObjectKind::DataPack => config.block_bytes,
            _ => config.tree_block_bytes,
        };
        bytes as usize
    }

    async fn toc(&self, pack: &Thin) -> Result<Arc<Toc>> {
        self.reader.toc(pack.pack, pack.kind).await
    }
}

/// Whether a block that shows this error is left where it is.
fn is_left(pack: PackId, error: &Error) -> bool {
    let is_left = error.is_corruption();
    if is_left {
        tracing::warn!(%pack, %error, "a block stays where it is");
    }
    is_left
}
