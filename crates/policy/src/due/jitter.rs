//! Starting later by a little, so that many machines do not start at once.

use chrono::TimeDelta;

use crate::slot::Due;

/// By how much runs start later than they are due.
///
/// The delay of a run is computed from `seed` and its first slot, so that a machine that asks twice gets the same
/// answer, and machines with different seeds start at different times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Jitter {
    /// Any number that differs from machine to machine.
    pub seed: u64,
    /// The longest delay, seconds. 0, the default, is none.
    pub most_secs: u32,
}

impl Jitter {
    /// The delay of a run, 0 to [`most_secs`](Self::most_secs), evenly spread over seeds and slots.
    #[must_use]
    pub fn delay(&self, due: &Due) -> TimeDelta {
        let slot = due
            .slots
            .first()
            .map(|slot| slot.local().and_utc().timestamp());
        let mixed = mix(self.seed ^ mix(slot.unwrap_or_default().unsigned_abs()));
        let choices = u64::from(self.most_secs) + 1;
        // The upper half of a product of 64 by 64 bits spreads evenly without a division.
        let secs = (u128::from(mixed) * u128::from(choices)) >> 64;
        TimeDelta::seconds(i64::try_from(secs).unwrap_or_default())
    }
}

/// The finish of SplitMix64: every bit of the input flips half of those of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
