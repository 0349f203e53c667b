//! Bytes from anywhere: every parser answers with an error or a value, never with a panic or a huge allocation.

use proptest::prelude::*;
use strongroom_chunking::ChunkId;
use strongroom_crypto::{BlockType, SecretKey};
use strongroom_vault::format::wire::{Reader, Writer};
use strongroom_vault::format::{
    BlockCodec, BlockName, BlockRowDraft, DomainId, Fence, Header, ListPiece, Manifest, ObjectKind,
    ObjectName, PackBuilder, PackId, Segment, SessionId, Toc, VaultConfig, VaultId, seal_object,
    toc_extent,
};

const VAULT: VaultId = VaultId::from_bytes([1; 16]);

fn parse_all(bytes: &[u8]) {
    let key = SecretKey::from_bytes([2; 32]);
    let _header = Header::parse_any(bytes);
    let _config = (
        VaultConfig::parse_unverified(bytes),
        VaultConfig::open(bytes, &key),
    );
    let _toc = Toc::open(
        bytes,
        ObjectKind::DataPack,
        PackId::from_bytes([3; 16]),
        &VAULT,
        &key,
    );
    let _extent = toc_extent(bytes, ObjectKind::MetaPack);
    let _segment = Segment::open(bytes, &key, &VAULT, |_| {});
    let _list = ListPiece::decode(bytes);
    let _manifest = Manifest::open_structure(bytes, &VAULT, &key);
    let _fence = Fence::open(bytes, &key, &VAULT);
    let _slot = strongroom_crypto::inspect_slot(bytes);
    let mut codec = BlockCodec::new().expect("made");
    let _raw = codec.decompress(1, bytes, 100);
}

/// A header that is right in front of a body that is not.
fn dressed(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut front = Vec::from([0x89, b'S', b'R', b'V', 13, 10, 26, 10, kind, 1, 0, 0]);
    front.extend([0; 32]);
    front.extend(8_u32.to_le_bytes());
    front.extend((body.len() as u64).to_le_bytes());
    let ext = body
        .iter()
        .copied()
        .chain(std::iter::repeat(0))
        .take(8)
        .collect::<Vec<_>>();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&front).update(&ext);
    front.extend(&hasher.finalize().as_bytes()[..8]);
    [front, ext, body.to_vec()].concat()
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        parse_all(&bytes);
    }

    #[test]
    fn any_body_behind_a_right_header(kind in 0_u8..16, body in prop::collection::vec(any::<u8>(), 0..400)) {
        parse_all(&dressed(kind, &body));
    }

    #[test]
    fn list_pieces_that_decode_encode_to_the_same(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let bytes = [&[1][..], &bytes].concat();
        if let Ok(piece) = ListPiece::decode(&bytes) {
            prop_assert_eq!(ListPiece::decode(&piece.encode()).expect("its own"), piece);
        }
    }

    #[test]
    fn numbers_there_and_back(unsigned in any::<u64>(), signed in any::<i64>(), bytes in prop::collection::vec(any::<u8>(), 0..9)) {
        let mut out = Writer::new();
        out.varint(unsigned);
        out.zigzag(signed);
        out.bytes(&bytes);
        let mut input = Reader::new(out.as_slice());
        prop_assert_eq!(input.varint().expect("there"), unsigned);
        prop_assert_eq!(input.zigzag().expect("there"), signed);
        prop_assert_eq!(input.bytes().expect("there"), bytes.as_slice());
        prop_assert!(input.is_empty());
    }

    #[test]
    fn session_ids_there_and_back(millis in 0_u64..(1 << 48), random in any::<[u8; 10]>()) {
        let sid = SessionId::new(millis, random);
        prop_assert_eq!(sid.to_string().parse::<SessionId>().expect("its own"), sid);
        prop_assert_eq!(sid.taken_millis(), millis);
    }

    #[test]
    fn names_that_parse_are_written_the_same(text in "(d|m|keys|points|sess|index|gc)(/[0-9a-f]{1,33}){0,4}(/reg|/pin|/cp-[0-9]{1,3}|-[0-9]{1,2})?") {
        if let Some(name) = ObjectName::parse(&text) {
            prop_assert_eq!(name.to_string(), text);
        }
    }
}

