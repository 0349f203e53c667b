use strongroom_chunking::{ChunkHasher, ChunkId, ParseChunkIdError};

use crate::model::{domain_key, xof};

const TEXT: &str = "000102030405060708090a0b0c0d0eff";

fn sample() -> ChunkId {
    ChunkId::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255])
}

#[test]
fn an_id_is_the_head_of_the_keyed_hash() {
    let hasher = ChunkHasher::new(&domain_key());
    for len in [0, 1, 64, 1024, 1025, 65_536, 300_001] {
        let raw = xof("ids", len, 0xff);
        let whole = blake3::keyed_hash(&domain_key(), &raw);
        assert_eq!(hasher.id(&raw).as_bytes(), &whole.as_bytes()[..16]);
    }
}

#[test]
fn another_key_gives_another_id() {
    let (one, other) = (ChunkHasher::new(&[1; 32]), ChunkHasher::new(&[2; 32]));
    assert_ne!(one.id(b"same"), other.id(b"same"));
    assert_eq!(format!("{one:?}"), "ChunkHasher(secret)");
}

#[test]
fn the_prefix_is_big_endian_so_that_both_sort_alike() {
    assert_eq!(sample().prefix(), 0x0001_0203_0405_0607);
    let (low, high) = (ChunkId::from_bytes([1; 16]), ChunkId::from_bytes([2; 16]));
    assert!(low < high && low.prefix() < high.prefix());
}

#[test]
fn text_is_32_lower_case_digits() {
    assert_eq!(sample().to_string(), TEXT);
    assert_eq!(TEXT.parse(), Ok(sample()));
    assert_eq!(format!("{:?}", sample()), "ChunkId(0001020304050607…)");
    for wrong in [
        "",
        &TEXT[1..],
        &TEXT[2..],
        &format!("{TEXT}0"),
        &format!("{TEXT}00"),
        &TEXT.to_uppercase(),
        &TEXT.replace('f', "g"),
        &TEXT.replace("ff", " f"),
        &TEXT.replace("ff", "é"),
    ] {
        assert_eq!(
            wrong.parse::<ChunkId>(),
            Err(ParseChunkIdError),
            "{wrong:?}"
        );
    }
}
