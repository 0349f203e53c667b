//! The AVX-512 way: 8 streams in the lanes of a register, three such sets in turn.
//!
//! The 256 numbers stand in 24 registers as six planes of bytes, the lowest first; four registers are one plane. A byte
//! of input is looked up in all planes by two permutations and a blend each, for 64 positions at once, and the six
//! results are woven into the numbers that one step of 8 streams adds. A step is one multiply-add: 52 bits of
//! `2 · hash`, plus the number. Masks are below 2⁴⁸, so what stands above is never looked at.
//!
//! This is the only module with `unsafe`: loads from addresses, and the call into code for instructions that the
//! processor may lack. A [`Kernel`] exists only where it has them.

#![expect(
    unsafe_code,
    reason = "loads from addresses, and instructions that not all processors have"
)]

use std::arch::x86_64::*;
use std::ops::Range;

use super::{Found, Search, lanes};
use crate::GearTable;

/// Bits of a number that the registers hold, and so the bytes that a stream must begin early.
const PLANES: usize = 6;
const WARM_UP_BYTES: usize = 8 * PLANES;
/// Bytes of each stream between two looks for a match.
const GROUP_BYTES: usize = 16;
/// The streams are an odd multiple of this apart, which keeps them in different sets of the first cache.
const STRIDE_BYTES: usize = 64;
const STREAM_MIN_BYTES: usize = 3 * STRIDE_BYTES;
/// Three sets of streams of one stride.
pub(super) const UNIT_BYTES: usize = 24 * STRIDE_BYTES;
/// How far ahead of a stream its bytes are fetched: 24 streams are more than a processor foresees by itself.
const PREFETCH_BYTES: usize = 384;

/// True if the processor has all that [`Kernel`] uses.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512ifma")
}

/// The numbers as planes of bytes. Its existence proves that the processor has the instructions.
#[derive(Clone)]
pub(crate) struct Kernel {
    planes: [[__m512i; 4]; PLANES],
}

/// Streams of one length, one behind the other.
#[derive(Clone, Copy)]
struct Streams {
    start: usize,
    each_bytes: usize,
}

impl Streams {
    /// The longest streams that fit, with an odd number of strides.
    fn within(range: &Range<usize>, count: usize) -> Option<Self> {
        let strides = range.len() / count / STRIDE_BYTES;
        let odd = strides.saturating_sub(1) | 1;
        let each_bytes = odd * STRIDE_BYTES;
        (strides > 0 && each_bytes >= STREAM_MIN_BYTES && range.start >= WARM_UP_BYTES).then_some(
            Self {
                start: range.start,
                each_bytes,
            },
        )
    }
}

impl Kernel {
    /// `None` where the processor lacks an instruction.
    pub(super) fn new(gear: &GearTable) -> Option<Self> {
        if !is_available() {
            return None;
        }
        let mut bytes = [[[0u8; 64]; 4]; PLANES];
        for (index, number) in gear.shifted::<0>().iter().enumerate() {
            for (plane, byte) in bytes.iter_mut().zip(number.to_le_bytes()) {
                if let Some(place) = plane.as_flattened_mut().get_mut(index) {
                    *place = byte;
                }
            }
        }
        let planes = bytes.map(|plane| plane.map(register_of));
        Some(Self { planes })
    }

    /// See [`Search::first`].
    pub(super) fn first(&self, search: &Search<'_>, range: Range<usize>, hash: u64) -> Found {
        let (mut range, mut hash) = (range, hash);
        if range.end > search.data.len() {
            return Found::Continue(hash);
        }
        while let Some(streams) = Streams::within(&range, 24) {
            // SAFETY: the processor has the instructions, or there were no kernel; `within` leaves a warm-up before
            // the start, and its streams end within the range, which ends within the data.
            hash = unsafe { self.scan::<3>(search, streams, hash) }?;
            range.start += 24 * streams.each_bytes;
        }
        while let Some(streams) = Streams::within(&range, 8) {
            // SAFETY: as above.
            hash = unsafe { self.scan::<1>(search, streams, hash) }?;
            range.start += 8 * streams.each_bytes;
        }
        lanes::first(search, range, hash)
    }

