//! One field of a cron line, read into the set of its values.

use std::fmt;

use super::problem::{CronError, CronProblem};

/// Which field of a cron line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CronField {
    /// Seconds, 0 to 59.
    Second,
    /// Minutes, 0 to 59.
    Minute,
    /// Hours, 0 to 23.
    Hour,
    /// Days of the month, 1 to 31.
    DayOfMonth,
    /// Months, 1 to 12 or `jan` to `dec`.
    Month,
    /// Days of the week, 0 to 7 or `sun` to `sat`; 0 and 7 are both Sunday.
    DayOfWeek,
}

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl CronField {
    pub(super) const ALL: [Self; 6] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::DayOfMonth,
        Self::Month,
        Self::DayOfWeek,
    ];

    /// The least value that may be written.
    #[must_use]
    pub fn least(self) -> u8 {
        match self {
            Self::DayOfMonth | Self::Month => 1,
            _ => 0,
        }
    }

    /// The greatest value that may be written.
    #[must_use]
    pub fn most(self) -> u8 {
        match self {
            Self::Second | Self::Minute => 59,
            Self::Hour => 23,
            Self::DayOfMonth => 31,
            Self::Month => 12,
            Self::DayOfWeek => 7,
        }
    }

    /// The greatest value that differs from all below it: Sunday is 0, and 7 is another word for it.
    fn last(self) -> u8 {
        match self {
            Self::DayOfWeek => 6,
            _ => self.most(),
        }
    }

    /// The names that stand for values, from the least on.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => MONTHS,
            Self::DayOfWeek => WEEKDAYS,
            _ => &[],
        }
    }
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of the month",
            Self::Month => "month",
            Self::DayOfWeek => "day of the week",
        })
    }
}

/// A set of values of a field, one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    pub(super) fn every(field: CronField) -> Self {
        let values = field.least()..=field.last();
        Self(values.fold(0, |bits, value| bits | 1 << value))
    }

    /// As a list of numbers, each higher by `plus`.
    pub(super) fn spelled(self, plus: u8) -> String {
        let values = (0..64u8).filter(|value| self.0 >> value & 1 == 1);
        let numbers: Vec<String> = values.map(|value| (value + plus).to_string()).collect();
        numbers.join(",")
    }
}

/// A field and the line that it stands in, which errors point into.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) line: &'a str,
    pub(super) field: CronField,
}

impl Field<'_> {
    pub(super) fn read(self, word: &str) -> Result<Set, CronError> {
        let mut set = Set::default();
        for item in word.split(',') {
            set.0 |= self.item(item)?.0;
        }
        Ok(set)
    }

    /// A number, a range, `*`, or one of these with a step.
    fn item(self, item: &str) -> Result<Set, CronError> {
        if item.is_empty() {
            return Err(self.error(item, CronProblem::NothingBetweenCommas));
        }
        let (values, step) = match item.split_once('/') {
            Some((values, step)) => (values, Some((self.step(step)?, step))),
            None => (item, None),
        };
        let (first, last) = match values.split_once('-') {
            _ if values == "*" => (self.field.least(), self.field.last()),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None => {
                let first = self.value(values)?;
                // `10/20` goes on to the end of the field.
                let last = if step.is_some() {
                    self.field.last()
                } else {
                    first
                };
                (first, last)
            }
        };
        let values = self.cycle(first, last);
        match step {
            Some((step, text)) if usize::from(step) > values.len() => {
                let most = u8::try_from(values.len()).unwrap_or(u8::MAX);
                Err(self.error(text, CronProblem::Step { most }))
            }
            Some((step, _)) => Ok(collect(values.into_iter().step_by(usize::from(step)))),
            None => Ok(collect(values.into_iter())),
        }
    }

    /// The values from `first` to `last`, over the end of the field where `last` is the lower one. Values are those
    /// of the field, 7 for Sunday included.
    fn cycle(self, first: u8, last: u8) -> Vec<u8> {
        if first <= last {
            return (first..=last).map(|value| self.plain(value)).collect();
        }
        let first = self.plain(first);
        let last = self.plain(last);
        if first <= last {
            return (first..=last).collect();
        }
        let to_the_end = first..=self.field.last();
        to_the_end.chain(self.field.least()..=last).collect()
    }

    fn plain(self, value: u8) -> u8 {
        if value > self.field.last() {
            self.field.least()
        } else {
            value
        }
    }

    fn value(self, text: &str) -> Result<u8, CronError> {
        let names = self.field.names().iter();
        let mut named = names.zip(self.field.least()..);
        if let Some((_, value)) = named.find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Ok(value);
        }
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let problem = CronProblem::NotAValue {
                text: text.to_owned(),
            };
            return Err(self.error(text, problem));
        }
        let (least, most) = (self.field.least(), self.field.most());
        match text.parse() {
            Ok(value) if (least..=most).contains(&value) => Ok(value),
            _ => {
                let problem = CronProblem::OutOfRange {
                    text: text.to_owned(),
                    least,
                    most,
                };
                Err(self.error(text, problem))
            }
        }
    }

    fn step(self, text: &str) -> Result<u8, CronError> {
        let most = self.field.last() - self.field.least() + 1;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(step) if is_number && step > 0 => Ok(step),
            _ => Err(self.error(text, CronProblem::Step { most })),
        }
    }

    fn error(self, part: &str, problem: CronProblem) -> CronError {
        CronError::at(self.line, part, Some(self.field), problem)
    }
}

fn collect(values: impl Iterator<Item = u8>) -> Set {
    Set(values.fold(0, |bits, value| bits | 1 << value))
}
