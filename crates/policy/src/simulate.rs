//! What a policy would leave after years of runs, failures and ad-hoc points.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use chrono::{DateTime, TimeDelta, Utc};

use crate::retention::{Lookback, is_silent, mark_points, reasons};
use crate::{Point, PointKind, Policy, Rule, Until, Verdict, decide};

/// What happens in a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Runs from this instant on are made.
    pub from: DateTime<Utc>,
    /// Up to and with this instant, at which the result is looked at.
    pub until: DateTime<Utc>,
    /// Runs due at these instants fail.
    pub failed_at: BTreeSet<DateTime<Utc>>,
    /// Ad-hoc points are taken at these instants.
    pub adhoc_at: Vec<DateTime<Utc>>,
}

impl Scenario {
    /// Runs that all succeed, and nothing else.
    #[must_use]
    pub fn new(from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        Self {
            from,
            until,
            failed_at: BTreeSet::new(),
            adhoc_at: Vec::new(),
        }
    }

    /// The same with a run that fails.
    #[must_use]
    pub fn failing(mut self, due_at: DateTime<Utc>) -> Self {
        self.failed_at.insert(due_at);
        self
    }

    /// The same with an ad-hoc point.
    #[must_use]
    pub fn with_adhoc(mut self, taken_at: DateTime<Utc>) -> Self {
        self.adhoc_at.push(taken_at);
        self
    }
}

/// A point that exists at the end of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimulatedPoint<I> {
    /// By the schedule or not.
    pub kind: PointKind,
    /// Why it exists. Its id is that of the point in the history, or none for one that the simulation made.
    pub verdict: Verdict<Option<I>>,
}

/// The end of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Simulation<I> {
    /// Points that exist, oldest first.
    pub points: Vec<SimulatedPoint<I>>,
    /// How many of them each rule keeps; a point counts for each. Every rule that is set is there.
    pub by_rule: BTreeMap<Rule, usize>,
    /// Runs that fell due.
    pub runs_count: usize,
    /// Runs that failed.
    pub failed_count: usize,
    /// Points that were expired on the way.
    pub expired_count: usize,
    /// Failures that were asked for at instants when no run is due.
    pub unmatched_failures: Vec<DateTime<Utc>>,
}

/// Lets a policy work from `from` to `until` on a source that has a history, expiring without delay, and tells what
/// exists at the end.
///
/// Points in the history keep their place in time. The rest is made by the schedule, or is ad-hoc.
///
/// # Cost
/// O(n log n) in runs, and one search of the schedule for each run.
///
/// # Examples
/// ```
/// use strongroom_policy::{PolicyFile, Scenario, simulate};
///
/// let file = PolicyFile::parse("[schedule]\ndaily = { times = [\"02:00\"] }\n[retention]\ndaily = { keep_days = 7 }\n")?;
/// let policy = file.policy(chrono_tz::UTC);
/// let year = Scenario::new("2026-01-01T00:00:00Z".parse()?, "2027-01-01T00:00:00Z".parse()?);
/// assert_eq!(simulate::<()>(&policy, &[], &year).points.len(), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn simulate<I: Clone>(
    policy: &Policy,
    history: &[Point<I>],
    scenario: &Scenario,
) -> Simulation<I> {
    let mut runs = Runs::of(policy, history, scenario);
    let points = std::mem::take(&mut runs.points);
    let living = living(policy, &points, scenario);
    let expired_count = points.len() - living.len();
    let verdicts = decide(&living, policy, scenario.until);
    let kept = living.iter().zip(verdicts);
    let points: Vec<_> = kept
        .map(|(point, verdict)| SimulatedPoint {
            kind: point.kind,
            verdict,
        })
        .collect();
    Simulation {
        by_rule: count_by_rule(policy, &points),
        points,
        runs_count: runs.runs_count,
        failed_count: runs.failed_count,
        expired_count,
        unmatched_failures: runs.unmatched.into_iter().collect(),
    }
}

fn count_by_rule<I>(policy: &Policy, points: &[SimulatedPoint<I>]) -> BTreeMap<Rule, usize> {
    let set = policy.retention.configured().iter();
    let mut counts: BTreeMap<_, _> = set.map(|rule| (rule, 0)).collect();
    let reasons = points.iter().flat_map(|point| &point.verdict.reasons);
    for reason in reasons {
        *counts.entry(reason.rule).or_default() += 1;
    }
    counts
}

/// Everything that ever succeeds, in order.
struct Runs<I> {
    points: Vec<Point<Option<I>>>,
    runs_count: usize,
    failed_count: usize,
    unmatched: BTreeSet<DateTime<Utc>>,
}

