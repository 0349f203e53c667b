//! What a policy file means, in words.

use std::collections::BTreeSet;

use chrono::{Weekday, WeekdaySet};
use chrono_tz::Tz;

use super::{PolicyFile, Snapshot, words};
use crate::retention::{MonthDay, Retention, Rule, Times};
use crate::{CatchUp, Schedule, TimeOfDay};

pub(super) fn meaning(file: &PolicyFile, zone: Tz) -> Vec<String> {
    let mut lines = Vec::new();
    for source in &file.sources {
        let what = match source.system_state {
            true => "the state of the system".to_owned(),
            false => source.paths.join(", "),
        };
        let mut line = format!("source {}: {what}", source.name);
        let mut without = source.exclude.clone();
        let larger = source.exclude_larger_than_bytes;
        without.extend(larger.map(|bytes| format!("files larger than {bytes} bytes")));
        without.extend(source.exclude_caches.then(|| "caches".to_owned()));
        without.extend(
            source
                .one_file_system
                .then(|| "other file systems".to_owned()),
        );
        if !without.is_empty() {
            line.push_str(&format!(" without {}", without.join(", ")));
        }
        line.push_str(match source.snapshot {
            Snapshot::None => "",
            Snapshot::Auto => ", from snapshots where the file system has them",
            Snapshot::Btrfs => ", from btrfs snapshots",
            Snapshot::Lvm => ", from LVM snapshots",
        });
        lines.push(line);
    }
    lines.push(format!("runs {}, {zone} time", schedule(&file.schedule)));
    lines.push(match file.catch_up {
        CatchUp::Once => "missed runs are made up for by one run".to_owned(),
        CatchUp::Skip => "missed runs are skipped".to_owned(),
    });
    lines.extend(retention(file));
    if let Some(calendar) = &file.throttle {
        lines.push(format!(
            "sends at most {} on {} {}, else {}",
            calendar.work_rate(),
            days(calendar.work_days()),
            calendar.work_hours(),
            calendar.other_rate()
        ));
    }
    let soft_delete_days = file.security.soft_delete_days;
    lines.push(format!(
        "deleted points can be brought back for {soft_delete_days} days"
    ));
    let hooks = [
        ("before", &file.hooks.before_backup),
        ("after", &file.hooks.after_backup),
    ];
    for (when, commands) in hooks
        .into_iter()
        .filter(|(_, commands)| !commands.is_empty())
    {
        let timeout_secs = file.hooks.timeout_secs;
        let commands = commands.join(", ");
        lines.push(format!(
            "{when} a backup runs {commands}, at most {timeout_secs} seconds each"
        ));
    }
    lines
}

fn schedule(schedule: &Schedule) -> String {
    match schedule {
        Schedule::Daily(daily) => format!("every day at {}", times(&daily.times)),
        Schedule::Weekly(weekly) => {
            let which = match (weekly.every_weeks, weekly.starting) {
                (1, None) => String::new(),
                (1, Some(date)) => format!(" from {date} on"),
                (weeks, Some(date)) => format!(" of every {weeks} weeks counted from {date}"),
                (weeks, None) => format!(" of every {weeks} weeks"),
            };
            format!("{}{which} at {}", days(weekly.days), times(&weekly.times))
        }
        Schedule::Cron(line) => format!("when `{line}` matches"),
    }
}

fn retention(file: &PolicyFile) -> Vec<String> {
    let retention = &file.retention;
    let mut lines = Vec::new();
    for rule in retention.configured().iter() {
        if let Some(period) = retention.period(rule) {
            lines.push(format!("{rule}: {} kept {period}", which(retention, rule)));
        }
    }
    if let Some(period) = retention.within {
        lines.push(format!("within: every point is kept {period}"));
    }
    for tagged in &retention.tagged {
        lines.push(format!(
            "tagged: points with the tag {} are kept {}",
            tagged.tag, tagged.keep
        ));
    }
    if let Some(count) = retention.keep_last {
        lines.push(format!("keep_last: the newest {count} points are kept"));
    }
    if let Some(count) = retention.minimum_points {
        lines.push(format!(
            "minimum_points: the newest {count} points are never expired"
        ));
    }
    if retention.keeps_for_ever() {
        lines.push("no retention rule: scheduled points are kept for ever".to_owned());
    }
    if !retention.keeps_for_ever() || retention.adhoc_days.is_some() {
        let period = retention.adhoc_period(file.schedule.is_weekly());
        lines.push(format!(
            "adhoc: points made outside of the schedule are kept {period}"
        ));
    }
    lines
}

fn which(retention: &Retention, rule: Rule) -> String {
    let on = match rule {
        Rule::Hourly => return "points of the first slot of each hour are".to_owned(),
        Rule::Weekly => retention.weekly.as_ref().map(|rule| days(rule.days)),
        Rule::Monthly => retention.monthly.as_ref().map(|rule| month_days(&rule.on)),
        Rule::Quarterly => retention
            .quarterly
            .as_ref()
            .map(|rule| format!("{} of jan, apr, jul, oct", month_days(&rule.on))),
        Rule::Yearly => retention.yearly.as_ref().map(|rule| {
            let months = rule.months.iter().map(|month| words::month_word(*month));
            let months: Vec<_> = months.collect();
            format!("{} of {}", month_days(&rule.on), months.join(", "))
        }),
        _ => None,
    };
    let on = on.map(|on| format!(" on {on}")).unwrap_or_default();
    match retention.times(rule) {
        Some(Times::At(at)) => format!("scheduled points{on} at {} are", times(at)),
        _ => format!("scheduled points{on} are"),
    }
}

fn days(days: WeekdaySet) -> String {
    let words: Vec<_> = days.iter(Weekday::Mon).map(words::weekday_word).collect();
    words.join(", ")
}

fn month_days(days: &BTreeSet<MonthDay>) -> String {
    let days: Vec<_> = days.iter().map(ToString::to_string).collect();
    days.join(", ")
}

fn times(times: &BTreeSet<TimeOfDay>) -> String {
    let times: Vec<_> = times.iter().map(ToString::to_string).collect();
    times.join(", ")
}
