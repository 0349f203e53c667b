//! From a mark to the plan of what is deleted.

use super::cycles::Cycles;
use super::decide::rescue;
use super::survey::Survey;
use crate::format::{CYCLE_MAX_ENTRIES, DomainId, FormatError, Mark, ObjectName, Plan};
use crate::{Error, Result, Vault};

/// Cycles whose steps are kept, the newest among them.
const CYCLES_KEPT: u64 = 3;

/// The plan of a cycle, after all sessions that could disagree are decided: the condemned packs that nothing needs,
/// manifests of points that are gone, and what only decided sessions and ended cycles have left.
pub(super) async fn make(vault: &Vault, survey: &Survey, mark: &Mark, cycle: u64) -> Result<Plan> {
    let rescued = rescue(&survey.held, mark, &survey.live);
    let domain = *vault.domain_id();
    let mut names: Vec<String> = mark
        .packs
        .iter()
        .filter(|(pack, _)| !rescued.contains(pack))
        .map(|(pack, kind)| ObjectName::pack(*kind, domain, *pack).to_string())
        .collect();
    let gone = survey.live.gone.iter();
    names.extend(gone.map(|point| point.object_name(&domain)));
    let needed: std::collections::HashSet<_> = survey
        .remapped
        .iter()
        .flat_map(|name| survey.remaps.of_block(*name))
        .collect();
    let unneeded = survey.remaps.ids().iter().filter(|id| !needed.contains(id));
    names.extend(unneeded.map(|&remap| ObjectName::Remap { domain, remap }.to_string()));
    names.extend(survey.sessions.committed.iter().cloned());
    let old = |number: u64| number + CYCLES_KEPT <= cycle;
    let steps = Cycles::read(vault).await?.steps;
    names.extend(
        steps
            .into_iter()
            .filter(|(number, _)| old(*number))
            .map(|(_, name)| name),
    );
    names.truncate(CYCLE_MAX_ENTRIES);
    names.sort_unstable();
    names.dedup();
    Ok(Plan { names })
}

/// Whether everything in a stored plan may be deleted by its cycle.
pub(super) fn check(plan: &Plan, mark: &Mark, cycle: u64, domain: &DomainId) -> Result<()> {
    for name in &plan.names {
        let is_permitted = match ObjectName::parse(name) {
            Some(ObjectName::Pack {
                domain: of, pack, ..
            }) => of == *domain && mark.condemns(&pack),
            Some(
                ObjectName::Point { domain: of, .. }
                | ObjectName::Remap { domain: of, .. }
                | ObjectName::Segment { domain: of, .. }
                | ObjectName::Registration { domain: of, .. }
                | ObjectName::Pin { domain: of, .. }
                | ObjectName::Checkpoint { domain: of, .. },
            ) => of == *domain,
            Some(
                ObjectName::Mark {
                    domain: of,
                    cycle: number,
                }
                | ObjectName::Plan {
                    domain: of,
                    cycle: number,
                }
                | ObjectName::End {
                    domain: of,
                    cycle: number,
                },
            ) => of == *domain && number + CYCLES_KEPT <= cycle,
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
