//! Cut points in slices.

use std::sync::Arc;

use fastcdc::v2020::cut_gear;

use crate::{ChunkSizes, Masks};

/// The 256 numbers that the rolling hash adds, one per byte value; secret in a vault.
#[derive(Clone)]
pub struct GearTable {
    plain: [u64; 256],
    shifted: [u64; 256],
}

impl GearTable {
    /// A table from 256 little-endian numbers.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 2048]) -> Self {
        let (mut plain, mut shifted) = ([0; 256], [0; 256]);
        let (numbers, _) = bytes.as_chunks::<8>();
        for ((number, plain), shifted) in numbers.iter().zip(&mut plain).zip(&mut shifted) {
            *plain = u64::from_le_bytes(*number);
            *shifted = *plain << 1;
        }
        Self { plain, shifted }
    }
}

impl std::fmt::Debug for GearTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GearTable(secret)")
    }
}

/// Finds cut points: FastCDC v2020 with a table and masks of the caller's.
///
/// Cut points depend only on the bytes, the sizes, the masks and the table, so equal content yields equal chunks
/// wherever it appears. Clones share the table.
///
/// Source: FastCDC 2020 (Xia et al.), as in crate `fastcdc` 5.0; vectors in `testdata/vectors/chunking.json`.
#[derive(Debug, Clone)]
pub struct Chunker {
    sizes: ChunkSizes,
    masks: Masks,
    gear: Arc<GearTable>,
}

impl Chunker {
    /// A chunker with these parameters.
    #[must_use]
    pub fn new(sizes: ChunkSizes, masks: Masks, gear: GearTable) -> Self {
        Self {
            sizes,
            masks,
            gear: Arc::new(gear),
        }
    }

    /// The sizes it was made with.
    #[must_use]
    pub fn sizes(&self) -> ChunkSizes {
        self.sizes
    }

    /// Length in bytes of the first chunk of `data`; 0 only for empty data.
    ///
    /// `data` must be the whole rest of the stream, or hold at least [`ChunkSizes::max_bytes`].
    #[must_use]
    pub fn first_cut(&self, data: &[u8]) -> usize {
        if data.len() <= self.sizes.min_bytes() {
            return data.len();
        }
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
            &self.gear.plain,
            &self.gear.shifted,
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
