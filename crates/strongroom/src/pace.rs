//! The throttle of a policy, by the clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use strongroom_policy::chrono_tz::Tz;
use strongroom_policy::{Moment, Rate, Throttle, ThrottleCalendar};
use strongroom_vault::{Direction, Pace};
use tokio::time::Instant;

use crate::clock::{Clock, SystemClock};

/// The pace of a policy's calendar: uploads and restores each have its rate. It can be changed while it is kept, and a
/// boundary of work hours counts within a second.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use strongroom::policy::{PolicyFile, chrono_tz};
/// use strongroom::{PolicyPace, Strongroom};
///
/// fn keep_to(policy: &PolicyFile, vault: &Strongroom) {
///     let zone = policy.time_zone.unwrap_or(chrono_tz::UTC);
///     let pace = PolicyPace::new(policy.throttle.clone(), zone);
///     vault.set_pace(Some(Arc::new(pace)));
/// }
/// ```
pub struct PolicyPace {
    throttle: Mutex<Option<Throttle>>,
    clock: Arc<dyn Clock>,
    /// The beginning of the time by which tokens come, which no change of a clock touches.
    began: Instant,
    passed_bytes: AtomicU64,
}

impl std::fmt::Debug for PolicyPace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyPace")
            .field("throttle", &self.throttle)
            .finish_non_exhaustive()
    }
}

impl PolicyPace {
    /// The rates of a calendar in the civil time of a zone; without one, nothing is held back.
    #[must_use]
    pub fn new(calendar: Option<ThrottleCalendar>, zone: Tz) -> Self {
        Self::with_clock(calendar, zone, Arc::new(SystemClock))
    }

    /// As [`PolicyPace::new`], with another clock for the calendar.
    #[must_use]
    pub fn with_clock(calendar: Option<ThrottleCalendar>, zone: Tz, clock: Arc<dyn Clock>) -> Self {
        Self {
            throttle: Mutex::new(calendar.map(|calendar| Throttle::new(calendar, zone))),
            clock,
            began: Instant::now(),
            passed_bytes: AtomicU64::new(0),
        }
    }

    /// Goes on by another calendar, or by none. What waits is asked for again within half a second.
    pub fn change(&self, calendar: Option<ThrottleCalendar>, zone: Tz) {
        *self.throttle() = calendar.map(|calendar| Throttle::new(calendar, zone));
    }

    /// The rate at present, each way; `None` where nothing is held back.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        let now = self.clock.now();
        self.throttle().as_mut().map(|it| it.rate_at(now))
    }

    /// Bytes that have had their turn so far, both ways.
    #[must_use]
    pub fn passed_bytes(&self) -> u64 {
        self.passed_bytes.load(Ordering::Relaxed)
    }

    fn throttle(&self) -> MutexGuard<'_, Option<Throttle>> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self, at: DateTime<Utc>) -> Moment {
        Moment {
            at,
            monotonic: self.began.elapsed(),
        }
    }
}

impl Pace for PolicyPace {
    fn take(&self, direction: Direction, bytes: u64) -> Option<Duration> {
        let direction = match direction {
            Direction::ToStore => strongroom_policy::Direction::Upload,
            Direction::FromStore => strongroom_policy::Direction::Restore,
        };
        let now = self.clock.now();
        let wait = self.throttle().as_mut().and_then(|throttle| {
            let taken = throttle.take(direction, bytes, self.moment(now));
            taken.err()
        });
        if wait.is_none() {
            self.passed_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        wait
    }
}
