//! Reading some blocks of a pack with few requests.

use std::ops::Range;

use bytes::Bytes;

use crate::error::in_object;
use crate::format::FormatError;
use crate::{Result, Store};

/// Most bytes that one request reads ahead.
const WINDOW_BYTES: u64 = 4 << 20;

/// Blocks of one pack, those that follow each other without a gap by one request.
pub(super) struct Window<'a> {
    store: &'a Store,
    object: String,
    /// Ascending.
    wanted: Vec<Range<u64>>,
    start: u64,
    bytes: Bytes,
}

impl<'a> Window<'a> {
    /// A window on the ranges of an object that will be asked for, in this order.
    pub(super) fn new(store: &'a Store, object: String, wanted: Vec<Range<u64>>) -> Self {
        Self {
            store,
            object,
            wanted,
            start: 0,
            bytes: Bytes::new(),
        }
    }

    /// The bytes of one of the ranges.
    pub(super) async fn read(&mut self, range: Range<u64>) -> Result<Bytes> {
        if let Some(found) = self.found(&range) {
            return Ok(found);
        }
        let end = end_of_run(&self.wanted, &range);
        self.start = range.start;
        let read = self.store.read_range(&self.object, range.start..end);
        self.bytes = read.await?;
        let cut = FormatError::Truncated("a block");
        in_object(&self.object, self.found(&range).ok_or(cut))
    }

    fn found(&self, range: &Range<u64>) -> Option<Bytes> {
        let first = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let last = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        (first <= last && last <= self.bytes.len()).then(|| self.bytes.slice(first..last))
    }
}

/// Where the ranges end that follow each other from this one on, within the limit of a window.
fn end_of_run(wanted: &[Range<u64>], from: &Range<u64>) -> u64 {
    let first = wanted.partition_point(|range| range.start < from.start);
    let mut end = from.end;
    for range in wanted.iter().skip(first).skip_while(|range| *range == from) {
        if range.start != end || range.end - from.start > WINDOW_BYTES {
            break;
        }
        end = range.end;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_without_a_gap_is_read_at_once() {
        let wanted = [0..10, 10..20, 25..30, 30..40];
        assert_eq!(end_of_run(&wanted, &(0..10)), 20);
        assert_eq!(end_of_run(&wanted, &(10..20)), 20);
        assert_eq!(end_of_run(&wanted, &(25..30)), 40);
        let megabytes: Vec<Range<u64>> = (0..9).map(|n| n << 20..(n + 1) << 20).collect();
        assert_eq!(end_of_run(&megabytes, &(0..1 << 20)), WINDOW_BYTES);
        let huge: Range<u64> = 0..16 << 20;
        assert_eq!(end_of_run(std::slice::from_ref(&huge), &huge), huge.end);
    }
}
