//! All ways to scan find the cut points of `fastcdc`, whatever the bytes, sizes, masks and table.

use proptest::prelude::*;
use strongroom_chunking::{ChunkSizes, Chunker, Error, GearTable, Masks, Scan};

use crate::cut::any_masks;
use crate::model::{Gear, Numbers, gear, lengths_by_fastcdc};

/// Sizes from the smallest to those that fill all streams of all ways.
fn any_sizes() -> impl Strategy<Value = ChunkSizes> {
    (5..16u32, 0..8usize, 0..8usize, 1..4096usize).prop_map(|(log, avg, max, odd)| {
        let min = ((1 << log) + odd % (1 << log)) * 2;
        let avg = (min * (4 + avg) / 4 / 2 * 2).max(256);
        let max = (avg * (4 + max) / 4 / 2 * 2).max(1024);
        ChunkSizes::new(min, avg, max).unwrap()
    })
}

/// Shapes of bytes that scanners stumble over: noise, runs, and noise that comes back after any distance.
pub(crate) fn fill(bytes: &mut [u8], seed: u64) {
    let mut numbers = Numbers(seed);
    let (period, alphabet) = (numbers.below(5000) + 1, numbers.next());
    let kind = numbers.below(5);
    let mask = [u64::MAX, 0x0f0f_0f0f_0f0f_0f0f, 0x0101_0101_0101_0101][numbers.below(3)];
    for word in bytes.chunks_mut(8) {
        let noise = (numbers.next() & mask).to_le_bytes();
        word.copy_from_slice(&noise[..word.len()]);
    }
    match kind {
        0 => (period..bytes.len()).for_each(|index| bytes[index] = bytes[index - period]),
        1 => {
            for _ in 0..8 {
                let from = numbers.below(bytes.len() + 1);
                let len = numbers.below(bytes.len() - from + 1);
                let value = numbers.next().to_le_bytes()[0];
                bytes[from..from + len].fill(value);
            }
        }
        2 => bytes.fill(alphabet.to_le_bytes()[0]),
        _ => {}
    }
}

fn available() -> impl Iterator<Item = Scan> {
    Scan::ALL.into_iter().filter(|scan| scan.is_available())
}

fn lengths(chunker: &Chunker, scan: Scan, data: &[u8]) -> Vec<usize> {
    let chunker = chunker.clone().with_scan(scan).unwrap();
    chunker.cuts(data).map(<[u8]>::len).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_ways_find_the_same_cuts(
        (sizes, masks) in any_sizes().prop_flat_map(|sizes| (Just(sizes), any_masks(sizes))),
        len in 0..600_000usize, seed: u64,
    ) {
        let mut data = vec![0; len];
        fill(&mut data, seed);
        let gear = gear();
        let chunker = gear.chunker(sizes, masks);
        let expected = lengths_by_fastcdc(&data, sizes, masks, &gear.numbers());
        for scan in available() {
            prop_assert!(lengths(&chunker, scan, &data) == expected, "{:?}", scan);
        }
    }
}

/// In this table byte 0 puts a one into the mask with each step, and byte 1 none: zeros never match, and seventeen
/// ones in a row do, because the mask has sixteen bits. So a match can be planted anywhere.
#[test]
fn a_match_at_every_place_of_every_stream_is_found() {
    let (mut table, mask) = ([0; 2048], 0xffff_0000_0000);
    if let Some(number) = table.first_chunk_mut() {
        *number = (1u64 << 32).to_le_bytes();
    }
    let masks = Masks {
        small: mask,
        large: mask,
    };
    let sizes = ChunkSizes::new(64, 65_536, 65_536).unwrap();
    let gear = Gear(table);
    let chunker = gear.chunker(sizes, masks);
    let mut data = vec![0; 20_000];
    for place in (64..20_000).step_by(if cfg!(debug_assertions) { 61 } else { 1 }) {
        data[place - 16..=place].fill(1);
        let expected = lengths_by_fastcdc(&data, sizes, masks, &gear.numbers());
        for scan in available() {
            assert_eq!(
                lengths(&chunker, scan, &data),
                expected,
                "{scan:?} at {place}"
            );
        }
        data[place - 16..=place].fill(0);
    }
}

/// Zeros roll to −2²⁰, in which bit 20 is set from the first on and bit 10 never.
#[test]
fn a_run_is_cut_where_the_lenient_mask_begins() {
    let mut table = [0xff; 2048];
    if let Some(number) = table.first_chunk_mut() {
        *number = (1u64 << 20).to_le_bytes();
    }
    let (small, large) = (1 << 20, 1 << 10);
    let sizes = ChunkSizes::new(4096, 30_000, 100_000).unwrap();
    for masks in [
        Masks { small, large },
        Masks {
            small,
            large: small,
        },
    ] {
        let gear = Gear(table);
        let chunker = gear.chunker(sizes, masks);
        let mut data = vec![0; 300_000];
        for place in [0, 100_000, 200_001, 250_063] {
            let expected = lengths_by_fastcdc(&data, sizes, masks, &gear.numbers());
            assert!(masks.large == small || expected[0] == 30_000);
            for scan in available() {
                assert_eq!(lengths(&chunker, scan, &data), expected, "{scan:?}");
            }
            data[place] = 1;
        }
    }
}