impl<I: Clone> Runs<I> {
    fn of(policy: &Policy, history: &[Point<I>], scenario: &Scenario) -> Self {
        let mut runs = Self {
            points: Vec::new(),
            runs_count: 0,
            failed_count: 0,
            unmatched: scenario.failed_at.clone(),
        };
        let known = history
            .iter()
            .filter(|point| point.taken_at <= scenario.until);
        runs.points.extend(known.map(from_history));
        for due in policy.runs(scenario.from, scenario.until) {
            runs.runs_count += 1;
            runs.unmatched.remove(&due.at);
            if scenario.failed_at.contains(&due.at) {
                runs.failed_count += 1;
            } else {
                runs.points.push(Point::scheduled(None, due.at, due.slots));
            }
        }
        let adhoc = scenario.adhoc_at.iter().filter(|at| **at <= scenario.until);
        runs.points.extend(adhoc.map(|at| Point::adhoc(None, *at)));
        runs.points.sort_by(|a, b| a.order().cmp(&b.order()));
        runs.link(scenario.from);
        runs
    }

    /// Each follows the one before it, even when that will be gone; the first one the start of the simulation.
    fn link(&mut self, from: DateTime<Utc>) {
        let start = from
            .checked_sub_signed(TimeDelta::nanoseconds(1))
            .unwrap_or(from);
        let mut previous = None;
        for point in &mut self.points {
            let first = (point.id.is_none() && point.taken_at >= from).then_some(start);
            point.follows = point.follows.max(previous).or(first);
            previous = Some(point.taken_at);
        }
    }
}

fn from_history<I: Clone>(point: &Point<I>) -> Point<Option<I>> {
    let mut known = Point::scheduled(Some(point.id.clone()), point.taken_at, point.slots.clone());
    known.kind = point.kind;
    known.follows = point.follows;
    known.marks = point.marks;
    known.tags.clone_from(&point.tags);
    known.retain_until = point.retain_until;
    known.hold = point.hold;
    known
}

/// The points that are not expired on the way.
fn living<I: Clone>(
    policy: &Policy,
    points: &[Point<Option<I>>],
    scenario: &Scenario,
) -> Vec<Point<Option<I>>> {
    let all: Vec<_> = points.iter().collect();
    let marks = mark_points(&all, policy, scenario.until, Lookback::Whole);
    let mut sweep = Sweep::new(policy, points);
    for (place, (point, marks)) in points.iter().zip(marks).enumerate() {
        let at = point.taken_at.max(scenario.from);
        sweep.expire(at);
        let reasons = reasons(point, marks, policy);
        let last = reasons.iter().map(|reason| reason.until).max();
        let end = match last {
            Some(Until::Open) => None,
            Some(Until::At(end)) => Some(end.max(at)),
            None => Some(at),
        };
        sweep.add(place, end);
        sweep.recheck(at);
    }
    sweep.expire(scenario.until);
    let living = sweep.living.iter().filter_map(|place| points.get(*place));
    living.cloned().collect()
}

/// Which points exist while time passes.
struct Sweep<'a, I> {
    policy: &'a Policy,
    points: &'a [Point<Option<I>>],
    /// Places of points that exist.
    living: BTreeSet<usize>,
    /// When their last rule ends.
    ends: BinaryHeap<Reverse<(DateTime<Utc>, usize)>>,
    /// Points without a rule that something else keeps.
    guarded: BTreeSet<usize>,
    /// The newest so many points are not expired.
    newest_count: usize,
}

impl<'a, I> Sweep<'a, I> {
    fn new(policy: &'a Policy, points: &'a [Point<Option<I>>]) -> Self {
        let retention = &policy.retention;
        let newest = retention.keep_last.max(retention.minimum_points);
        Self {
            policy,
            points,
            living: BTreeSet::new(),
            ends: BinaryHeap::new(),
            guarded: BTreeSet::new(),
            newest_count: usize::try_from(newest.unwrap_or(0)).unwrap_or(usize::MAX),
        }
    }

    fn add(&mut self, place: usize, end: Option<DateTime<Utc>>) {
        self.living.insert(place);
        self.ends.extend(end.map(|end| Reverse((end, place))));
    }

    /// Expires what ends up to this instant, each at its own moment.
    fn expire(&mut self, until: DateTime<Utc>) {
        while let Some(Reverse((end, place))) = self.ends.peek().copied() {
            if end > until {
                break;
            }
            self.ends.pop();
            if self.is_guarded(place, end) {
                self.guarded.insert(place);
            } else {
                self.living.remove(&place);
            }
        }
    }

    /// Expires what is no longer guarded since a point was added.
    fn recheck(&mut self, now: DateTime<Utc>) {
        let guarded: Vec<_> = self.guarded.iter().copied().collect();
        for place in guarded {
            if !self.is_guarded(place, now) {
                self.guarded.remove(&place);
                self.living.remove(&place);
            }
        }
    }

    fn is_guarded(&self, place: usize, now: DateTime<Utc>) -> bool {
        let Some(point) = self.points.get(place) else {
            return false;
        };
        let is_twin = |place: &&usize| {
            let other = self.points.get(**place);
            other.is_some_and(|other| other.order() == point.order())
        };
        let newer = self.living.range(place + 1..).skip_while(is_twin);
        let newer_count = newer.take(self.newest_count.max(1)).count();
        newer_count < self.newest_count
            || (newer_count == 0 && is_silent(self.policy, point.taken_at, now))
    }
}
