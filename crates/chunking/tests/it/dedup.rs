use std::cell::Cell;
use std::collections::HashMap;

use proptest::prelude::*;
use strongroom_chunking::{ChunkId, Dedup, SegmentFilter, Segments};

use crate::model::Numbers;

/// Segments as maps, which count the look-ups and can fail.
#[derive(Default)]
struct Model {
    segments: Vec<HashMap<ChunkId, u32>>,
    asked: Cell<usize>,
    broken: Cell<bool>,
}

impl Segments for Model {
    type Place = u32;
    type Error = &'static str;

    fn find(&self, segment: usize, id: &ChunkId) -> Result<Option<u32>, &'static str> {
        self.asked.set(self.asked.get() + 1);
        if self.broken.get() {
            return Err("broken");
        }
        Ok(self.segments[segment].get(id).copied())
    }
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

/// The same prefix as `id(number)`, and another id.
fn twin(number: u64) -> ChunkId {
    let mut bytes = *id(number).as_bytes();
    bytes[15] ^= 1;
    ChunkId::from_bytes(bytes)
}

fn dedup_of(segments: Vec<HashMap<ChunkId, u32>>, cache_count: usize) -> Dedup<Model> {
    let prefixes: Vec<Vec<u64>> = segments
        .iter()
        .map(|segment| segment.keys().map(ChunkId::prefix).collect())
        .collect();
    let model = Model {
        segments,
        ..Model::default()
    };
    let mut dedup = Dedup::new(model, cache_count);
    for (number, prefixes) in prefixes.into_iter().enumerate() {
        assert_eq!(dedup.add_segment(prefixes).unwrap(), number);
    }
    dedup
}

proptest! {
    /// Against a plain map: what is known is found, what is not is not, whatever the cache holds.
    #[test]
    fn dedup_is_a_map(
        segments in prop::collection::vec(prop::collection::vec(0..200u64, 0..60), 0..5),
        cache_count in 0..20usize,
        steps in prop::collection::vec((any::<bool>(), 0..300u64), 0..300),
    ) {
        let mut model: HashMap<ChunkId, u32> = HashMap::new();
        let mut maps = Vec::new();
        for (segment, numbers) in segments.iter().enumerate() {
            let place = u32::try_from(segment).unwrap() + 1000;
            let map: HashMap<_, _> = numbers.iter().map(|number| (id(*number), place)).collect();
            model.extend(&map);
            maps.push(map);
        }
        let mut dedup = dedup_of(maps, cache_count);
        for (step, (insert, number)) in (0..).zip(steps) {
            if insert {
                dedup.insert(id(number), step);
                model.insert(id(number), step);
            }
            prop_assert_eq!(dedup.find(&id(number)), Ok(model.get(&id(number)).copied()));
            prop_assert_eq!(dedup.find(&twin(number)), Ok(None));
        }
        let new: HashMap<_, _> = dedup.take_new().collect();
        prop_assert!(new.iter().all(|(id, place)| model.get(id) == Some(place)));
        prop_assert!(dedup.take_new().next().is_none());
    }
}

#[test]
fn unknown_ids_cost_almost_no_look_up() {
    let segments = (0..4u64).map(|segment| {
        (0..25_000)
            .map(|number| (id(4 * number + segment), 1))
            .collect()
    });
    let mut dedup = dedup_of(segments.collect(), 0);
    for number in 0..100_000 {
        assert_eq!(dedup.find(&id(1_000_000 + number)), Ok(None));
    }
    // Four filters, each of which lets one in 65 536 pass: six are expected.
    let asked = dedup.segments().asked.get();
    assert!(asked <= 25, "{asked} look-ups for 100000 unknown ids");
}

#[test]
fn what_was_found_is_cached_and_the_cache_is_bounded() {
    let mut dedup = dedup_of(
        vec![(0..10_000).map(|number| (id(number), 1)).collect()],
        1000,
    );
    let empty_bytes = dedup.memory_bytes();
    for number in 0..10_000 {
        assert_eq!(dedup.find(&id(number)), Ok(Some(1)));
    }
    let before = dedup.segments().asked.get();
    assert_eq!(dedup.find(&id(9_999)), Ok(Some(1)));
    assert_eq!(dedup.segments().asked.get(), before, "found in the cache");
    assert_eq!(dedup.find(&id(0)), Ok(Some(1)));
    assert_eq!(
        dedup.segments().asked.get(),
        before + 1,
        "left the cache long ago"
    );
    // Two tables of 500 entries of 20 bytes, at their least load.
    let cache_bytes = dedup.memory_bytes() - empty_bytes;
    assert!(cache_bytes <= 2 * 1024 * 21 + 4096, "{cache_bytes} bytes");
}

#[test]
fn filters_take_at_most_two_and_a_half_bytes_per_chunk() {
    for count in [100_000, 300_000, 1_000_000] {
        let mut numbers = Numbers(7);
        let mut dedup = Dedup::new(Model::default(), 0);
        dedup
            .add_segment((0..count).map(|_| numbers.next()))
            .unwrap();
        let bytes = dedup.filter_bytes();
        assert!(10 * bytes <= 25 * count, "{bytes} bytes for {count} chunks");
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
    let mut dedup = dedup_of(vec![HashMap::from([(id(1), 1)])], 10);
    dedup.segments().broken.set(true);
    assert_eq!(dedup.find(&id(1)), Err("broken"));
    dedup.segments().broken.set(false);
    assert_eq!(dedup.find(&id(1)), Ok(Some(1)));
}
