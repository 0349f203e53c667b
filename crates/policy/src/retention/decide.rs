//! The decision: which points stay, and why.

use chrono::{DateTime, NaiveDateTime, Utc};

use super::marks::{Lookback, Marks};
use super::{Hold, Period, Point, PointKind, PolicyEdit, Rule, is_silent, mark_points};
use crate::verdict::{Reason, Until, Verdict};
use crate::{CivilTime, Policy};

/// Decides about all points of one source, in the order in which they are given.
///
/// * A slot is marked by the layers whose days and times it matches. Only slots of the schedule are.
/// * A point has the marks of its own slots. Marks of slots that failed or were missed (all layers but daily) go to the
///   first success after them, whether it is scheduled or ad-hoc.
/// * A mark keeps a point for the period of its layer, counted in civil time from when the point itself was taken: it
///   is kept while `now < taken_at + period`.
/// * An ad-hoc point is kept for the default of such points, or until the instant that somebody named.
/// * Any one reason is enough to stay.
/// * The newest point of a source is not expired while two or more of its runs are overdue.
///
/// # Cost
/// O(n log n) time, O(n) memory; a function of its arguments alone.
#[must_use]
pub fn decide<I: Clone>(
    points: &[Point<I>],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Vec<Verdict<I>> {
    let mut order: Vec<_> = (0..points.len()).zip(points).collect();
    order.sort_by(|(_, a), (_, b)| a.order().cmp(&b.order()));
    let sorted: Vec<_> = order.iter().map(|(_, point)| *point).collect();
    let marks = mark_points(&sorted, policy, now, Lookback::Recent);
    let ranks = Ranks::of(&sorted, policy, now);
    let places = places_of_last_twins(&sorted);
    let mut verdicts: Vec<_> = order
        .iter()
        .zip(marks)
        .zip(places)
        .map(|(((_, point), marks), place)| {
            let (reasons, ended) = match long_over(point, marks, policy, now) {
                Some(ended) => (Vec::new(), ended),
                None => holding(reasons(point, marks, policy), now),
            };
            verdict(point, reasons, ended, (ranks.of_place(place), now))
        })
        .collect();
    if order
        .iter()
        .zip(0..)
        .any(|((index, _), place)| *index != place)
    {
        let mut indexed: Vec<_> = order
            .iter()
            .map(|(index, _)| *index)
            .zip(verdicts)
            .collect();
        indexed.sort_by_key(|(index, _)| *index);
        verdicts = indexed.into_iter().map(|(_, verdict)| verdict).collect();
    }
    verdicts
}

/// The same within the time in which an edit of the policy has not settled: where the policy is guarded, nothing is
/// expired in the first 24 hours that the policy before would have kept.
#[must_use]
pub fn decide_since_edit<I: Clone>(
    points: &[Point<I>],
    policy: &Policy,
    edit: &PolicyEdit<'_>,
    now: DateTime<Utc>,
) -> Vec<Verdict<I>> {
    let mut verdicts = decide(points, policy, now);
    let settles_at = edit.settles_at();
    if !(policy.is_guarded || edit.before.is_guarded) || now >= settles_at {
        return verdicts;
    }
    let before = decide(points, edit.before, now);
    for (verdict, before) in verdicts.iter_mut().zip(before) {
        if !verdict.is_kept() && before.is_kept() {
            let reason = Reason::new(Rule::Edited, Until::At(settles_at));
            verdict.reasons.push(reason);
            verdict.ended = None;
        }
    }
    verdicts
}

/// The place of each point, counting twins as the last of them: none of them is newer than another.
fn places_of_last_twins<I>(sorted: &[&Point<I>]) -> Vec<usize> {
    let mut places: Vec<_> = (0..sorted.len()).collect();
    let neighbours = sorted.iter().zip(sorted.iter().skip(1)).enumerate().rev();
    for (place, (point, next)) in neighbours {
        let is_twin = point.order() == next.order();
        if let (true, Some([own, last])) = (is_twin, places.get_mut(place..place + 2)) {
            *own = *last;
        }
    }
    places
}

/// How new a point is among those that are not in the future.
#[derive(Debug, Clone, Copy)]
struct Rank {
    is_last: bool,
    is_minimum: bool,
    is_newest_of_silent: bool,
}

struct Ranks {
    past_count: usize,
    last_count: usize,
    minimum_count: usize,
    is_silent: bool,
}

impl Ranks {
    fn of<I>(sorted: &[&Point<I>], policy: &Policy, now: DateTime<Utc>) -> Self {
        let count = |number: Option<u32>| {
            number.map_or(0, |number| usize::try_from(number).unwrap_or(usize::MAX))
        };
        let past_count = sorted.partition_point(|point| point.taken_at <= now);
        let newest = past_count.checked_sub(1).and_then(|last| sorted.get(last));
        Self {
            past_count,
            last_count: count(policy.retention.keep_last),
            minimum_count: count(policy.retention.minimum_points),
            is_silent: newest.is_some_and(|point| is_silent(policy, point.taken_at, now)),
        }
    }

    fn of_place(&self, place: usize) -> Rank {
        let newer_count = self.past_count.saturating_sub(place + 1);
        let is_past = place < self.past_count;
        Rank {
            is_last: is_past && newer_count < self.last_count,
            is_minimum: is_past && newer_count < self.minimum_count,
            is_newest_of_silent: is_past && newer_count == 0 && self.is_silent,
        }
    }
}

/// Those that hold, and the one that held longest.
fn holding(mut reasons: Vec<Reason>, now: DateTime<Utc>) -> (Vec<Reason>, Option<Reason>) {
    let ended = reasons.iter().copied().max_by_key(|reason| reason.until);
    reasons.retain(|reason| reason.holds_at(now));
    (reasons, ended)
}

/// Adds what depends on other points.
fn verdict<I: Clone>(
    point: &Point<I>,
    mut reasons: Vec<Reason>,
    ended: Option<Reason>,
    (rank, now): (Rank, DateTime<Utc>),
) -> Verdict<I> {
    if rank.is_last {
        reasons.push(Reason::new(Rule::Last, Until::Open));
    }
    reasons.sort_by_key(|reason| reason.rule);
    if reasons.is_empty() {
        let safeguards = [
            (Rule::Minimum, rank.is_minimum),
            (Rule::Silent, rank.is_newest_of_silent),
            (Rule::Future, point.taken_at > now),
        ];
        let holding = safeguards.into_iter().filter(|(_, holds)| *holds);
        reasons.extend(holding.map(|(rule, _)| Reason::new(rule, Until::Open)));
    }
    Verdict {
        id: point.id.clone(),
        taken_at: point.taken_at,
        ended: if reasons.is_empty() { ended } else { None },
        reasons,
    }
}

/// What held longest, when that is long over: most points of a long history need no more. No period is more than two
/// days longer than the one of the greatest weight.
#[expect(clippy::option_option, reason = "over, and perhaps nothing ever held")]
fn long_over<I>(
    point: &Point<I>,
    marks: Marks,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Option<Option<Reason>> {
    if point.hold.is_some() || point.retain_until.is_some() || is_kept_for_ever(point, policy) {
        return None;
    }
    let longest = periods(point, marks, policy).max_by_key(|(_, period)| period.weight_hours());
    let Some((rule, period)) = longest else {
        return Some(None);
    };
    let is_over = (now - point.taken_at).num_days() > period.most_days() + 2;
    is_over.then(|| Some(Ends::of(point.taken_at, policy).reason(rule, period, marks)))
}

/// All that can be said of a point alone: rules with the instant at which they end.
pub(crate) fn reasons<I>(point: &Point<I>, marks: Marks, policy: &Policy) -> Vec<Reason> {
    let ends = Ends::of(point.taken_at, policy);
    let dated = periods(point, marks, policy);
    let mut reasons: Vec<_> = dated
        .map(|(rule, period)| ends.reason(rule, period, marks))
        .collect();
    if let Some(until) = point.retain_until {
        reasons.push(Reason::new(Rule::RetainUntil, Until::At(until)));
    }
    match point.hold {
        Some(Hold::Open) => reasons.push(Reason::new(Rule::Hold, Until::Open)),
        Some(Hold::Until(until)) => reasons.push(Reason::new(Rule::Hold, Until::At(until))),
        None => {}
    }
    if is_kept_for_ever(point, policy) {
        reasons.push(Reason::new(Rule::Forever, Until::Open));
    }
    reasons
}

/// Without any rule nothing is expired but what somebody set an end for.
fn is_kept_for_ever<I>(point: &Point<I>, policy: &Policy) -> bool {
    let has_own_end = match point.kind {
        PointKind::Scheduled => false,
        PointKind::Adhoc => policy.retention.adhoc_days.is_some() || point.retain_until.is_some(),
    };
    policy.retention.keeps_for_ever() && !has_own_end
}

fn periods<'a, I>(
    point: &'a Point<I>,
    marks: Marks,
    policy: &'a Policy,
) -> impl Iterator<Item = (Rule, Period)> + use<'a, I> {
    let retention = &policy.retention;
    let layers = marks.all().iter();
    let layers = layers.filter_map(|rule| Some((rule, retention.period(rule)?)));
    let within = retention.within.map(|period| (Rule::Within, period));
    let tagged = retention
        .tagged
        .iter()
        .filter(|rule| point.tags.contains(&rule.tag))
        .map(|rule| (Rule::Tagged, rule.keep));
    let has_default = point.kind == PointKind::Adhoc && point.retain_until.is_none();
    let adhoc = (has_default && !is_kept_for_ever(point, policy)).then(|| {
        let period = retention.adhoc_period(policy.schedule.is_weekly());
        (Rule::Adhoc, period)
    });
    layers.chain(within).chain(tagged).chain(adhoc)
}

/// Ends of periods that begin at one instant.
struct Ends<'a> {
    start: DateTime<Utc>,
    local: NaiveDateTime,
    policy: &'a Policy,
}

impl<'a> Ends<'a> {
    fn of(start: DateTime<Utc>, policy: &'a Policy) -> Self {
        Self {
            start,
            local: policy.local(start),
            policy,
        }
    }

    fn reason(&self, rule: Rule, period: Period, marks: Marks) -> Reason {
        Reason {
            rule,
            until: Until::At(self.end(period)),
            is_taken_over: marks.taken_over.contains(rule),
        }
    }

    /// Never before the start, whatever a change of the zone does.
    fn end(&self, period: Period) -> DateTime<Utc> {
        match period.civil_end(self.local) {
            Some(local) => CivilTime::resolve(local, self.policy.time_zone)
                .first()
                .max(self.start),
            None => period.elapsed_end(self.start),
        }
    }
}
