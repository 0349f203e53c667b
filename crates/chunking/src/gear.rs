//! The numbers that the rolling hash adds.

/// The 256 numbers that the rolling hash adds, one per byte value; secret in a vault.
#[derive(Clone)]
pub struct GearTable {
    /// Table number k holds each number shifted left by k.
    shifted: [[u64; 256]; 4],
}

impl GearTable {
    /// A table from 256 little-endian numbers.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 2048]) -> Self {
        let mut plain = [0; 256];
        let (numbers, _) = bytes.as_chunks::<8>();
        for (number, plain) in numbers.iter().zip(&mut plain) {
            *plain = u64::from_le_bytes(*number);
        }
        Self {
            shifted: [0, 1, 2, 3].map(|bits| plain.map(|number| number << bits)),
        }
    }

    /// The numbers, each shifted left by `BITS`, which is less than 4.
    pub(crate) fn shifted<const BITS: usize>(&self) -> &[u64; 256] {
        const { assert!(BITS < 4, "there are four tables") };
        let [zero, one, two, three] = &self.shifted;
        match BITS {
            0 => zero,
            1 => one,
            2 => two,
            _ => three,
        }
    }

    /// The hash after one more byte.
    #[inline(always)]
    pub(crate) fn roll(&self, hash: u64, byte: u8) -> u64 {
        self.add::<0>(hash << 1, byte)
    }

    /// `sum` plus the number of a byte, shifted left by `BITS`.
    ///
    /// With it four bytes are rolled in with one shift: `h << 4`, then `add::<3>`, `add::<2>`, `add::<1>`, `add::<0>`
    /// give 8, 4, 2 and 1 times the hash after one, two, three and four bytes.
    #[expect(clippy::indexing_slicing, reason = "a byte is less than 256")]
    #[inline(always)]
    pub(crate) fn add<const BITS: usize>(&self, sum: u64, byte: u8) -> u64 {
        sum.wrapping_add(self.shifted::<BITS>()[usize::from(byte)])
    }
}

impl std::fmt::Debug for GearTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GearTable(secret)")
    }
}
