//! The clock: times of recovery points are only as good as it.

use std::time::SystemTime;

use chrono::{DateTime, Duration, Utc};

use super::Check;
use crate::output::human;
use crate::run::now;
use strongroom::PointView;

/// Clocks of several machines differ by this much at most when all is well.
const TOLERANCE: Duration = Duration::minutes(5);

pub(super) fn check(points: Option<&Vec<PointView>>) -> Check {
    let newest = points.and_then(|points| points.iter().map(|point| point.taken_at).max());
    judge(now(), installed_at(), newest)
}

fn judge(
    now: DateTime<Utc>,
    installed_at: Option<DateTime<Utc>>,
    newest: Option<DateTime<Utc>>,
) -> Check {
    let check = Check::new(
        "clock",
        "later than this program and than the newest recovery point",
    );
    let help = "set the clock and let NTP keep it right (timedatectl set-ntp true)";
    let is_before = |at: Option<DateTime<Utc>>| at.filter(|at| now + TOLERANCE < *at);
    if let Some(at) = is_before(installed_at) {
        return check.failed(
            format!(
                "{}, but this program is from {}",
                human::time(now),
                human::time(at)
            ),
            help,
        );
    }
    if let Some(at) = is_before(newest) {
        let found = format!(
            "{}, but the newest recovery point is from {}",
            human::time(now),
            human::time(at)
        );
        return check.failed(found, help);
    }
    check.ok(human::time(now))
}

/// When this program was built or installed.
fn installed_at() -> Option<DateTime<Utc>> {
    let modified: SystemTime = std::env::current_exe()
        .ok()?
        .metadata()
        .ok()?
        .modified()
        .ok()?;
    Some(modified.into())
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_that_runs_behind_is_told() {
        let at = |secs| DateTime::from_timestamp(secs, 0).unwrap();
        let state = |installed, newest| judge(at(1_000_000), installed, newest).state;
        assert_eq!(state(None, None), State::Ok);
        assert_eq!(state(Some(at(999_999)), Some(at(1_000_100))), State::Ok);
        assert_eq!(state(Some(at(1_000_400)), None), State::Failed);
        assert_eq!(state(None, Some(at(2_000_000))), State::Failed);
    }
}