#[test]
fn varints_have_one_form_only() {
    for wrong in [
        &[0x80, 0x00][..],
        &[0xff, 0x00],
        &[0xff; 11],
        &[0x80; 10],
        &[],
    ] {
        assert!(Reader::new(wrong).varint().is_err(), "{wrong:?}");
    }
    assert!(
        Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02])
            .varint()
            .is_err()
    );
    assert_eq!(Reader::new(&[0]).varint().expect("zero"), 0);
}

/// A frame of one raw block with this descriptor and window byte.
fn frame(descriptor: u8, window: &[u8], content: &[u8]) -> Vec<u8> {
    let len = u8::try_from(content.len()).expect("short");
    let front = [0x28, 0xb5, 0x2f, 0xfd, descriptor];
    [&front, window, &[1 | len << 3, 0, 0], content].concat()
}

#[test]
fn a_block_is_one_plain_frame_with_a_window_within_the_limit() {
    let mut codec = BlockCodec::new().expect("made");
    let mut is_read = |payload: &[u8], raw_len| codec.decompress(1, payload, raw_len).is_ok();
    // 2^24 bytes is the largest window; zstd by itself would take up to 2^41 of a whole frame.
    assert!(is_read(&frame(0, &[14 << 3], b"hello"), 5));
    assert!(!is_read(&frame(0, &[(14 << 3) + 1], b"hello"), 5));
    assert!(!is_read(&frame(0, &[17 << 3], b"hello"), 5));
    let with_content_size = frame(0x20, &[5], b"hello");
    assert!(!is_read(&with_content_size, 5));
    let with_dictionary_id = frame(1, &[0, 0], b"hello");
    assert!(!is_read(&with_dictionary_id, 5));
    let with_checksum = [frame(4, &[0], b"hello"), vec![0; 4]].concat();
    assert!(!is_read(&with_checksum, 5));
    let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd";
    assert!(!is_read(skippable, 0));
    assert!(is_read(&frame(0, &[0], b""), 0));
}

#[test]
fn numbers_of_an_index_segment_beyond_their_limits_are_damage() {
    let key = SecretKey::from_bytes([2; 32]);
    let opened = |object_bytes: u64, toc_len: u64, block_count: u64| {
        let mut out = Writer::new();
        out.raw(&[1, 1]);
        out.raw(&[3; 17]);
        for number in [object_bytes, toc_len, block_count] {
            out.varint(number);
        }
        out.raw(&[0; 34]);
        let plain = out.into_vec();
        let object = seal_object(ObjectKind::Segment, [9; 16], &key, &VAULT, &plain);
        Segment::open(&object.expect("sealed"), &key, &VAULT, |_| {}).is_ok()
    };
    assert!(opened(160 << 20, 16 << 20, 65_535));
    assert!(!opened((160 << 20) + 1, 16 << 20, 65_535));
    assert!(!opened(160 << 20, (16 << 20) + 1, 65_535));
    assert!(!opened(160 << 20, 16 << 20, 65_536));
}

#[test]
fn a_chunk_too_long_for_a_table_of_contents_is_not_written() {
    let finish = |chunk_bytes: u32| {
        let mut pack = PackBuilder::new(ObjectKind::DataPack, PackId::from_bytes([3; 16]));
        let row = BlockRowDraft {
            birth: BlockName {
                pack: PackId::from_bytes([3; 16]),
                ordinal: 0,
            },
            block_type: BlockType::Data,
            codec: 1,
            key_epoch: 0,
            raw_len: chunk_bytes,
            chunks: vec![(ChunkId::from_bytes([5; 16]), chunk_bytes)],
        };
        pack.put_block(0, row, vec![0; 60]);
        let domain = DomainId::from_bytes([2; 8]);
        pack.finish(&VAULT, &domain, &SecretKey::from_bytes([2; 32]))
    };
    assert!(finish((1 << 24) - 1).is_ok());
    assert!(finish(1 << 24).is_err());
    assert!(finish(u32::MAX).is_err());
}

#[test]
fn what_any_level_compresses_is_read() {
    let mut codec = BlockCodec::new().expect("made");
    let raw: Vec<u8> = (0..20_000_u32)
        .flat_map(|at| (at / 7).to_le_bytes())
        .collect();
    for level in [1, 3, 9, 19, 22] {
        let (payload, kind) = codec.compress(&raw, level).expect("compressed");
        let raw_len = u32::try_from(raw.len()).expect("short");
        let read = codec
            .decompress(kind, &payload[24..], raw_len)
            .expect("its own");
        assert!(kind == 1 && read == raw, "level {level}");
    }
}
