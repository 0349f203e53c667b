//! Security PINs: digits that whoever holds a secret makes for one operation, good for five minutes and once.

use crate::SecretKey;
use crate::mac::mac;

/// For how long a PIN is good, seconds.
pub const VALID_SECS: u64 = 300;
/// How far the clock on which a PIN was made may be ahead, seconds.
pub const SKEW_SECS: u64 = 60;
/// How long a PIN that is good no longer is told from a wrong one, seconds.
const REMEMBERED_SECS: u64 = 3600;
const DIGITS: usize = 10;
const CODES: u64 = 10_000_000_000;

/// What became of a PIN.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is good; it was made at this time, seconds since 1970.
    Good(u64),
    /// It was, and is no longer.
    Expired,
    /// It was not made for this operation, nor with this secret.
    Wrong,
}

/// The digits for this operation at this time, seconds since 1970.
#[must_use]
pub fn make(secret: &SecretKey, operation: &str, at_secs: u64) -> String {
    let digits = format!("{:010}", number(secret, operation, at_secs));
    let (first, second) = digits.split_at(DIGITS / 2);
    format!("{first}-{second}")
}

/// Whether these digits are good for this operation now. Blanks and hyphens do not count.
#[must_use]
pub fn check(secret: &SecretKey, operation: &str, digits: &str, now_secs: u64) -> Checked {
    let bare: String = digits
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '\n' | '\r'))
        .collect();
    let is_number = bare.len() == DIGITS && bare.bytes().all(|byte| byte.is_ascii_digit());
    let Some(given) = bare.parse::<u64>().ok().filter(|_| is_number) else {
        return Checked::Wrong;
    };
    let newest = now_secs.saturating_add(SKEW_SECS);
    let oldest = now_secs.saturating_sub(VALID_SECS + REMEMBERED_SECS);
    // Every candidate is looked at, whichever it is: how long it takes tells nothing.
    let mut found = Checked::Wrong;
    for at in oldest..=newest {
        if number(secret, operation, at) == given {
            found = match at.saturating_add(VALID_SECS) < now_secs {
                true if found == Checked::Wrong => Checked::Expired,
                true => found,
                false => Checked::Good(at),
            };
        }
    }
    found
}

/// A name for a PIN that tells nothing about it, to note that it was used.
#[must_use]
pub fn mark(secret: &SecretKey, operation: &str, at_secs: u64) -> [u8; 16] {
    let full = hash(secret, b"used", operation, at_secs);
    full.first_chunk().copied().unwrap_or_default()
}

fn number(secret: &SecretKey, operation: &str, at_secs: u64) -> u64 {
    let full = hash(secret, b"code", operation, at_secs);
    let first = full.first_chunk().copied().unwrap_or_default();
    u64::from_le_bytes(first) % CODES
}

fn hash(secret: &SecretKey, what: &[u8; 4], operation: &str, at_secs: u64) -> [u8; 32] {
    let parts: [&[u8]; 4] = [what, operation.as_bytes(), &[0], &at_secs.to_le_bytes()];
    mac(secret, &parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: u64 = 1_800_000_000;

    fn secret() -> SecretKey {
        SecretKey::from_bytes([7; 32])
    }

    #[test]
    fn a_pin_is_good_for_five_minutes_and_its_operation() {
        let pin = make(&secret(), "delete-now", AT);
        let at = |now| check(&secret(), "delete-now", &pin, now);
        assert_eq!(at(AT), Checked::Good(AT));
        assert_eq!(at(AT + 300), Checked::Good(AT));
        assert_eq!(at(AT + 301), Checked::Expired);
        assert_eq!(at(AT + 3900), Checked::Expired);
        assert_eq!(at(AT + 3901), Checked::Wrong);
        assert_eq!(at(AT - 60), Checked::Good(AT), "clocks differ a little");
        assert_eq!(at(AT - 61), Checked::Wrong);
        assert_eq!(check(&secret(), "passphrase", &pin, AT), Checked::Wrong);
        let other = SecretKey::from_bytes([8; 32]);
        assert_eq!(check(&other, "delete-now", &pin, AT), Checked::Wrong);
    }

    #[test]
    fn it_is_typed_as_people_type() {
        let pin = make(&secret(), "security", AT);
        assert_eq!((pin.len(), pin.as_bytes()[5]), (11, b'-'));
        for typed in [
            pin.replace('-', ""),
            pin.replace('-', " "),
            format!("{pin}\n"),
        ] {
            assert_eq!(check(&secret(), "security", &typed, AT), Checked::Good(AT));
        }
        for wrong in ["", "12345", "123456789012", "abcdefghij", "+123456789"] {
            assert_eq!(check(&secret(), "security", wrong, AT), Checked::Wrong);
        }
    }

    #[test]
    fn marks_differ_and_are_no_codes() {
        let one = mark(&secret(), "security", AT);
        assert_ne!(one, mark(&secret(), "security", AT + 1));
        assert_ne!(one, mark(&secret(), "passphrase", AT));
    }
}
