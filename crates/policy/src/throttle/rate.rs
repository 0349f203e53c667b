//! Rates of transfer, in bits and bytes told apart.

use std::fmt;
use std::str::FromStr;

/// A rate of transfer: 512 Kbps to 1023 MBps.
///
/// It is written as a number, which may have decimals, and a unit: `bps`, `Kbps`, `Mbps`, `Gbps` are bits a second,
/// `Bps`, `KBps`, `MBps`, `GBps` are bytes. `K` is a thousand, as networks have it.
///
/// ```
/// use strongroom_policy::Rate;
///
/// assert_eq!("512 Kbps".parse::<Rate>()?.bits_per_sec(), 512_000);
/// assert_eq!("1.5 MBps".parse::<Rate>()?.bits_per_sec(), 12_000_000);
/// assert!("511 Kbps".parse::<Rate>().is_err());
/// # Ok::<(), strongroom_policy::ParseRateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate {
    bits_per_sec: u64,
}

/// Text that is not a rate, or one that is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseRateError {
    /// Not a number and a unit.
    #[error("`{0}` is not a rate such as 512 Kbps or 1.5 MBps")]
    NotARate(String),
    /// The unit is not one of those known; upper and lower case matter.
    #[error("`{0}` is not one of bps, Kbps, Mbps, Gbps (bits) and Bps, KBps, MBps, GBps (bytes)")]
    Unit(String),
    /// Too slow or too fast.
    #[error("{0} is not within 512 Kbps and 1023 MBps")]
    OutOfRange(String),
}

/// Decimals that are read; every unit but `bps` and `Bps` has whole bits down to there.
const MOST_DECIMALS: usize = 3;

impl Rate {
    /// The slowest rate allowed: 512 Kbps.
    pub const LEAST: Self = Self {
        bits_per_sec: 512_000,
    };
    /// The fastest rate allowed: 1023 MBps.
    pub const MOST: Self = Self {
        bits_per_sec: 1_023 * 8_000_000,
    };

    /// A rate in bits a second; nothing where it is not within [`Rate::LEAST`] and [`Rate::MOST`].
    #[must_use]
    pub fn from_bits_per_sec(bits_per_sec: u64) -> Option<Self> {
        let rate = Self { bits_per_sec };
        (Self::LEAST..=Self::MOST).contains(&rate).then_some(rate)
    }

    /// Bits a second.
    #[must_use]
    pub fn bits_per_sec(self) -> u64 {
        self.bits_per_sec
    }
}

impl FromStr for Rate {
    type Err = ParseRateError;

    fn from_str(text: &str) -> Result<Self, ParseRateError> {
        let fail = || ParseRateError::NotARate(text.to_owned());
        let text = text.trim();
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(fail)?;
        let (number, unit) = text.split_at(end);
        let unit = unit.trim_start();
        let unit_bits = unit_bits(unit).ok_or_else(|| ParseRateError::Unit(unit.to_owned()))?;
        let thousandths = thousandths(number).ok_or_else(fail)?;
        let bits = thousandths.checked_mul(unit_bits);
        let bits = bits.filter(|bits| bits.is_multiple_of(1000));
        bits.and_then(|bits| Self::from_bits_per_sec(bits / 1000))
            .ok_or_else(|| ParseRateError::OutOfRange(text.to_owned()))
    }
}

fn unit_bits(unit: &str) -> Option<u64> {
    let (prefix, bits) = match unit.strip_suffix("bps") {
        Some(prefix) => (prefix, 1),
        None => (unit.strip_suffix("Bps")?, 8),
    };
    let factor = match prefix {
        "" => 1,
        "K" | "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => return None,
    };
    Some(factor * bits)
}

fn thousandths(number: &str) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    if decimals.is_empty() || decimals.len() > MOST_DECIMALS {
        return None;
    }
    let decimals: u64 = format!("{decimals:0<MOST_DECIMALS$}").parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    whole.checked_mul(1000)?.checked_add(decimals)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.bits_per_sec;
        match bits {
            _ if bits.is_multiple_of(8_000_000) => write!(f, "{} MBps", bits / 8_000_000),
            _ if bits.is_multiple_of(1_000_000) => write!(f, "{} Mbps", bits / 1_000_000),
            _ if bits.is_multiple_of(1_000) => write!(f, "{} Kbps", bits / 1_000),
            _ => write!(f, "{bits} bps"),
        }
    }
}
