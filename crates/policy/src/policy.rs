//! A policy: when points are made and how long they are kept, in the civil time of one zone.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::retention::Retention;
use crate::{Due, Schedule, SlotId, civil};

/// Schedule and retention in a time zone.
///
/// # Examples
/// ```
/// use chrono_tz::Europe::Paris;
/// use strongroom_policy::{Daily, Policy, Schedule};
/// use strongroom_policy::retention::{DailyRule, Retention, Times};
///
/// let schedule = Schedule::Daily(Daily { times: ["18:00".parse()?].into() });
/// let mut retention = Retention::default();
/// retention.daily = Some(DailyRule { times: Times::Every, keep_days: 7 });
/// let policy = Policy::new(Paris, schedule, retention);
/// assert!(policy.is_guarded);
/// # Ok::<(), strongroom_policy::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The zone whose civil time all rules are about.
    pub time_zone: Tz,
    /// When points are made.
    pub schedule: Schedule,
    /// How long they are kept.
    pub retention: Retention,
    /// True when an edit that shortens retention waits a day before it takes effect.
    pub is_guarded: bool,
}

impl Policy {
    /// A guarded policy.
    #[must_use]
    pub fn new(time_zone: Tz, schedule: Schedule, retention: Retention) -> Self {
        Self {
            time_zone,
            schedule,
            retention,
            is_guarded: true,
        }
    }

    /// The first run due after an instant.
    #[must_use]
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<Due> {
        self.schedule.next_after(after, self.time_zone)
    }

    /// All runs due from one instant to another, both included.
    pub fn runs(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = Due> + use<'_> {
        let before = from.checked_sub_signed(TimeDelta::nanoseconds(1));
        self.schedule
            .between(before.unwrap_or(from), until, self.time_zone)
    }

    /// The civil time of an instant.
    #[must_use]
    pub fn local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        civil::local(at, self.time_zone)
    }

    pub(crate) fn slots_on(&self, date: NaiveDate) -> Vec<SlotId> {
        self.schedule.slots_on(date, self.time_zone)
    }

    pub(crate) fn due_at(&self, slot: SlotId) -> DateTime<Utc> {
        self.schedule.due_at(slot, self.time_zone)
    }
}
