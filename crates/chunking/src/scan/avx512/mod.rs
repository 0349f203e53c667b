//! The AVX-512 ways: 8 streams in the lanes of a register, one or three such sets in turn.
//!
//! A step of 8 streams is one multiply-add: 52 bits of `2 · hash`, plus a number for each. Where the numbers come from
//! is what the two ways differ in, because processors do: [`Planes`] keeps them in registers and permutes, [`Gathered`]
//! fetches 8 at once from memory. Masks are below 2⁴⁸, so what stands above is never looked at.
//!
//! This is the only module with `unsafe`: loads from addresses, and the call into code for instructions that the
//! processor may lack. A [`Kernel`] exists only where it has them.

#![expect(
    unsafe_code,
    reason = "loads from addresses, and instructions that not all processors have"
)]

mod gathered;
mod planes;
mod processor;
mod registers;

use std::arch::x86_64::*;
use std::ops::Range;

use super::{Found, Scan, Search, lanes};
use crate::GearTable;
use gathered::Gathered;
use planes::Planes;
use registers::{double_and_add, lanes_of, load};

pub(super) use processor::{fastest, is_available};

/// What a stream begins early: as many bytes as there are bits below the highest mask.
const WARM_UP_BYTES: usize = 48;
/// Bytes of each stream between two looks for a match.
const GROUP_BYTES: usize = 16;
/// Streams have whole numbers of lines of the first cache.
const STRIDE_BYTES: usize = 64;
const STREAM_MIN_BYTES: usize = 3 * STRIDE_BYTES;

/// Where the numbers come from. An implementation exists only where the processor has all its instructions.
trait Numbers {
    /// Rolls 16 bytes into each of 8 hashes, given as [`load`] gives them.
    ///
    /// # Safety
    /// The processor has the instructions that [`is_available`] asks for.
    unsafe fn roll(&self, hashes: Hashes, bytes: [__m512i; 2]) -> Hashes;
}

/// 8 hashes, and which of them are still looked at and never matched.
#[derive(Clone, Copy)]
struct Hashes {
    now: __m512i,
    mask: __m512i,
    unmatched: __mmask8,
}

impl Hashes {
    /// After one more step of each, to which these numbers belong; of them, bits 48 and up are of no meaning.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    fn step(self, numbers: __m512i) -> Self {
        let now = double_and_add(self.now, numbers);
        Self {
            now,
            mask: self.mask,
            unmatched: _mm512_mask_test_epi64_mask(self.unmatched, now, self.mask),
        }
    }
}

/// What a way needs. Its existence proves that the processor has the instructions.
#[derive(Clone)]
pub(crate) enum Kernel {
    Planes(Box<Planes>),
    Gathers,
}

/// Streams of one length, one behind the other.
#[derive(Clone, Copy)]
struct Streams {
    start: usize,
    each_bytes: usize,
}

impl Streams {
    /// The longest streams that fit, but not so far apart that they are in few sets of the first cache.
    fn within(range: &Range<usize>, count: usize) -> Option<Self> {
        let strides = range.len() / count / STRIDE_BYTES;
        let apart = strides - usize::from(strides.is_multiple_of(16) && strides > 0);
        let each_bytes = apart * STRIDE_BYTES;
        (each_bytes >= STREAM_MIN_BYTES && range.start >= WARM_UP_BYTES).then_some(Self {
            start: range.start,
            each_bytes,
        })
    }
}

impl Kernel {
    /// `None` where the processor lacks an instruction, and for ways that are not of this module.
    pub(super) fn new(scan: Scan, gear: &GearTable) -> Option<Self> {
        match scan {
            _ if !is_available() => None,
            Scan::Avx512Planes => Some(Self::Planes(Box::new(Planes::new(gear)))),
            Scan::Avx512Gathers => Some(Self::Gathers),
            Scan::Reference | Scan::Portable => None,
        }
    }

    pub(super) fn scan(&self) -> Scan {
        match self {
            Self::Planes(_) => Scan::Avx512Planes,
            Self::Gathers => Scan::Avx512Gathers,
        }
    }

    /// What the streams have in all when each has one stride.
    pub(super) fn unit_bytes(&self) -> usize {
        match self {
            Self::Planes(_) => 24 * STRIDE_BYTES,
            Self::Gathers => 8 * STRIDE_BYTES,
        }
    }

    /// See [`super::Way::block`].
    pub(super) fn block(&self) -> (usize, usize) {
        match self {
            Self::Planes(_) => (12 * self.unit_bytes(), 64),
            Self::Gathers => (3 * self.unit_bytes(), 48),
        }
    }

