//! The ways to scan, and which one is taken.

use std::sync::Arc;

use crate::{Error, GearTable, Masks, Result};

/// Below this average a chunk is over before two streams pay, at least on a core whose other thread is busy.
const PORTABLE_AVG_MIN_BYTES: usize = 8192;

/// A way to look for cut points. All ways find the same ones; they differ in speed.
///
/// [`Chunker::new`](crate::Chunker::new) takes the one that was the fastest on processors like the one that it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scan {
    /// The function `cut_gear` of the crate `fastcdc`: the one that defines the cut points.
    Reference,
    /// Two streams in turn, in safe Rust; runs everywhere.
    Portable,
    /// Twenty-four streams in AVX-512 registers, with the table in registers, too; for x86-64 processors with VBMI and
    /// IFMA. The fastest on AMD's from Zen 5 on.
    Avx512Planes,
    /// Eight streams in an AVX-512 register, with numbers gathered from the table; for the same processors. The fastest
    /// on Intel's from Sapphire Rapids on.
    Avx512Gathers,
}

impl Scan {
    /// All ways.
    pub const ALL: [Self; 4] = [
        Self::Reference,
        Self::Portable,
        Self::Avx512Planes,
        Self::Avx512Gathers,
    ];

    /// The fastest way, as far as it was measured, for chunks of this average length on the processor that this runs
    /// on.
    #[must_use]
    pub fn fastest(avg_bytes: usize) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(scan) = super::avx512::fastest() {
            return scan;
        }
        if avg_bytes < PORTABLE_AVG_MIN_BYTES {
            Self::Reference
        } else {
            Self::Portable
        }
    }

    /// True if the processor that this runs on has what the way needs.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Reference | Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Planes | Self::Avx512Gathers => super::avx512::is_available(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512Planes | Self::Avx512Gathers => false,
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
            Scan::Avx512Planes | Scan::Avx512Gathers => {
                let kernel = super::avx512::Kernel::new(scan, gear);
                kernel.map_or(Self::Portable, |kernel| Self::Avx512(Arc::new(kernel)))
            }
            #[cfg(not(target_arch = "x86_64"))]
            Scan::Avx512Planes | Scan::Avx512Gathers => Self::Portable,
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
            Self::Avx512(kernel) => kernel.scan(),
        }
    }

    /// Masks must be below this: a power of two where hashes are searched for.
    pub(super) fn mask_limit(&self) -> u64 {
        match self {
            Self::Reference => u64::MAX,
            // Three of four tests are made on the hash shifted left by up to three bits.
            Self::Portable => 1 << 61,
            // What streams begin early, or the planes, make the low 48 bits of the hash.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => 1 << 48,
        }
    }

    /// What the streams of a block have in all when each has one stride.
    pub(super) fn unit_bytes(&self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(kernel) => kernel.unit_bytes(),
            _ => super::lanes::UNIT_BYTES,
        }
    }

    /// The least bytes per block, and how many bytes it has per root of the distance between matches; measured.
    pub(super) fn block(&self) -> (usize, usize) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(kernel) => kernel.block(),
            _ => (1536, 48),
        }
    }
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.scan().fmt(f)
    }
}
