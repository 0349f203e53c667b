//! From a mark to the plan of what is deleted.

use super::decide::{Rescued, rescue};
use super::segments::spent;
use super::survey::Survey;
use crate::format::{CYCLE_MAX_ENTRIES, DomainId, FormatError, Mark, ObjectName, Plan};
use crate::rule::{self, Rule};
use crate::{Error, Result};

/// The plan of a cycle, after all sessions that could disagree are decided: what is condemned and nothing needs,
/// manifests of points that are gone, what decided sessions have left, and index segments that say nothing any more.
///
/// Marks, plans and ends are in no plan: a mark that could be created again would not be waited for.
pub(super) fn make(survey: &mut Survey, mark: &Mark, domain: &DomainId, cycle: u64) -> Plan {
    let rescued = if rule::holds(Rule::Recheck) {
        rescue(&survey.held, &survey.remaps, mark, &mut survey.live)
    } else {
        Rescued::default()
    };
    let doomed: Vec<_> = mark
        .packs
        .iter()
        .filter(|(pack, _)| !rescued.packs.contains(pack))
        .collect();
    survey
        .dead_ids
        .packs
        .extend(doomed.iter().map(|(pack, _)| *pack));
    let packs = doomed
        .iter()
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
    let left = survey.sessions.finished.iter().cloned();
    // They come last: where there is no room for all packs, there is none for a segment that still names one.
    let segments = spent(&survey.segments, &survey.dead_ids);
    let decided = (1..cycle)
        .filter(|_| !rule::holds(Rule::CyclesKept))
        .flat_map(|cycle| steps_of(*domain, cycle));
    let mut names: Vec<String> = packs
        .chain(remaps)
        .chain(gone)
        .chain(left)
        .chain(decided)
        .chain(segments.iter().map(ToString::to_string))
        .take(CYCLE_MAX_ENTRIES)
        .collect();
    names.sort_unstable();
    names.dedup();
    Plan { names }
}

fn steps_of(domain: DomainId, cycle: u64) -> [String; 3] {
    [
        ObjectName::Mark { domain, cycle },
        ObjectName::Plan { domain, cycle },
        ObjectName::End { domain, cycle },
    ]
    .map(|name| name.to_string())
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
                | ObjectName::Checkpoint { domain: of, .. }
                | ObjectName::Segment { domain: of, .. },
            ) => of == *domain,
            Some(
                ObjectName::Mark { domain: of, .. }
                | ObjectName::Plan { domain: of, .. }
                | ObjectName::End { domain: of, .. },
            ) => of == *domain && !rule::holds(Rule::CyclesKept),
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
