//! What a processor has, and what it is good at.

use std::arch::x86_64::__cpuid;

use super::Scan;

/// True if the processor has all instructions of this module.
pub(in super::super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512ifma")
}

/// The faster of the two ways of this module; `None` where neither is known to be faster than the portable one.
pub(in super::super) fn fastest() -> Option<Scan> {
    // Miri has no processor to ask.
    if cfg!(miri) || !is_available() {
        return None;
    }
    #[allow(
        unused_unsafe,
        reason = "newer compilers call it safe, the oldest one supported may not"
    )]
    // SAFETY: a processor with these instructions has that one, and leaves 0 and 1 of it.
    let (vendor, signature) = unsafe { (__cpuid(0), __cpuid(1).eax) };
    let vendor = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
    fastest_of(vendor.as_flattened(), signature)
}

/// By the vendor's name and what `cpuid` says of family and model.
fn fastest_of(vendor: &[u8], signature: u32) -> Option<Scan> {
    let family = (signature >> 8 & 0xf) + (signature >> 20 & 0xff);
    let model = (signature >> 12 & 0xf0) | (signature >> 4 & 0xf);
    match (vendor, family, model) {
        // Gathers of Ice, Tiger and Rocket Lake are slowed down against "Downfall"; permutations are slow on all of
        // Intel's. Later models gather fast.
        (b"GenuineIntel", 6, 0x66 | 0x6a | 0x6c | 0x7d | 0x7e | 0x8c | 0x8d | 0xa7) => None,
        (b"GenuineIntel", 6.., _) => Some(Scan::Avx512Gathers),
        // From Zen 5 on registers are permuted whole, twice per cycle; gathers are slow on all of AMD's.
        (b"AuthenticAMD", 0x1a.., _) => Some(Scan::Avx512Planes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_get_what_they_are_good_at() {
        let intel = |signature| fastest_of(b"GenuineIntel", signature);
        let amd = |signature| fastest_of(b"AuthenticAMD", signature);
        assert_eq!(
            intel(0x000c_06f2),
            Some(Scan::Avx512Gathers),
            "Emerald Rapids"
        );
        assert_eq!(
            intel(0x0008_06f8),
            Some(Scan::Avx512Gathers),
            "Sapphire Rapids"
        );
        assert_eq!(intel(0x0006_06a6), None, "Ice Lake");
        assert_eq!(intel(0x000a_0671), None, "Rocket Lake");
        assert_eq!(amd(0x00b0_0f21), Some(Scan::Avx512Planes), "Zen 5");
        assert_eq!(amd(0x00a1_0f11), None, "Zen 4");
        assert_eq!(fastest_of(b"CentaurHauls", 0x000c_06f2), None);
    }
}
