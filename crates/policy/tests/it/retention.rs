//! Retention: the rules, the decision, simulations.

mod decisions;
mod edits;
mod laws;
mod model;
mod simulations;
mod vectors;

pub(crate) use model::{retentions, schedules};

use chrono::{DateTime, Utc, WeekdaySet};
use chrono_tz::Tz;
use strongroom_policy::retention::{
    DailyRule, MonthDay, MonthlyRule, Times, WeeklyRule, YearlyRule,
};
use strongroom_policy::{Daily, Policy, Retention, Schedule, TimeOfDay, Weekly};

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn time(text: &str) -> TimeOfDay {
    text.parse().unwrap()
}

pub(crate) fn daily_schedule(times: &[&str]) -> Schedule {
    Schedule::Daily(Daily {
        times: times.iter().map(|text| time(text)).collect(),
    })
}

pub(crate) fn weekly_schedule(days: &[chrono::Weekday], times: &[&str]) -> Schedule {
    Schedule::Weekly(Weekly {
        every_weeks: 1,
        days: days.iter().copied().collect::<WeekdaySet>(),
        times: times.iter().map(|text| time(text)).collect(),
        starting: None,
    })
}

pub(crate) fn some_times(times: &[&str]) -> Times {
    Times::At(times.iter().map(|text| time(text)).collect())
}

pub(crate) fn daily(keep_days: u32) -> DailyRule {
    DailyRule {
        times: Times::Every,
        keep_days,
    }
}

pub(crate) fn weekly(day: chrono::Weekday, times: Times, keep_weeks: u32) -> WeeklyRule {
    WeeklyRule {
        days: WeekdaySet::single(day),
        times,
        keep_weeks,
    }
}

pub(crate) fn monthly(on: &[MonthDay], times: Times, keep_months: u32) -> MonthlyRule {
    MonthlyRule {
        on: on.iter().copied().collect(),
        times,
        keep_months,
    }
}

pub(crate) fn yearly(months: &[u32], on: MonthDay, times: Times, keep_years: u32) -> YearlyRule {
    YearlyRule {
        months: months.iter().copied().collect(),
        on: [on].into(),
        times,
        keep_years,
    }
}

pub(crate) fn policy(schedule: Schedule, set: impl FnOnce(&mut Retention)) -> Policy {
    policy_in(chrono_tz::UTC, schedule, set)
}

pub(crate) fn policy_in(zone: Tz, schedule: Schedule, set: impl FnOnce(&mut Retention)) -> Policy {
    let mut retention = Retention::default();
    set(&mut retention);
    Policy::new(zone, schedule, retention)
}
