//! What a store holds that nobody needs: for tests.

use std::collections::HashSet;

use super::cycles::Cycles;
use super::survey::Survey;
use crate::format::PackId;
use crate::{BlockReader, PackDirectory, Result, Vault};

/// Names of all packs and remaps that a sweep would not keep, dead ones too, of manifests of points that are gone, of
/// objects of ended sessions, and of index segments that say nothing any more.
pub(crate) async fn leftovers(vault: &Vault, reader: &BlockReader) -> Result<Vec<String>> {
    let domain = vault.domain_id();
    let dead = Cycles::read(vault).await?.dead;
    let mut survey = Survey::take(vault, reader, &dead).await?;
    survey.settle();
    survey.spare_running();
    let condemned = survey.condemn();
    let held = survey.held.iter().map(|pack| pack.pack);
    let kept: HashSet<PackId> = held.filter(|pack| !condemned.condemns(pack)).collect();
    let listed = PackDirectory::list(vault).await?;
    let packs = listed
        .packs()
        .filter(|pack| !kept.contains(&pack.pack_id))
        .map(|pack| pack.object_name(domain));
    let remaps = condemned.remaps.iter();
    let remaps = remaps.map(|remap| survey.name_of_remap(*remap));
    let tidied = survey.tidied(&condemned);
    Ok(packs.chain(remaps).chain(tidied).collect())
}
