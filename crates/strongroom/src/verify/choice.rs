//! Which packs are read whole: a pure function of when they were read last.

use std::cmp::Reverse;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_vault::format::PackId;

/// A pack that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) pack: PackId,
    pub(super) bytes: u64,
    /// When it was last read whole and found good.
    pub(super) verified_at: Option<DateTime<Utc>>,
}

/// What limits the choice.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Limits {
    pub(super) max_age: Option<Duration>,
    pub(super) sample_percent: Option<f64>,
    pub(super) budget_bytes: Option<u64>,
}

/// The packs to read, in order: those never read first, in the order of their ids, which are random; then those for
/// which it is longest ago. An instant ahead of `now` proves nothing.
pub(super) fn choose(
    mut candidates: Vec<Candidate>,
    limits: Limits,
    now: DateTime<Utc>,
) -> Vec<Candidate> {
    for candidate in &mut candidates {
        candidate.verified_at = candidate.verified_at.filter(|at| *at <= now);
    }
    candidates.sort_unstable_by_key(|candidate| {
        let age = candidate.verified_at.map(|at| now - at);
        (Reverse(age.unwrap_or(TimeDelta::MAX)), candidate.pack)
    });
    let wanted_count = limits
        .sample_percent
        .map_or(candidates.len(), |percent| share(candidates.len(), percent));
    candidates.truncate(wanted_count);
    if let Some(max_age) = limits.max_age {
        let max_age = TimeDelta::from_std(max_age).unwrap_or(TimeDelta::MAX);
        candidates.retain(|one| one.verified_at.is_none_or(|at| now - at > max_age));
    }
    if let Some(budget_bytes) = limits.budget_bytes {
        let mut left = budget_bytes;
        let mut is_first = true;
        candidates.retain(|candidate| {
            let fits = is_first || candidate.bytes <= left;
            is_first = false;
            // What comes behind the first that does not fit waits for its turn.
            left = if fits {
                left.saturating_sub(candidate.bytes)
            } else {
                0
            };
            fits
        });
    }
    candidates
}

/// So many per cent of a count, rounded up.
fn share(count: usize, percent: f64) -> usize {
    let wanted = (count as f64 * percent / 100.0).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded up and clamped to a count"
    )]
    let wanted = wanted.clamp(0.0, count as f64) as usize;
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    /// Packs 1 and 2 were never read, 3 to 6 so many days ago, 7 in the future.
    fn candidates() -> Vec<Candidate> {
        [
            (7, Some(-3)),
            (6, Some(1)),
            (5, Some(2)),
            (4, Some(9)),
            (3, Some(5)),
            (2, None),
            (1, None),
        ]
        .map(|(id, days): (u8, Option<i64>)| Candidate {
            pack: PackId::from_bytes([id; 16]),
            bytes: 100,
            verified_at: days.map(|days| now() - TimeDelta::days(days)),
        })
        .to_vec()
    }

    fn ids(limits: Limits) -> Vec<u8> {
        let chosen = choose(candidates(), limits, now());
        chosen.iter().map(|one| one.pack.as_bytes()[0]).collect()
    }

    #[test]
    fn the_oldest_first() {
        assert_eq!(ids(Limits::default()), [1, 2, 7, 4, 3, 5, 6]);
    }

    #[test]
    fn a_share_of_all() {
        let of = |percent| {
            ids(Limits {
                sample_percent: Some(percent),
                ..Limits::default()
            })
        };
        assert_eq!(of(1.0), [1], "never nothing");
        assert_eq!(of(50.0), [1, 2, 7, 4]);
        assert_eq!(of(100.0).len(), 7);
    }

    #[test]
    fn what_was_read_lately_is_left() {
        let max_age = Some(Duration::from_secs(5 * 24 * 3600));
        let limits = Limits {
            max_age,
            ..Limits::default()
        };
        assert_eq!(ids(limits), [1, 2, 7, 4]);
    }

    #[test]
    fn a_budget_is_kept_but_for_the_first() {
        let of = |bytes| {
            ids(Limits {
                budget_bytes: Some(bytes),
                ..Limits::default()
            })
        };
        assert_eq!(of(0), [1]);
        assert_eq!(of(299), [1, 2]);
        assert_eq!(of(300), [1, 2, 7]);
    }
}
