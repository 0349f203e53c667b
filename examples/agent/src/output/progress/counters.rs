//! Numbers that several threads add to, and how fast they grow.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use strongroom::Phase;

use crate::throttle::Throttle;

#[derive(Default)]
pub(super) struct Counters {
    phase: AtomicU8,
    found_bytes: AtomicU64,
    done_files: AtomicU64,
    done_bytes: AtomicU64,
    transferred_bytes: AtomicU64,
    expected_bytes: AtomicU64,
    current: Mutex<Vec<u8>>,
}

/// The numbers at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) verb: &'static str,
    pub(super) done_files: u64,
    pub(super) done_bytes: u64,
    /// What is likely to be done in the end, bytes; 0 when nobody knows.
    pub(super) expected_bytes: u64,
    pub(super) transferred_bytes: u64,
    /// The rate that the throttle permits, each way.
    pub(super) throttled_to: Option<strongroom_policy::Rate>,
    pub(super) current: Vec<u8>,
}

const VERBS: [&str; 6] = [
    "preparing",
    "reading",
    "writing",
    "verifying",
    "finishing",
    "copying",
];

impl Counters {
    pub(super) fn phase(&self, phase: Phase) {
        let number = match phase {
            Phase::Reading => 1,
            Phase::Writing => 2,
            Phase::Verifying => 3,
            Phase::Finishing => 4,
            Phase::Copying => 5,
            _ => 0,
        };
        self.phase.store(number, Relaxed);
    }

    pub(super) fn found(&self, bytes: u64) {
        self.found_bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn done(&self, files_count: u64, bytes: u64) {
        self.done_files.fetch_add(files_count, Relaxed);
        self.done_bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn transferred(&self, bytes: u64) {
        self.transferred_bytes.fetch_add(bytes, Relaxed);
    }

    pub(super) fn expect(&self, bytes: u64) {
        self.expected_bytes.store(bytes, Relaxed);
    }

    /// Nobody waits for it: a path that comes while it is looked at is not shown.
    pub(super) fn current(&self, path: &[u8]) {
        if let Ok(mut current) = self.current.try_lock() {
            current.clear();
            current.extend_from_slice(path);
        }
    }

    /// A throttle knows of each piece that passes; what a call reports comes when an object is whole.
    pub(super) fn look(&self, throttle: Option<&Throttle>) -> Seen {
        let passed_bytes = throttle.map_or(0, Throttle::passed_bytes);
        let found_bytes = self.found_bytes.load(Relaxed);
        Seen {
            verb: VERBS
                .get(usize::from(self.phase.load(Relaxed)))
                .copied()
                .unwrap_or_default(),
            done_files: self.done_files.load(Relaxed),
            done_bytes: self.done_bytes.load(Relaxed),
            expected_bytes: self.expected_bytes.load(Relaxed).max(found_bytes),
            transferred_bytes: self.transferred_bytes.load(Relaxed).max(passed_bytes),
            throttled_to: throttle.and_then(Throttle::rate),
            current: self
                .current
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}

/// How fast the numbers grow.
#[derive(Debug, Default)]
pub(super) struct Rates {
    last: Option<(Instant, u64, u64)>,
    pub(super) done: Rate,
    pub(super) transferred: Rate,
}

/// Bytes per second over the last seconds; what is longer ago counts less and less.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    bytes: f64,
    secs: f64,
}

/// After so many seconds something counts a third. Large files are done in leaps, far apart.
const MEMORY_SECS: f64 = 20.0;

impl Rate {
    pub(super) fn per_sec(self) -> f64 {
        if self.secs > 0.0 {
            self.bytes / self.secs
        } else {
            0.0
        }
    }

    fn add(&mut self, bytes: u64, secs: f64) {
        let fade = (-secs / MEMORY_SECS).exp();
        self.bytes = self.bytes * fade + bytes as f64;
        self.secs = self.secs * fade + secs;
    }

    #[cfg(test)]
    pub(super) fn steady(bytes: f64) -> Self {
        Self { bytes, secs: 1.0 }
    }
}

impl Rates {
    pub(super) fn update(&mut self, seen: &Seen) {
        self.update_at(Instant::now(), seen);
    }

    fn update_at(&mut self, now: Instant, seen: &Seen) {
        if let Some((then, done, transferred)) = self.last {
            let secs = now.duration_since(then).as_secs_f64();
            self.done.add(seen.done_bytes.saturating_sub(done), secs);
            self.transferred
                .add(seen.transferred_bytes.saturating_sub(transferred), secs);
        }
        self.last = Some((now, seen.done_bytes, seen.transferred_bytes));
    }

    /// Time until all that is expected is done, if that can be told.
    pub(super) fn left(&self, seen: &Seen) -> Option<Duration> {
        let left = seen
            .expected_bytes
            .checked_sub(seen.done_bytes)
            .filter(|left| *left > 0)?;
        let per_sec = self.done.per_sec();
        let secs = left as f64 / per_sec;
        (per_sec > 1.0 && secs < 1e7).then(|| Duration::from_secs_f64(secs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_rates() {
        let counters = Counters::default();
        counters.phase(Phase::Reading);
        counters.found(1000);
        counters.done(1, 400);
        counters.transferred(10);
        let seen = counters.look(None);
        assert_eq!(
            (
                seen.verb,
                seen.done_files,
                seen.done_bytes,
                seen.expected_bytes
            ),
            ("reading", 1, 400, 1000)
        );
        counters.expect(5000);
        assert_eq!(counters.look(None).expected_bytes, 5000);

        let mut rates = Rates::default();
        let start = Instant::now();
        rates.update_at(start, &Seen::default());
        assert_eq!(rates.left(&seen), None);
        rates.update_at(
            start + Duration::from_secs(60),
            &Seen {
                done_bytes: 6000,
                ..Seen::default()
            },
        );
        assert!((rates.done.per_sec() - 100.0).abs() < 1.0);
        let left = rates.left(&Seen {
            done_bytes: 6000,
            expected_bytes: 7000,
            ..Seen::default()
        });
        assert_eq!(left.unwrap().as_secs(), 10);
    }
}
