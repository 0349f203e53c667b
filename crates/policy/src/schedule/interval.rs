//! Cron lines that follow the clock on the wall.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use crate::civil::{self, CivilTime};
use crate::cron::CronLine;
use crate::slot::{Due, SlotId};

/// Follows the clock on the wall, from one change of the zone to the next.
pub(super) fn next_after(line: &CronLine, after: DateTime<Utc>, zone: Tz) -> Option<Due> {
    // Nothing matches before 1970, so the years before need not be searched for changes.
    let mut from = after.max(DateTime::UNIX_EPOCH - TimeDelta::days(2));
    loop {
        let shown = civil::local(from, zone);
        let local = line.next_civil(shown)?;
        let at = from.checked_add_signed(local - shown)?;
        let Some(change) = civil::next_change(from, at, zone) else {
            return Some(due_in_interval(local, at, zone));
        };
        // The clock jumps here, perhaps right onto a time that matches.
        let shown = civil::local(change, zone);
        let before = shown.checked_sub_signed(TimeDelta::seconds(1))?;
        if line.next_civil(before) == Some(shown) {
            return Some(due_in_interval(shown, change, zone));
        }
        from = change;
    }
}

fn due_in_interval(local: NaiveDateTime, at: DateTime<Utc>, zone: Tz) -> Due {
    let slot = match CivilTime::resolve(local, zone) {
        CivilTime::Twice { second, .. } if at == second => SlotId::second_occurrence(local),
        _ => SlotId::new(local),
    };
    Due {
        at,
        slots: vec![slot],
    }
}
