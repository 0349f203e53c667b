//! Which layers mark a point: those of its own slots, and those of slots before it that no run covered.

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike, Utc};

use super::{Point, PointKind, Rule, RuleSet, Times};
use crate::{Policy, SlotId};

/// The layers of one point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Marks {
    /// Of its own slots, or given to it when it was taken.
    pub(crate) own: RuleSet,
    /// Taken over from slots that failed or were missed.
    pub(crate) taken_over: RuleSet,
}

impl Marks {
    pub(crate) fn all(self) -> RuleSet {
        self.own.union(self.taken_over)
    }
}

/// No rule keeps anything this long, so slots further back are not looked at.
const HORIZON_DAYS: i64 = 200 * 366;

/// Marks that were taken over and ended longer ago than this are not told any more.
const SLACK_DAYS: i64 = 30;

/// Slots that fell due after the first instant and up to the second went to this point, unless a run covered them.
#[derive(Debug, Clone, Copy)]
struct Window {
    after: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// How far back marks that were taken over are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookback {
    /// As far as they keep anything now, or did a short time ago.
    Recent,
    /// All of them.
    Whole,
}

/// Marks of points that stand in their order ([`Point::order`]).
pub(crate) fn mark_points<I>(
    points: &[&Point<I>],
    policy: &Policy,
    now: DateTime<Utc>,
    lookback: Lookback,
) -> Vec<Marks> {
    let windows = windows(points, now);
    let since = |rule| first_date(rule, &windows, policy, now, lookback);
    let wanted: Vec<_> = Rule::HANDED_OVER
        .into_iter()
        .filter_map(|rule| Some((rule, since(rule)?)))
        .collect();
    let uncovered = marked_slots(&wanted, &windows, policy);
    let mut next = uncovered.iter().peekable();
    let mut days = DueDays::default();
    let mut day = DayOfSlots::default();
    let mut previous: &[SlotId] = &[];
    let mut twin: Option<(&Point<I>, RuleSet)> = None;
    let mut all = Vec::with_capacity(points.len());
    for (point, window) in points.iter().zip(&windows) {
        let guessed = guess(point, *window, policy, &mut days);
        let own: &[SlotId] = guessed.as_ref().map_or(&point.slots, std::slice::from_ref);
        let mut marks = Marks {
            own: point.marks,
            ..Marks::default()
        };
        for slot in own {
            marks.own = marks.own.union(slot_marks(*slot, policy, &mut day));
        }
        if point.kind == PointKind::Scheduled && is_every_slot_daily(policy) {
            marks.own.insert(Rule::Daily);
        }
        while let Some(slot) = next.next_if(|slot| slot.due_at <= point.taken_at) {
            let is_missed = window.is_some_and(|window| slot.due_at > window.after);
            if is_missed && !own.contains(&slot.id) && !previous.contains(&slot.id) {
                marks.taken_over = marks.taken_over.union(slot.marks);
            }
        }
        if let Some((_, taken_over)) = twin.filter(|(twin, _)| twin.order() == point.order()) {
            marks.taken_over = taken_over;
        }
        twin = Some((point, marks.taken_over));
        marks.taken_over = marks.taken_over.without(marks.own);
        previous = &point.slots;
        all.push(marks);
    }
    all
}

fn is_every_slot_daily(policy: &Policy) -> bool {
    let daily = policy.retention.daily.as_ref();
    daily.is_some_and(|rule| rule.times == Times::Every)
}

/// Twins have one window: that of the one which says it followed the earliest.
fn windows<I>(points: &[&Point<I>], now: DateTime<Utc>) -> Vec<Option<Window>> {
    let horizon = now.checked_sub_signed(TimeDelta::days(HORIZON_DAYS));
    let mut previous: Option<DateTime<Utc>> = None;
    let mut windows = Vec::with_capacity(points.len());
    for twins in points.chunk_by(|a, b| a.order() == b.order()) {
        let follows = twins.iter().filter_map(|twin| twin.follows.max(previous));
        let after = follows
            .min()
            .map(|after| horizon.map_or(after, |horizon| after.max(horizon)));
        for twin in twins {
            // What stands in the future waits until its time has come.
            let is_usable = |after: &DateTime<Utc>| *after < twin.taken_at && twin.taken_at <= now;
            windows.push(after.filter(is_usable).map(|after| Window {
                after,
                until: twin.taken_at,
            }));
            previous = Some(twin.taken_at);
        }
    }
    windows
}

/// The slot of a scheduled point that does not say: the last one due in its window, within a day or two.
fn guess<I>(
    point: &Point<I>,
    window: Option<Window>,
    policy: &Policy,
    days: &mut DueDays,
) -> Option<SlotId> {
    if point.kind == PointKind::Adhoc || !point.slots.is_empty() {
        return None;
    }
    let date = policy.local(point.taken_at).date();
    let after = window.map(|window| window.after);
    let mut last = None;
    for date in [date.pred_opt(), Some(date)].into_iter().flatten() {
        let is_meant = |(due_at, _): &&(DateTime<Utc>, SlotId)| {
            *due_at <= point.taken_at && after.is_none_or(|after| *due_at > after)
        };
        last = last.max(days.of(date, policy).iter().rfind(is_meant).copied());
    }
    last.map(|(_, slot)| slot)
}

