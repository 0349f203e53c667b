//! A policy: schedule and retention, and what guards them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;

use crate::{Retention, Schedule, SlotId, civil};

/// When points are made and how long they are kept, in the civil time of one zone.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// The zone whose civil time all rules are about.
    pub time_zone: Tz,
    /// When points are made.
    pub schedule: Schedule,
    /// How long they are kept.
    pub retention: Retention,
    /// True when changes that shorten retention wait a day before they take effect.
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

    /// The civil time of an instant.
    #[must_use]
    pub fn local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        civil::local(at, self.time_zone)
    }
}
