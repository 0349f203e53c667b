//! Writes a policy file.

use std::collections::BTreeSet;

use chrono::{Weekday, WeekdaySet};

use super::words;
use super::{Hooks, PolicyFile, Security, Snapshot, SourceSpec};
use crate::retention::{MonthDay, Period, PeriodUnit, Retention, Rule, Times};

pub(super) fn to_toml(file: &PolicyFile) -> String {
    let mut out = String::new();
    if let Some(zone) = file.time_zone {
        line(&mut out, "time_zone", &quoted(zone.name()));
    }
    if !file.sources.is_empty() {
        let sources: Vec<_> = file
            .sources
            .iter()
            .map(|source| format!("    {{ {} }},\n", source_fields(source).join(", ")))
            .collect();
        line(&mut out, "sources", &format!("[\n{}]", sources.concat()));
    }
    super::schedule::write(&mut out, file);
    retention(&mut out, &file.retention);
    super::throttle::write(&mut out, file.throttle.as_ref());
    if file.security != Security::default() {
        out.push_str("\n[security]\n");
        line(
            &mut out,
            "soft_delete_days",
            &file.security.soft_delete_days.to_string(),
        );
        line(&mut out, "minimums", &file.security.minimums.to_string());
    }
    if file.hooks != Hooks::default() {
        out.push_str("\n[hooks]\n");
        line(&mut out, "before_backup", &texts(&file.hooks.before_backup));
        line(&mut out, "after_backup", &texts(&file.hooks.after_backup));
        line(
            &mut out,
            "timeout_secs",
            &file.hooks.timeout_secs.to_string(),
        );
    }
    out
}

fn source_fields(source: &SourceSpec) -> Vec<String> {
    let mut fields = vec![format!("name = {}", quoted(&source.name))];
    match source.system_state {
        true => fields.push("system_state = true".to_owned()),
        false => fields.push(format!("paths = {}", texts(&source.paths))),
    }
    if !source.exclude.is_empty() {
        fields.push(format!("exclude = {}", texts(&source.exclude)));
    }
    if let Some(bytes) = source.exclude_larger_than_bytes {
        fields.push(format!("exclude_larger_than = \"{bytes}\""));
    }
    for (is_set, key) in [
        (source.exclude_caches, "exclude_caches"),
        (source.one_file_system, "one_file_system"),
    ] {
        if is_set {
            fields.push(format!("{key} = true"));
        }
    }
    if source.snapshot != Snapshot::None {
        fields.push(format!("snapshot = {}", quoted(source.snapshot.as_str())));
    }
    fields
}

pub(super) fn line(out: &mut String, key: &str, value: &str) {
    out.push_str(&format!("{key} = {value}\n"));
}

fn retention(out: &mut String, retention: &Retention) {
    let tagged = retention
        .tagged
        .iter()
        .map(|rule| format!("{{ tag = {}, {} }}", quoted(&rule.tag), period(rule.keep)));
    let tagged = (!retention.tagged.is_empty()).then(|| list(tagged));
    let within = retention
        .within
        .map(|keep| format!("{{ {} }}", period(keep)));
    let hourly = retention
        .hourly
        .map(|hours| format!("{{ keep_hours = {hours} }}"));
    let adhoc = retention
        .adhoc_days
        .map(|days| format!("{{ keep_days = {days} }}"));
    let lines = [
        (
            "keep_last",
            retention.keep_last.map(|count| count.to_string()),
        ),
        (
            "minimum_points",
            retention.minimum_points.map(|count| count.to_string()),
        ),
        ("within", within),
        ("hourly", hourly),
        ("daily", layer(retention, Rule::Daily)),
        ("weekly", layer(retention, Rule::Weekly)),
        ("monthly", layer(retention, Rule::Monthly)),
        ("quarterly", layer(retention, Rule::Quarterly)),
        ("yearly", layer(retention, Rule::Yearly)),
        ("tagged", tagged),
        ("adhoc", adhoc),
    ];
    if lines.iter().any(|(_, value)| value.is_some()) {
        out.push_str("\n[retention]\n");
    }
    for (key, value) in lines {
        if let Some(value) = value {
            line(out, key, &value);
        }
    }
}

/// A layer that marks slots by date: its days, its times and how long it keeps.
fn layer(retention: &Retention, rule: Rule) -> Option<String> {
    let days = match rule {
        Rule::Weekly => format!("days = {}", weekdays(retention.weekly.as_ref()?.days)),
        Rule::Monthly => on(&retention.monthly.as_ref()?.on),
        Rule::Quarterly => on(&retention.quarterly.as_ref()?.on),
        Rule::Yearly => {
            let yearly = retention.yearly.as_ref()?;
            let months = yearly
                .months
                .iter()
                .map(|month| quoted(words::month_word(*month)));
            format!("months = {}, {}", list(months), on(&yearly.on))
        }
        _ => String::new(),
    };
    let keep = period(retention.period(rule)?);
    Some(table([days, times(retention.times(rule)?), keep]))
}

fn period(period: Period) -> String {
    let unit = match period.unit {
        PeriodUnit::Hours => "hours",
        PeriodUnit::Days => "days",
        PeriodUnit::Weeks => "weeks",
        PeriodUnit::Months => "months",
        PeriodUnit::Quarters => "quarters",
        PeriodUnit::Years => "years",
    };
    format!("keep_{unit} = {}", period.count)
}

/// An inline table of the fields that are not empty.
pub(super) fn table<const N: usize>(fields: [String; N]) -> String {
    let fields: Vec<_> = fields
        .into_iter()
        .filter(|field| !field.is_empty())
        .collect();
    format!("{{ {} }}", fields.join(", "))
}

fn times(times: &Times) -> String {
    match times {
        Times::Every => String::new(),
        Times::At(times) => {
            format!(
                "times = {}",
                list(times.iter().map(|time| quoted(&time.to_string())))
            )
        }
    }
}

fn on(days: &BTreeSet<MonthDay>) -> String {
    format!(
        "on = {}",
        list(days.iter().map(|day| quoted(&day.to_string())))
    )
}

pub(super) fn weekdays(days: WeekdaySet) -> String {
    list(
        days.iter(Weekday::Mon)
            .map(|day| quoted(words::weekday_word(day))),
    )
}

pub(super) fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}

fn texts(texts: &[String]) -> String {
    list(texts.iter().map(|text| quoted(text)))
}

/// A basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
