//! Notices as people read them: a subject that makes sense in the list of a phone, plain text, and a little HTML that
//! loads nothing from anywhere.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use strongroom_catalog::{AlertClass, AlertState, Severity};

use crate::notice::{Item, Notice, Telling};

const SUBJECT_MAX_CHARS: usize = 120;

/// The line in a list: how bad, which machine, what.
#[must_use]
pub fn subject(notice: &Notice) -> String {
    let machine = clean(&notice.machine);
    let line = match notice.items.as_slice() {
        [] => format!("[Test] {machine}: notices arrive"),
        [item] => one_line(&notice.machine, item),
        items => {
            let worst = items.first().map_or_else(String::new, label);
            format!("[{worst}] {machine}: {}", numbers(items))
        }
    };
    let mut chars = line.chars();
    let cut: String = chars.by_ref().take(SUBJECT_MAX_CHARS).collect();
    if chars.next().is_none() {
        line
    } else {
        cut + "…"
    }
}

/// One item in one line.
pub(crate) fn one_line(machine: &str, item: &Item) -> String {
    let message = clean(&item.alert.message);
    format!("[{}] {}: {message}", label(item), clean(machine))
}

/// All of it as plain text.
#[must_use]
pub fn plain(notice: &Notice) -> String {
    let mut text = headline(notice) + "\n";
    for item in &notice.items {
        text.push('\n');
        for line in lines(item) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    // A failed write is impossible: the text is in memory.
    let _ = write!(text, "\n-- \n{}\n", origin(notice));
    text
}

/// All of it as HTML.
#[must_use]
pub fn html(notice: &Notice) -> String {
    let mut text = format!(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head>\n\
         <body style=\"font-family: sans-serif; max-width: 45em\">\n<p>{}</p>\n",
        escaped(&headline(notice))
    );
    for item in &notice.items {
        let colour = colour(item);
        let _ = writeln!(
            text,
            "<div style=\"border-left: 4px solid {colour}; padding-left: 1em; margin: 1em 0\">"
        );
        for (at, line) in lines(item).iter().enumerate() {
            let line = escaped(line.trim_start());
            let line = if at == 0 {
                format!("<b>{line}</b>")
            } else {
                line
            };
            let _ = writeln!(text, "<p style=\"margin: 0.3em 0\">{line}</p>");
        }
        text.push_str("</div>\n");
    }
    let _ = write!(
        text,
        "<p style=\"color: #666\">{}</p>\n</body></html>\n",
        escaped(&origin(notice))
    );
    text
}

fn headline(notice: &Notice) -> String {
    let machine = clean(&notice.machine);
    match notice.items.len() {
        0 => format!("This is a test from {machine}. Nothing has to be done: notices arrive."),
        1 => format!("{machine} tells:"),
        _ => format!("{machine} tells of {}:", numbers(&notice.items)),
    }
}

fn origin(notice: &Notice) -> String {
    let at = minute(notice.at);
    format!("Strongroom on {}, {at}", clean(&notice.machine))
}

/// The first line is what it is, the others are what to do and what else is known.
fn lines(item: &Item) -> Vec<String> {
    let alert = &item.alert;
    let mut lines = vec![format!("[{}] {}", label(item), clean(&alert.message))];
    let help = alert.help.as_ref().filter(|_| !item.telling.is_end());
    lines.extend(help.map(|help| format!("    What to do: {}", clean(help))));
    let times = match alert.seen_count {
        0 | 1 => format!("    Since {}", minute(alert.first_seen_at)),
        count => format!(
            "    Since {}, {count} times, last {}",
            minute(alert.first_seen_at),
            minute(alert.last_seen_at)
        ),
    };
    let end = alert
        .resolved_at
        .map(|end| format!("; over since {}", minute(end)));
    let taken_up = match alert.state {
        AlertState::Acknowledged => "; somebody has taken it up",
        _ => "",
    };
    lines.push(times + &end.unwrap_or_default() + taken_up);
    let source = alert.source.as_ref();
    let source = source.map_or(String::new(), |source| {
        format!("source {}, ", clean(&source.to_string()))
    });
    lines.push(format!(
        "    {source}code {}, alert {}",
        clean(&alert.code),
        alert.id
    ));
    lines
}

fn label(item: &Item) -> String {
    let what = match item.alert.class {
        AlertClass::Security => "Security",
        _ => severity(item.alert.severity),
    };
    match item.telling {
        Telling::Raised => what.to_owned(),
        Telling::Worse => format!("{what}, worse now"),
        Telling::Again => format!("{what}, again"),
        Telling::Resolved => "Resolved".to_owned(),
        Telling::Passed => format!("{what}, over already"),
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "Information",
        Severity::Warning => "Warning",
        Severity::Error => "Error",
        Severity::Critical => "Critical",
    }
}

fn colour(item: &Item) -> &'static str {
    match (item.telling.is_end(), item.alert.severity) {
        (true, _) => "#2a7f3f",
        (false, Severity::Critical) => "#b00020",
        (false, Severity::Error) => "#d9480f",
        (false, Severity::Warning) => "#b58900",
        (false, Severity::Informational) => "#1c6ea4",
    }
}

/// `3 alerts, 1 that is over`.
fn numbers(items: &[Item]) -> String {
    let over = items.iter().filter(|item| item.telling.is_end()).count();
    let open = items.len() - over;
    let alerts = |count: usize| format!("{count} alert{}", if count == 1 { "" } else { "s" });
    match (open, over) {
        (open, 0) => alerts(open),
        (0, over) => format!("{} resolved", alerts(over)),
        (open, over) => format!("{}, {over} resolved", alerts(open)),
    }
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Names of files may hold anything: what would break lines, hide text or turn its direction is spelled out.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => clean.push(' '),
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                clean.extend(char.escape_unicode());
            }
            char if char.is_control() => clean.extend(char.escape_unicode()),
            char => clean.push(char),
        }
    }
    clean
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            char => escaped.push(char),
        }
    }
    escaped
}
