//! Cut points in slices.

use std::sync::Arc;

use fastcdc::v2020::cut_gear;

use crate::scan::{Found, Search, Way};
use crate::{ChunkSizes, GearTable, Masks, Result, Scan};

/// A rule for where chunks end; [`ChunkStream`](crate::ChunkStream) applies it to what a reader yields.
pub trait Cut {
    /// No chunk is longer than this many bytes.
    fn max_bytes(&self) -> usize;

    /// Length in bytes of the first chunk of `data`; 0 only for empty data, and never more than there is.
    ///
    /// `data` is the whole rest of the stream, or holds at least [`Cut::max_bytes`]; more than that changes nothing.
    fn first_cut(&self, data: &[u8]) -> usize;
}

/// Finds cut points: FastCDC v2020 with a table and masks of the caller's.
///
/// Cut points depend only on the bytes, the sizes, the masks and the table, so equal content yields equal chunks
/// wherever it appears. Clones share the table. How they are found is chosen at run time ([`Scan`]) and changes nothing
/// about them.
///
/// Source: FastCDC 2020 (Xia et al.), as in crate `fastcdc` 5.0; vectors in `testdata/vectors/chunking.json`.
#[derive(Debug, Clone)]
pub struct Chunker {
    sizes: ChunkSizes,
    masks: Masks,
    gear: Arc<GearTable>,
    way: Way,
}

impl Chunker {
    /// A chunker with these parameters, which scans in the [fastest](Scan::fastest) way that is right for the masks.
    #[must_use]
    pub fn new(sizes: ChunkSizes, masks: Masks, gear: GearTable) -> Self {
        let way = Way::new(Scan::fastest(sizes.avg_bytes()), masks, &gear);
        Self {
            sizes,
            masks,
            gear: Arc::new(gear),
            way: way.unwrap_or(Way::Reference),
        }
    }

    /// The same, scanning in the way given: to measure, and to compare.
    ///
    /// Masks that a way cannot test make it fall back to the next slower one: 2⁴⁸ and above for
    /// those of AVX-512, 2⁶¹ and above for [`Scan::Portable`].
    ///
    /// # Errors
    /// [`Error::ScanUnavailable`](crate::Error::ScanUnavailable) where the processor lacks what the way needs.
    pub fn with_scan(mut self, scan: Scan) -> Result<Self> {
        self.way = Way::new(scan, self.masks, &self.gear)?;
        Ok(self)
    }

    /// The sizes it was made with.
    #[must_use]
    pub fn sizes(&self) -> ChunkSizes {
        self.sizes
    }

    /// The way it scans.
    #[must_use]
    pub fn scan(&self) -> Scan {
        self.way.scan()
    }

    /// Length in bytes of the first chunk of `data`; 0 only for empty data.
    ///
    /// `data` must be the whole rest of the stream, or hold at least [`ChunkSizes::max_bytes`].
    #[must_use]
    pub fn first_cut(&self, data: &[u8]) -> usize {
        if data.len() <= self.sizes.min_bytes() {
            return data.len();
        }
        match self.way {
            Way::Reference => self.first_cut_of_reference(data),
            _ => self.first_cut_by_search(data),
        }
    }

    /// A cut before byte `p` where the hash of all bytes from the minimum to `p` matches: the strict mask before the
    /// average, the lenient one from there to the limit. A last byte without a partner is no candidate.
    fn first_cut_by_search(&self, data: &[u8]) -> usize {
        let longest = data.len().min(self.sizes.max_bytes());
        let limit = longest & !1;
        let turn = self.sizes.avg_bytes().min(limit);
        let search = |mask| Search {
            way: &self.way,
            gear: &self.gear,
            data,
            mask,
        };
        let Masks { small, large } = self.masks;
        let found = match search(small).first(self.sizes.min_bytes()..turn, 0) {
            Found::Continue(hash) => search(large).first(turn..limit, hash),
            found @ Found::Break(_) => found,
        };
        found.break_value().unwrap_or(longest)
    }

    fn first_cut_of_reference(&self, data: &[u8]) -> usize {
        let Masks { small, large } = self.masks;
        let (_hash, len) = cut_gear(
            data,
            self.sizes.min_bytes(),
            self.sizes.avg_bytes(),
            self.sizes.max_bytes(),
            small,
            large,
            small << 1,
            large << 1,
            self.gear.shifted::<0>(),
            self.gear.shifted::<1>(),
        );
        len
    }

    /// The chunks of `data`, in order and without gaps; none for empty data.
    pub fn cuts<'a>(&'a self, data: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = data;
        std::iter::from_fn(move || {
            let (chunk, after) = rest.split_at_checked(self.first_cut(rest))?;
            rest = after;
            (!chunk.is_empty()).then_some(chunk)
        })
    }
}

impl Cut for Chunker {
    fn max_bytes(&self) -> usize {
        self.sizes.max_bytes()
    }

    fn first_cut(&self, data: &[u8]) -> usize {
        Self::first_cut(self, data)
    }
}
