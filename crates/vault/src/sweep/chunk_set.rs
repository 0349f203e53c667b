//! Sets of chunks of one block.

/// Chunks of one block, by their numbers. 16 bytes for all but blocks of more than 64 chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChunkSet {
    Few(u64),
    Many(Box<[u64]>),
}

impl Default for ChunkSet {
    fn default() -> Self {
        Self::Few(0)
    }
}

impl ChunkSet {
    fn words(&self) -> &[u64] {
        match self {
            Self::Few(word) => std::slice::from_ref(word),
            Self::Many(words) => words,
        }
    }

    /// Room for this word, and the word.
    fn word_mut(&mut self, index: usize) -> Option<&mut u64> {
        if self.words().len() <= index {
            let mut words = self.words().to_vec();
            words.resize(index + 1, 0);
            *self = Self::Many(words.into());
        }
        match self {
            Self::Few(word) => Some(word),
            Self::Many(words) => words.get_mut(index),
        }
    }

    pub(crate) fn insert(&mut self, chunk: u16) {
        if let Some(word) = self.word_mut(usize::from(chunk >> 6)) {
            *word |= 1 << (chunk & 63);
        }
    }

    pub(crate) fn contains(&self, chunk: u16) -> bool {
        let word = self.words().get(usize::from(chunk >> 6));
        word.is_some_and(|word| word >> (chunk & 63) & 1 == 1)
    }

    /// Adds the chunks of a bitmap as it stands in list pieces.
    pub(crate) fn insert_bitmap(&mut self, bitmap: &[u8]) {
        for (index, bytes) in bitmap.chunks(8).enumerate() {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(bytes) {
                *to = *from;
            }
            if let Some(to) = self.word_mut(index) {
                *to |= u64::from_le_bytes(word);
            }
        }
    }

    /// Adds the chunks of another set.
    pub(crate) fn insert_all(&mut self, other: &Self) {
        for (index, word) in other.words().iter().enumerate() {
            if let Some(to) = self.word_mut(index) {
                *to |= word;
            }
        }
    }

    /// Takes away the chunks of another set.
    pub(crate) fn remove_all(&mut self, other: &Self) {
        let words = match self {
            Self::Few(word) => std::slice::from_mut(word),
            Self::Many(words) => words,
        };
        for (word, gone) in words.iter_mut().zip(other.words()) {
            *word &= !gone;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words().iter().all(|word| *word == 0)
    }

    pub(crate) fn len(&self) -> u32 {
        self.words().iter().map(|word| word.count_ones()).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> {
        (0_u16..).zip(self.words()).flat_map(|(index, word)| {
            (0..64_u16).filter_map(move |bit| (word >> bit & 1 == 1).then_some(index << 6 | bit))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set(chunks: &BTreeSet<u16>) -> ChunkSet {
        let mut set = ChunkSet::default();
        chunks.iter().for_each(|chunk| set.insert(*chunk));
        set
    }

    fn chunks() -> impl Strategy<Value = BTreeSet<u16>> {
        let few = proptest::collection::btree_set(0_u16..64, 0..64);
        let many = proptest::collection::btree_set(any::<u16>(), 0..40);
        prop_oneof![few, many]
    }

    proptest! {
        #[test]
        fn sets_are_sets(left in chunks(), right in chunks()) {
            let (mut both, mut without) = (set(&left), set(&left));
            both.insert_all(&set(&right));
            without.remove_all(&set(&right));
            prop_assert_eq!(both.iter().collect::<BTreeSet<_>>(), &left | &right);
            prop_assert_eq!(without.iter().collect::<BTreeSet<_>>(), &left - &right);
            prop_assert_eq!(without.is_empty(), left.is_subset(&right));
            prop_assert_eq!(both.len() as usize, (&left | &right).len());
            let either = &left | &right;
            let left_set = set(&left);
            prop_assert!(either.iter().all(|chunk| left_set.contains(*chunk) == left.contains(chunk)));
        }

        #[test]
        fn bitmaps_are_read_as_lists_write_them(chunks in chunks()) {
            let mut bitmap = vec![0_u8; 8192];
            for chunk in &chunks {
                bitmap[usize::from(chunk >> 3)] |= 1 << (chunk & 7);
            }
            let len = bitmap.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            let mut read = ChunkSet::default();
            read.insert_bitmap(&bitmap[..len]);
            prop_assert_eq!(read.iter().collect::<BTreeSet<_>>(), chunks);
        }
    }

    /// A sweep keeps one of these for each block of a vault.
    #[test]
    fn a_set_is_small() {
        assert_eq!(size_of::<(u16, ChunkSet)>(), 24);
    }
}
