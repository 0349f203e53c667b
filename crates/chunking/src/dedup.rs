//! Have we seen this id? A filter in front of exact look-ups.

use hashbrown::HashTable;

use crate::{ChunkId, Result, SegmentFilter};

/// Exact look-ups in immutable segments of an index, wherever those are kept.
///
/// Implemented by whoever keeps the segments; [`Dedup`] asks only when its filter says that the answer is likely yes.
pub trait Segments {
    /// Where a chunk is.
    type Place: Copy;
    /// What can go wrong on the way to a segment.
    type Error;

    /// Where the chunk with this id is, according to segment number `segment`, as counted by [`Dedup::add_segment`];
    /// `None` if the segment does not hold exactly this id.
    ///
    /// # Errors
    /// What the implementation fails with; [`Dedup::find`] hands it on.
    fn find(&self, segment: usize, id: &ChunkId) -> Result<Option<Self::Place>, Self::Error>;
}

/// Tells known chunks from new ones in about two bytes of memory per known chunk.
///
/// Three things are asked in turn: the exact set of what was added since the last segment, a cache of what was found
/// lately, of bounded size, and one filter per segment, which lets an unknown id pass once in 65 536 times. Only what a
/// filter lets pass costs a look-up in a segment, and only that look-up decides.
///
/// # Examples
/// ```
/// use std::collections::HashMap;
/// use std::convert::Infallible;
/// use strongroom_chunking::{ChunkHasher, ChunkId, Dedup, Segments};
///
/// struct InMemory(Vec<HashMap<ChunkId, u64>>);
///
/// impl Segments for InMemory {
///     type Place = u64;
///     type Error = Infallible;
///     fn find(&self, segment: usize, id: &ChunkId) -> Result<Option<u64>, Infallible> {
///         Ok(self.0[segment].get(id).copied())
///     }
/// }
///
/// let hasher = ChunkHasher::new(&[1; 32]);
/// let (old, new) = (hasher.id(b"old"), hasher.id(b"new"));
/// let mut dedup = Dedup::new(InMemory(vec![HashMap::from([(old, 7)])]), 1000);
/// dedup.add_segment([old.prefix()])?;
/// assert_eq!(dedup.find(&old), Ok(Some(7)));
/// assert_eq!(dedup.find(&new), Ok(None));
/// dedup.insert(new, 8);
/// assert_eq!(dedup.find(&new), Ok(Some(8)));
/// # Ok::<(), strongroom_chunking::Error>(())
/// ```
#[derive(Debug)]
pub struct Dedup<S: Segments> {
    segments: S,
    filters: Vec<SegmentFilter>,
    new: Places<S::Place>,
    /// Two generations, so that what is used stays: a find in the older one moves to the younger, and when that is
    /// full, it becomes the older one.
    young: Places<S::Place>,
    old: Places<S::Place>,
    generation_count: usize,
}

impl<S: Segments> Dedup<S> {
    /// Knows nothing yet; caches at most `cache_count` places.
    pub fn new(segments: S, cache_count: usize) -> Self {
        Self {
            segments,
            filters: Vec::new(),
            new: Places::new(),
            young: Places::new(),
            old: Places::new(),
            generation_count: cache_count / 2,
        }
    }

    /// Adds a segment with the chunks of these [prefixes](ChunkId::prefix) and returns its number: 0, 1, 2, …
    ///
    /// # Errors
    /// [`Error::FilterNotBuilt`](crate::Error::FilterNotBuilt); nothing was added then.
    pub fn add_segment(&mut self, prefixes: impl IntoIterator<Item = u64>) -> Result<usize> {
        self.filters.push(SegmentFilter::new(prefixes)?);
        Ok(self.filters.len() - 1)
    }

    /// Where the chunk with this id is; `None` if nobody knows it.
    ///
    /// # Errors
    /// What [`Segments::find`] fails with.
    pub fn find(&mut self, id: &ChunkId) -> Result<Option<S::Place>, S::Error> {
        if let Some(place) = self.new.get(id).or_else(|| self.young.get(id)) {
            return Ok(Some(place));
        }
        if let Some(place) = self.old.get(id) {
            self.cache(*id, place);
            return Ok(Some(place));
        }
        // The newest segments first: what was stored lately is asked for most.
        for (segment, filter) in self.filters.iter().enumerate().rev() {
            if filter.may_contain(id)
                && let Some(place) = self.segments.find(segment, id)?
            {
                self.cache(*id, place);
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Remembers a chunk that stands in no segment yet; the newest place counts.
    pub fn insert(&mut self, id: ChunkId, place: S::Place) {
        self.new.insert(id, place);
    }

    /// Hands out and forgets all that was inserted, in no order: the content of the next segment.
    pub fn take_new(&mut self) -> impl Iterator<Item = (ChunkId, S::Place)> + use<S> {
        std::mem::replace(&mut self.new, Places::new())
            .0
            .into_iter()
    }

    fn cache(&mut self, id: ChunkId, place: S::Place) {
        if self.generation_count == 0 {
            return;
        }
        if self.young.0.len() >= self.generation_count {
            self.old = std::mem::replace(&mut self.young, Places::new());
        }
        self.young.insert(id, place);
    }

    /// What keeps the segments.
    pub fn segments(&self) -> &S {
        &self.segments
    }

    /// Bytes of memory of the filters alone: at most 2.5 for each chunk of a segment of 100 000 or more.
    #[must_use]
    pub fn filter_bytes(&self) -> usize {
        self.filters.iter().map(SegmentFilter::memory_bytes).sum()
    }

    /// Bytes of memory of the filters, the cache and what was inserted.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let tables = [&self.new, &self.young, &self.old];
        let tables = tables.map(|places| places.0.allocation_size());
        self.filter_bytes() + tables.iter().sum::<usize>()
    }
}

/// From id to place. Ids are uniform, so their prefix is their hash.
#[derive(Debug)]
struct Places<P>(HashTable<(ChunkId, P)>);

impl<P: Copy> Places<P> {
    fn new() -> Self {
        Self(HashTable::new())
    }

    fn get(&self, id: &ChunkId) -> Option<P> {
        let entry = self.0.find(id.prefix(), |(other, _)| other == id);
        entry.map(|(_, place)| *place)
    }

    fn insert(&mut self, id: ChunkId, place: P) {
        if let Some((_, old)) = self.0.find_mut(id.prefix(), |(other, _)| *other == id) {
            *old = place;
        } else {
            let hash = |entry: &(ChunkId, P)| entry.0.prefix();
            self.0.insert_unique(id.prefix(), (id, place), hash);
        }
    }
}
