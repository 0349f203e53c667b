//! What is known under this id? A filter in front of exact look-ups.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use crate::{PrefixTable, Result, SegmentFilter};

/// Exact look-ups in immutable segments of an index, wherever those are kept.
///
/// Implemented by whoever keeps the segments; [`Dedup`] asks only when its filter says that the answer is likely yes.
pub trait Segments {
    /// What can go wrong on the way to a segment.
    type Error;

    /// All values that segment number `segment`, as counted by [`Dedup::add_segment`], has under a prefix.
    ///
    /// # Errors
    /// What the implementation fails with; [`Dedup::candidates`] hands it on.
    fn find(
        &self,
        segment: usize,
        prefix: u64,
    ) -> impl Future<Output = Result<Vec<u64>, Self::Error>> + Send;
}

/// From the prefix of a chunk id to any number of 64-bit values, in about two bytes of memory per chunk of a segment.
///
/// One filter per segment lets an unknown prefix pass once in 65 536 times. Only what a filter lets pass costs a look-up in
/// a segment, and only that look-up decides. Chunks that stand in no segment are kept in a [`PrefixTable`]; and a cache
/// of bounded size holds what was [learned](Dedup::learn) lately. As with that table, two ids may share a prefix: whoever
/// finds a value must confirm it against the whole id.
///
/// # Examples
/// ```
/// use std::collections::HashMap;
/// use std::convert::Infallible;
/// use strongroom_chunking::{Dedup, SegmentFilter, Segments};
///
/// struct InMemory(Vec<HashMap<u64, u64>>);
///
/// impl Segments for InMemory {
///     type Error = Infallible;
///     async fn find(&self, segment: usize, prefix: u64) -> Result<Vec<u64>, Infallible> {
///         Ok(self.0[segment].get(&prefix).copied().into_iter().collect())
///     }
/// }
///
/// let segments = InMemory(vec![HashMap::from([(1, 7)])]);
/// let mut dedup = Dedup::new(1000);
/// dedup.add_segment(SegmentFilter::new([1])?);
/// dedup.insert(2, 8);
/// let found = async {
///     assert_eq!(dedup.candidates(&segments, 1).await, Ok(vec![7]));
///     assert_eq!(dedup.candidates(&segments, 2).await, Ok(vec![8]));
///     assert_eq!(dedup.candidates(&segments, 3).await, Ok(vec![]));
/// };
/// # use std::task::{Context, Poll, Waker};
/// # let polled = std::pin::pin!(found).poll(&mut Context::from_waker(Waker::noop()));
/// # assert_eq!(polled, Poll::Ready(()));
/// # Ok::<(), strongroom_chunking::Error>(())
/// ```
#[derive(Debug)]
pub struct Dedup {
    filters: Vec<SegmentFilter>,
    exact: PrefixTable,
    lately: Mutex<Lately>,
}

impl Dedup {
    /// Knows nothing yet; caches at most `cache_count` values.
    #[must_use]
    pub fn new(cache_count: usize) -> Self {
        Self {
            filters: Vec::new(),
            exact: PrefixTable::new(),
            lately: Mutex::new(Lately {
                generation_count: cache_count / 2,
                ..Lately::default()
            }),
        }
    }

    /// Adds a segment with the chunks of this filter and returns its number: 0, 1, 2, …
    pub fn add_segment(&mut self, filter: SegmentFilter) -> usize {
        self.filters.push(filter);
        self.filters.len() - 1
    }

    /// Remembers a chunk that stands in no segment.
    pub fn insert(&mut self, prefix: u64, value: u64) {
        self.exact.insert(prefix, value);
    }

    /// All values under a prefix, in no order; none if no chunk with such an id is known.
    ///
    /// # Errors
    /// What [`Segments::find`] fails with.
    pub async fn candidates<S: Segments>(
        &self,
        segments: &S,
        prefix: u64,
    ) -> Result<Vec<u64>, S::Error> {
        let mut values: Vec<u64> = self.exact.candidates(prefix).collect();
        // The newest segments first: what was stored lately is asked for most.
        for (segment, filter) in self.filters.iter().enumerate().rev() {
            if filter.may_contain_prefix(prefix) {
                values.append(&mut segments.find(segment, prefix).await?);
            }
        }
        Ok(values)
    }

    /// Puts values into the cache: of the chunks that lie beside one that was found, for they are asked for next.
    pub fn learn(&self, values: impl IntoIterator<Item = (u64, u64)>) {
        let mut lately = self.lately();
        for (prefix, value) in values {
            lately.insert(prefix, value);
        }
    }

    /// A value that was learned lately for this prefix. There may be others.
    #[must_use]
    pub fn learned(&self, prefix: u64) -> Option<u64> {
        self.lately().get(prefix)
    }

    fn lately(&self) -> MutexGuard<'_, Lately> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of memory of the filters alone: at most 2.5 for each chunk of a segment of 100 000 or more.
    #[must_use]
    pub fn filter_bytes(&self) -> usize {
        self.filters.iter().map(SegmentFilter::memory_bytes).sum()
    }

    /// Bytes of memory of the filters, the cache and what was inserted.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.filter_bytes() + self.exact.memory_bytes() + self.lately().memory_bytes()
    }
}

/// Two generations, so that what is used stays: a find in the older one moves to the younger, and when that is full, it
/// becomes the older one.
#[derive(Debug, Default)]
struct Lately {
    young: HashTable<(u64, u64)>,
    old: HashTable<(u64, u64)>,
    generation_count: usize,
}

/// Prefixes are uniform: each is its own hash.
fn hash(entry: &(u64, u64)) -> u64 {
    entry.0
}

fn find(table: &HashTable<(u64, u64)>, prefix: u64) -> Option<u64> {
    let entry = table.find(prefix, |(other, _)| *other == prefix);
    entry.map(|(_, value)| *value)
}

impl Lately {
    fn get(&mut self, prefix: u64) -> Option<u64> {
        if let Some(value) = find(&self.young, prefix) {
            return Some(value);
        }
        let value = find(&self.old, prefix)?;
        self.insert(prefix, value);
        Some(value)
    }

    fn insert(&mut self, prefix: u64, value: u64) {
        if self.generation_count == 0 {
            return;
        }
        if let Some((_, old)) = self.young.find_mut(prefix, |(other, _)| *other == prefix) {
            *old = value;
            return;
        }
        if self.young.len() >= self.generation_count {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert_unique(prefix, (prefix, value), hash);
    }

    fn memory_bytes(&self) -> usize {
        self.young.allocation_size() + self.old.allocation_size()
    }
}
