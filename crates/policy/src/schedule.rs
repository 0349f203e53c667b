//! Daily, weekly and cron schedules, and the slots they make.

mod interval;
mod weekly;

use std::collections::BTreeSet;
use std::iter;

use chrono::{
    DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday, WeekdaySet,
};
use chrono_tz::Tz;

use crate::civil::{self, CivilTime};
use crate::cron::CronLine;
use crate::error::{Error, Result};
use crate::slot::{Due, SlotId, TimeOfDay};
pub use weekly::Weekly;

/// When runs are due, in the civil time of a zone that the caller names.
///
/// # Daylight saving time
/// A slot in an hour that the zone skips is due at the first instant after it. A slot in an hour that the zone repeats
/// is due at its first occurrence only. Slots that fall on one instant are one run, which carries all of them. Only
/// [intervals](CronLine::is_interval) follow the clock on the wall instead: they run in both occurrences of a repeated
/// hour, and skip what the zone skips.
///
/// ```
/// use chrono_tz::Europe::Paris;
/// use strongroom_policy::{Daily, Schedule};
///
/// let schedule = Schedule::Daily(Daily { times: ["02:30".parse()?].into() });
/// let after = "2026-03-28T12:00:00Z".parse()?;
/// let due = schedule.next_after(after, Paris).ok_or("never")?;
/// assert_eq!(due.slots[0].to_string(), "2026-03-29T02:30"); // which clocks in Paris do not show
/// assert_eq!(due.at.to_string(), "2026-03-29 01:00:00 UTC"); // 03:00 in Paris
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schedule {
    /// Every day.
    Daily(Daily),
    /// On some days of some weeks.
    Weekly(Weekly),
    /// As a cron line says.
    Cron(CronLine),
}

/// Times of every day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daily {
    /// The times, at least one.
    pub times: BTreeSet<TimeOfDay>,
}

impl Schedule {
    /// How many slots a day the product that the policies of Strongroom follow allows.
    pub const ORIGINAL_MOST_TIMES: usize = 3;