    /// See [`Search::first`].
    pub(super) fn first(&self, search: &Search<'_>, range: Range<usize>, hash: u64) -> Found {
        let (mut range, mut hash) = (range, hash);
        if range.end > search.data.len() {
            return Found::Continue(hash);
        }
        match self {
            Self::Planes(planes) => {
                hash = rounds::<3, _>(&**planes, search, &mut range, hash)?;
                hash = rounds::<1, _>(&**planes, search, &mut range, hash)?;
            }
            Self::Gathers => {
                let numbers = Gathered(search.gear.shifted::<0>());
                hash = rounds::<1, _>(&numbers, search, &mut range, hash)?;
            }
        }
        lanes::first(search, range, hash)
    }
}

/// Scans the front of a range, as far as `8 · SETS` streams go, and takes it off. The range is within the data.
fn rounds<const SETS: usize, N: Numbers>(
    numbers: &N,
    search: &Search<'_>,
    range: &mut Range<usize>,
    hash: u64,
) -> Found {
    let mut hash = hash;
    while let Some(streams) = Streams::within(range, 8 * SETS) {
        // SAFETY: the processor has the instructions, or there were no numbers; `within` leaves a warm-up before the
        // start, and its streams end within the range, which ends within the data.
        hash = unsafe { scan::<SETS, N>(numbers, search, streams, hash) }?;
        range.start += 8 * SETS * streams.each_bytes;
    }
    Found::Continue(hash)
}

/// The first match in `8 · SETS` streams, for a hash of `hash` before them.
///
/// # Safety
/// The data holds a warm-up before the first stream, and all streams. The length of a stream is a multiple of the
/// stride.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512ifma")]
unsafe fn scan<const SETS: usize, N: Numbers>(
    numbers: &N,
    search: &Search<'_>,
    streams: Streams,
    hash: u64,
) -> Found {
    let mask = _mm512_set1_epi64(search.mask.cast_signed());
    let mut hashes = [_mm512_setzero_si512(); SETS];
    let mut early = WARM_UP_BYTES;
    while early > 0 {
        for (set, hash) in hashes.iter_mut().enumerate() {
            let at = streams.start + set * 8 * streams.each_bytes - early;
            // SAFETY: at least a warm-up lies before each stream.
            let bytes = unsafe { load(search.data, at, streams.each_bytes) };
            let hashes = Hashes {
                now: *hash,
                mask,
                unmatched: 0,
            };
            // SAFETY: the processor has the instructions of this function.
            *hash = unsafe { numbers.roll(hashes, bytes) }.now;
        }
        early -= GROUP_BYTES;
    }
    if let Some(first) = hashes.first_mut() {
        *first = _mm512_mask_set1_epi64(*first, 1, hash.cast_signed());
    }
    // Streams before the earliest match so far; only these still matter.
    let mut alive = 8 * SETS;
    let mut earliest = None;
    for offset in (0..streams.each_bytes).step_by(GROUP_BYTES) {
        for (set, hash) in hashes.iter_mut().enumerate() {
            let at = streams.start + set * 8 * streams.each_bytes + offset;
            // SAFETY: `offset` is a multiple of the group within the length of a stream, which is one, too.
            let bytes = unsafe { load(search.data, at, streams.each_bytes) };
            let wanted = lowest_bits(alive.saturating_sub(8 * set));
            let hashes = Hashes {
                now: *hash,
                mask,
                unmatched: wanted,
            };
            // SAFETY: the processor has the instructions of this function.
            let after = unsafe { numbers.roll(hashes, bytes) };
            if after.unmatched != wanted {
                let lane = (after.unmatched ^ wanted).trailing_zeros() as usize;
                let start = at + lane * streams.each_bytes;
                let before = lanes_of(*hash).get(lane).copied().unwrap_or_default();
                let exact = search.one_by_one(start..start + GROUP_BYTES, before);
                if let Found::Break(position) = exact {
                    (alive, earliest) = (8 * set + lane, Some(position));
                }
            }
            *hash = after.now;
        }
        if alive == 0 {
            break;
        }
    }
    match earliest {
        Some(position) => Found::Break(position),
        None => Found::Continue(hashes.last().map_or(0, |last| lanes_of(*last)[7])),
    }
}

/// The lowest `count` bits, at most 8.
fn lowest_bits(count: usize) -> __mmask8 {
    u8::MAX
        .checked_shr(8 - u32::try_from(count.min(8)).unwrap_or(8))
        .unwrap_or(0)
}
