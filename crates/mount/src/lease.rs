//! When a mount ends by itself: a decision about times, without a clock.

use std::time::Duration;

/// How long a mount lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// It ends when nothing was asked for so long.
    pub idle: Duration,
    /// It ends so long after it was mounted, even while it is read.
    pub longest: Duration,
}

/// Between two tries to end while it is in use.
const TRY_AGAIN: Duration = Duration::from_secs(60);

impl Default for Lease {
    /// 6 hours idle, 24 hours while it is read.
    fn default() -> Self {
        Self::of(Duration::from_secs(6 * 3600))
    }
}

impl Lease {
    /// So long idle, and four times as long while it is read.
    #[must_use]
    pub fn of(idle: Duration) -> Self {
        let longest = idle.saturating_mul(4);
        Self { idle, longest }
    }

    /// When it is over, counted from mounting, if nothing is asked any more since `used` (counted likewise).
    #[must_use]
    pub fn over_at(&self, used: Duration) -> Duration {
        used.saturating_add(self.idle).min(self.longest)
    }

    /// When to try to end it, counted from mounting, if the last try at `refused` (counted likewise) found it in use.
    #[must_use]
    pub fn try_at(&self, used: Duration, refused: Option<Duration>) -> Duration {
        let over = self.over_at(used);
        match refused {
            Some(refused) => over.max(refused + TRY_AGAIN.min(self.idle)),
            None => over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn an_idle_mount_ends_after_its_time() {
        let lease = Lease::default();
        assert_eq!(lease.over_at(Duration::ZERO), 6 * HOUR);
        assert_eq!(lease.over_at(5 * HOUR), 11 * HOUR);
    }

    #[test]
    fn one_that_is_read_all_the_time_ends_after_a_day() {
        let lease = Lease::default();
        assert_eq!(lease.over_at(20 * HOUR), 24 * HOUR);
        assert_eq!(lease.over_at(30 * HOUR), 24 * HOUR);
    }

    #[test]
    fn one_in_use_is_tried_again_every_minute_and_lasts_when_it_is_used_again() {
        let lease = Lease::default();
        let minute = Duration::from_secs(60);
        assert_eq!(
            lease.try_at(Duration::ZERO, Some(6 * HOUR)),
            6 * HOUR + minute
        );
        assert_eq!(lease.try_at(3 * HOUR, Some(6 * HOUR)), 9 * HOUR);
        let short = Lease::of(Duration::from_secs(2));
        let tried = short.try_at(Duration::ZERO, Some(Duration::from_secs(2)));
        assert_eq!(tried, Duration::from_secs(4));
    }

    #[test]
    fn the_longest_time_overflows_nothing() {
        let lease = Lease::of(Duration::MAX);
        assert_eq!(lease.over_at(Duration::MAX), Duration::MAX);
    }
}
