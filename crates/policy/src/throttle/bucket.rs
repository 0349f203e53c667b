//! Tokens that come at a rate and are taken by the byte, without rounding.

use std::time::Duration;

use super::rate::Rate;

const BILLION: u128 = 1_000_000_000;

/// A token bucket in whole numbers: what was let through by any moment is never more than what the rate allows, and
/// no rounding adds up.
///
/// It starts full. In any stretch of time it lets through no more than its capacity plus what the rate gives in that
/// time. A take that is larger than the capacity needs a full bucket and leaves a debt, which is paid off before the
/// next take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBucket {
    rate: Rate,
    /// Bits times a billion: what one bit a second gives in a nanosecond is 1.
    level: i128,
    refilled: Duration,
}

impl TokenBucket {
    /// A full bucket that holds what the rate gives in a second.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let mut bucket = Self {
            rate,
            level: 0,
            refilled: Duration::ZERO,
        };
        bucket.level = bucket.capacity();
        bucket
    }

    /// The rate.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// The most that may be taken at once without a debt, bytes.
    #[must_use]
    pub fn capacity_bytes(&self) -> u64 {
        self.rate.bits_per_sec() / 8
    }

    /// Goes on at another rate from `now` on. What is in the bucket stays, as far as it still fits.
    pub fn set_rate(&mut self, rate: Rate, now: Duration) {
        if rate == self.rate {
            return;
        }
        self.refill(now);
        self.rate = rate;
        self.level = self.level.min(self.capacity());
    }

    /// Takes `bytes` at `now`, by a clock that never goes back; a clock that does gives nothing.
    ///
    /// # Errors
    /// How long to wait until the same take succeeds if nobody else takes. Nothing was taken.
    pub fn take(&mut self, bytes: u64, now: Duration) -> Result<(), Duration> {
        self.refill(now);
        let wanted = scaled(u128::from(bytes) * 8);
        let needed = wanted.min(self.capacity());
        let lacking = needed.saturating_sub(self.level);
        if lacking <= 0 {
            self.level = self.level.saturating_sub(wanted);
            return Ok(());
        }
        let nanos = lacking
            .unsigned_abs()
            .div_ceil(u128::from(self.rate.bits_per_sec()));
        let secs = u64::try_from(nanos / BILLION).unwrap_or(u64::MAX);
        let nanos = u32::try_from(nanos % BILLION).unwrap_or_default();
        Err(Duration::new(secs, nanos))
    }

    fn refill(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.refilled);
        self.refilled = self.refilled.max(now);
        // Any Duration times any rate stays far below the range of i128.
        let gained = elapsed.as_nanos() * u128::from(self.rate.bits_per_sec());
        let gained = i128::try_from(gained).unwrap_or(i128::MAX);
        self.level = self.level.saturating_add(gained).min(self.capacity());
    }

    fn capacity(&self) -> i128 {
        scaled(u128::from(self.capacity_bytes()) * 8)
    }
}

fn scaled(bits: u128) -> i128 {
    i128::try_from(bits.saturating_mul(BILLION)).unwrap_or(i128::MAX)
}
