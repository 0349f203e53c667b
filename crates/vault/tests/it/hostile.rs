//! Bytes from anywhere: every parser answers with an error or a value, never with a panic or a huge allocation.

use proptest::prelude::*;
use strongroom_crypto::SecretKey;
use strongroom_vault::format::wire::{Reader, Writer};
use strongroom_vault::format::{
    BlockCodec, Fence, Header, ListPiece, Manifest, ObjectKind, ObjectName, PackId, Segment,
    SessionId, Toc, VaultConfig, VaultId, toc_extent,
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
