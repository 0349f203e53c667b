//! Two lines on a terminal: what is read or written, and what goes to or comes from the store.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::counters::{Rates, Seen};
use crate::output::{human, tell};

pub(super) struct Bars {
    both: MultiProgress,
    work: ProgressBar,
    store: ProgressBar,
}

impl Bars {
    pub(super) fn new() -> Self {
        let both = MultiProgress::new();
        let style = |template: &str| {
            let style = ProgressStyle::with_template(template);
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ")
        };
        let work =
            both.add(ProgressBar::new(0).with_style(style("{prefix:9} [{bar:24}] {wide_msg}")));
        let store = both.add(ProgressBar::new(0).with_style(style("{prefix:9} {wide_msg}")));
        store.set_prefix("store");
        Self { both, work, store }
    }

    pub(super) fn show(&self, seen: &Seen, rates: &Rates) {
        self.work.set_prefix(seen.verb);
        self.work.set_length(seen.expected_bytes.max(1));
        self.work.set_position(seen.done_bytes);
        self.work.set_message(work(seen, rates));
        let current = human::path(&seen.current);
        self.store
            .set_message(format!("{}  {current}", store(seen, rates)));
    }

    /// A line above the bars.
    pub(super) fn print(&self, line: &str) {
        self.both.suspend(|| tell(line));
    }

    pub(super) fn clear(&self) {
        self.work.finish_and_clear();
        self.store.finish_and_clear();
    }
}

/// The same in one line without a terminal.
pub(super) fn line(seen: &Seen, rates: &Rates) -> String {
    format!(
        "{}: {}; store: {}",
        seen.verb,
        work(seen, rates),
        store(seen, rates)
    )
}

fn work(seen: &Seen, rates: &Rates) -> String {
    let noun = if seen.verb == "verifying" {
        "object"
    } else {
        "file"
    };
    let mut text = human::counted(seen.done_files, noun);
    text.push_str(&format!(", {}", human::bytes(seen.done_bytes)));
    if seen.expected_bytes > seen.done_bytes {
        text.push_str(&format!(" of {}", human::bytes(seen.expected_bytes)));
    }
    text.push_str(&format!(", {}/s", rate(rates.done.per_sec())));
    if let Some(left) = rates.left(seen) {
        text.push_str(&format!(", {} left", human::duration(left)));
    }
    text
}

fn store(seen: &Seen, rates: &Rates) -> String {
    let mut text = format!(
        "{}, {}/s",
        human::bytes(seen.transferred_bytes),
        rate(rates.transferred.per_sec())
    );
    if let Some(most) = seen.throttled_to {
        text.push_str(&format!(" (throttled to {most})"));
    }
    text
}

fn rate(bytes_per_sec: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of floats saturate"
    )]
    human::bytes(bytes_per_sec as u64)
}

#[cfg(test)]
mod tests {
    use super::super::counters::Rate;
    use super::*;

    #[test]
    fn a_plain_line_says_it_all() {
        let seen = Seen {
            verb: "reading",
            done_files: 1200,
            done_bytes: 3 << 20,
            expected_bytes: 5 << 20,
            transferred_bytes: 1 << 20,
            ..Seen::default()
        };
        let mut rates = Rates::default();
        assert_eq!(
            line(&seen, &rates),
            "reading: 1,200 files, 3.0 MiB of 5.0 MiB, 0 B/s; store: 1.0 MiB, 0 B/s"
        );
        let throttled = Seen {
            throttled_to: "512 Kbps".parse().ok(),
            ..seen.clone()
        };
        assert!(
            line(&throttled, &rates).ends_with("store: 1.0 MiB, 0 B/s (throttled to 512 Kbps)")
        );
        rates.done = Rate::steady(1024.0 * 1024.0);
        assert!(line(&seen, &rates).contains("1.0 MiB/s, 2.0 s left"));
    }
}
