//! Reads `[retention]`.

use std::collections::BTreeSet;

use chrono::WeekdaySet;

use super::reader::{Fields, Node};
use super::schedule::times_of_day;
use super::words;
use crate::retention::{
    DailyRule, MonthDay, MonthlyRule, Nth, Period, QuarterlyRule, Retention, TaggedRule, Times,
    WeeklyRule, YearlyRule,
};

pub(super) const KEYS: &[&str] = &[
    "keep_last",
    "minimum_points",
    "within",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "yearly",
    "tagged",
    "adhoc",
];
const PERIODS: &[&str] = &[
    "keep_hours",
    "keep_days",
    "keep_weeks",
    "keep_months",
    "keep_quarters",
    "keep_years",
];
const TAGGED_KEYS: &[&str] = &[
    "tag",
    "keep_hours",
    "keep_days",
    "keep_weeks",
    "keep_months",
    "keep_quarters",
    "keep_years",
];

/// Points of one source: no vault takes more.
const MOST_POINTS: u32 = 9_999;
const MOST_HOURS: u32 = 239_976;
const MOST_DAYS: u32 = 9_999;
const MOST_WEEKS: u32 = 5_163;
const MOST_MONTHS: u32 = 1_188;
const MOST_QUARTERS: u32 = 396;
const MOST_YEARS: u32 = 99;

/// The least that layers keep, and why.
struct Least {
    days: u32,
    weeks: u32,
    months: u32,
    because: &'static str,
}

impl Least {
    fn new(has_minimums: bool) -> Self {
        if has_minimums {
            Self {
                days: 7,
                weeks: 4,
                months: 3,
                because: " while security.minimums is on",
            }
        } else {
            Self {
                days: 1,
                weeks: 1,
                months: 1,
                because: "",
            }
        }
    }
}

pub(super) fn read(node: &Node<'_, '_>, has_minimums: bool) -> Option<Retention> {
    let fields = node.table(KEYS, "{ daily = { keep_days = 7 } }")?;
    let least = Least::new(has_minimums);
    let mut retention = Retention {
        keep_last: count(&fields, "keep_last"),
        minimum_points: count(&fields, "minimum_points"),
        ..Retention::default()
    };
    let get = |name| fields.get(name);
    retention.within = get("within").and_then(|node| {
        let fields = node.table(PERIODS, "{ keep_days = 3 }")?;
        period(&fields)
    });
    retention.hourly = get("hourly").and_then(|node| {
        let fields = node.table(&["keep_hours"], "{ keep_hours = 48 }")?;
        fields
            .required("keep_hours", "48")?
            .number(1, MOST_HOURS, "")
    });
    retention.daily = get("daily").and_then(|node| daily(&node, &least));
    retention.weekly = get("weekly").and_then(|node| weekly(&node, &least));
    retention.monthly = get("monthly").and_then(|node| monthly(&node, &least));
    retention.quarterly = get("quarterly").and_then(|node| quarterly(&node));
    retention.yearly = get("yearly").and_then(|node| yearly(&node));
    if let Some(node) = get("tagged") {
        let rules = node.array("[ { tag = \"release\", keep_months = 24 } ]")?;
        retention.tagged = rules.iter().filter_map(tagged).collect();
    }
    retention.adhoc_days = get("adhoc").and_then(|node| {
        let fields = node.table(&["keep_days"], "{ keep_days = 7 }")?;
        fields.required("keep_days", "7")?.number(1, MOST_DAYS, "")
    });
    Some(retention)
}

fn count(fields: &Fields<'_, '_>, name: &str) -> Option<u32> {
    fields.get(name)?.number(1, MOST_POINTS, "")
}

