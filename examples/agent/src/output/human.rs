//! Numbers, times and tables for people.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::{DateTime, Local, Utc};
use strongroom::Skipped;
use strongroom::fs::Time;

/// `512 B`, `1.3 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = bytes as f64;
    let mut shown = format!("{bytes} B");
    for unit in UNITS {
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        shown = format!("{value:.1} {unit}");
    }
    shown
}

/// `12,345`.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 file`, `2 files`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        count(number),
        if number == 1 { "" } else { "s" }
    )
}

/// `0.3 s`, `42 s`, `2 min 5 s`, `3 h 10 min`, `4 d 2 h`.
pub(crate) fn duration(duration: Duration) -> String {
    let secs = duration.as_secs();
    match secs {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{secs} s"),
        60..3600 => format!("{} min {} s", secs / 60, secs % 60),
        3600..86_400 => format!("{} h {} min", secs / 3600, secs % 3600 / 60),
        _ => format!("{} d {} h", secs / 86_400, secs % 86_400 / 3600),
    }
}

/// Local time with its zone: `2026-11-03 14:05:09 +01:00`.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local)
        .format("%Y-%m-%d %H:%M:%S %:z")
        .to_string()
}

/// How long ago: `3 h 10 min ago`; the future is `in 3 h 10 min`.
pub(crate) fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (now - at).to_std() {
        Ok(passed) => format!("{} ago", duration(passed)),
        Err(_) => format!("in {}", duration((at - now).to_std().unwrap_or_default())),
    }
}

/// Local minute of a file's time, or its seconds where no calendar reaches.
pub(crate) fn file_time(at: Time) -> String {
    match DateTime::from_timestamp(at.secs, at.nanos) {
        Some(at) => at
            .with_timezone(&Local)
            .format("%Y-%m-%d %H:%M")
            .to_string(),
        None => format!("@{}", at.secs),
    }
}

/// A path as text; what would steer a terminal is escaped.
pub(crate) fn path(path: &[u8]) -> String {
    clean(&String::from_utf8_lossy(path))
}

/// Text without control characters.
pub(crate) fn clean(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// A word for the shell.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Aligned columns under their names.
pub(crate) fn table(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = columns
        .iter()
        .map(|(name, _)| name.chars().count())
        .collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let names = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&names).chain(rows) {
        let mut line = String::new();
        for ((cell, width), (_, align)) in row.iter().zip(&widths).zip(columns) {
            let written = match align {
                Align::Left => write!(line, "{cell:<width$}  "),
                Align::Right => write!(line, "{cell:>width$}  "),
            };
            debug_assert!(written.is_ok());
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.pop();
    text
}

/// Names and values, one a line.
pub(crate) fn fields(fields: &[(&str, String)]) -> String {
    let width = fields
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let lines: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{name:<width$}  {value}"))
        .collect();
    lines.join("\n")
}

/// The first of the entries that were skipped; empty when there were none.
pub(crate) fn skipped(skipped: &[Skipped], skipped_count: u64) -> String {
    const SHOWN_MAX: usize = 20;
    let mut text = String::new();
    if skipped_count == 0 {
        return text;
    }
    text.push_str(&format!("\n\n{} skipped:", count(skipped_count)));
    for one in skipped.iter().take(SHOWN_MAX) {
        text.push_str(&format!("\n  {}: {}", path(&one.path), clean(&one.reason)));
    }
    let shown = skipped.len().min(SHOWN_MAX) as u64;
    if skipped_count > shown {
        text.push_str(&format!(
            "\n  and {} more (--json lists up to 1,000)",
            count(skipped_count - shown)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.0 KiB");
        assert_eq!(bytes(1_395_864_371), "1.3 GiB");
        assert_eq!(bytes((1 << 20) - 1), "1.0 MiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
        assert_eq!(count(0), "0");
        assert_eq!(count(123), "123");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "file"), "1 file");
    }

    #[test]
    fn durations() {
        let of = |secs: f64| duration(Duration::from_secs_f64(secs));
        assert_eq!(of(0.26), "0.3 s");
        assert_eq!(of(42.9), "42 s");
        assert_eq!(of(125.0), "2 min 5 s");
        assert_eq!(of(11_400.0), "3 h 10 min");
        assert_eq!(of(354_000.0), "4 d 2 h");
    }

    #[test]
    fn hostile_names_do_not_steer_the_terminal() {
        assert_eq!(path(b"/a\x1b[31m\n\xff"), "/a\\u{1b}[31m\\n\u{fffd}");
        assert_eq!(path("/ä b".as_bytes()), "/ä b");
    }

    #[test]
    fn words_for_the_shell() {
        assert_eq!(quoted("/a/b-c"), "/a/b-c");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn tables_are_aligned() {
        let rows = [
            vec!["ä".to_owned(), "10".to_owned()],
            vec!["bcd".to_owned(), "1".to_owned()],
        ];
        let text = table(&[("a", Align::Left), ("size", Align::Right)], &rows);
        assert_eq!(text, "a    size\nä      10\nbcd     1");
    }
}
