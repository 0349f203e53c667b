//! Reads and writes `[schedule]`, and checks rules against it.

use std::collections::BTreeSet;

use chrono::{NaiveDate, Weekday, WeekdaySet};

use super::reader::{Fields, Node};
use super::retention::{shown, weekdays};
use super::write::{line, list, quoted, table, weekdays as weekday_list};
use super::{PolicyFile, words};
use crate::retention::{Retention, Rule, Times};
use crate::{CatchUp, CronLine, Daily, Schedule, TimeOfDay, Weekly};

const KEYS: &[&str] = &["daily", "weekly", "cron", "catch_up"];
const KINDS: [&str; 3] = ["daily", "weekly", "cron"];

/// Sunday 21:00: what a policy that names no schedule has.
pub(super) fn default_schedule() -> Schedule {
    let hour = chrono::NaiveTime::from_hms_opt(21, 0, 0).unwrap_or_default();
    Schedule::Weekly(Weekly {
        every_weeks: 1,
        days: WeekdaySet::single(Weekday::Sun),
        times: BTreeSet::from([TimeOfDay::from(hour)]),
        starting: None,
    })
}

pub(super) fn read(node: &Node<'_, '_>) -> Option<(Schedule, CatchUp)> {
    let fields = node.table(KEYS, "{ daily = { times = [\"18:00\"] } }")?;
    let catch_up = match fields.get("catch_up") {
        None => Some(CatchUp::default()),
        Some(node) => catch_up(&node),
    };
    let given: Vec<_> = KINDS.iter().filter_map(|kind| fields.get(kind)).collect();
    let [node] = given.as_slice() else {
        let found = match given.len() {
            0 => "there is none".to_owned(),
            count => format!("there are {count}"),
        };
        let rule = format!("needs exactly one of daily, weekly and cron; {found}");
        fields.problem(rule, "write for example daily = { times = [\"18:00\"] }");
        return None;
    };
    let schedule = match node.last_key() {
        "daily" => daily(node),
        "weekly" => weekly(node),
        _ => cron(node),
    };
    Some((schedule?, catch_up?))
}

fn catch_up(node: &Node<'_, '_>) -> Option<CatchUp> {
    let text = node.text("\"once\"")?;
    match text {
        "once" => Some(CatchUp::Once),
        "skip" => Some(CatchUp::Skip),
        _ => {
            let rule = format!("`{}` is neither once nor skip", shown(text));
            node.problem(rule, words::did_you_mean(text, &["once", "skip"]));
            None
        }
    }
}

fn daily(node: &Node<'_, '_>) -> Option<Schedule> {
    let fields = node.table(&["times"], "{ times = [\"18:00\"] }")?;
    let times = times_of_day(&fields.required("times", "[\"18:00\"]")?)?;
    Some(Schedule::Daily(Daily { times }))
}

fn weekly(node: &Node<'_, '_>) -> Option<Schedule> {
    let example = "{ days = [\"sun\"], times = [\"21:00\"] }";
    let fields = node.table(&["every_weeks", "days", "times", "starting"], example)?;
    let every_weeks = match fields.get("every_weeks") {
        None => Some(1),
        Some(node) => node.number(1, Weekly::MOST_WEEKS, ""),
    };
    let days = fields.required("days", "[\"sun\"]");
    let days = days.and_then(|node| weekdays(&node));
    let times = fields.required("times", "[\"21:00\"]");
    let times = times.and_then(|node| times_of_day(&node));
    let starting = match fields.get("starting") {
        None => None,
        Some(node) => Some(starting(&node)?),
    };
    let schedule = Schedule::Weekly(Weekly {
        every_weeks: every_weeks?,
        days: days?,
        times: times?,
        starting,
    });
    match schedule.validate() {
        Ok(()) => Some(schedule),
        Err(error) => {
            fields.problem(
                error.to_string(),
                "add for example starting = \"2026-01-04\"",
            );
            None
        }
    }
}

fn starting(node: &Node<'_, '_>) -> Option<NaiveDate> {
    let text = node.text("\"2026-01-04\"")?;
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    if date.is_none() {
        let rule = format!("`{}` is no date", shown(text));
        node.problem(rule, "write year, month and day, such as \"2026-01-04\"");
    }
    date
}

fn cron(node: &Node<'_, '_>) -> Option<Schedule> {
    let text = node.text("\"30 2 * * 1-5\"")?;
    match text.parse::<CronLine>() {
        Ok(line) => Some(Schedule::Cron(line)),
        Err(error) => {
            node.problem(error.to_string(), error.help());
            None
        }
    }
}

