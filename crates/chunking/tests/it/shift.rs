//! What an insertion changes.

use std::collections::HashSet;

use strongroom_chunking::{ChunkSizes, Chunker, Masks};

use crate::model::{Numbers, gear, xof};

/// Chunks as contents; equal contents are one.
fn contents<'a>(chunker: &'a Chunker, data: &'a [u8]) -> HashSet<&'a [u8]> {
    chunker.cuts(data).collect()
}

fn chunker(avg_bytes: usize) -> Chunker {
    let sizes = ChunkSizes::new(avg_bytes / 4, avg_bytes, avg_bytes * 4).unwrap();
    gear().chunker(sizes, Masks::for_average(avg_bytes))
}

/// New chunks after one byte was put in front of `files` files of about 60 chunks each, most first.
fn new_after_a_byte_at_the_front(files: usize) -> Vec<usize> {
    let chunker = chunker(16 << 10);
    let counts = (0..files).map(|file| {
        let mut data = vec![0xa5];
        data.extend(xof(&format!("file {file}"), 1 << 20, 0xff));
        let before = contents(&chunker, &data[1..]);
        contents(&chunker, &data).difference(&before).count()
    });
    let mut counts: Vec<usize> = counts.collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts
}

/// At most four at the 99th percentile.
fn assert_few(counts: &[usize]) {
    let percentile = counts[counts.len() / 100];
    assert!(percentile <= 4, "{counts:?}");
    assert!(
        counts.iter().all(|count| *count > 0),
        "the byte is somewhere"
    );
}

#[test]
fn a_byte_at_the_front_makes_few_chunks_new() {
    assert_few(&new_after_a_byte_at_the_front(100));
}

#[test]
#[ignore = "half a minute: a thousand files"]
fn soak_a_byte_at_the_front_makes_few_chunks_new() {
    let counts = new_after_a_byte_at_the_front(2000);
    println!(
        "most: {}, 99th percentile: {}, median: {}",
        counts[0], counts[20], counts[1000]
    );
    assert_few(&counts);
}

#[test]
fn a_thousand_insertions_make_at_most_two_averages_new_each() {
    let (avg_bytes, mut numbers) = (4096, Numbers(0x1234));
    let chunker = chunker(avg_bytes);
    let data = xof("insertions", 12 << 20, 0xff);
    let mut places: Vec<usize> = (0..1000).map(|_| numbers.below(data.len())).collect();
    places.sort_unstable();
    let (mut longer, mut from) = (Vec::new(), 0);
    for place in places {
        longer.extend_from_slice(&data[from..place]);
        longer.push(numbers.next().to_le_bytes()[7]);
        from = place;
    }
    longer.extend_from_slice(&data[from..]);
    let (before, after) = (contents(&chunker, &data), contents(&chunker, &longer));
    let new_bytes: usize = after.difference(&before).map(|chunk| chunk.len()).sum();
    println!(
        "{} new bytes per insertion, average {avg_bytes}",
        new_bytes / 1000
    );
    assert!(new_bytes <= 1000 * 2 * avg_bytes, "{new_bytes} bytes");
}
