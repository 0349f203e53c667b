//! Who reads in order, and what to read ahead for them: a decision about offsets.

use std::ops::Range;

/// Bytes that are read ahead of somebody who reads in order: two blocks.
pub(crate) const AHEAD_BYTES: u64 = 2 << 20;
/// The kernel asks for neighbouring pieces at once, and they come in any order: so far apart they are in order still.
const NEAR_BYTES: u64 = 1 << 20;

/// What is known of the reads of one open file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sequence {
    /// Where the next read begins if it is in order.
    expected: u64,
    /// Up to where was read ahead.
    ahead: u64,
}

impl Sequence {
    /// Takes note of a read; returns what to read ahead now.
    pub(crate) fn next(&mut self, read: Range<u64>) -> Option<Range<u64>> {
        let is_in_order = read.start.abs_diff(self.expected) <= NEAR_BYTES && read.start > 0;
        if !is_in_order {
            *self = Self {
                expected: read.end,
                ahead: read.end,
            };
            return None;
        }
        self.expected = self.expected.max(read.end);
        let until = self.expected.saturating_add(AHEAD_BYTES);
        // Not for every few bytes anew.
        if until < self.ahead.saturating_add(AHEAD_BYTES / 2) {
            return None;
        }
        let from = self.ahead.max(read.end);
        self.ahead = until;
        Some(from..until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;

    #[test]
    fn reads_in_order_are_read_ahead_for_without_gaps() {
        let (mut sequence, mut covered) = (Sequence::default(), 0);
        let mut asked = 0;
        for number in 0..200 {
            let read = number * 128 * KIB..(number + 1) * 128 * KIB;
            if let Some(ahead) = sequence.next(read.clone()) {
                assert!(covered == 0 || ahead.start == covered, "{ahead:?}");
                assert!(ahead.start >= read.end);
                covered = ahead.end;
                asked += 1;
            }
            assert!(number < 2 || covered >= read.end + AHEAD_BYTES / 2 - 128 * KIB);
        }
        assert!(asked < 30, "{asked} times");
    }

    #[test]
    fn reads_at_random_are_not() {
        let mut sequence = Sequence::default();
        for start in [50, 7, 300, 12, 90, 4].map(|mib| mib << 20) {
            assert_eq!(sequence.next(start..start + 4096), None);
        }
    }

    #[test]
    fn neighbours_in_any_order_are_in_order() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.next(0..128 * KIB), None);
        assert!(sequence.next(256 * KIB..384 * KIB).is_some());
        assert_eq!(sequence.next(128 * KIB..256 * KIB), None);
    }
}