/// Times of day, at least one, none twice.
pub(super) fn times_of_day(node: &Node<'_, '_>) -> Option<BTreeSet<TimeOfDay>> {
    let nodes = node.array("[\"18:00\"]")?;
    if nodes.is_empty() {
        node.problem("names no time of day", "write for example [\"18:00\"]");
        return None;
    }
    let mut times = BTreeSet::new();
    let mut is_good = true;
    for node in &nodes {
        let Some(text) = node.text("\"18:00\"") else {
            is_good = false;
            continue;
        };
        match text.parse::<TimeOfDay>() {
            Ok(time) if times.insert(time) => {}
            Ok(time) => {
                node.problem(
                    format!("{time} stands there twice"),
                    "remove one of the two",
                );
                is_good = false;
            }
            Err(error) => {
                let suggestion = "write hours and minutes with two digits each, 00:00 to 23:59";
                node.problem(error.to_string(), suggestion);
                is_good = false;
            }
        }
    }
    is_good.then_some(times)
}

/// Rules can only mark slots that there are.
pub(super) fn check_times(schedule: &Schedule, retention: &Retention, node: &Node<'_, '_>) {
    let Some(fields) = node.table(super::retention::KEYS, "{}") else {
        return;
    };
    for rule in retention.configured().iter() {
        let node = fields.get(rule.as_str());
        let keys = &[
            "days",
            "months",
            "on",
            "times",
            "keep_days",
            "keep_weeks",
            "keep_months",
            "keep_quarters",
            "keep_years",
            "keep_hours",
        ];
        let Some(rule_fields) = node.and_then(|node| node.table(keys, "{}")) else {
            continue;
        };
        if let Some(Times::At(times)) = retention.times(rule) {
            check_rule_times(schedule, times, &rule_fields);
        }
        if let (Rule::Weekly, Schedule::Weekly(weekly)) = (rule, schedule) {
            check_days(weekly.days, retention, &rule_fields);
        }
    }
}

fn check_rule_times(schedule: &Schedule, times: &BTreeSet<TimeOfDay>, fields: &Fields<'_, '_>) {
    let Some(node) = fields.get("times") else {
        return;
    };
    let scheduled = match schedule {
        Schedule::Daily(Daily { times }) | Schedule::Weekly(Weekly { times, .. }) => times,
        Schedule::Cron(_) => return check_cron_times(schedule, times, &node),
    };
    let known: Vec<_> = scheduled.iter().map(ToString::to_string).collect();
    for time in times.difference(scheduled) {
        let rule = format!("{time} is no time of the schedule, so no point could be marked");
        node.problem(
            rule,
            format!("write times of the schedule: {}", known.join(", ")),
        );
    }
}

/// A cron line has too many times to list; whether one of them is at this time of day can be asked.
fn check_cron_times(schedule: &Schedule, times: &BTreeSet<TimeOfDay>, node: &Node<'_, '_>) {
    for time in times {
        if !may_run_at(schedule, *time) {
            let rule = format!("the schedule has no slot at {time}, so no point could be marked");
            node.problem(
                rule,
                "write times at which the cron line runs, or leave times out",
            );
        }
    }
}

/// Looks at four years of days, with 29 February among them.
fn may_run_at(schedule: &Schedule, time: TimeOfDay) -> bool {
    const DAYS_COUNT: usize = 4 * 366;
    let first = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or_default();
    let mut dates = first.iter_days().take(DAYS_COUNT);
    dates.any(|date| {
        let slot = crate::SlotId::new(date.and_time(time.time()));
        schedule.has_slot(slot, chrono_tz::UTC)
    })
}

fn check_days(scheduled: WeekdaySet, retention: &Retention, fields: &Fields<'_, '_>) {
    let Some((node, weekly)) = fields.get("days").zip(retention.weekly.as_ref()) else {
        return;
    };
    let unknown = weekly
        .days
        .iter(Weekday::Mon)
        .filter(|day| !scheduled.contains(*day));
    for day in unknown {
        let known = scheduled.iter(Weekday::Mon).map(words::weekday_word);
        let rule = format!("the schedule has no slot on {}", words::weekday_word(day));
        let known = known.collect::<Vec<_>>().join(", ");
        node.problem(rule, format!("write days of the schedule: {known}"));
    }
}

pub(super) fn write(out: &mut String, file: &PolicyFile) {
    let times = |times: &BTreeSet<TimeOfDay>| {
        format!(
            "times = {}",
            list(times.iter().map(|time| quoted(&time.to_string())))
        )
    };
    out.push_str("\n[schedule]\n");
    match &file.schedule {
        Schedule::Daily(daily) => line(out, "daily", &table([times(&daily.times)])),
        Schedule::Weekly(weekly) => {
            let starting = weekly.starting.map(|date| format!("starting = \"{date}\""));
            let value = table([
                format!("every_weeks = {}", weekly.every_weeks),
                format!("days = {}", weekday_list(weekly.days)),
                times(&weekly.times),
                starting.unwrap_or_default(),
            ]);
            line(out, "weekly", &value);
        }
        Schedule::Cron(cron) => line(out, "cron", &quoted(&cron.to_string())),
    }
    let catch_up = match file.catch_up {
        CatchUp::Once => "once",
        CatchUp::Skip => "skip",
    };
    line(out, "catch_up", &quoted(catch_up));
}
