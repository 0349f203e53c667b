//! Points whose manifest is lost: what their sessions have left makes new ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::DateTime;
use strongroom_crypto::BlockType;
use strongroom_vault::format::{
    BlockName, ChunkAddress, MachineId, Names, ObjectKind, PathText, PointStats, PreviousPoint,
    SessionId, SkippedEntry, SourceId, Structure,
};
use strongroom_vault::{Committed, PackDirectory, Session, metadata_of_session, points};

use super::needs::{Needs, Uses, count, roots_of};
use super::walk::{Seen, walk};
use super::{RepairOptions, unless_damaged};
use crate::backup::{Known, ListWriter, Packer};
use crate::engine::Strongroom;
use crate::fs::Kind;
use crate::monitor::Monitor;
use crate::tree::TreeReader;
use crate::{Error, Result};

/// The tag that names the point which a salvaged one stands for.
pub(super) const TAG: &str = "salvaged-from";

/// A point whose manifest is lost, and what was found of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// The lost point.
    pub lost: SessionId,
    /// Name of the source that the new point goes to: one of its own, so that it is never taken for the newest.
    pub source: String,
    /// Root piece of the tree.
    pub tree: ChunkAddress,
}

/// Looks for the trees of points without a manifest. One that was salvaged before is left.
pub(super) fn plan(
    engine: &Strongroom,
    needs: &Needs,
    options: &RepairOptions,
) -> Result<Vec<Salvage>> {
    let mut found = Vec::new();
    for &(source, sid) in &needs.manifests {
        if needs.salvaged.contains(&sid.to_string()) {
            continue;
        }
        let Some(tree) = root_of(engine, needs, sid)? else {
            continue;
        };
        if unless_damaged(count(engine, tree, options))?.is_none() {
            continue;
        }
        let name = match needs.sources.get(&source) {
            Some(name) => format!("{name} (salvaged)"),
            None => format!("salvaged-{source}"),
        };
        found.push(Salvage {
            lost: sid,
            source: name,
            tree,
        });
    }
    Ok(found)
}

/// The last root piece that a session has written and no readable manifest names. A session writes the root of its point
/// after all else of its tree; those before it belong to checkpoints.
fn root_of(engine: &Strongroom, needs: &Needs, sid: SessionId) -> Result<Option<ChunkAddress>> {
    let packs = engine.wait(metadata_of_session(engine.vault(), sid))?;
    let tree = TreeReader::new(engine.clone());
    for pack in packs.into_iter().rev() {
        let Some(toc) = unless_damaged(engine.toc(pack, ObjectKind::MetaPack))? else {
            continue;
        };
        for (position, row) in (0..=u16::MAX).zip(toc.blocks()).rev() {
            if row.block_type != BlockType::Tree {
                continue;
            }
            let chunks = (0..=u16::MAX).zip(toc.chunks_of(position)).rev();
            for (chunk, _) in chunks {
                let at = ChunkAddress {
                    pack: row.birth.pack,
                    block: row.birth.ordinal,
                    chunk,
                };
                let is_root = unless_damaged(tree.root(at))?.is_some();
                if is_root && !needs.roots.contains(&at) {
                    return Ok(Some(at));
                }
            }
        }
    }
    Ok(None)
}

/// Makes the new point; `None` when what it needs may not be referred to now, as a sweep is about to delete it.
pub(super) fn carry_out(
    engine: &Strongroom,
    salvage: &Salvage,
    options: &RepairOptions,
    monitor: &dyn Monitor,
) -> Result<Option<SessionId>> {
    let vault = engine.vault();
    let source = SourceId::from_bytes(vault.domain()?.source_id(&salvage.source));
    let now = engine.now();
    let machine = MachineId::from(options);
    let base = newest(engine, source)?;
    let session = Arc::new(engine.wait(Session::begin(vault, source, machine, now))?);
    let listing = PackDirectory::list_without(vault, session.unusable());
    let known = Arc::new(Known::new(engine.clone(), engine.wait(listing)?));
    let uses = count(engine, salvage.tree, options)?;
    if !is_usable(&known, &uses)? {
        engine.wait(session.give_up("a sweep is about to delete what the point needs"))?;
        return Ok(None);
    }
    let packer = Packer::new(engine.clone(), Some(Arc::clone(&session)), known, monitor);
    let list = ListWriter::new(engine, &packer)?.derive(&[], uses)?;
    packer.flush()?;
    let taken_at = i64::try_from(salvage.lost.taken_millis()).unwrap_or(i64::MAX);
    let taken_at = DateTime::from_timestamp_millis(taken_at).unwrap_or(now);
    let structure = Structure {
        source,
        sid: session.id(),
        seq: base.as_ref().map_or(1, |(seq, _)| seq.saturating_add(1)),
        prev: base.map(|(_, prev)| prev),
        pin: session.epoch(),
        machine,
        started_at: taken_at,
        taken_at,
        state: "partial".to_owned(),
        list,
        stats: stats_of(engine, salvage.tree, options)?,
        writer: concat!("strongroom ", env!("CARGO_PKG_VERSION")).to_owned(),
        ..Structure::for_vault(vault.id(), vault.domain_id())
    };
    let lost = salvage.lost;
    let reason = format!(
        "salvaged from the tree of recovery point {lost}, whose manifest is lost: what was skipped then is not known"
    );
    let names = Names {
        source: salvage.source.clone(),
        roots: roots_of(engine, salvage.tree, options)?,
        tags: BTreeMap::from([(TAG.to_owned(), lost.to_string())]),
        skipped: vec![SkippedEntry {
            path: PathText::from_bytes(b"/"),
            reason,
        }],
        ..Names::with_tree(salvage.tree)
    };
    match engine.wait(session.commit(structure, names))? {
        Committed::Point { .. } => Ok(Some(session.id())),
        Committed::Fenced => Err(Error::Fenced(session.id())),
    }
}

/// Number and hash of the point of a source that is furthest in its history.
fn newest(engine: &Strongroom, source: SourceId) -> Result<Option<(u64, PreviousPoint)>> {
    let mut newest: Option<(u64, PreviousPoint)> = None;
    for point in engine.wait(points::of_source(engine.vault(), source))? {
        let read = engine.wait(points::read(engine.vault(), &point));
        let Some(Some(read)) = unless_damaged(read.map_err(Error::from))? else {
            continue;
        };
        let seq = read.structure.seq;
        if newest.as_ref().is_none_or(|(known, _)| *known < seq) {
            let prev = PreviousPoint {
                sid: point.sid,
                blake3: read.blake3.into(),
            };
            newest = Some((seq, prev));
        }
    }
    Ok(newest)
}

fn is_usable(known: &Known, uses: &Uses) -> Result<bool> {
    for (&pack, blocks) in uses {
        for (&ordinal, counts) in blocks {
            let name = BlockName { pack, ordinal };
            let used = (0..=u16::MAX).zip(counts).filter(|(_, count)| **count > 0);
            for (chunk, _) in used {
                if !known.is_usable(name, chunk, 1)? {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

fn stats_of(
    engine: &Strongroom,
    tree: ChunkAddress,
    options: &RepairOptions,
) -> Result<PointStats> {
    let mut stats = PointStats {
        skipped_count: 1,
        ..PointStats::default()
    };
    walk(engine, tree, &options.cancel, &mut |_, seen| {
        match seen {
            Seen::Entry(record) if record.meta.kind == Kind::Directory => stats.dirs_count += 1,
            Seen::Entry(record) => {
                stats.files_count += 1;
                stats.logical_bytes = stats.logical_bytes.saturating_add(record.meta.size);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(stats)
}