/// Exactly one of the `keep_…` keys.
fn period(fields: &Fields<'_, '_>) -> Option<Period> {
    let given: Vec<_> = PERIODS.iter().filter_map(|name| fields.get(name)).collect();
    let [node] = given.as_slice() else {
        let rule = format!("needs exactly one of {}", PERIODS.join(", "));
        fields.problem(rule, "write for example keep_days = 7");
        return None;
    };
    match node.last_key() {
        "keep_hours" => node.number(1, MOST_HOURS, "").map(Period::hours),
        "keep_days" => node.number(1, MOST_DAYS, "").map(Period::days),
        "keep_weeks" => node.number(1, MOST_WEEKS, "").map(Period::weeks),
        "keep_months" => node.number(1, MOST_MONTHS, "").map(Period::months),
        "keep_quarters" => node.number(1, MOST_QUARTERS, "").map(Period::quarters),
        _ => node.number(1, MOST_YEARS, "").map(Period::years),
    }
}

fn times(fields: &Fields<'_, '_>) -> Option<Times> {
    match fields.get("times") {
        None => Some(Times::Every),
        Some(node) => times_of_day(&node).map(Times::At),
    }
}

fn daily(node: &Node<'_, '_>, least: &Least) -> Option<DailyRule> {
    let fields = node.table(&["times", "keep_days"], "{ keep_days = 7 }")?;
    let times = times(&fields);
    let keep = fields.required("keep_days", "7");
    let keep_days = keep?.number(least.days, MOST_DAYS, least.because)?;
    Some(DailyRule {
        times: times?,
        keep_days,
    })
}

fn weekly(node: &Node<'_, '_>, least: &Least) -> Option<WeeklyRule> {
    let example = "{ days = [\"sat\"], keep_weeks = 4 }";
    let fields = node.table(&["days", "times", "keep_weeks"], example)?;
    let days = fields
        .required("days", "[\"sat\"]")
        .and_then(|node| weekdays(&node));
    let times = times(&fields);
    let keep = fields.required("keep_weeks", "4");
    let keep_weeks = keep?.number(least.weeks, MOST_WEEKS, least.because)?;
    Some(WeeklyRule {
        days: days?,
        times: times?,
        keep_weeks,
    })
}

fn monthly(node: &Node<'_, '_>, least: &Least) -> Option<MonthlyRule> {
    let example = "{ on = \"last sat\", keep_months = 12 }";
    let fields = node.table(&["on", "times", "keep_months"], example)?;
    let on = month_days(&fields);
    let times = times(&fields);
    let keep = fields.required("keep_months", "12");
    let keep_months = keep?.number(least.months, MOST_MONTHS, least.because)?;
    Some(MonthlyRule {
        on: on?,
        times: times?,
        keep_months,
    })
}

fn quarterly(node: &Node<'_, '_>) -> Option<QuarterlyRule> {
    let example = "{ on = \"1\", keep_quarters = 8 }";
    let fields = node.table(&["on", "times", "keep_quarters"], example)?;
    let on = month_days(&fields);
    let times = times(&fields);
    let keep = fields.required("keep_quarters", "8");
    let keep_quarters = keep?.number(1, MOST_QUARTERS, "")?;
    Some(QuarterlyRule {
        on: on?,
        times: times?,
        keep_quarters,
    })
}

fn yearly(node: &Node<'_, '_>) -> Option<YearlyRule> {
    let example = "{ months = [\"mar\"], on = \"last sat\", keep_years = 10 }";
    let fields = node.table(&["months", "on", "times", "keep_years"], example)?;
    let months = fields
        .required("months", "[\"mar\"]")
        .and_then(|node| months(&node));
    let on = month_days(&fields);
    let times = times(&fields);
    let keep = fields.required("keep_years", "10");
    let keep_years = keep?.number(1, MOST_YEARS, "")?;
    Some(YearlyRule {
        months: months?,
        on: on?,
        times: times?,
        keep_years,
    })
}

fn tagged(node: &Node<'_, '_>) -> Option<TaggedRule> {
    let fields = node.table(TAGGED_KEYS, "{ tag = \"release\", keep_months = 24 }")?;
    let tag = fields.required("tag", "\"release\"");
    let tag = tag.and_then(|node| node.text("\"release\"").map(|text| (node, text)));
    let keep = period(&fields);
    let (node, tag) = tag?;
    if tag.is_empty() {
        node.problem("is empty", "write the tag of the points that are meant");
        return None;
    }
    Some(TaggedRule {
        tag: tag.to_owned(),
        keep: keep?,
    })
}