/// With odd numbers only, the strict mask never matches, and sees one bit of a hash that the lenient one sees more of.
#[test]
fn the_lenient_mask_may_see_more_than_the_strict_one() {
    let mut gear = gear();
    for number in gear.0.as_chunks_mut::<8>().0 {
        number[0] |= 1;
    }
    let (small, large) = (1, 0b111 << 45);
    let sizes = ChunkSizes::new(4096, 10_000, 100_000).unwrap();
    let chunker = gear.chunker(sizes, Masks { small, large });
    let mut data = vec![0; 200_000];
    for seed in 0..20 {
        fill(&mut data, seed);
        let expected = lengths_by_fastcdc(&data, sizes, Masks { small, large }, &gear.numbers());
        for scan in available() {
            assert_eq!(lengths(&chunker, scan, &data), expected, "{scan:?}");
        }
    }
}

/// Small enough for Miri, and long enough for all streams of all ways, with matches early, late and nowhere.
#[test]
fn short_inputs_are_cut_alike() {
    let sizes = ChunkSizes::new(64, 8192, 16_384).unwrap();
    let gear = gear();
    for (seed, bits) in (1..).zip([4, 9, 11, 30]) {
        let mut data = vec![0; 9000];
        let mut numbers = Numbers(seed);
        data.fill_with(|| numbers.next().to_le_bytes()[7]);
        let mask = ((1 << bits) - 1) << (48 - bits);
        let masks = Masks {
            small: mask,
            large: mask,
        };
        let chunker = gear.chunker(sizes, masks);
        let expected = lengths_by_fastcdc(&data, sizes, masks, &gear.numbers());
        for scan in available() {
            println!("{scan:?}: {} chunks", expected.len());
            assert_eq!(lengths(&chunker, scan, &data), expected, "{scan:?}, {bits}");
        }
    }
}

fn compare(scan: Scan, total_bytes: usize) {
    let mut numbers = Numbers(0x5eed);
    let mut data = vec![0; 3 << 20];
    let mut done_bytes = 0;
    while done_bytes < total_bytes {
        let len = numbers.below(data.len()) + 1;
        let data = &mut data[..len];
        fill(data, numbers.next());
        let mut table = [0; 2048];
        table.fill_with(|| numbers.next().to_le_bytes()[7]);
        let avg = 256usize << numbers.below(13);
        let avg = avg + numbers.below(avg / 2) / 2 * 2;
        let min = (avg / (1 + numbers.below(8))).clamp(64, 1 << 20) & !1;
        let max = (avg * (1 + numbers.below(8))).clamp(1024, 16_000_000) & !1;
        let sizes = ChunkSizes::new(min, avg, max).unwrap();
        let masks = match numbers.below(4) {
            0 => Masks {
                small: numbers.next() >> numbers.below(60),
                large: numbers.next() >> numbers.below(60),
            },
            _ => Masks::for_average(avg),
        };
        let chunker = Chunker::new(sizes, masks, GearTable::from_bytes(&table));
        let expected = lengths(&chunker, Scan::Reference, data);
        assert!(
            lengths(&chunker, scan, data) == expected,
            "{scan:?} {sizes:?} {masks:?} {len}"
        );
        done_bytes += len;
    }
}

#[test]
fn long_inputs_are_cut_alike() {
    available().for_each(|scan| compare(scan, 8 << 20));
}

#[test]
#[ignore = "a minute: 10⁹ bytes per way"]
fn soak_long_inputs_are_cut_alike() {
    for scan in available() {
        println!("{scan:?}");
        compare(scan, 1_000_000_000);
    }
}

#[test]
fn the_fastest_way_is_taken_and_masks_may_forbid_it() {
    let chunker = |masks| gear().chunker(ChunkSizes::default(), masks);
    let fastest = Scan::fastest(65_536);
    assert!(fastest.is_available() && fastest != Scan::Reference);
    assert_eq!(chunker(Masks::for_average(65_536)).scan(), fastest);
    let at = |bit: u32| Masks {
        small: 1 << bit,
        large: 1,
    };
    assert_eq!(chunker(at(47)).scan(), fastest);
    assert_eq!(chunker(at(48)).scan(), Scan::Portable);
    assert_eq!(chunker(at(60)).scan(), Scan::Portable);
    assert_eq!(chunker(at(61)).scan(), Scan::Reference);
    let small = ChunkSizes::new(256, 1024, 4096).unwrap();
    assert_eq!(
        gear().chunker(small, Masks::for_average(1024)).scan(),
        Scan::fastest(1024)
    );
}

#[test]
fn a_way_that_the_processor_lacks_is_an_error() {
    for scan in Scan::ALL {
        let result = gear()
            .chunker(ChunkSizes::default(), Masks::for_average(65_536))
            .with_scan(scan);
        match result {
            Ok(chunker) => assert!(scan.is_available() && chunker.scan() == scan),
            Err(error) => assert!(!scan.is_available() && error == Error::ScanUnavailable(scan)),
        }
    }
}
