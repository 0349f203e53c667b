//! Cron lines in the POSIX dialect, matched in civil time.
//!
//! The crate `cron` does the matching, on civil times that are dressed up as UTC: given a zone with daylight saving
//! time it skips runs, doubles them and goes backwards. Its own dialect counts days of the week from 1 and knows no
//! wrapping ranges, so it is only ever given fields that were read here and spelled out as numbers.

mod field;
mod problem;

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveDateTime};

pub use field::CronField;
use field::{Field, Set};
pub use problem::{CronError, CronProblem};

/// The longest line that is read, bytes.
const LONGEST_BYTES: usize = 1024;

/// The years in which lines match.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2100;

/// A cron line: five fields as POSIX has them (minute, hour, day of the month, month, day of the week), six with
/// seconds first, or one of `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`.
///
/// A field is `*` or a list of numbers, ranges and steps: `1,15`, `1-5`, `*/15`, `8-18/2`, `10/20` (from 10 on).
/// Ranges wrap: `22-2`, `fri-mon`. Months and days of the week may be named by their first three letters. Days of the
/// week are 0 to 7, with 0 and 7 both Sunday, in lines of six fields, too.
///
/// Where both the day of the month and the day of the week are restricted, that is, where neither field begins with
/// `*`, a day matches if *either* does, as in Vixie's cron; else it must match both.
///
/// ```
/// use strongroom_policy::CronLine;
///
/// let line: CronLine = "30 2 * * 1-5".parse()?;
/// assert_eq!(line.to_string(), "30 2 * * 1-5");
/// let error = "30 24 * * *".parse::<CronLine>().unwrap_err();
/// assert_eq!(error.to_string(), "cron line, column 4: hour `24` is not within 0 and 23");
/// # Ok::<(), strongroom_policy::CronError>(())
/// ```
#[derive(Debug, Clone)]
pub struct CronLine {
    text: String,
    fields: Fields,
    /// One, or two of which either may match.
    matchers: Vec<cron::Schedule>,
    is_interval: bool,
}

/// The sets of a line, which say when it matches but not how it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fields {
    sets: [Set; 6],
    either_day: bool,
}

impl CronLine {
    /// True for a line with `*` in its hours, such as `*/15 * * * *` or `0 */6 * * *`: it follows the clock on the
    /// wall. It runs in both occurrences of a repeated hour, and not in a skipped one.
    #[must_use]
    pub fn is_interval(&self) -> bool {
        self.is_interval
    }

    /// The first civil time after `local` that matches; nothing after the year 2100.
    #[must_use]
    pub fn next_civil(&self, local: NaiveDateTime) -> Option<NaiveDateTime> {
        let first = NaiveDate::from_ymd_opt(*YEARS.start() - 1, 12, 31)?.and_hms_opt(23, 59, 59)?;
        let local = local.max(first);
        // The matcher adds a second, which must not overflow.
        if local.year() > *YEARS.end() {
            return None;
        }
        let local = local.and_utc();
        let next = |matcher: &cron::Schedule| matcher.after(&local).next();
        let next = self.matchers.iter().filter_map(next).min()?;
        Some(next.naive_utc())
    }
}

impl FromStr for CronLine {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        if text.len() > LONGEST_BYTES {
            let most = LONGEST_BYTES;
            return Err(CronError::line(CronProblem::TooLong { most }));
        }
        let trimmed = text.trim();
        if trimmed.starts_with('@') {
            let meaning = named(trimmed).ok_or_else(|| {
                let name = trimmed.to_owned();
                CronError::at(text, trimmed, None, CronProblem::UnknownName { name })
            })?;
            let line: Self = meaning.parse()?;
            let text = trimmed.to_owned();
            return Ok(Self { text, ..line });
        }
        let line = Self::read(text)?;
        if line.next_civil(NaiveDateTime::MIN).is_none() {
            return Err(CronError::line(CronProblem::Never));
        }
        Ok(line)
    }
}

impl CronLine {
    fn read(text: &str) -> Result<Self, CronError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (second, rest) = match words.as_slice() {
            rest @ [_, _, _, _, _] => ("0", rest),
            [second, rest @ ..] if rest.len() == 5 => (*second, rest),
            _ => {
                let found = words.len();
                return Err(CronError::line(CronProblem::FieldsCount { found }));
            }
        };
        let [minute, hour, day, month, weekday] = *rest else {
            return Err(CronError::line(CronProblem::FieldsCount {
                found: rest.len(),
            }));
        };
        let words = [second, minute, hour, day, month, weekday];
        let mut sets = [Set::default(); 6];
        for ((set, word), field) in sets.iter_mut().zip(words).zip(CronField::ALL) {
            *set = Field { line: text, field }.read(word)?;
        }
        let either_day = !day.starts_with('*') && !weekday.starts_with('*');
        let fields = Fields { sets, either_day };
        Ok(Self {
            text: text.trim().to_owned(),
            matchers: fields.matchers()?,
            fields,
            is_interval: hour.contains('*'),
        })
    }
}

impl Fields {
    fn matchers(&self) -> Result<Vec<cron::Schedule>, CronError> {
        let [second, minute, hour, day, month, weekday] = self.sets;
        let every_day = Set::every(CronField::DayOfMonth);
        let every_weekday = Set::every(CronField::DayOfWeek);
        let pairs = if self.either_day {
            vec![(day, every_weekday), (every_day, weekday)]
        } else {
            vec![(day, weekday)]
        };
        let spell = |(day, weekday): (Set, Set)| {
            let days = [
                second.spelled(0),
                minute.spelled(0),
                hour.spelled(0),
                day.spelled(0),
                month.spelled(0),
                weekday.spelled(1), // the matcher's Sunday is 1
            ];
            let line = days.join(" ");
            cron::Schedule::from_str(&line).map_err(|_| CronError::line(CronProblem::Never))
        };
        pairs.into_iter().map(spell).collect()
    }
}

impl fmt::Display for CronLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Lines are equal that match the same civil times by the same rules, however they are written.
impl PartialEq for CronLine {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields && self.is_interval == other.is_interval
    }
}

impl Eq for CronLine {}

fn named(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        _ => return None,
    })
}
