//! The ways to scan, and which one is taken.

use std::sync::Arc;

use crate::{Error, GearTable, Masks, Result};

/// A way to look for cut points. All ways find the same ones; they differ in speed.
///
/// [`Chunker::new`](crate::Chunker::new) takes the portable one; AVX-512 is for who asks for it, until it has been tested on
/// processors that have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scan {
    /// The function `cut_gear` of the crate `fastcdc`: the one that defines the cut points.
    Reference,
    /// Two streams in turn, in safe Rust; runs everywhere.
    Portable,
    /// Twenty-four streams in AVX-512 registers; for x86-64 processors with VBMI and IFMA.
    Avx512,
}

impl Scan {
    /// All ways, the slowest first.
    pub const ALL: [Self; 3] = [Self::Reference, Self::Portable, Self::Avx512];

    /// True if the processor that this runs on has what the way needs.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Reference | Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => super::avx512::is_available(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 => false,
        }
    }
}

/// A [`Scan`] with what it needs.
#[derive(Clone)]
pub(crate) enum Way {
    Reference,
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx512(Arc<super::avx512::Kernel>),
}

impl Way {
    /// `scan`, or the next slower one that is right for these masks.
    pub(crate) fn new(scan: Scan, masks: Masks, gear: &GearTable) -> Result<Self> {
        if !scan.is_available() {
            return Err(Error::ScanUnavailable(scan));
        }
        let way = match scan {
            Scan::Reference => Self::Reference,
            Scan::Portable => Self::Portable,
            #[cfg(target_arch = "x86_64")]
            Scan::Avx512 => {
                let kernel = super::avx512::Kernel::new(gear);
                kernel.map_or(Self::Portable, |kernel| Self::Avx512(Arc::new(kernel)))
            }
            #[cfg(not(target_arch = "x86_64"))]
            Scan::Avx512 => Self::Portable,
        };
        let highest = masks.small | masks.large;
        let slower = [way, Self::Portable].into_iter();
        let mut fit = slower.filter(|way| highest < way.mask_limit());
        Ok(fit.next().unwrap_or(Self::Reference))
    }

    pub(crate) fn scan(&self) -> Scan {
        match self {
            Self::Reference => Scan::Reference,
            Self::Portable => Scan::Portable,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => Scan::Avx512,
        }
    }

    /// Masks must be below this.
    fn mask_limit(&self) -> u64 {
        match self {
            Self::Reference => u64::MAX,
            // Three of four tests are made on the hash shifted left by up to three bits.
            Self::Portable => 1 << 61,
            // The registers hold the low 48 bits of each number.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => 1 << 48,
        }
    }

    /// What the streams of a block have in all when each has one stride.
    pub(super) fn unit_bytes(&self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => super::avx512::UNIT_BYTES,
            _ => super::lanes::UNIT_BYTES,
        }
    }

    /// The least bytes per block, and how many bytes it has per root of the distance between matches; measured.
    pub(super) fn block(&self) -> (usize, usize) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => (12 * super::avx512::UNIT_BYTES, 64),
            _ => (1536, 48),
        }
    }
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.scan().fmt(f)
    }
}
