//! How much room and time protection needs: sizing formulas, in whole numbers, rounded up.

use std::time::Duration;

/// A share in hundredths of a percent: 10 % is 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    basis_points: u32,
}

impl Share {
    /// Whole percents.
    #[must_use]
    pub fn percent(percent: u32) -> Self {
        Self {
            basis_points: percent.saturating_mul(100),
        }
    }

    /// Hundredths of a percent.
    #[must_use]
    pub fn basis_points(basis_points: u32) -> Self {
        Self { basis_points }
    }

    /// This share of an amount, rounded up.
    #[must_use]
    pub fn of(self, bytes: u64) -> u64 {
        narrow((u128::from(bytes) * u128::from(self.basis_points)).div_ceil(10_000))
    }
}

fn narrow(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// What a disk pool has to hold.
///
/// # Defaults
/// 10 % daily change, 10 days, one point a day.
///
/// # Examples
/// ```
/// use strongroom_policy::capacity::PoolNeed;
///
/// let need = PoolNeed::new(100_000_000_000);
/// assert_eq!(need.rule_of_thumb_bytes(), 200_000_000_000);
/// assert_eq!(need.by_change_bytes(), 200_000_000_000); // 100 + 10 × 10
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolNeed {
    /// What is protected, bytes.
    pub protected_bytes: u64,
    /// How much of it changes from one point to the next.
    pub change: Share,
    /// How long points are kept, days.
    pub retention_days: u32,
    /// Points a day.
    pub points_per_day: u32,
}

impl PoolNeed {
    /// With the defaults.
    #[must_use]
    pub fn new(protected_bytes: u64) -> Self {
        Self {
            protected_bytes,
            change: Share::percent(10),
            retention_days: 10,
            points_per_day: 1,
        }
    }

    /// The same with another change per point.
    #[must_use]
    pub fn with_change(mut self, change: Share) -> Self {
        self.change = change;
        self
    }

    /// The same with another retention, days.
    #[must_use]
    pub fn with_retention_days(mut self, days: u32) -> Self {
        self.retention_days = days;
        self
    }

    /// The same with another number of points a day.
    #[must_use]
    pub fn with_points_per_day(mut self, count: u32) -> Self {
        self.points_per_day = count;
        self
    }

    /// Twice what is protected.
    #[must_use]
    pub fn rule_of_thumb_bytes(self) -> u64 {
        self.protected_bytes.saturating_mul(2)
    }

    /// What is protected and all that changes while points are kept: `size × (1 + change × days × points a day)`.
    #[must_use]
    pub fn by_change_bytes(self) -> u64 {
        let points = u128::from(self.retention_days) * u128::from(self.points_per_day);
        let changed = u128::from(self.protected_bytes) * u128::from(self.change.basis_points);
        let changed = changed.saturating_mul(points).div_ceil(10_000);
        narrow(changed.saturating_add(u128::from(self.protected_bytes)))
    }

    /// The same with 5 % to spare, for storage in which points share what did not change.
    #[must_use]
    pub fn with_reserve_bytes(self) -> u64 {
        let bytes = self.by_change_bytes();
        bytes.saturating_add(Share::percent(5).of(bytes))
    }
}

/// How much of what is backed up must be free for scratch.
pub const SCRATCH_LEAST: Share = Share { basis_points: 500 };

/// With less than this, scratch is short.
pub const SCRATCH_AMPLE: Share = Share {
    basis_points: 1_000,
};

/// Whether there is enough scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScratchState {
    /// 10 % or more.
    Ample,
    /// Less than 10 %: a warning.
    Short,
    /// Less than 5 %: backups would fail.
    TooSmall,
}

/// Judges the free scratch space for an amount to be backed up.
#[must_use]
pub fn scratch_state(protected_bytes: u64, free_bytes: u64) -> ScratchState {
    if free_bytes < SCRATCH_LEAST.of(protected_bytes) {
        ScratchState::TooSmall
    } else if free_bytes < SCRATCH_AMPLE.of(protected_bytes) {
        ScratchState::Short
    } else {
        ScratchState::Ample
    }
}

/// How long a copy takes over a line, to the next second; `None` for a line that carries nothing.
///
/// `stored` says how much of the bytes goes over the line after deduplication and compression.
#[must_use]
pub fn initial_copy_time(bytes: u64, stored: Share, bits_per_sec: u64) -> Option<Duration> {
    let bits = u128::from(stored.of(bytes)) * 8;
    let secs = bits.div_ceil(u128::from(bits_per_sec).max(1));
    (bits_per_sec > 0).then(|| Duration::from_secs(narrow(secs)))
}

/// How many points a day fit when the number of points is capped and each is kept so many days; never more than
/// `most_per_day`. Zero days count as one.
#[must_use]
pub fn points_per_day(cap_count: u32, retention_days: u32, most_per_day: u32) -> u32 {
    (cap_count / retention_days.max(1)).min(most_per_day)
}

/// How many whole days points can be kept when their number is capped. Zero a day keeps them for ever.
#[must_use]
pub fn retention_days(cap_count: u32, points_per_day: u32) -> Option<u32> {
    cap_count.checked_div(points_per_day)
}

/// What an offline first copy travels on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedMedium {
    /// Single disks.
    Disk,
    /// One device for up to 80 TB.
    Device,
}

/// What a first copy of this size, after compression, travels on; `None` when it is too large for one device.
#[must_use]
pub fn seed_medium(stored_bytes: u64) -> Option<SeedMedium> {
    const TERABYTE: u64 = 1_000_000_000_000;
    match stored_bytes {
        0..=7_200_000_000_000 => Some(SeedMedium::Disk),
        bytes if bytes <= 80 * TERABYTE => Some(SeedMedium::Device),
        _ => None,
    }
}

/// Days that soft-deleted points are paid for, and days that are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftDeleteDays {
    /// Paid for.
    pub charged_days: u32,
    /// Free.
    pub free_days: u32,
}

/// Splits the days that points spent soft-deleted: of the whole period the last 14 days are free.
#[must_use]
pub fn soft_delete_days(period_days: u32, deleted_days: u32) -> SoftDeleteDays {
    const FREE_DAYS: u32 = 14;
    let deleted_days = deleted_days.min(period_days);
    let charged_days = period_days.saturating_sub(FREE_DAYS).min(deleted_days);
    SoftDeleteDays {
        charged_days,
        free_days: deleted_days - charged_days,
    }
}
