use proptest::prelude::*;
use strongroom_chunking::{ChunkSizes, Chunker, Masks};

use crate::model::{Gear, gear, lengths_by_fastcdc, lengths_by_the_byte, xof};

/// Even sizes in ascending order, small enough for many chunks.
pub(crate) fn any_sizes() -> impl Strategy<Value = ChunkSizes> {
    (32..600usize, 0..3000usize, 0..6000usize).prop_map(|(min, more, most)| {
        let avg = (min + more).max(128);
        let max = (avg + most).max(512);
        ChunkSizes::new(2 * min, 2 * avg, 2 * max).unwrap()
    })
}

pub(crate) fn any_data(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let alphabet = prop::sample::select(vec![0xff, 0x0f, 0x03, 0x01, 0x00]);
    ("[a-z]{8}", 0..=most, alphabet).prop_map(|(seed, len, and)| xof(&seed, len, and))
}

pub(crate) fn any_masks(sizes: ChunkSizes) -> impl Strategy<Value = Masks> {
    prop_oneof![
        Just(Masks::for_average(sizes.avg_bytes())),
        // The format lets a configuration name any two; those with the top bit are left out, which the second
        // table of the algorithm loses.
        (any::<u64>(), any::<u64>(), 0..63u32, 0..60u32).prop_map(|(small, large, one, other)| {
            Masks {
                small: (small & (u64::MAX >> 1)) >> one,
                large: (large & (u64::MAX >> 1)) >> other,
            }
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn cuts_are_those_of_fastcdc_and_of_the_rule(
        (sizes, masks) in any_sizes().prop_flat_map(|sizes| (Just(sizes), any_masks(sizes))),
        data in any_data(200_000),
    ) {
        let gear = gear();
        let chunker = gear.chunker(sizes, masks);
        let chunks: Vec<&[u8]> = chunker.cuts(&data).collect();
        let lengths: Vec<usize> = chunks.iter().map(|chunk| chunk.len()).collect();
        prop_assert_eq!(chunks.concat(), data.as_slice());
        prop_assert_eq!(&lengths, &lengths_by_fastcdc(&data, sizes, masks, &gear.numbers()));
        prop_assert_eq!(&lengths, &lengths_by_the_byte(&data, sizes, masks, &gear.numbers()));
        let (last, others) = lengths.split_last().map_or((0, &[][..]), |(last, others)| (*last, others));
        prop_assert!(last <= sizes.max_bytes());
        prop_assert!(others.iter().all(|len| (sizes.min_bytes()..=sizes.max_bytes()).contains(len)));
    }

    #[test]
    fn what_follows_max_bytes_does_not_matter(sizes in any_sizes(), data in any_data(60_000)) {
        let chunker = gear().chunker(sizes, Masks::for_average(sizes.avg_bytes()));
        let enough = &data[..data.len().min(sizes.max_bytes())];
        prop_assert_eq!(chunker.first_cut(&data), chunker.first_cut(enough));
    }
}

#[test]
fn nothing_has_no_chunks() {
    let chunker = gear().chunker(ChunkSizes::default(), Masks::for_average(65_536));
    assert_eq!(chunker.first_cut(&[]), 0);
    assert_eq!(chunker.cuts(&[]).count(), 0);
}

#[test]
fn cut_points_find_themselves_again_after_an_insertion() {
    let chunker = gear().chunker(ChunkSizes::default(), Masks::for_average(65_536));
    let data = xof("insertion", 4 << 20, 0xff);
    let mut longer = data.clone();
    longer.splice(1000..1000, *b"seven bytes");
    let before: Vec<&[u8]> = chunker.cuts(&data).collect();
    let after: Vec<&[u8]> = chunker.cuts(&longer).collect();
    let shared = before.iter().rev().zip(after.iter().rev());
    let shared = shared.take_while(|(one, other)| one == other).count();
    assert!(
        shared + 3 > before.len(),
        "{shared} of {} chunks are shared",
        before.len()
    );
}

#[test]
fn another_table_cuts_elsewhere() {
    let (sizes, masks) = (ChunkSizes::default(), Masks::for_average(65_536));
    let data = xof("tables", 4 << 20, 0xff);
    let mut other = gear().0;
    blake3::Hasher::new().finalize_xof().fill(&mut other);
    let lengths = |gear: Gear| -> Vec<usize> {
        let chunker = gear.chunker(sizes, masks);
        chunker.cuts(&data).map(<[u8]>::len).collect()
    };
    assert_ne!(lengths(gear()), lengths(Gear(other)));
}

#[test]
fn chunkers_can_be_shared_and_keep_their_secret() {
    fn shared<T: Send + Sync + Clone>(value: &T) -> T {
        value.clone()
    }
    let gear = gear();
    let chunker = gear.chunker(ChunkSizes::default(), Masks::for_average(65_536));
    let text = format!("{:?}", shared::<Chunker>(&chunker));
    assert!(text.contains("GearTable(secret)"), "{text}");
    let numbers = gear.numbers();
    assert!(!numbers.iter().any(|n| text.contains(&n.to_string())));
}
