//! When housekeeping is due.

use std::collections::BTreeSet;

use strongroom_catalog::{JobKind, SourceName};
use strongroom_policy::chrono_tz::Tz;
use strongroom_policy::{CronLine, Daily, Jitter, Schedule, TimeOfDay, Timetable};

use super::Scheduled;
use crate::duty::Duty;

/// By how much housekeeping starts later, seconds, at most.
const JITTER_SECS: u32 = 30 * 60;

/// Housekeeping of a vault in the small hours: expire and sweep daily, a share verified weekly, and on the first of every
/// month a restore drill of each source. What was missed is made up for once. Machines with different seeds start at
/// different times.
#[must_use]
pub fn housekeeping(zone: Tz, seed: u64, sources: &[SourceName]) -> Vec<Scheduled> {
    let scheduled = |duty: Duty, schedule: Option<Schedule>| {
        let timetable = Timetable::new(schedule?, zone).with_jitter(Jitter {
            seed,
            most_secs: JITTER_SECS,
        });
        Some(Scheduled { duty, timetable })
    };
    let whole = [
        (JobKind::Expire, daily("04:00")),
        (JobKind::Sweep, daily("04:40")),
        (JobKind::Verify, cron("20 5 * * 0")),
    ];
    let whole = whole
        .into_iter()
        .filter_map(|(kind, schedule)| scheduled(Duty::housekeeping(kind), schedule));
    let drills = sources.iter().filter_map(|source| {
        let duty = Duty::of(JobKind::Drill, source.clone());
        scheduled(duty, cron("0 6 1 * *"))
    });
    whole.chain(drills).collect()
}

fn daily(time: &str) -> Option<Schedule> {
    let time: TimeOfDay = time.parse().ok()?;
    let times = BTreeSet::from([time]);
    Some(Schedule::Daily(Daily { times }))
}

fn cron(line: &str) -> Option<Schedule> {
    line.parse::<CronLine>().ok().map(Schedule::Cron)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_there_and_machines_differ() {
        let sources = ["home", "music"].map(SourceName::local);
        let plan = housekeeping(Tz::UTC, 1, &sources);
        let names: Vec<String> = plan.iter().map(|one| one.duty.to_string()).collect();
        let expected = [
            "expire",
            "sweep",
            "verify",
            "drill of home",
            "drill of music",
        ];
        assert_eq!(names, expected);
        let after = "2026-03-28T12:00:00Z".parse().unwrap();
        let starts = |seed| {
            let plan = housekeeping(Tz::UTC, seed, &sources);
            let first = plan.into_iter().next().unwrap().timetable;
            let due = first.schedule.next_after(after, Tz::UTC).unwrap();
            first.start_of(&due)
        };
        assert_ne!(starts(1), starts(2));
        assert!(
            starts(1)
                >= "2026-03-29T04:00:00Z"
                    .parse::<chrono::DateTime<chrono::Utc>>()
                    .unwrap()
        );
    }
}
