//! The portable way: two streams in turn, so that neither waits for its own last step.
//!
//! The rolling hash is one chain of dependent steps, and a processor spends most of its time waiting for it. What the
//! hash says about a position depends on the last [`WINDOW_BYTES`] bytes only, so a range is split into two streams,
//! of which the second begins a window early, and both are advanced together, four bytes per shift. More streams are
//! no faster where a core starts two branches per cycle, and make more work void when the first one matches.

use std::ops::Range;

use crate::GearTable;

use super::{Found, Search, WINDOW_BYTES};

/// The streams are an odd multiple of this apart, which keeps them in different sets of the first cache.
const STRIDE_BYTES: usize = WINDOW_BYTES;
/// Two streams of one stride.
pub(super) const UNIT_BYTES: usize = 2 * STRIDE_BYTES;
/// Streams shorter than this cost more in windows than they save.
const STREAM_MIN_BYTES: usize = 3 * WINDOW_BYTES;
/// Bytes of each stream between two looks at the state of the loop.
const GROUP_BYTES: usize = 8;

/// See [`Search::first`].
pub(super) fn first(search: &Search<'_>, range: Range<usize>, hash: u64) -> Found {
    let (mut from, mut hash) = (range.start, hash);
    while let Some(streams) = Streams::within(from..range.end) {
        hash = streams.first(search, hash)?;
        from = streams.second().end;
    }
    search.one_by_one(from..range.end, hash)
}

/// Two streams of one length, one behind the other.
#[derive(Clone, Copy)]
struct Streams {
    start: usize,
    each_bytes: usize,
}

/// The stream that matched, and how far into it.
enum Match {
    First(usize),
    Second(usize),
}

impl Streams {
    /// The longest streams that fit, with an odd number of strides.
    fn within(range: Range<usize>) -> Option<Self> {
        let strides = range.len() / 2 / STRIDE_BYTES;
        let odd = strides.saturating_sub(1) | 1;
        let each_bytes = odd * STRIDE_BYTES;
        (each_bytes >= STREAM_MIN_BYTES).then_some(Self {
            start: range.start,
            each_bytes,
        })
    }

    fn first_stream(self) -> Range<usize> {
        self.start..self.start + self.each_bytes
    }

    fn second(self) -> Range<usize> {
        let start = self.start + self.each_bytes;
        start..start + self.each_bytes
    }

    fn first(self, search: &Search<'_>, hash: u64) -> Found {
        match self.advance(search, hash) {
            Ok(hash) => Found::Continue(hash),
            Err(Match::First(offset)) => Found::Break(self.start + offset),
            Err(Match::Second(offset)) => {
                // The first stream may hold an earlier match, in what had not been seen of it. Before its start the
                // hash need not be that of the window there, so near the start it is begun again.
                let rest = self.first_stream();
                if offset < WINDOW_BYTES {
                    first(search, rest, hash)?;
                } else {
                    let unseen = rest.start + offset / GROUP_BYTES * GROUP_BYTES;
                    first(search, unseen..rest.end, search.hash_before(unseen))?;
                }
                Found::Break(self.second().start + offset)
            }
        }
    }

    /// The hash at the end; or a match before whose group there is none in either stream.
    fn advance(self, search: &Search<'_>, hash: u64) -> Result<u64, Match> {
        let groups = |range: Range<usize>| {
            let bytes = search.data.get(range).unwrap_or_default();
            bytes.as_chunks::<GROUP_BYTES>().0
        };
        let (first, second) = (self.first_stream(), self.second());
        let hashes = [hash, search.hash_before(second.start)];
        advance(
            search.gear,
            groups(first),
            groups(second),
            hashes,
            search.mask,
        )
    }
}

/// The hot loop; a function of its own, so that all it needs stays in registers.
#[inline(never)]
fn advance(
    gear: &GearTable,
    first: &[[u8; GROUP_BYTES]],
    second: &[[u8; GROUP_BYTES]],
    [mut a, mut b]: [u64; 2],
    mask: u64,
) -> Result<u64, Match> {
    macro_rules! step {
        ($bits:literal, $x:expr, $y:expr, $offset:expr) => {
            a = gear.add::<$bits>(a, $x);
            if a & (mask << $bits) == 0 {
                return Err(Match::First($offset));
            }
            b = gear.add::<$bits>(b, $y);
            if b & (mask << $bits) == 0 {
                return Err(Match::Second($offset));
            }
        };
    }
    for (group, (x, y)) in first.iter().zip(second).enumerate() {
        let ([x0, x1, x2, x3, x4, x5, x6, x7], [y0, y1, y2, y3, y4, y5, y6, y7]) = (*x, *y);
        let at = group * GROUP_BYTES;
        (a, b) = (a << 4, b << 4);
        step!(3, x0, y0, at);
        step!(2, x1, y1, at + 1);
        step!(1, x2, y2, at + 2);
        step!(0, x3, y3, at + 3);
        (a, b) = (a << 4, b << 4);
        step!(3, x4, y4, at + 4);
        step!(2, x5, y5, at + 5);
        step!(1, x6, y6, at + 6);
        step!(0, x7, y7, at + 7);
    }
    Ok(b)
}
