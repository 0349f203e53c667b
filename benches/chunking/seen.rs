//! Known or new? Nanoseconds per question, and bytes per known chunk.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Instant;

use strongroom_chunking::{Dedup, PrefixTable, SegmentFilter, Segments};

/// A segment that holds nothing, so that only the front is measured.
struct Nothing;

impl Segments for Nothing {
    type Error = Infallible;

    async fn find(&self, _: usize, _: u64) -> Result<Vec<u64>, Infallible> {
        Ok(Vec::new())
    }
}

/// A bijection that scatters numbers (the finaliser of SplitMix64): prefix number `index`.
fn prefix(index: u64) -> u64 {
    let mixed = (index ^ (index >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Nanoseconds of each of `count` steps: the median of nine passes.
fn nanoseconds(count: u64, mut step: impl FnMut(u64)) -> f64 {
    let mut passes: Vec<f64> = (0..9)
        .map(|_| {
            let begin = Instant::now();
            (0..count).for_each(&mut step);
            begin.elapsed().as_secs_f64() * 1e9 / count as f64
        })
        .collect();
    passes.sort_by(f64::total_cmp);
    passes.get(4).copied().unwrap_or_default()
}

pub(crate) fn measure() {
    println!(
        "\nseen before?\n| known chunks | structure | build, ns each | known, ns | new, ns | bytes each |"
    );
    println!("|-------------:|-----------|---------------:|----------:|--------:|-----------:|");
    for known in [100_000, 1_000_000, 8_000_000] {
        let begin = Instant::now();
        let mut table = PrefixTable::new();
        (0..known).for_each(|index| table.insert(prefix(index), index));
        let build = begin.elapsed().as_secs_f64() * 1e9 / known as f64;
        let find = |index: u64| {
            black_box(table.candidates(prefix(index)).count());
        };
        let old = nanoseconds(1_000_000, |step| find(step * 0x9e37_79b9 % known));
        let new = nanoseconds(1_000_000, |step| find(step | 1 << 40));
        let each = table.memory_bytes() as f64 / known as f64;
        println!("| {known} | PrefixTable | {build:.0} | {old:.0} | {new:.0} | {each:.2} |");

        let begin = Instant::now();
        let mut dedup = Dedup::new(0);
        let filter = SegmentFilter::new((0..known).map(prefix));
        dedup.add_segment(filter.expect("the prefixes are distinct"));
        let build = begin.elapsed().as_secs_f64() * 1e9 / known as f64;
        let find = |index: u64| {
            let found = pin!(dedup.candidates(&Nothing, prefix(index)));
            let polled = found.poll(&mut Context::from_waker(Waker::noop()));
            black_box(polled.is_ready());
        };
        let old = nanoseconds(1_000_000, |step| find(step * 0x9e37_79b9 % known));
        let new = nanoseconds(1_000_000, |step| find(step | 1 << 40));
        let each = dedup.filter_bytes() as f64 / known as f64;
        println!("| {known} | Dedup, filter only | {build:.0} | {old:.0} | {new:.0} | {each:.2} |");
    }
}
