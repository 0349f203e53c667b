//! From civil time to instants and back, over every change of a zone.
//!
//! A zone is seen as pieces of constant offset. Two pieces never end within [`STEP`] of each other in a zone of the
//! last hundred years, so that looking at offsets in steps of that length misses none.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};

/// How far apart two changes of one zone are at least, hours.
const STEP: TimeDelta = TimeDelta::hours(6);

/// When a clock on the wall shows a civil time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CivilTime {
    /// At one instant.
    Once(DateTime<Utc>),
    /// At two, since the clock is set back in between.
    Twice {
        /// The first.
        first: DateTime<Utc>,
        /// The second.
        second: DateTime<Utc>,
    },
    /// Never, since the clock is set forward over it.
    Skipped {
        /// The first instant after the skipped time.
        next: DateTime<Utc>,
    },
}

impl CivilTime {
    /// Finds the instants of a civil time.
    #[must_use]
    pub fn resolve(local: NaiveDateTime, zone: Tz) -> Self {
        match zone.offset_from_local_datetime(&local) {
            MappedLocalTime::Single(offset) => Self::Once(instant(local, &offset)),
            MappedLocalTime::Ambiguous(a, b) => {
                let (a, b) = (instant(local, &a), instant(local, &b));
                Self::Twice {
                    first: a.min(b),
                    second: a.max(b),
                }
            }
            MappedLocalTime::None => Self::Skipped {
                next: end_of_gap(local, zone),
            },
        }
    }

    /// The first instant at which the clock has reached the civil time: the rule for everything that is due at a
    /// time of day.
    #[must_use]
    pub fn first(self) -> DateTime<Utc> {
        match self {
            Self::Once(at) | Self::Twice { first: at, .. } | Self::Skipped { next: at } => at,
        }
    }
}

/// The civil time of an instant.
#[must_use]
pub fn local(at: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    let utc = at.naive_utc();
    let offset = zone.offset_from_utc_datetime(&utc).fix();
    utc.checked_add_offset(offset).unwrap_or(utc)
}

/// The first instant after `after` and not after `until` from which on the zone has another offset than just before.
pub(crate) fn next_change(
    after: DateTime<Utc>,
    until: DateTime<Utc>,
    zone: Tz,
) -> Option<DateTime<Utc>> {
    let offset_at = |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let offset = offset_at(after);
    let (mut same, mut other) = (after, after);
    while other < until {
        same = other;
        other = other.checked_add_signed(STEP).unwrap_or(until).min(until);
        if offset_at(other) != offset {
            break;
        }
    }
    if offset_at(other) == offset {
        return None;
    }
    // Changes happen at whole seconds.
    while (other - same).num_seconds() > 1 {
        let middle = same + TimeDelta::seconds((other - same).num_seconds() / 2);
        if offset_at(middle) == offset {
            same = middle;
        } else {
            other = middle;
        }
    }
    Some(other)
}

fn instant(local: NaiveDateTime, offset: &impl Offset) -> DateTime<Utc> {
    let utc = local.checked_sub_offset(offset.fix()).unwrap_or(local);
    utc.and_utc()
}

/// The gap begins when the clock, still at its old offset, reaches the skipped time; nothing lies between that
/// instant and the first one after the gap.
fn end_of_gap(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match GapInfo::new(&local, &zone).and_then(|gap| gap.begin) {
        Some((begin, offset)) => instant(begin, &offset),
        None => local.and_utc(),
    }
}
