//! What can be wrong with a cron line, where, and what to write instead.

use std::fmt;

use super::field::CronField;

/// What is wrong with a cron line, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronError {
    column: usize,
    field: Option<CronField>,
    problem: CronProblem,
}

/// What is wrong with a cron line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CronProblem {
    /// Neither five fields nor six.
    FieldsCount {
        /// How many there are.
        found: usize,
    },
    /// A line of more bytes than any sensible one has.
    TooLong {
        /// The most allowed, bytes.
        most: usize,
    },
    /// A name with `@` that stands for no line.
    UnknownName {
        /// The name.
        name: String,
    },
    /// A list with an empty item.
    NothingBetweenCommas,
    /// Neither a number nor a name that the field has.
    NotAValue {
        /// What is there.
        text: String,
    },
    /// A number that the field does not have.
    OutOfRange {
        /// The number.
        text: String,
        /// The least value of the field.
        least: u8,
        /// The greatest value of the field.
        most: u8,
    },
    /// A step that is zero, no number, or longer than what it steps through.
    Step {
        /// The longest step allowed here.
        most: u8,
    },
    /// No date matches, as of 30 February.
    Never,
}

impl CronError {
    pub(super) fn line(problem: CronProblem) -> Self {
        Self {
            column: 1,
            field: None,
            problem,
        }
    }

    /// `part` must be a slice of `line`: its address tells where it stands.
    pub(super) fn at(
        line: &str,
        part: &str,
        field: Option<CronField>,
        problem: CronProblem,
    ) -> Self {
        let offset = part.as_ptr().addr().wrapping_sub(line.as_ptr().addr());
        let before = line.get(..offset).unwrap_or_default();
        Self {
            column: before.chars().count() + 1,
            field,
            problem,
        }
    }

    /// Where in the line the fault is: characters, from 1 on.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The field that is wrong; none where it is the line.
    #[must_use]
    pub fn field(&self) -> Option<CronField> {
        self.field
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &CronProblem {
        &self.problem
    }

    /// What to write instead, as a sentence without its full stop.
    #[must_use]
    pub fn help(&self) -> String {
        let field = self.field;
        match &self.problem {
            CronProblem::FieldsCount { found: 7 } => {
                "leave the year away: the fields are second, minute, hour, day of the month, month, day of the week"
                    .to_owned()
            }
            CronProblem::FieldsCount { .. } => {
                "write minute, hour, day of the month, month, day of the week, as in `30 2 * * 1-5`".to_owned()
            }
            CronProblem::TooLong { .. } => "use ranges and steps, as in `*/15`".to_owned(),
            CronProblem::UnknownName { name } if name.eq_ignore_ascii_case("@reboot") => {
                "name a time: backups cannot be scheduled by starts of the machine".to_owned()
            }
            CronProblem::UnknownName { .. } => {
                "names are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually".to_owned()
            }
            CronProblem::NothingBetweenCommas => "take the comma away, or write a value beside it".to_owned(),
            CronProblem::NotAValue { text } => not_a_value(field, text),
            CronProblem::OutOfRange { least, most, .. } => match field {
                Some(CronField::DayOfWeek) => "days are 0 to 7, where 0 and 7 are both Sunday, or sun to sat".to_owned(),
                Some(field) => format!("the {field} goes from {least} to {most}"),
                None => format!("write {least} to {most}"),
            },
            CronProblem::Step { most: 1 } => "leave the step away: it steps through one value".to_owned(),
            CronProblem::Step { most } => format!("steps here are 1 to {most}, as in `*/{}`", (most / 2).max(1)),
            CronProblem::Never => "no month of those given has such a day".to_owned(),
        }
    }
}

fn not_a_value(field: Option<CronField>, text: &str) -> String {
    let names = field.map(CronField::names).unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    if let Some(name) = names.iter().find(|name| lower.starts_with(*name)) {
        return format!("write `{name}`");
    }
    match text {
        "?" => "write `*`".to_owned(),
        "" => "write a number on either side".to_owned(),
        _ if text.contains(['L', 'W', '#', 'l', 'w']) && names.is_empty() => {
            "`L`, `W` and `#` are not known: name days by number, or use a weekly or monthly rule"
                .to_owned()
        }
        _ => match (names, field) {
            ([first, .., last], Some(field)) => {
                let (least, most) = (field.least(), field.most());
                format!("write {least} to {most}, or {first} to {last}")
            }
            (_, Some(field)) => format!("write {} to {}", field.least(), field.most()),
            _ => "write a number".to_owned(),
        },
    }
}

impl fmt::Display for CronError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cron line, column {}: ", self.column)?;
        if let Some(field) = self.field {
            write!(f, "{field} ")?;
        }
        match &self.problem {
            CronProblem::FieldsCount { found } => {
                write!(f, "{found} fields, where five or six are needed")
            }
            CronProblem::TooLong { most } => write!(f, "longer than {most} bytes"),
            CronProblem::UnknownName { name } => write!(f, "`{name}` is not a known name"),
            CronProblem::NothingBetweenCommas => f.write_str("has an empty item in its list"),
            CronProblem::NotAValue { text } => write!(f, "`{text}` is not a value"),
            CronProblem::OutOfRange { text, least, most } => {
                write!(f, "`{text}` is not within {least} and {most}")
            }
            CronProblem::Step { most } => write!(f, "has a step that is not within 1 and {most}"),
            CronProblem::Never => f.write_str("no date ever matches"),
        }
    }
}

impl std::error::Error for CronError {}
