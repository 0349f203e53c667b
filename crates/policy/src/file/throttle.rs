//! Reads and writes `[throttle]`.

use chrono::{Weekday, WeekdaySet};

use super::reader::{Fields, Node};
use super::retention::weekdays;
use super::write::{line, quoted, weekdays as weekday_list};
use crate::{Rate, ThrottleCalendar, WorkHours};

const KEYS: &[&str] = &["work_days", "work_hours", "work_rate", "other_rate"];

pub(super) fn read(node: &Node<'_, '_>) -> Option<ThrottleCalendar> {
    let fields = node.table(KEYS, "{ work_rate = \"512 Kbps\" }")?;
    let work_days = match fields.get("work_days") {
        None => Some(from_monday_to_friday()),
        Some(node) => weekdays(&node),
    };
    let hours = fields.required("work_hours", "\"09:00-18:00\"");
    let hours = hours.and_then(|node| work_hours(&node));
    if fields.get("work_rate").is_none() && fields.get("other_rate").is_none() {
        let rule = "needs work_rate, other_rate or both";
        fields.problem(rule, "add for example work_rate = \"512 Kbps\"");
        return None;
    }
    let (work_rate, other_rate) = (rate(&fields, "work_rate"), rate(&fields, "other_rate"));
    Some(ThrottleCalendar::new(work_days?, hours?).with_rates(work_rate?, other_rate?))
}

fn from_monday_to_friday() -> WeekdaySet {
    use Weekday::{Fri, Mon, Thu, Tue, Wed};
    WeekdaySet::from_array([Mon, Tue, Wed, Thu, Fri])
}

fn work_hours(node: &Node<'_, '_>) -> Option<WorkHours> {
    let text = node.text("\"09:00-18:00\"")?;
    match text.parse() {
        Ok(hours) => Some(hours),
        Err(error) => {
            let error: crate::Error = error;
            node.problem(
                error.to_string(),
                "write from and to, such as \"09:00-18:00\"",
            );
            None
        }
    }
}

/// A rate; one that is absent does not throttle.
fn rate(fields: &Fields<'_, '_>, name: &str) -> Option<Rate> {
    let Some(node) = fields.get(name) else {
        return Some(Rate::MOST);
    };
    match node.text("\"512 Kbps\"")?.parse::<Rate>() {
        Ok(rate) => Some(rate),
        Err(error) => {
            let suggestion =
                "write a number and a unit: Kbps and Mbps count bits, KBps and MBps bytes";
            node.problem(error.to_string(), suggestion);
            None
        }
    }
}

pub(super) fn write(out: &mut String, calendar: Option<&ThrottleCalendar>) {
    let Some(calendar) = calendar else {
        return;
    };
    out.push_str("\n[throttle]\n");
    line(out, "work_days", &weekday_list(calendar.work_days()));
    line(
        out,
        "work_hours",
        &quoted(&calendar.work_hours().to_string()),
    );
    line(out, "work_rate", &quoted(&calendar.work_rate().to_string()));
    line(
        out,
        "other_rate",
        &quoted(&calendar.other_rate().to_string()),
    );
}
