//! Numbers fetched from the table by gathers, for processors whose gathers keep all their load ports busy.

use std::arch::x86_64::*;

use super::registers::lanes_of;
use super::{Hashes, Numbers};

/// The numbers of all bytes, in memory.
pub(super) struct Gathered<'a>(pub(super) &'a [u64; 256]);

impl Numbers for Gathered<'_> {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512ifma")]
    #[inline]
    unsafe fn roll(&self, hashes: Hashes, [even, odd]: [__m512i; 2]) -> Hashes {
        let hashes = self.eight(hashes, _mm512_unpacklo_epi64(even, odd));
        self.eight(hashes, _mm512_unpackhi_epi64(even, odd))
    }
}

impl Gathered<'_> {
    /// Rolls in 8 bytes of each stream, which are a lane.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    fn eight(&self, hashes: Hashes, bytes: __m512i) -> Hashes {
        let byte = _mm512_set1_epi64(0xff);
        let of = |bytes| self.gather(_mm512_and_si512(bytes, byte));
        let hashes = hashes.step(of(bytes));
        let hashes = hashes.step(of(_mm512_srli_epi64::<8>(bytes)));
        let hashes = hashes.step(of(_mm512_srli_epi64::<16>(bytes)));
        let hashes = hashes.step(of(_mm512_srli_epi64::<24>(bytes)));
        let hashes = hashes.step(of(_mm512_srli_epi64::<32>(bytes)));
        let hashes = hashes.step(of(_mm512_srli_epi64::<40>(bytes)));
        let hashes = hashes.step(of(_mm512_srli_epi64::<48>(bytes)));
        hashes.step(of(_mm512_srli_epi64::<56>(bytes)))
    }

    /// The numbers of 8 bytes, each in a lane of its own.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn gather(&self, bytes: __m512i) -> __m512i {
        if cfg!(miri) {
            // Miri does not know this instruction.
            let numbers = lanes_of(bytes).map(|byte| {
                let number = usize::try_from(byte).ok().and_then(|byte| self.0.get(byte));
                number.map_or(0, |number| number.cast_signed())
            });
            let [a, b, c, d, e, f, g, h] = numbers;
            return _mm512_setr_epi64(a, b, c, d, e, f, g, h);
        }
        // Without a source of zeros each gather would wait for the one before that used the register.
        let zeros = _mm512_setzero_si512();
        // SAFETY: the lanes are bytes, and there is a number for each.
        unsafe { _mm512_mask_i64gather_epi64::<8>(zeros, u8::MAX, bytes, self.0.as_ptr().cast()) }
    }
}