    /// Checks what the types leave open.
    ///
    /// # Errors
    /// [`Error::NoTimes`], [`Error::NoDays`], [`Error::EveryWeeks`], [`Error::NoStarting`], [`Error::Starting`].
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Daily(Daily { times }) if times.is_empty() => Err(Error::NoTimes),
            Self::Daily(_) | Self::Cron(_) => Ok(()),
            Self::Weekly(weekly) => weekly.validate(),
        }
    }

    /// Refuses what the original product refuses: more than three times a day. Strongroom has no such limit; ask where
    /// a policy shall work there, too. Cron lines are not looked at, since the original has none.
    ///
    /// # Errors
    /// [`Error::TooManyTimes`].
    pub fn validate_original_limits(&self) -> Result<()> {
        let count = match self {
            Self::Daily(Daily { times }) | Self::Weekly(Weekly { times, .. }) => times.len(),
            Self::Cron(_) => 0,
        };
        let most = Self::ORIGINAL_MOST_TIMES;
        if count > most {
            return Err(Error::TooManyTimes { count, most });
        }
        Ok(())
    }

    /// True for a weekly schedule, under which points made outside of it are kept for a day only.
    #[must_use]
    pub fn is_weekly(&self) -> bool {
        matches!(self, Self::Weekly(_))
    }

    /// The first run after `after`, never at it. Nothing when the schedule ends: cron lines do with the year 2100.
    ///
    /// Called again with the `at` of its answer it goes through all runs, each exactly once, at instants that strictly
    /// ascend.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>, zone: Tz) -> Option<Due> {
        match self {
            Self::Cron(line) if line.is_interval() => interval::next_after(line, after, zone),
            _ => self.next_at_fixed_times(after, zone),
        }
    }

    /// All runs after `after` up to and including `until`.
    pub fn between(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
        zone: Tz,
    ) -> impl Iterator<Item = Due> {
        let next = move |after| self.next_after(after, zone).filter(|due| due.at <= until);
        iter::successors(next(after), move |due| next(due.at))
    }

    /// The last run after `after` and at or before `until`.
    ///
    /// # Cost
    /// One search for each doubling of the time from the answer, or from `after`, to `until`.
    #[must_use]
    pub fn last_between(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
        zone: Tz,
    ) -> Option<Due> {
        let mut window = TimeDelta::minutes(1);
        loop {
            let from = until.checked_sub_signed(window).unwrap_or(after);
            let from = from.max(after);
            if let Some(due) = self.between(from, until, zone).last() {
                return Some(due);
            }
            if from == after {
                return None;
            }
            window = window.checked_add(&window)?;
        }
    }

    /// All slots of a civil date, in the order in which they come due. They may be many: a cron line can name every
    /// second.
    #[must_use]
    pub fn slots_on(&self, date: NaiveDate, zone: Tz) -> Vec<SlotId> {
        let mut slots = Vec::new();
        let mut civil = self.first_civil(date.and_time(NaiveTime::MIN));
        while let Some(local) = civil.filter(|local| local.date() == date) {
            self.push_slots(local, zone, &mut slots);
            civil = self.civil_after(local);
        }
        if self.is_interval() {
            slots.sort_by_key(|slot| (self.due_at(*slot, zone), *slot));
        }
        slots
    }

    /// Whether the schedule makes this slot.
    #[must_use]
    pub fn has_slot(&self, slot: SlotId, zone: Tz) -> bool {
        let mut slots = Vec::new();
        if self.first_civil(slot.local()) == Some(slot.local()) {
            self.push_slots(slot.local(), zone, &mut slots);
        }
        slots.contains(&slot)
    }

    /// When a slot is due.
    #[must_use]
    pub fn due_at(&self, slot: SlotId, zone: Tz) -> DateTime<Utc> {
        match CivilTime::resolve(slot.local(), zone) {
            CivilTime::Twice { second, .. } if slot.is_second_occurrence() => second,
            civil => civil.first(),
        }
    }

    fn is_interval(&self) -> bool {
        matches!(self, Self::Cron(line) if line.is_interval())
    }

    fn push_slots(&self, local: NaiveDateTime, zone: Tz, slots: &mut Vec<SlotId>) {
        if !self.is_interval() {
            slots.push(SlotId::new(local));
            return;
        }
        match CivilTime::resolve(local, zone) {
            CivilTime::Once(_) => slots.push(SlotId::new(local)),
            CivilTime::Twice { .. } => {
                slots.extend([SlotId::new(local), SlotId::second_occurrence(local)]);
            }
            CivilTime::Skipped { .. } => {}
        }
    }

    /// The first civil time from `local` on.
    fn first_civil(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        match local.checked_sub_signed(TimeDelta::seconds(1)) {
            Some(before) => self.civil_after(before),
            None => self.civil_after(local),
        }
    }

    fn civil_after(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        match self {
            Self::Daily(Daily { times }) => time_after(times, local, Some),
            Self::Weekly(weekly) => time_after(&weekly.times, local, |date| weekly.next_date(date)),
            Self::Cron(line) => line.next_civil(local),
        }
    }

    /// The first instant at which the clock has reached a civil time never gets earlier as the civil time gets later,
    /// so slots are due in the order of their civil times; and what the clock shows at `after` is over by then.
    fn next_at_fixed_times(&self, after: DateTime<Utc>, zone: Tz) -> Option<Due> {
        let mut local = self.civil_after(civil::local(after, zone))?;
        let mut civil = CivilTime::resolve(local, zone);
        while civil.first() <= after {
            local = self.civil_after(local)?;
            civil = CivilTime::resolve(local, zone);
        }
        let at = civil.first();
        let mut slots = vec![SlotId::new(local)];
        if matches!(civil, CivilTime::Skipped { .. }) {
            let same = |local: &NaiveDateTime| CivilTime::resolve(*local, zone).first() == at;
            let others = iter::successors(Some(local), |local| self.civil_after(*local)).skip(1);
            slots.extend(others.take_while(same).map(SlotId::new));
        }
        Some(Due { at, slots })
    }
}

impl Default for Schedule {
    /// Sundays at 21:00, as the original has it where nothing else is said.
    fn default() -> Self {
        Self::Weekly(Weekly {
            every_weeks: 1,
            days: WeekdaySet::single(Weekday::Sun),
            times: iter::once(TimeOfDay::from(NaiveTime::MIN + TimeDelta::hours(21))).collect(),
            starting: None,
        })
    }
}

/// The first of `times` after `local`, on the same day or on the next that there is; `next_date` finds the first day
/// with runs from a date on.
fn time_after(
    times: &BTreeSet<TimeOfDay>,
    local: NaiveDateTime,
    next_date: impl Fn(NaiveDate) -> Option<NaiveDate>,
) -> Option<NaiveDateTime> {
    let today = local.date();
    if next_date(today)? == today
        && let Some(time) = times.iter().find(|time| time.time() > local.time())
    {
        return Some(today.and_time(time.time()));
    }
    let date = next_date(today.checked_add_days(Days::new(1))?)?;
    Some(date.and_time(times.first()?.time()))
}
