//! Sources of which there was no backup for too long.

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_catalog::{AlertClass, NewAlert, Severity, SourceName};
use strongroom_policy::Timetable;

use super::AlertChange;

/// The shortest time without a backup that is told, days.
const SHORTEST_DAYS: i64 = 2;
/// How many pauses between runs may pass.
const PAUSES: i32 = 2;
/// So many runs are looked at to find the longest pause.
const RUNS_COUNT: usize = 16;

/// A source and when it was last backed up with success, or since when it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence<'t> {
    /// The source.
    pub source: SourceName,
    /// Its newest point, or the instant from which on it was to be protected.
    pub since: DateTime<Utc>,
    /// When it is backed up; `None` where nothing is expected of it, because it is paused or stopped.
    pub timetable: Option<&'t Timetable>,
}

/// Raises an alert for each source without a backup for twice the longest pause of its schedule, and at least two days; ends
/// it for all others.
#[must_use]
pub fn silences(sources: &[Silence<'_>], now: DateTime<Utc>) -> Vec<AlertChange> {
    let one = |silence: &Silence<'_>| {
        let key = key(&silence.source);
        let limit = silence.timetable.map(|timetable| longest(timetable, now));
        let lasts = now.signed_duration_since(silence.since);
        match limit {
            Some(limit) if lasts > limit => {
                let days = lasts.num_days();
                let message = format!("there was no backup of {} for {days} days", silence.source);
                let (class, severity) = (AlertClass::Health, Severity::Critical);
                let mut alert = NewAlert::new(key, class, severity, "no_backup", message);
                alert.source = Some(silence.source.clone());
                alert.help = Some("look at its jobs, and run a backup by hand".to_owned());
                AlertChange::Raise(Box::new(alert))
            }
            _ => AlertChange::Resolve(key),
        }
    };
    sources.iter().map(one).collect()
}

pub(super) fn key(source: &SourceName) -> String {
    format!("no_backup:{source}")
}

/// The longest time without a backup that is in order.
fn longest(timetable: &Timetable, now: DateTime<Utc>) -> TimeDelta {
    let next = |after| timetable.schedule.next_after(after, timetable.zone);
    let runs = std::iter::successors(next(now), |due| next(due.at)).take(RUNS_COUNT);
    let runs: Vec<DateTime<Utc>> = runs.map(|due| due.at).collect();
    let pauses = runs.windows(2).filter_map(|pair| match pair {
        [one, other] => Some(*other - *one),
        _ => None,
    });
    let longest = pauses.max().unwrap_or_default();
    TimeDelta::days(SHORTEST_DAYS).max(longest * PAUSES)
}
