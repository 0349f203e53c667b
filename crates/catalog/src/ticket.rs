//! Ids of jobs and alerts: short, in the order of making, and not met again in a catalog that begins anew.

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};

/// No id is beyond this: there is always room for another.
const MAX: u64 = 1 << 53;
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The id of what is made now: milliseconds since 1970, or one more than the last one if that is not later.
pub(crate) fn next(last: Option<u64>, now: DateTime<Utc>) -> Result<u64> {
    let of_clock = u64::try_from(now.timestamp_millis())
        .unwrap_or(0)
        .min(MAX / 2);
    let next = last.map_or(0, |last| last.saturating_add(1)).max(of_clock);
    if next > MAX {
        return Err(Error::corrupt("no id is left"));
    }
    Ok(next)
}

/// Crockford's base 32 without zeros in front.
pub(crate) fn text(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = usize::try_from(number % 32).unwrap_or(0);
        digits.extend(DIGITS.get(digit).map(|digit| char::from(*digit)));
        number /= 32;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

/// The number of a text in the form that [`text`] gives it.
pub(crate) fn parse(given: &str) -> Option<u64> {
    let digit = |digit: u8| {
        DIGITS
            .iter()
            .zip(0_u64..)
            .find(|(known, _)| **known == digit)
    };
    let number = given.bytes().try_fold(0_u64, |number, byte| {
        let (_, value) = digit(byte)?;
        Some(number.checked_mul(32)? + value)
    })?;
    (number <= MAX && text(number) == given).then_some(number)
}

/// Makes an id type of its own: an id of a job is none of an alert.
macro_rules! ticket {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub(crate) u64);

        impl $name {
            pub(crate) fn key(self) -> Vec<u8> {
                self.0.to_be_bytes().to_vec()
            }

            pub(crate) fn from_key(key: &[u8]) -> Option<Self> {
                key.try_into().ok().map(u64::from_be_bytes).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::ticket::text(self.0))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let number = $crate::ticket::parse(text);
                number.map(Self).ok_or_else(|| $crate::ParseIdError::new(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::ParseIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    };
}
pub(crate) use ticket;

/// A text that is no id of a job or an alert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no id of a job or an alert")]
pub struct ParseIdError(String);

impl ParseIdError {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.chars().take(64).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_each_other_whatever_the_clock_says() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let first = next(None, at("2026-03-28T12:00:00Z")).unwrap();
        assert_eq!(text(first), "1kmt51fg0");
        assert_eq!(
            next(Some(first), at("2026-03-28T12:00:00Z")).unwrap(),
            first + 1
        );
        assert_eq!(
            next(Some(first), at("1960-01-01T00:00:00Z")).unwrap(),
            first + 1
        );
        assert!(next(Some(first), at("2026-03-28T12:00:01Z")).unwrap() > first + 1);
        assert!(next(Some(first), DateTime::<Utc>::MAX_UTC).unwrap() > first);
        assert!(next(Some(MAX), at("2026-03-28T12:00:00Z")).is_err());
    }

    #[test]
    fn texts_come_back_and_others_are_refused() {
        for number in [0, 1, 31, 32, 1_774_699_200_000, MAX] {
            assert_eq!(parse(&text(number)), Some(number));
        }
        for wrong in ["", "0a", "l", "A", "zzzzzzzzzzzzzz", "1-2", "é"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
