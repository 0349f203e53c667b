//! Words of policy files, and what somebody may have meant.

use chrono::Weekday;

pub(super) const WEEKDAYS: [(&str, &str, Weekday); 7] = [
    ("mon", "monday", Weekday::Mon),
    ("tue", "tuesday", Weekday::Tue),
    ("wed", "wednesday", Weekday::Wed),
    ("thu", "thursday", Weekday::Thu),
    ("fri", "friday", Weekday::Fri),
    ("sat", "saturday", Weekday::Sat),
    ("sun", "sunday", Weekday::Sun),
];

pub(super) const MONTHS: [(&str, &str, u32); 12] = [
    ("jan", "january", 1),
    ("feb", "february", 2),
    ("mar", "march", 3),
    ("apr", "april", 4),
    ("may", "may", 5),
    ("jun", "june", 6),
    ("jul", "july", 7),
    ("aug", "august", 8),
    ("sep", "september", 9),
    ("oct", "october", 10),
    ("nov", "november", 11),
    ("dec", "december", 12),
];

/// A word from a table of short and long names, in any case.
pub(super) fn named<T: Copy>(table: &[(&str, &str, T)], text: &str) -> Option<T> {
    let text = text.trim().to_ascii_lowercase();
    let is_meant = |(short, long, _): &&(&str, &str, T)| text == *short || text == *long;
    table.iter().find(is_meant).map(|(_, _, value)| *value)
}

pub(super) fn weekday(text: &str) -> Option<Weekday> {
    named(&WEEKDAYS, text)
}

pub(super) fn weekday_word(day: Weekday) -> &'static str {
    let found = WEEKDAYS.iter().find(|(_, _, weekday)| *weekday == day);
    found.map_or("", |(short, _, _)| short)
}

pub(super) fn month_word(month: u32) -> &'static str {
    let found = MONTHS.iter().find(|(_, _, number)| *number == month);
    found.map_or("", |(short, _, _)| short)
}

/// The known word that a text comes closest to, if it comes close.
pub(super) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let distance = |word: &str| strsim::osa_distance(&text, &word.to_lowercase());
    let (distance, word) = known
        .into_iter()
        .map(|word| (distance(word), word))
        .min_by_key(|(distance, _)| *distance)?;
    let is_close = distance <= 1 + word.chars().count() / 4;
    is_close.then_some(word)
}

/// `did you mean …?`, or what there is.
pub(super) fn did_you_mean(text: &str, known: &[&str]) -> String {
    match nearest(text, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("write one of {}", known.join(", ")),
    }
}
