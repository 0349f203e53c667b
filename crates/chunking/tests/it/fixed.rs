use proptest::prelude::*;
use strongroom_chunking::{Cut, Error, FixedChunker};

use crate::stream::{Steps, any_steps, collect};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn splits_of_reads_do_not_move_fixed_cuts(
        sectors in 1..4000usize, len in 0..3_000_000usize, steps in any_steps(),
    ) {
        let chunker = FixedChunker::new(512 * sectors).unwrap();
        let data: Vec<u8> = (0..len).map(|index| (index / 251 + index).to_le_bytes()[0]).collect();
        let stream = chunker.stream(Steps::new(&data, steps));
        let (bytes, lengths, _) = collect(stream);
        prop_assert!(bytes == data);
        let expected: Vec<usize> = data.chunks(512 * sectors).map(<[u8]>::len).collect();
        prop_assert_eq!(lengths, expected);
    }
}

#[test]
fn nothing_has_no_chunks() {
    assert_eq!(FixedChunker::new(512).unwrap().first_cut(&[]), 0);
}

#[test]
fn sizes_are_checked() {
    let (least, most) = (512, 16 << 20);
    for bytes in [0, 1, 511, (16 << 20) + 512, usize::MAX] {
        let error = FixedChunker::new(bytes).unwrap_err();
        assert_eq!(error, Error::OutOfRange { bytes, least, most });
    }
    for bytes in [513, 4095, (16 << 20) - 1] {
        let error = FixedChunker::new(bytes).unwrap_err();
        assert_eq!(
            error,
            Error::Unaligned {
                bytes,
                multiple: 512
            }
        );
    }
    for bytes in [512, 4096, 16 << 20] {
        assert_eq!(FixedChunker::new(bytes).unwrap().max_bytes(), bytes);
    }
}
