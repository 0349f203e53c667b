//! How fast to send: a calendar of rates, and token buckets that keep to them.

mod bucket;
mod hours;
mod rate;

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

pub use bucket::TokenBucket;
pub use hours::{ThrottleCalendar, WorkHours};
pub use rate::{ParseRateError, Rate};

/// Which way bytes go. Each way has its own bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the vault.
    Upload,
    /// From the vault.
    Restore,
}

/// What two clocks show at one moment. The caller reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The instant, by which the calendar chooses the rate.
    pub at: DateTime<Utc>,
    /// A clock that never goes back, from any beginning. It alone measures out tokens.
    pub monotonic: Duration,
}

/// A throttle that the engine drives: it asks before it sends, and waits as long as it is told.
///
/// ```
/// use std::time::Duration;
/// use strongroom_policy::{Direction, Moment, Throttle, ThrottleCalendar};
///
/// // 800 kilobytes a second at work, twice that otherwise.
/// let calendar = ThrottleCalendar::new([chrono::Weekday::Mon].into_iter().collect(), "09:00-18:00".parse()?)
///     .with_rates("6400 Kbps".parse()?, "12800 Kbps".parse()?);
/// let mut throttle = Throttle::new(calendar, chrono_tz::UTC);
/// let at = "2026-01-05T12:00:00Z".parse()?; // a Monday
/// let mut moment = Moment { at, monotonic: Duration::ZERO };
///
/// assert_eq!(throttle.take(Direction::Upload, 800_000, moment), Ok(())); // what may be sent at once
/// assert_eq!(throttle.take(Direction::Upload, 80_000, moment), Err(Duration::from_millis(100)));
/// moment.monotonic += Duration::from_millis(100);
/// assert_eq!(throttle.take(Direction::Upload, 80_000, moment), Ok(()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Throttle {
    calendar: ThrottleCalendar,
    zone: Tz,
    upload: TokenBucket,
    restore: TokenBucket,
    current: Option<Current>,
}

/// The rate of a stretch of time, so that the calendar need not be asked for every block.
#[derive(Debug, Clone, Copy)]
struct Current {
    rate: Rate,
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

impl Throttle {
    /// A throttle by a calendar in the civil time of a zone. What may be sent at once is what goes in a second.
    #[must_use]
    pub fn new(calendar: ThrottleCalendar, zone: Tz) -> Self {
        let bucket = TokenBucket::new(calendar.work_rate().min(calendar.other_rate()));
        Self {
            calendar,
            zone,
            upload: bucket.clone(),
            restore: bucket,
            current: None,
        }
    }

    /// Takes `bytes` out of the bucket of a direction, or says how long to wait before asking again. The wait is exact
    /// as long as the rate does not change and nobody else takes.
    ///
    /// # Errors
    /// How long to wait. Nothing was taken.
    pub fn take(
        &mut self,
        direction: Direction,
        bytes: u64,
        moment: Moment,
    ) -> Result<(), Duration> {
        let rate = self.rate_at(moment.at);
        let bucket = match direction {
            Direction::Upload => &mut self.upload,
            Direction::Restore => &mut self.restore,
        };
        bucket.set_rate(rate, moment.monotonic);
        bucket.take(bytes, moment.monotonic)
    }

    /// The rate of both directions at an instant.
    pub fn rate_at(&mut self, at: DateTime<Utc>) -> Rate {
        let known = self
            .current
            .filter(|known| known.from <= at && known.until.is_none_or(|until| at < until));
        let current = known.unwrap_or_else(|| Current {
            rate: self.calendar.rate_at(at, self.zone),
            from: at,
            until: self.calendar.next_change_after(at, self.zone),
        });
        self.current = Some(current);
        current.rate
    }
}
