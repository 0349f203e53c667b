//! Chunk sizes and the masks that belong to an average.

use crate::{Error, Result};

/// Minimum, average and maximum length of chunks, bytes.
///
/// # Defaults
/// 16 KiB, 64 KiB, 256 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSizes {
    min: usize,
    avg: usize,
    max: usize,
}

const MIN_RANGE: (usize, usize) = (64, 1 << 20);
const AVG_RANGE: (usize, usize) = (256, 4 << 20);
const MAX_RANGE: (usize, usize) = (1024, (16 << 20) - 2);

impl ChunkSizes {
    /// Sizes in bytes: even, `min ≤ avg ≤ max`, and within 64 B…1 MiB, 256 B…4 MiB, 1 KiB…16 MiB − 2.
    ///
    /// # Errors
    /// [`enum@Error`] names the first rule broken. The checks are there in release builds, too.
    pub fn new(min: usize, avg: usize, max: usize) -> Result<Self> {
        for (bytes, (least, most)) in [(min, MIN_RANGE), (avg, AVG_RANGE), (max, MAX_RANGE)] {
            if !(least..=most).contains(&bytes) {
                return Err(Error::OutOfRange { bytes, least, most });
            }
            if bytes % 2 == 1 {
                return Err(Error::Odd(bytes));
            }
        }
        if min > avg || avg > max {
            return Err(Error::Order { min, avg, max });
        }
        Ok(Self { min, avg, max })
    }

    /// No cut before this many bytes.
    #[must_use]
    pub fn min_bytes(self) -> usize {
        self.min
    }

    /// The length that chunks are normalised to.
    #[must_use]
    pub fn avg_bytes(self) -> usize {
        self.avg
    }

    /// No chunk is longer than this many bytes.
    #[must_use]
    pub fn max_bytes(self) -> usize {
        self.max
    }
}

impl Default for ChunkSizes {
    fn default() -> Self {
        Self {
            min: 16 << 10,
            avg: 64 << 10,
            max: 256 << 10,
        }
    }
}

/// The masks that decide about a cut before (`small`) and after (`large`) the average length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Masks {
    /// Stricter mask, for positions before the average.
    pub small: u64,
    /// More lenient mask, for positions from the average on.
    pub large: u64,
}

/// FastCDC v2020's masks by the logarithm of a size, from 64 B (2⁶). Frozen here so that no update of a library can
/// move cut points.
const MASKS: [u64; 20] = [
    0x0000_0000_0180_3110, // 64 B
    0x0000_0000_1803_5100,
    0x0000_0018_0003_5300,
    0x0000_0190_0035_3000,
    0x0000_5900_0353_0000, // 1 KiB
    0x0000_d900_0353_0000,
    0x0000_d901_0353_0000,
    0x0000_d903_0353_0000,
    0x0000_d903_1353_0000, // 16 KiB
    0x0000_d90f_0353_0000,
    0x0000_d903_0353_7000, // 64 KiB
    0x0000_d907_0353_7000,
    0x0000_d907_0753_7000, // 256 KiB
    0x0000_d917_0753_7000,
    0x0000_d917_4753_7000, // 1 MiB
    0x0000_d917_6753_7000,
    0x0000_d937_6753_7000, // 4 MiB
    0x0000_d937_7753_7000,
    0x0000_d937_7757_7000, // 16 MiB
    0x0000_db37_7757_7000,
];

impl Masks {
    /// Masks of normalisation level 2 for an average length in bytes, clamped to 256 B…4 MiB.
    ///
    /// The logarithm is rounded to the nearest whole number, as FastCDC v2020 does it.
    #[must_use]
    pub fn for_average(avg_bytes: usize) -> Self {
        let avg = avg_bytes.clamp(AVG_RANGE.0, AVG_RANGE.1);
        let bits = rounded_log2(avg);
        let at = |bits: usize| {
            MASKS
                .get(bits.saturating_sub(6))
                .copied()
                .unwrap_or(u64::MAX)
        };
        Self {
            small: at(bits + 2),
            large: at(bits - 2),
        }
    }
}

/// `round(log2(value))` without floating point: up when `value² > 2^(2·floor + 1)`.
fn rounded_log2(value: usize) -> usize {
    let floor = value.max(1).ilog2() as usize;
    let square = (value as u128) * (value as u128);
    if square > 1u128 << (2 * floor + 1) {
        floor + 1
    } else {
        floor
    }
}
