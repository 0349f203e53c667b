//! From a mark to the plan of what is deleted.

use super::decide::rescue;
use super::survey::Survey;
use crate::format::{CYCLE_MAX_ENTRIES, DomainId, FormatError, Mark, ObjectName, Plan};
use crate::{Error, Result};

/// The plan of a cycle, after all sessions that could disagree are decided: what is condemned and nothing needs,
/// manifests of points that are gone, and what sessions have left that made their point.
///
/// Marks, plans and ends are in no plan: a mark that could be created again would not be waited for.
pub(super) fn make(survey: &mut Survey, mark: &Mark, domain: &DomainId) -> Plan {
    let rescued = rescue(&survey.held, &survey.remaps, mark, &mut survey.live);
    let packs = mark
        .packs
        .iter()
        .filter(|(pack, _)| !rescued.packs.contains(pack))
        .map(|(pack, kind)| ObjectName::pack(*kind, *domain, *pack).to_string());
    let remaps = mark
        .remaps
        .iter()
        .filter(|remap| !rescued.remaps.contains(remap))
        .map(|remap| survey.name_of_remap(*remap));
    let gone = survey
        .live
        .gone
        .iter()
        .map(|point| point.object_name(domain));
    let left = survey.sessions.committed.iter().cloned();
    let mut names: Vec<String> = packs
        .chain(remaps)
        .chain(gone)
        .chain(left)
        .take(CYCLE_MAX_ENTRIES)
        .collect();
    names.sort_unstable();
    names.dedup();
    Plan { names }
}

/// Whether everything in a stored plan may be deleted by its cycle.
pub(super) fn check(plan: &Plan, mark: &Mark, domain: &DomainId) -> Result<()> {
    for name in &plan.names {
        let is_permitted = match ObjectName::parse(name) {
            Some(ObjectName::Pack {
                domain: of, pack, ..
            }) => of == *domain && mark.condemns(&pack),
            Some(ObjectName::Remap { domain: of, remap }) => {
                of == *domain && mark.condemns_remap(&remap)
            }
            Some(
                ObjectName::Point { domain: of, .. }
                | ObjectName::Registration { domain: of, .. }
                | ObjectName::Pin { domain: of, .. }
                | ObjectName::Checkpoint { domain: of, .. },
            ) => of == *domain,
            _ => false,
        };
        if !is_permitted {
            let source = FormatError::Malformed("a plan names what its cycle may not delete");
            return Err(Error::Object {
                object: name.clone(),
                source,
            });
        }
    }
    Ok(())
}
