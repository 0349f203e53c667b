//! Which ids a segment does not hold.

use xorf::{BinaryFuse16, Filter};

use crate::{ChunkId, Error, Result};

/// An approximate set of chunk ids: never wrong about what it holds, and wrong about others once in 65 536 times.
///
/// It takes 2.25 bytes per id for millions of ids, below 2.5 from 100 000 on, and more for few: 3.2 for a thousand.
///
/// # Examples
/// ```
/// use strongroom_chunking::{ChunkHasher, SegmentFilter};
///
/// let hasher = ChunkHasher::new(&[1; 32]);
/// let filter = SegmentFilter::new([hasher.id(b"one").prefix()])?;
/// assert!(filter.may_contain(&hasher.id(b"one")));
/// # Ok::<(), strongroom_chunking::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SegmentFilter(Option<BinaryFuse16>);

impl SegmentFilter {
    /// A filter for the ids with these [prefixes](ChunkId::prefix), in any order. Takes 8 bytes each, and some 20 more
    /// per id for a moment.
    ///
    /// # Errors
    /// [`Error::FilterNotBuilt`] if the numbers are hostile: prefixes of keyed ids never are.
    pub fn new(prefixes: impl IntoIterator<Item = u64>) -> Result<Self> {
        let mut prefixes: Vec<u64> = prefixes.into_iter().collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        if prefixes.is_empty() {
            return Ok(Self(None));
        }
        let filter = BinaryFuse16::try_from(prefixes);
        filter
            .map(|filter| Self(Some(filter)))
            .map_err(|_| Error::FilterNotBuilt)
    }

    /// False if the id is certainly not among those of the segment.
    #[must_use]
    pub fn may_contain(&self, id: &ChunkId) -> bool {
        let filter = self.0.as_ref();
        filter.is_some_and(|filter| filter.contains(&id.prefix()))
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let filter = self.0.as_ref();
        filter.map_or(0, |filter| 2 * filter.fingerprints.len()) + size_of::<Self>()
    }
}
