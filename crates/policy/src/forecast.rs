//! How many points and bytes a policy will come to, with an error band.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{Point, Policy, Scenario, simulate};

/// What is known about a source's size.
///
/// # Defaults
/// Nothing grows; no sample of change.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Growth {
    /// Stored bytes of one complete state of the source now.
    pub full_bytes: u64,
    /// By how much a complete state grows, bytes a day.
    pub growth_bytes_per_day: u64,
    /// Stored bytes that recent runs added: one sample for each run. More samples narrow the band.
    pub added_bytes: Vec<u64>,
}

impl Growth {
    /// A source of a size, with what recent runs added.
    #[must_use]
    pub fn new(full_bytes: u64, added_bytes: Vec<u64>) -> Self {
        Self {
            full_bytes,
            growth_bytes_per_day: 0,
            added_bytes,
        }
    }

    /// The same for a source that grows.
    #[must_use]
    pub fn growing(mut self, bytes_per_day: u64) -> Self {
        self.growth_bytes_per_day = bytes_per_day;
        self
    }
}

/// A number of bytes with its error band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// It will hardly be less.
    pub low_bytes: u64,
    /// The most likely.
    pub likely_bytes: u64,
    /// It will hardly be more.
    pub high_bytes: u64,
}

/// What will exist at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForecastPoint {
    /// The instant.
    pub at: DateTime<Utc>,
    /// Points that exist.
    pub points_count: usize,
    /// Bytes that they occupy together.
    pub stored: Band,
}

/// Forecasts points and bytes at regular instants: `steps_count` of them, evenly spaced over `(from, until]` of the
/// scenario.
///
/// # Model
/// The newest point holds one complete state. Each older point that is kept adds what was replaced between it and the
/// next newer one that is kept. If `k` runs lie between them and a run replaces the share `r` of the source, that is
/// likely `1 − (1 − r)^k` of it (runs hit independent places), at least `r` (always the same places) and at most
/// `k·r` (always others), never more than all of it. `r` is the mean of the samples; the band also takes twice the
/// standard error of the mean to either side, and with fewer than two samples half of the mean.
///
/// # Cost
/// One simulation for each step.
#[must_use]
pub fn forecast<I: Clone>(
    policy: &Policy,
    history: &[Point<I>],
    scenario: &Scenario,
    growth: &Growth,
    steps_count: u32,
) -> Vec<ForecastPoint> {
    let span = scenario.until.signed_duration_since(scenario.from);
    let whole_secs = span.num_seconds().max(0);
    (1..=steps_count)
        .map(|step| {
            let secs = i128::from(whole_secs) * i128::from(step) / i128::from(steps_count.max(1));
            let delta = TimeDelta::seconds(i64::try_from(secs).unwrap_or(whole_secs));
            let until = scenario.from.checked_add_signed(delta);
            at_instant(
                policy,
                history,
                scenario,
                growth,
                until.unwrap_or(scenario.until),
            )
        })
        .collect()
}

fn at_instant<I: Clone>(
    policy: &Policy,
    history: &[Point<I>],
    scenario: &Scenario,
    growth: &Growth,
    until: DateTime<Utc>,
) -> ForecastPoint {
    let scenario = Scenario {
        until,
        ..scenario.clone()
    };
    let end = simulate(policy, history, &scenario);
    let taken: Vec<_> = end
        .points
        .iter()
        .map(|point| point.verdict.taken_at)
        .collect();
    let runs = policy.runs(scenario.from, until).map(|due| due.at);
    let mut runs: Vec<_> = runs
        .filter(|at| !scenario.failed_at.contains(at))
        .chain(history.iter().map(|point| point.taken_at))
        .chain(scenario.adhoc_at.iter().copied())
        .collect();
    runs.sort();
    let rank = |at: &DateTime<Utc>| runs.partition_point(|run| run <= at);
    let gaps = taken.iter().zip(taken.iter().skip(1));
    let gaps = gaps.map(|(older, newer)| rank(newer).saturating_sub(rank(older)));
    let gaps: Vec<_> = gaps.collect();
    ForecastPoint {
        at: until,
        points_count: taken.len(),
        stored: stored(&gaps, !taken.is_empty(), until - scenario.from, growth),
    }
}

/// Bytes of one complete state and of what lies between kept points.
fn stored(gaps: &[usize], has_points: bool, elapsed: TimeDelta, growth: &Growth) -> Band {
    if !has_points {
        return Band {
            low_bytes: 0,
            likely_bytes: 0,
            high_bytes: 0,
        };
    }
    let days = elapsed.num_seconds().max(0) as f64 / 86_400.0;
    let full = growth.full_bytes as f64 + days * growth.growth_bytes_per_day as f64;
    let (mean, error) = mean_and_error(&growth.added_bytes);
    let share = |bytes: f64| (bytes / full.max(1.0)).clamp(0.0, 1.0);
    let (low, likely, high) = (share(mean - error), share(mean), share(mean + error));
    let (mut shares_low, mut shares_likely, mut shares_high) = (1.0, 1.0, 1.0);
    for runs in gaps {
        let runs = (*runs).max(1) as f64;
        shares_low += low;
        shares_likely += 1.0 - (1.0 - likely).powf(runs);
        shares_high += (runs * high).min(1.0);
    }
    Band {
        low_bytes: whole(full * shares_low),
        likely_bytes: whole(full * shares_likely),
        high_bytes: whole(full * shares_high),
    }
}

/// Mean of the samples, and how far the true mean may be from it.
fn mean_and_error(samples: &[u64]) -> (f64, f64) {
    let count = samples.len() as f64;
    if samples.is_empty() {
        return (0.0, 0.0);
    }
    let mean = samples.iter().map(|sample| *sample as f64).sum::<f64>() / count;
    if samples.len() < 2 {
        return (mean, mean / 2.0);
    }
    let squares = samples.iter().map(|sample| (*sample as f64 - mean).powi(2));
    let deviation = (squares.sum::<f64>() / (count - 1.0)).sqrt();
    (mean, 2.0 * deviation / count.sqrt())
}

fn whole(bytes: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from floating point saturates, and no length is negative"
    )]
    let bytes = bytes.round() as u64;
    bytes
}
