//! What stays hurt, by path.

use std::collections::BTreeSet;

use strongroom_vault::format::ChunkAddress;

use super::needs::{Needs, Needy};
use super::salvage::Salvage;
use super::walk::{Seen, walk};
use super::{Lost, RepairOptions};
use crate::Result;
use crate::engine::Strongroom;
use crate::tree::content::addresses;

/// The points that something is lost of, and what; a point without a manifest is lost as a whole, unless it is salvaged.
pub(super) fn tell(
    engine: &Strongroom,
    needs: &Needs,
    lost: &BTreeSet<ChunkAddress>,
    salvage: &[Salvage],
    options: &RepairOptions,
) -> Result<Vec<Lost>> {
    let mut told = Vec::new();
    if !lost.is_empty() {
        for needy in &needs.points {
            let paths = paths_of(engine, needy, lost, options)?;
            if !paths.is_empty() {
                told.push(Lost {
                    point: needy.point,
                    paths,
                });
            }
        }
    }
    let is_saved = |sid| {
        let text = format!("{sid}");
        needs.salvaged.contains(&text) || salvage.iter().any(|one| one.lost == sid)
    };
    let gone = needs.manifests.iter().filter(|(_, sid)| !is_saved(*sid));
    told.extend(gone.map(|(_, sid)| Lost {
        point: *sid,
        paths: vec![b"/".to_vec()],
    }));
    Ok(told)
}

fn paths_of(
    engine: &Strongroom,
    needy: &Needy,
    lost: &BTreeSet<ChunkAddress>,
    options: &RepairOptions,
) -> Result<Vec<Vec<u8>>> {
    let mut paths: Vec<Vec<u8>> = Vec::new();
    walk(engine, needy.tree, &options.cancel, &mut |path, seen| {
        let is_hurt = match seen {
            Seen::Chunks(extent) => addresses(&[extent]).any(|at| lost.contains(&at)),
            Seen::Unreadable => true,
            Seen::Entry(_) => false,
        };
        if is_hurt && paths.last().is_none_or(|last| last != path) {
            paths.push(path.to_vec());
        }
        Ok(())
    })?;
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}
