//! The same work done by others, as their documentation shows it.

use std::hint::black_box;

use fastcdc::{v2016, v2020};
use rustic_cdc::{Rabin64, RollingHash64};

/// Adds up all words: as fast as memory can be read with plain code.
pub(crate) fn sum(data: &[u8]) -> usize {
    let words = data.as_chunks::<8>().0.iter();
    let sum = words.fold(0u64, |sum, word| {
        sum.wrapping_add(u64::from_le_bytes(*word))
    });
    usize::try_from(black_box(sum) & 1).unwrap_or(0)
}

pub(crate) fn v2020(data: &[u8], avg: usize) -> usize {
    let level = v2020::Normalization::Level2;
    v2020::FastCDC::with_level(data, avg / 4, avg, avg * 4, level).count()
}

pub(crate) fn v2016(data: &[u8], avg: usize) -> usize {
    v2016::FastCDC::new(data, avg / 4, avg, avg * 4).count()
}

pub(crate) fn stream(data: &[u8], avg: usize) -> usize {
    let level = v2020::Normalization::Level2;
    v2020::StreamCDC::with_level(data, avg / 4, avg, avg * 4, level).count()
}

pub(crate) fn v2020_and_blake3(data: &[u8], avg: usize, key: &[u8; 32]) -> usize {
    let level = v2020::Normalization::Level2;
    let chunks = v2020::FastCDC::with_level(data, avg / 4, avg, avg * 4, level);
    let ids = chunks.map(|chunk| {
        let chunk = data.get(chunk.offset..chunk.offset + chunk.length);
        blake3::keyed_hash(key, chunk.unwrap_or_default())
    });
    ids.filter(|id| id.as_bytes() != &[0; 32]).count()
}

/// The hash of the crate's default table, a mask of as many bits as the average asks for, skipping the minimum.
pub(crate) fn gearhash(data: &[u8], avg: usize) -> usize {
    let mask = (avg as u64 - 1) << 32;
    let (min, max) = (avg / 4, avg * 4);
    let (mut rest, mut count) = (data, 0);
    while !rest.is_empty() {
        let longest = rest.len().min(max);
        let candidates = rest.get(min..longest).unwrap_or_default();
        let found = gearhash::Hasher::default().next_match(candidates, mask);
        let len = found.map_or(longest, |found| min + found);
        rest = rest.get(len..).unwrap_or_default();
        count += 1;
    }
    count
}

/// The rolling hash of rustic and restic, in restic's loop: a window of 64 bytes, prefilled before the minimum.
pub(crate) fn rabin(data: &[u8], avg: usize) -> usize {
    let mask = avg as u64 - 1;
    let (min, max) = (avg / 4, avg * 4);
    let mut hash = Rabin64::new(6);
    let (mut rest, mut count) = (data, 0);
    while !rest.is_empty() {
        let longest = rest.len().min(max);
        let (skipped, candidates) = rest.split_at(min.min(longest));
        let window = skipped.get(skipped.len().saturating_sub(64)..);
        hash.reset_and_prefill_window(&mut window.unwrap_or_default().iter().copied());
        let bytes = candidates
            .get(..longest - skipped.len())
            .unwrap_or_default();
        let found = bytes.iter().position(|byte| {
            hash.slide(*byte);
            hash.get_hash() & mask == 0
        });
        let len = found.map_or(longest, |found| skipped.len() + found + 1);
        rest = rest.get(len..).unwrap_or_default();
        count += 1;
    }
    count
}