    /// The first match in `8 · SETS` streams, for a hash of `hash` before them.
    ///
    /// # Safety
    /// The data holds a warm-up before the first stream, and all streams. The length of a stream is a multiple of the
    /// stride.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512ifma")]
    unsafe fn scan<const SETS: usize>(
        &self,
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
                *hash = self.roll(*hash, bytes, mask, 0).0;
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
                let (after, unmatched) = self.roll(*hash, bytes, mask, wanted);
                if unmatched != wanted {
                    let lane = (unmatched ^ wanted).trailing_zeros() as usize;
                    let start = at + lane * streams.each_bytes;
                    let before = lanes_of(*hash).get(lane).copied().unwrap_or_default();
                    let exact = search.one_by_one(start..start + GROUP_BYTES, before);
                    if let Found::Break(position) = exact {
                        (alive, earliest) = (8 * set + lane, Some(position));
                    }
                }
                *hash = after;
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

    /// Rolls 16 bytes into each of 8 hashes. Of the lanes in `wanted`, those come back that never matched.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512ifma")]
    #[inline]
    fn roll(
        &self,
        hash: __m512i,
        [even, odd]: [__m512i; 2],
        mask: __m512i,
        wanted: __mmask8,
    ) -> (__m512i, __mmask8) {
        let (mut hash, mut unmatched) = (hash, wanted);
        // Per 128 bits, bytes 2j and 2j + 1 are step j of an even and of the next, odd stream.
        for bytes in [
            _mm512_unpacklo_epi8(even, odd),
            _mm512_unpackhi_epi8(even, odd),
        ] {
            for number in self.numbers(bytes) {
                hash = double_and_add(hash, number);
                unmatched = _mm512_mask_test_epi64_mask(unmatched, hash, mask);
            }
        }
        (hash, unmatched)
    }

    /// The numbers of 64 bytes: 8 steps of 8 streams. Bits 48 and up of each are of no meaning.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512ifma")]
    #[inline]
    fn numbers(&self, bytes: __m512i) -> [__m512i; 8] {
        let upper_half = _mm512_movepi8_mask(bytes);
        let [a, b, c, d, e, f] = self.planes.map(|[first, second, third, fourth]| {
            let lower = _mm512_permutex2var_epi8(first, bytes, second);
            let upper = _mm512_permutex2var_epi8(third, bytes, fourth);
            _mm512_mask_blend_epi8(upper_half, lower, upper)
        });
        let (low, high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
        let (low_next, high_next) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
        let (low_last, high_last) = (_mm512_unpacklo_epi8(e, f), _mm512_unpackhi_epi8(e, f));
        let first = (_mm512_unpacklo_epi16(low, low_next), low_last);
        let second = (_mm512_unpackhi_epi16(low, low_next), low_last);
        let third = (_mm512_unpacklo_epi16(high, high_next), high_last);
        let fourth = (_mm512_unpackhi_epi16(high, high_next), high_last);
        let [zero, one, two, three] = PICKS.map(register_of);
        let pick = |(low, last), index| _mm512_permutex2var_epi8(low, index, last);
        [
            pick(first, zero),
            pick(first, one),
            pick(second, two),
            pick(second, three),
            pick(third, zero),
            pick(third, one),
            pick(fourth, two),
            pick(fourth, three),
        ]
    }
}

/// `2 · hash + number`, right in the low 48 bits: the multiplication takes 52.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn double_and_add(hash: __m512i, number: __m512i) -> __m512i {
    if cfg!(miri) {
        // Miri knows all instructions of this module but that one.
        return _mm512_add_epi64(number, _mm512_slli_epi64::<1>(hash));
    }
    _mm512_madd52lo_epu64(number, hash, _mm512_set1_epi64(2))
}

/// For step number i of four: which bytes make the number of each stream. Bytes 0 to 3 come from the registers of
/// planes 0 to 3, which hold two steps, bytes 4 and 5 from that of planes 4 and 5, which holds four; the rest is of no
/// meaning.
#[expect(
    clippy::indexing_slicing,
    reason = "the compiler evaluates it, and would stop"
)]
const PICKS: [[u8; 64]; 4] = {
    let mut picks = [[0; 64]; 4];
    let mut step = 0u8;
    while step < 4 {
        let mut stream = 0u8;
        while stream < 8 {
            let (part, odd) = (16 * (stream / 2), stream % 2);
            let mut byte = 0u8;
            while byte < 8 {
                let from_last = 64 + part + 4 * step + 2 * odd + byte % 2;
                let from_low = part + 8 * (step % 2) + 4 * odd + byte % 4;
                let from = if byte < 4 { from_low } else { from_last };
                picks[step as usize][(8 * stream + byte) as usize] = from;
                byte += 1;
            }
            stream += 1;
        }
        step += 1;
    }
    picks
};

/// The lowest `count` bits, at most 8.
fn lowest_bits(count: usize) -> __mmask8 {
    u8::MAX
        .checked_shr(8 - u32::try_from(count.min(8)).unwrap_or(8))
        .unwrap_or(0)
}

/// A register with these bytes.
fn register_of(bytes: [u8; 64]) -> __m512i {
    // SAFETY: both are 64 bytes without invariants.
    unsafe { std::mem::transmute(bytes) }
}

/// The lanes as numbers.
fn lanes_of(register: __m512i) -> [u64; 8] {
    // SAFETY: both are 64 bytes without invariants.
    unsafe { std::mem::transmute(register) }
}

/// 16 bytes of each of 8 streams that are `stride_bytes` apart: first those of the even ones, then of the odd ones.
///
/// # Safety
/// `data` holds 16 bytes from `at + k · stride_bytes` for all k below 8.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512ifma")]
#[inline]
unsafe fn load(data: &[u8], at: usize, stride_bytes: usize) -> [__m512i; 2] {
    let sixteen = |stream: usize| {
        let place = data.as_ptr().wrapping_add(at + stream * stride_bytes);
        if at % STRIDE_BYTES < GROUP_BYTES {
            // SAFETY: a hint; any address will do.
            #[allow(
                unused_unsafe,
                reason = "newer compilers call it safe, the oldest one supported may not"
            )]
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(PREFETCH_BYTES).cast());
            }
        }
        // SAFETY: the caller says that these bytes are there.
        unsafe { _mm_loadu_si128(place.cast()) }
    };
    [0, 1].map(|odd| {
        let first = _mm512_castsi128_si512(sixteen(odd));
        let second = _mm512_inserti32x4::<1>(first, sixteen(odd + 2));
        let third = _mm512_inserti32x4::<2>(second, sixteen(odd + 4));
        _mm512_inserti32x4::<3>(third, sixteen(odd + 6))
    })
}
