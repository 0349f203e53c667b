//! Numbers in registers, for processors that permute bytes fast.
//!
//! The 256 numbers stand in 24 registers as six planes of bytes, the lowest first; four registers are one plane. A byte
//! of input is looked up in all planes by two permutations and a blend each, for 64 positions at once, and the six
//! results are woven into the numbers that one step of 8 streams adds.

use std::arch::x86_64::*;

use super::registers::register_of;
use super::{Hashes, Numbers};
use crate::GearTable;

/// Bytes of a number that are looked at.
const PLANES: usize = 6;

/// The numbers as planes of bytes.
#[derive(Clone)]
pub(crate) struct Planes([[__m512i; 4]; PLANES]);

impl Planes {
    pub(super) fn new(gear: &GearTable) -> Self {
        let mut bytes = [[[0u8; 64]; 4]; PLANES];
        for (index, number) in gear.shifted::<0>().iter().enumerate() {
            for (plane, byte) in bytes.iter_mut().zip(number.to_le_bytes()) {
                if let Some(place) = plane.as_flattened_mut().get_mut(index) {
                    *place = byte;
                }
            }
        }
        Self(bytes.map(|plane| plane.map(register_of)))
    }

    /// The numbers of 64 bytes: 8 steps of 8 streams. Bits 48 and up of each are of no meaning.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512ifma")]
    #[inline]
    fn numbers(&self, bytes: __m512i) -> [__m512i; 8] {
        let upper_half = _mm512_movepi8_mask(bytes);
        let [a, b, c, d, e, f] = self.0.map(|[first, second, third, fourth]| {
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

impl Numbers for Planes {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512ifma")]
    #[inline]
    unsafe fn roll(&self, mut hashes: Hashes, [even, odd]: [__m512i; 2]) -> Hashes {
        // Per 128 bits, bytes 2j and 2j + 1 are step j of an even and of the next, odd stream.
        for bytes in [
            _mm512_unpacklo_epi8(even, odd),
            _mm512_unpackhi_epi8(even, odd),
        ] {
            for numbers in self.numbers(bytes) {
                hashes = hashes.step(numbers);
            }
        }
        hashes
    }
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
