use std::collections::{BTreeSet, HashMap};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use strongroom_chunking::{ChunkId, Dedup, SegmentFilter, Segments};

use crate::model::Numbers;

/// Segments as maps, which count the look-ups and can fail.
#[derive(Default)]
struct Model {
    segments: Vec<HashMap<u64, u64>>,
    asked: AtomicUsize,
    broken: AtomicBool,
}

impl Segments for Model {
    type Error = &'static str;

    async fn find(&self, segment: usize, prefix: u64) -> Result<Vec<u64>, &'static str> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.broken.load(Ordering::Relaxed) {
            return Err("broken");
        }
        let found = self.segments[segment].get(&prefix);
        Ok(found.copied().into_iter().collect())
    }
}

/// What a future that waits for nothing comes to.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    let ready = match polled {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    };
    ready.unwrap()
}

/// An id that is uniform, as keyed ids are.
fn id(number: u64) -> ChunkId {
    let mut bytes = [0; 16];
    blake3::Hasher::new()
        .update(&number.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    ChunkId::from_bytes(bytes)
}

fn prefix(number: u64) -> u64 {
    id(number).prefix()
}

fn dedup_of(segments: Vec<HashMap<u64, u64>>) -> (Dedup, Model) {
    let mut dedup = Dedup::new(1000);
    for (number, segment) in segments.iter().enumerate() {
        let filter = SegmentFilter::new(segment.keys().copied()).unwrap();
        assert_eq!(dedup.add_segment(filter), number);
    }
    let model = Model {
        segments,
        ..Model::default()
    };
    (dedup, model)
}

proptest! {
    /// Against a plain map: all that is known is found, and nothing else.
    #[test]
    fn dedup_is_a_map(
        segments in prop::collection::vec(prop::collection::vec(0..200u64, 0..60), 0..5),
        steps in prop::collection::vec((any::<bool>(), 0..300u64), 0..300),
    ) {
        let mut known: HashMap<u64, BTreeSet<u64>> = HashMap::new();
        let mut maps = Vec::new();
        for (place, numbers) in (1000..).zip(&segments) {
            let map: HashMap<_, _> = numbers.iter().map(|number| (prefix(*number), place)).collect();
            for number in numbers {
                known.entry(*number).or_default().insert(place);
            }
            maps.push(map);
        }
        let (mut dedup, model) = dedup_of(maps);
        for (step, (insert, number)) in (0..).zip(steps) {
            if insert {
                dedup.insert(prefix(number), step);
                known.entry(number).or_default().insert(step);
            }
            let found = block_on(dedup.candidates(&model, prefix(number))).unwrap();
            let wanted = known.get(&number).cloned().unwrap_or_default();
            prop_assert_eq!(found.len(), wanted.len());
            prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
        }
    }
}

#[test]
fn unknown_ids_cost_almost_no_look_up() {
    let segments = (0..4u64).map(|segment| {
        let numbers = 0..25_000;
        numbers
            .map(|number| (prefix(4 * number + segment), 1))
            .collect()
    });
    let (dedup, model) = dedup_of(segments.collect());
    for number in 0..100_000 {
        let found = block_on(dedup.candidates(&model, prefix(1_000_000 + number)));
        assert_eq!(found, Ok(Vec::new()));
    }
    // Four filters, each of which lets one in 65 536 pass: six are expected.
    let asked = model.asked.into_inner();
    assert!(asked <= 25, "{asked} look-ups for 100000 unknown ids");
}

#[test]
fn what_was_learned_is_cached_and_the_cache_is_bounded() {
    let (dedup, model) = dedup_of(vec![
        (0..10_000).map(|number| (prefix(number), 1)).collect(),
    ]);
    let empty_bytes = dedup.memory_bytes();
    assert_eq!(dedup.learned(prefix(0)), None);
    for number in 0..10_000 {
        dedup.learn([(prefix(number), number)]);
        dedup.learn([(prefix(number), number + 1)]);
    }
    assert_eq!(
        dedup.learned(prefix(9_999)),
        Some(10_000),
        "the newest value"
    );
    assert_eq!(dedup.learned(prefix(0)), None, "left the cache long ago");
    // What is asked for again and again stays.
    for number in 10_000..20_000 {
        dedup.learn([(prefix(number), number)]);
        assert_eq!(dedup.learned(prefix(9_999)), Some(10_000));
    }
    // Two tables of 500 entries of 16 bytes, at their least load.
    let cache_bytes = dedup.memory_bytes() - empty_bytes;
    assert!(cache_bytes <= 2 * 1024 * 17 + 4096, "{cache_bytes} bytes");
    assert_eq!(model.asked.into_inner(), 0);
}

#[test]
fn filters_take_at_most_two_and_a_half_bytes_per_chunk() {
    for count in [100_000, 300_000, 1_000_000] {
        let mut numbers = Numbers(7);
        let mut dedup = Dedup::new(0);
        let filter = SegmentFilter::new((0..count).map(|_| numbers.next()));
        dedup.add_segment(filter.unwrap());
        let bytes = dedup.filter_bytes();
        assert!(10 * bytes <= 25 * count, "{bytes} bytes for {count} chunks");
    }
}

#[test]
fn a_filter_is_the_same_from_its_bytes_and_never_panics() {
    for count in [0, 1, 5, 1000] {
        let filter = SegmentFilter::new((0..count).map(prefix)).unwrap();
        let bytes = filter.to_bytes();
        let again = SegmentFilter::from_bytes(&bytes).unwrap();
        for number in 0..5000 {
            let id = id(number);
            assert_eq!(again.may_contain(&id), filter.may_contain(&id), "{number}");
            let by_prefix = again.may_contain_prefix(id.prefix());
            assert_eq!(by_prefix, again.may_contain(&id), "{number}");
        }
        assert_eq!(again.to_bytes(), bytes);
        for at in 0..bytes.len().min(20) {
            for turned in [1, 0x80, 0xff] {
                let mut hurt = bytes.clone();
                hurt[at] ^= turned;
                if let Some(filter) = SegmentFilter::from_bytes(&hurt) {
                    (0..500).for_each(|number| {
                        std::hint::black_box(filter.may_contain(&id(number)));
                    });
                }
            }
        }
        for len in (0..bytes.len()).take(64) {
            if let Some(filter) = SegmentFilter::from_bytes(&bytes[..len]) {
                (0..500).for_each(|number| {
                    std::hint::black_box(filter.may_contain(&id(number)));
                });
            }
        }
    }
}

#[test]
fn filters_hold_what_they_were_made_of() {
    for count in [0, 1, 2, 3, 10, 1000] {
        let filter =
            SegmentFilter::new((0..count).chain(0..count).map(|number| id(number).prefix()))
                .unwrap();
        assert!(
            (0..count).all(|number| filter.may_contain(&id(number))),
            "{count}"
        );
        let wrong = (0..10_000).filter(|number| filter.may_contain(&id(1_000_000 + number)));
        assert!(wrong.count() <= 5, "{count}");
    }
}

#[test]
fn a_failing_look_up_is_an_error_and_not_an_unknown_chunk() {
    let (dedup, model) = dedup_of(vec![HashMap::from([(prefix(1), 1)])]);
    model.broken.store(true, Ordering::Relaxed);
    let find = || block_on(dedup.candidates(&model, prefix(1)));
    assert_eq!(find(), Err("broken"));
    model.broken.store(false, Ordering::Relaxed);
    assert_eq!(find(), Ok(vec![1]));
}
