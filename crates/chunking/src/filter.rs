//! Which ids a segment does not hold.

use xorf::{BinaryFuse16, Descriptor, Filter};

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

    /// As [`SegmentFilter::may_contain`], for an id with this prefix.
    #[must_use]
    pub fn may_contain_prefix(&self, prefix: u64) -> bool {
        let filter = self.0.as_ref();
        filter.is_some_and(|filter| filter.contains(&prefix))
    }

    /// What [`SegmentFilter::from_bytes`] makes the same filter of.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Some(filter) = &self.0 else {
            return Vec::new();
        };
        let of = &filter.descriptor;
        let mut bytes = of.seed.to_le_bytes().to_vec();
        for number in [of.segment_length, of.segment_count_length] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let prints = filter.fingerprints.iter();
        bytes.extend(prints.flat_map(|print| print.to_le_bytes()));
        bytes
    }

    /// A filter from its bytes; `None` if they cannot be one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self(None));
        }
        let (seed, rest) = bytes.split_first_chunk()?;
        let (segment_length, rest) = rest.split_first_chunk()?;
        let (segment_count_length, rest) = rest.split_first_chunk()?;
        let descriptor = Descriptor {
            seed: u64::from_le_bytes(*seed),
            segment_length: u32::from_le_bytes(*segment_length),
            segment_length_mask: u32::from_le_bytes(*segment_length).wrapping_sub(1),
            segment_count_length: u32::from_le_bytes(*segment_count_length),
        };
        let (prints, odd) = rest.as_chunks();
        let prints = prints.iter().map(|print| u16::from_le_bytes(*print));
        let fingerprints: Box<[u16]> = prints.collect();
        // A look-up goes two segments beyond the first place: it must find fingerprints there.
        let [length, count] =
            [descriptor.segment_length, descriptor.segment_count_length].map(u64::from);
        let is_whole = length.is_power_of_two()
            && count > 0
            && odd.is_empty()
            && count + 2 * length <= fingerprints.len() as u64
            && fingerprints.len() <= u32::MAX as usize;
        is_whole.then_some(Self(Some(BinaryFuse16 {
            descriptor,
            fingerprints,
        })))
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let filter = self.0.as_ref();
        filter.map_or(0, |filter| 2 * filter.fingerprints.len()) + size_of::<Self>()
    }
}
