//! Which points expire: a pure function of what the vault lists, a policy and an instant.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_policy::retention::{Hold, decide_since_edit, most_points_at_once};
use strongroom_policy::{Point, decide};
use strongroom_vault::format::SessionId;

use super::{Brake, ExpireOptions, ExpirePlan, Judged};
use crate::report::{PointState, PointView};

/// A point that says it was taken longer than this before the store had it, or after it, is not believed.
const BELIEVED: TimeDelta = TimeDelta::days(2);

pub(super) fn make(
    points: &[PointView],
    options: &ExpireOptions<'_>,
    now: DateTime<Utc>,
) -> ExpirePlan {
    let (kept, expiring): (Vec<_>, Vec<_>) = judge(points, options, now)
        .into_iter()
        .partition(Judged::is_kept);
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (judged, is_expiring) in kept
        .iter()
        .map(|point| (point, false))
        .chain(expiring.iter().map(|point| (point, true)))
    {
        let (standing_count, expiring_count) = counts.entry(&judged.source).or_default();
        *standing_count += 1;
        *expiring_count += usize::from(is_expiring);
    }
    let brakes = counts
        .iter()
        .filter(|(_, (standing, expiring))| *expiring > most_points_at_once(*standing));
    let brakes = brakes.map(
        |(source, &(standing_count, expiring_count))| Brake::Points {
            source_name: (*source).to_owned(),
            expiring_count,
            standing_count,
            most_count: most_points_at_once(standing_count),
        },
    );
    ExpirePlan {
        at: now,
        brakes: brakes.collect(),
        expiring,
        kept,
        freed_bytes: 0,
    }
}

pub(super) fn judge(
    points: &[PointView],
    options: &ExpireOptions<'_>,
    now: DateTime<Utc>,
) -> Vec<Judged> {
    // Of a damaged manifest neither source nor time is known: it stays until it is repaired or deleted by hand.
    let known = points.iter().filter(|point| {
        point.state != PointState::Damaged && point.deleted_at.is_none() && options.is_about(point)
    });
    let mut sources: BTreeMap<&str, Vec<&PointView>> = BTreeMap::new();
    for point in known {
        sources.entry(&point.source).or_default().push(point);
    }
    let all: BTreeMap<SessionId, &PointView> =
        points.iter().map(|point| (point.id, point)).collect();
    let mut judged: Vec<Judged> = sources
        .into_iter()
        .flat_map(|(source, points)| of_source(source, &points, &all, options, now))
        .collect();
    judged.sort_by_key(|point| (point.verdict.taken_at, point.verdict.id));
    judged
}

fn of_source(
    source: &str,
    points: &[&PointView],
    all: &BTreeMap<SessionId, &PointView>,
    options: &ExpireOptions<'_>,
    now: DateTime<Utc>,
) -> Vec<Judged> {
    let facts: Vec<_> = points.iter().map(|point| fact(point, all)).collect();
    let frozen = options.frozen.get(source);
    let verdicts = match (frozen, &options.edit) {
        (Some(policy), _) => decide(&facts, policy, now),
        (None, Some(edit)) => decide_since_edit(&facts, options.policy, edit, now),
        (None, None) => decide(&facts, options.policy, now),
    };
    let mut judged: Vec<Judged> = verdicts
        .into_iter()
        .map(|verdict| Judged {
            source: source.to_owned(),
            verdict,
            is_last: false,
        })
        .collect();
    if !judged.iter().any(Judged::is_kept) {
        let newest = judged
            .iter_mut()
            .max_by_key(|point| (point.verdict.taken_at, point.verdict.id));
        if let Some(newest) = newest {
            newest.is_last = true;
        }
    }
    judged
}

/// A point as retention sees it.
fn fact(view: &PointView, all: &BTreeMap<SessionId, &PointView>) -> Point<SessionId> {
    let taken_at = believed_at(view);
    let mut point = match &view.slots {
        Some(slots) => {
            let slots = slots.iter().filter_map(|slot| slot.parse().ok());
            Point::scheduled(view.id, taken_at, slots.collect())
        }
        None => Point::adhoc(view.id, taken_at),
    };
    // The one before may be deleted by now, which does not make its slots missed.
    point.follows = view.previous.and_then(|previous| match all.get(&previous) {
        Some(previous) => Some(believed_at(previous)),
        None => DateTime::from_timestamp_millis(i64::try_from(previous.taken_millis()).ok()?),
    });
    point.retain_until = view.retain_until;
    point.hold = match view.hold_until {
        _ if view.is_held => Some(Hold::Open),
        until => until.map(Hold::Until),
    };
    point.tags = view
        .tags
        .iter()
        .flat_map(|(key, value)| [key.clone(), format!("{key}={value}")])
        .collect();
    point
}

fn believed_at(view: &PointView) -> DateTime<Utc> {
    let Some(written_at) = view.written_at else {
        return view.taken_at;
    };
    let took = written_at.signed_duration_since(view.taken_at);
    if took < TimeDelta::zero() || took > BELIEVED {
        written_at
    } else {
        view.taken_at
    }
}

#[cfg(test)]
mod tests;