/// Days of the week, at least one.
pub(super) fn weekdays(node: &Node<'_, '_>) -> Option<WeekdaySet> {
    let days = node.one_or_many();
    if days.is_empty() {
        node.problem("names no day of the week", "write for example [\"sat\"]");
        return None;
    }
    let mut set = WeekdaySet::EMPTY;
    let mut is_good = true;
    for day in &days {
        let read = day.text("\"sat\"").map(|text| (text, words::weekday(text)));
        match read {
            Some((_, Some(weekday))) => {
                set.insert(weekday);
            }
            Some((text, None)) => {
                let known: Vec<_> = words::WEEKDAYS.iter().map(|(short, _, _)| *short).collect();
                let rule = format!("`{}` is no day of the week", shown(text));
                day.problem(rule, words::did_you_mean(text, &known));
                is_good = false;
            }
            None => is_good = false,
        }
    }
    is_good.then_some(set)
}

fn months(node: &Node<'_, '_>) -> Option<BTreeSet<u32>> {
    let months = node.one_or_many();
    if months.is_empty() {
        node.problem("names no month", "write for example [\"mar\"]");
        return None;
    }
    let mut set = BTreeSet::new();
    for month in &months {
        let text = month.text("\"mar\"")?;
        let Some(number) = words::named(&words::MONTHS, text) else {
            let known: Vec<_> = words::MONTHS.iter().map(|(short, _, _)| *short).collect();
            let rule = format!("`{}` is no month", shown(text));
            month.problem(rule, words::did_you_mean(text, &known));
            return None;
        };
        set.insert(number);
    }
    Some(set)
}

fn month_days(fields: &Fields<'_, '_>) -> Option<BTreeSet<MonthDay>> {
    let node = fields.required("on", "\"last sat\"")?;
    let days = node.one_or_many();
    if days.is_empty() {
        node.problem(
            "names no day of the month",
            "write for example \"last sat\" or [\"30\"]",
        );
        return None;
    }
    days.iter().map(month_day).collect()
}

fn month_day(node: &Node<'_, '_>) -> Option<MonthDay> {
    let text = node.text("[\"30\"]")?;
    let words: Vec<_> = text.split_whitespace().collect();
    let day = match words.as_slice() {
        ["last"] => Some(MonthDay::Last),
        [number] => number
            .parse()
            .ok()
            .filter(|day| {
                (1..=31).contains(day) && number.bytes().all(|byte| byte.is_ascii_digit())
            })
            .map(MonthDay::Day),
        [nth, day] => nth_of(nth)
            .zip(words::weekday(day))
            .map(|(nth, day)| MonthDay::Weekday(nth, day)),
        _ => None,
    };
    if day.is_none() {
        let rule = format!("`{}` is no day of a month", shown(text));
        node.problem(rule, suggestion_for_day(&words));
    }
    day
}

const NTHS: [Nth; 5] = [Nth::First, Nth::Second, Nth::Third, Nth::Fourth, Nth::Last];

fn nth_of(text: &str) -> Option<Nth> {
    NTHS.into_iter()
        .find(|nth| nth.as_str().eq_ignore_ascii_case(text))
}

fn suggestion_for_day(words: &[&str]) -> String {
    if let [nth, day] = words {
        let nths = NTHS.map(Nth::as_str);
        let weekdays = words::WEEKDAYS.map(|(short, _, _)| short);
        let nth = words::nearest(nth, nths);
        let day = words::weekday(day)
            .map(words::weekday_word)
            .or_else(|| words::nearest(day, weekdays));
        if let Some((nth, day)) = nth.zip(day) {
            return format!("did you mean `{nth} {day}`?");
        }
    }
    "write a number from 1 to 31, `last`, or a week and a day such as `last sat` or `first mon`"
        .to_owned()
}

/// The beginning of a text that somebody wrote, on one line.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        shown.push('…');
    }
    shown
}
