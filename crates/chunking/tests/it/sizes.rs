use fastcdc::v2020::{Normalization, select_masks};
use strongroom_chunking::{ChunkSizes, Error, Masks};

#[test]
fn defaults_are_16_64_256_kib() {
    let sizes = ChunkSizes::default();
    assert_eq!(ChunkSizes::new(16 << 10, 64 << 10, 256 << 10), Ok(sizes));
    assert_eq!(
        (sizes.min_bytes(), sizes.avg_bytes(), sizes.max_bytes()),
        (16_384, 65_536, 262_144)
    );
}

#[test]
fn limits_belong_to_the_range() {
    ChunkSizes::new(64, 256, 1024).unwrap();
    ChunkSizes::new(1 << 20, 4 << 20, (16 << 20) - 2).unwrap();
    ChunkSizes::new(4096, 4096, 4096).unwrap();
}

#[test]
fn sizes_out_of_range_odd_or_not_ascending_are_refused() {
    for (min, avg, max) in [
        (0, 256, 1024),
        (62, 256, 1024),
        ((1 << 20) + 2, 4 << 20, 8 << 20),
        (64, 254, 1024),
        (64, (4 << 20) + 2, 8 << 20),
        (64, 256, 1022),
        (64, 256, 16 << 20),
        (usize::MAX, usize::MAX, usize::MAX),
    ] {
        let refused = ChunkSizes::new(min, avg, max);
        assert!(
            matches!(refused, Err(Error::OutOfRange { .. })),
            "{min} {avg} {max}: {refused:?}"
        );
    }
    assert_eq!(ChunkSizes::new(65, 256, 1024), Err(Error::Odd(65)));
    assert_eq!(ChunkSizes::new(64, 257, 1024), Err(Error::Odd(257)));
    assert_eq!(ChunkSizes::new(64, 256, 1025), Err(Error::Odd(1025)));
    for (min, avg, max) in [(512, 256, 1024), (64, 2048, 1024)] {
        assert_eq!(
            ChunkSizes::new(min, avg, max),
            Err(Error::Order { min, avg, max })
        );
    }
}

#[test]
fn messages_are_one_line() {
    assert_eq!(
        ChunkSizes::new(64, 2048, 1024).unwrap_err().to_string(),
        "chunk sizes must ascend: minimum 64, average 2048, maximum 1024"
    );
    assert_eq!(Error::Odd(65).to_string(), "chunk size 65 is odd");
}

#[test]
fn masks_of_64_kib_are_those_of_the_format() {
    let masks = Masks::for_average(65_536);
    assert_eq!(masks.small, 0x0000_d907_0753_7000);
    assert_eq!(masks.large, 0x0000_d903_1353_0000);
}

#[test]
fn frozen_masks_are_those_of_fastcdc_for_every_average() {
    for avg in (256..=4 << 20).step_by(2) {
        let (small, large) = select_masks(avg, Normalization::Level2);
        assert_eq!(Masks::for_average(avg), Masks { small, large }, "{avg}");
    }
}

#[test]
fn averages_out_of_range_get_the_masks_of_the_nearest() {
    assert_eq!(Masks::for_average(0), Masks::for_average(256));
    assert_eq!(Masks::for_average(usize::MAX), Masks::for_average(4 << 20));
}