/// When the slots of the two civil dates that were asked for last are due, in that order.
#[derive(Debug, Default)]
struct DueDays {
    days: [Option<DueDay>; 2],
}

#[derive(Debug)]
struct DueDay {
    date: NaiveDate,
    slots: Vec<(DateTime<Utc>, SlotId)>,
}

impl DueDays {
    fn of(&mut self, date: NaiveDate, policy: &Policy) -> &[(DateTime<Utc>, SlotId)] {
        let is_known = |day: &Option<DueDay>| day.as_ref().is_some_and(|day| day.date == date);
        if !self.days.iter().any(is_known) {
            let slots = policy.slots_on(date).into_iter();
            let slots = slots.map(|slot| (policy.due_at(slot), slot)).collect();
            self.days.rotate_right(1);
            self.days[0] = Some(DueDay { date, slots });
        }
        let known = self.days.iter().flatten().find(|day| day.date == date);
        known.map_or(&[], |day| &day.slots)
    }
}

/// All layers of a slot, the hourly one too.
fn slot_marks(slot: SlotId, policy: &Policy, day: &mut DayOfSlots) -> RuleSet {
    let mut marks = policy.retention.marks_of(slot.local());
    if policy.retention.hourly.is_some() && day.is_first_of_hour(slot, policy) {
        marks.insert(Rule::Hourly);
    }
    marks
}

/// The first slot of each hour of the civil date that was asked for last.
#[derive(Debug, Default)]
struct DayOfSlots {
    date: Option<NaiveDate>,
    firsts: [Option<SlotId>; 24],
}

impl DayOfSlots {
    fn is_first_of_hour(&mut self, slot: SlotId, policy: &Policy) -> bool {
        let date = slot.local().date();
        if self.date != Some(date) {
            *self = Self::of(date, policy);
        }
        let first = self.firsts.get(hour_of(slot)).copied().flatten();
        first.is_none_or(|first| slot <= first)
    }

    fn of(date: NaiveDate, policy: &Policy) -> Self {
        let mut firsts = [None; 24];
        for slot in policy.slots_on(date) {
            if let Some(first) = firsts.get_mut(hour_of(slot)) {
                *first = Some(first.map_or(slot, |first: SlotId| first.min(slot)));
            }
        }
        Self {
            date: Some(date),
            firsts,
        }
    }
}

fn hour_of(slot: SlotId) -> usize {
    usize::try_from(slot.local().hour()).unwrap_or(0)
}

/// A slot that a layer other than daily marks.
#[derive(Debug, Clone, Copy)]
struct MarkedSlot {
    due_at: DateTime<Utc>,
    id: SlotId,
    marks: RuleSet,
}

/// Slots whose marks would be handed over if no run covered them, in order of when they are due.
fn marked_slots(
    wanted: &[(Rule, NaiveDate)],
    windows: &[Option<Window>],
    policy: &Policy,
) -> Vec<MarkedSlot> {
    let last = windows.iter().flatten().map(|window| window.until).max();
    let first = wanted.iter().map(|(_, date)| *date).min();
    let (Some(first), Some(last)) = (first, last) else {
        return Vec::new();
    };
    let last = policy.local(last).date();
    let last = last.succ_opt().unwrap_or(last);
    let mut day = DayOfSlots::default();
    let mut slots = Vec::new();
    for date in first.iter_days().take_while(|date| *date <= last) {
        let rules: RuleSet = wanted
            .iter()
            .filter(|(_, from)| *from <= date)
            .map(|(rule, _)| *rule)
            .collect();
        let by_date = policy.retention.long_term_marks_of(date);
        if by_date.intersection(rules).is_empty() && !rules.contains(Rule::Hourly) {
            continue;
        }
        for id in policy.slots_on(date) {
            let marks = slot_marks(id, policy, &mut day).intersection(rules);
            if !marks.is_empty() {
                let due_at = policy.due_at(id);
                slots.push(MarkedSlot { due_at, id, marks });
            }
        }
    }
    slots.sort_by_key(|slot| (slot.due_at, slot.id));
    slots
}

/// The first civil date whose slots could still matter to a point by this rule.
fn first_date(
    rule: Rule,
    windows: &[Option<Window>],
    policy: &Policy,
    now: DateTime<Utc>,
    lookback: Lookback,
) -> Option<NaiveDate> {
    let days = policy.retention.period(rule)?.most_days() + SLACK_DAYS;
    let is_alive =
        |window: &&Window| lookback == Lookback::Whole || (now - window.until).num_days() <= days;
    let first = windows.iter().flatten().find(is_alive)?;
    let date = policy.local(first.after).date();
    Some(date.pred_opt().unwrap_or(date))
}
