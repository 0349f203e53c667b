//! What is done to registers.

use std::arch::x86_64::*;

use super::{GROUP_BYTES, STRIDE_BYTES};

/// `2 · hash + number`, right in the low 48 bits: the multiplication takes 52.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
pub(super) fn double_and_add(hash: __m512i, number: __m512i) -> __m512i {
    if cfg!(miri) {
        // Miri does not know this instruction.
        return _mm512_add_epi64(number, _mm512_slli_epi64::<1>(hash));
    }
    _mm512_madd52lo_epu64(number, hash, _mm512_set1_epi64(2))
}

/// A register with these bytes.
pub(super) fn register_of(bytes: [u8; 64]) -> __m512i {
    // SAFETY: both are 64 bytes without invariants.
    unsafe { std::mem::transmute(bytes) }
}

/// The lanes as numbers.
pub(super) fn lanes_of(register: __m512i) -> [u64; 8] {
    // SAFETY: both are 64 bytes without invariants.
    unsafe { std::mem::transmute(register) }
}

/// 16 bytes of each of 8 streams that are `stride_bytes` apart: first those of the even ones, then of the odd ones.
///
/// # Safety
/// `data` holds 16 bytes from `at + k · stride_bytes` for all k below 8.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512ifma")]
#[inline]
pub(super) unsafe fn load(data: &[u8], at: usize, stride_bytes: usize) -> [__m512i; 2] {
    let sixteen = |stream: usize| {
        let place = data.as_ptr().wrapping_add(at + stream * stride_bytes);
        if at % STRIDE_BYTES < GROUP_BYTES {
            // SAFETY: a hint; any address will do.
            #[allow(
                unused_unsafe,
                reason = "newer compilers call it safe, the oldest one supported may not"
            )]
            unsafe {
                // The same place in the next block: streams are too short for what is ahead in this one.
                _mm_prefetch::<_MM_HINT_T0>(place.wrapping_add(8 * stride_bytes).cast());
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
