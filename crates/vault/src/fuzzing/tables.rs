//! Binary layouts: tables of contents, blocks, index segments, list pieces, names, numbers.

use std::collections::BTreeMap;

use strongroom_crypto::{
    BlockContext, BlockType, SecretKey, SeededEntropy, framed_len, object_key, open_block,
    seal_block, seal_frames,
};

use super::{OTHER_VAULT, VAULT, key, other_key, sealed, with_a_bit_turned};
use crate::format::wire::{Reader, Writer, varint_len};
use crate::format::{
    BlockCodec, BlockRowDraft, Header, ListPiece, ObjectKind, ObjectName, PACK_MAX_BYTES, PackId,
    PackUse, Segment, SessionId, TOC_AT, Toc, open_object, toc_extent,
};

const PACK: PackId = PackId::from_bytes([0x44; 16]);
const OTHER_PACK: PackId = PackId::from_bytes([0x45; 16]);
const TOC_PAGE_BYTES: usize = 4096;

/// A table of contents: one byte whose lowest bit tells data (0) from metadata (1), then its plaintext, whose zero
/// bytes at the end are filled up here.
pub fn pack_toc(bytes: &[u8]) -> bool {
    let Some((which, plain)) = bytes.split_first() else {
        return false;
    };
    let (kind, other_kind) = match which & 1 {
        0 => (ObjectKind::DataPack, ObjectKind::MetaPack),
        _ => (ObjectKind::MetaPack, ObjectKind::DataPack),
    };
    let mut plain = plain.to_vec();
    plain.resize(plain.len().max(1).next_multiple_of(TOC_PAGE_BYTES), 0);
    let decoded = Toc::decode(&plain, kind);
    let blocks = decoded.as_ref().map_or(0, |toc| toc.blocks().len());
    let stored_bytes = decoded.as_ref().map_or(0, Toc::unpadded_bytes);
    let pack = |stored_bytes, blocks| pack_with(kind, &plain, stored_bytes, blocks);
    let opened = |pack: &[u8]| Toc::open(pack, kind, PACK, &VAULT, &key());
    let Ok(mut toc) = decoded else {
        assert!(opened(&pack(0, 0)).is_err());
        return false;
    };
    check_toc(&toc, kind);
    assert!(toc.encode() == plain, "a table has one form only");
    assert_eq!(rebuilt(&toc), toc);
    // `unpadded_bytes` counts the fixed front, too; the header does not.
    let stored_bytes = stored_bytes - TOC_AT as u64;
    let whole = pack(stored_bytes, blocks);
    if whole_body_bytes(&plain, stored_bytes) > PACK_MAX_BYTES {
        assert!(opened(&whole).is_err(), "the length of a pack is limited");
        return true;
    }
    toc.set_sealed_len(u32::try_from(framed_len(plain.len())).expect("short"));
    assert_eq!(opened(&whole).expect("its own table"), toc);
    assert_eq!(toc_extent(&whole, kind).expect("its header"), whole.len());
    assert!(Toc::open(&whole, kind, PACK, &VAULT, &other_key()).is_err());
    assert!(Toc::open(&whole, kind, PACK, &OTHER_VAULT, &key()).is_err());
    assert!(Toc::open(&whole, kind, OTHER_PACK, &VAULT, &key()).is_err());
    assert!(Toc::open(&whole, other_kind, PACK, &VAULT, &key()).is_err());
    assert!(opened(&with_a_bit_turned(&whole)).is_err());
    assert!(opened(&pack(stored_bytes + 1, blocks)).is_err());
    assert!(opened(&pack(stored_bytes, blocks + 1)).is_err());
    true
}

fn whole_body_bytes(plain: &[u8], stored_bytes: u64) -> u64 {
    framed_len(plain.len()) as u64 + stored_bytes
}

/// Front of a pack with this table and a header that claims these lengths.
fn pack_with(kind: ObjectKind, plain: &[u8], stored_bytes: u64, blocks: usize) -> Vec<u8> {
    let toc_len = u32::try_from(framed_len(plain.len())).expect("short");
    let blocks = u32::try_from(blocks).expect("few");
    let ext = [toc_len.to_le_bytes(), blocks.to_le_bytes()].concat();
    let body_len = whole_body_bytes(plain, stored_bytes);
    let front = Header::new(kind, *PACK.as_bytes(), body_len).encode(&ext);
    let key = object_key(&key(), VAULT.as_bytes(), &front, &ext);
    let mut pack = [front.as_slice(), &ext].concat();
    pack.extend(seal_frames(&key, kind.number(), plain).expect("short"));
    pack
}

/// The table as a writer would make it from the same blocks.
fn rebuilt(toc: &Toc) -> Toc {
    let mut again = Toc::default();
    for (position, row) in (0_u16..).zip(toc.blocks()) {
        let chunks = toc.chunks_of(position).iter();
        let draft = BlockRowDraft {
            birth: row.birth,
            block_type: row.block_type,
            codec: row.codec,
            key_epoch: row.key_epoch,
            raw_len: row.raw_len,
            chunks: chunks.map(|chunk| (chunk.id, chunk.raw_len)).collect(),
        };
        again
            .push(&draft, row.stored_len)
            .expect("within all limits");
    }
    again
}

/// Limits of the format, and that blocks and chunks lie behind each other without gaps.
fn check_toc(toc: &Toc, kind: ObjectKind) {
    assert!(toc.blocks().len() <= 65_535);
    let (mut end, mut chunks) = (TOC_AT as u64, 0);
    for (position, row) in (0_u16..).zip(toc.blocks()) {
        assert!(row.raw_len <= 16 << 20 && row.stored_len <= row.raw_len + 1024);
        assert_eq!(
            row.block_type == BlockType::Data,
            kind == ObjectKind::DataPack
        );
        let range = toc.block_range(position).expect("there");
        assert_eq!(range, end..end + u64::from(row.stored_len));
        end = range.end;
        let of_block = toc.chunks_of(position);
        assert_eq!(of_block.len(), usize::from(row.chunk_count));
        assert!(of_block.iter().all(|chunk| chunk.raw_len > 0));
        let raw_bytes: u64 = of_block.iter().map(|chunk| u64::from(chunk.raw_len)).sum();
        assert_eq!(raw_bytes, u64::from(row.raw_len));
        chunks += of_block.len();
        let found = toc.position_of(row.birth).and_then(|at| toc.block(at));
        assert_eq!(found.map(|found| found.birth), Some(row.birth));
    }
    assert_eq!((end, chunks), (toc.unpadded_bytes(), toc.chunks().len()));
    let addressed = toc.addressed_chunks().map(|(_, _, row)| row);
    assert!(addressed.eq(toc.chunks()));
}

/// A block: one byte codec, three bytes raw length, then the payload.
pub fn block(bytes: &[u8]) -> bool {
    let mut input = Reader::new(bytes);
    let (Ok(codec), Ok(raw_len)) = (input.u8(), input.u24()) else {
        return false;
    };
    let payload = input.rest();
    check_seal_of_block(payload, codec, raw_len);
    let mut blocks = BlockCodec::new().expect("made");
    compress_and_back(&mut blocks, payload);
    let Ok(raw) = blocks.decompress(codec, payload, raw_len) else {
        return false;
    };
    assert_eq!(raw.len(), raw_len as usize);
    if codec == 1 {
        check_frame(payload);
    } else {
        assert!(codec == 0 && raw == payload);
    }
    assert!(blocks.decompress(codec, payload, raw_len + 1).is_err());
    compress_and_back(&mut blocks, &raw);
    true
}

fn compress_and_back(blocks: &mut BlockCodec, raw: &[u8]) {
    let (payload, codec) = blocks.compress(raw, 3).expect("compressed");
    let payload = payload.get(24..).expect("behind room for the nonce");
    assert!(payload.len() < raw.len() || (codec == 0 && payload == raw));
    let raw_len = u32::try_from(raw.len()).expect("short");
    assert!(blocks.decompress(codec, payload, raw_len).expect("its own") == raw);
    if codec == 1 {
        check_frame(payload);
    }
}

/// One zstd frame without checksum, content size and dictionary, and a window within the limit.
fn check_frame(payload: &[u8]) {
    let (magic, rest) = payload.split_first_chunk::<4>().expect("a frame");
    assert_eq!(
        *magic,
        [0x28, 0xb5, 0x2f, 0xfd],
        "a frame, not one to be skipped"
    );
    let [descriptor, window] = *rest.first_chunk().expect("a frame header");
    assert_eq!(descriptor, 0, "no field that the format leaves out");
    let base = 1_u64 << (10 + (window >> 3));
    let window_bytes = base + base / 8 * u64::from(window & 7);
    assert!(window_bytes <= 1 << 24, "the window is limited");
}

fn check_seal_of_block(payload: &[u8], codec: u8, raw_len: u32) {
    let context = BlockContext {
        vault_id: *VAULT.as_bytes(),
        domain_id: [0x22; 8],
        birth_pack: *PACK.as_bytes(),
        birth_ordinal: 1,
        block_type: BlockType::Tree,
        codec,
        raw_len,
    };
    let mut sealed = vec![0; 24];
    sealed.extend_from_slice(payload);
    seal_block(&key(), &context, &mut sealed, &SeededEntropy::new(1)).expect("sealed");
    let opens = |key: &SecretKey, mut sealed: Vec<u8>| {
        open_block(key, &context, &mut sealed).is_ok_and(|opened| opened == payload)
    };
    assert!(opens(&key(), sealed.clone()));
    assert!(!opens(&other_key(), sealed.clone()));
    assert!(!opens(&key(), with_a_bit_turned(&sealed)));
    let mut others = [context; 7];
    let [vault, domain, pack, ordinal, block_type, codec, length] = &mut others;
    vault.vault_id = *OTHER_VAULT.as_bytes();
    domain.domain_id = [0x23; 8];
    pack.birth_pack = *OTHER_PACK.as_bytes();
    ordinal.birth_ordinal = 2;
    block_type.block_type = BlockType::List;
    codec.codec ^= 1;
    length.raw_len += 1;
    for other in &others {
        let mut sealed = sealed.clone();
        assert!(open_block(&key(), other, &mut sealed).is_err(), "{other:?}");
    }
}

/// The plaintext of an index segment.
pub fn index_segment(plain: &[u8]) -> bool {
    let object = sealed(ObjectKind::Segment, plain);
    let mut entries = Vec::new();
    let Ok(packs) = Segment::open(&object, &key(), &VAULT, |entry| entries.push(entry)) else {
        return false;
    };
    assert!(entries.is_sorted());
    assert!(
        entries
            .iter()
            .all(|entry| (entry.pack as usize) < packs.len())
    );
    for pack in &packs {
        assert!(pack.kind.is_pack() && pack.object_bytes <= PACK_MAX_BYTES);
        assert!(pack.toc_len <= 16 << 20 && pack.block_count <= 65_535);
    }
    let again = Segment { packs, entries }
        .seal(&key(), &VAULT, &SeededEntropy::new(1))
        .expect("short");
    let again = open_object(ObjectKind::Segment, &key(), &VAULT, &again).expect("its own");
    assert!(again == plain, "a segment has one form only");
    true
}

/// A piece of a reference list.
pub fn list_piece(raw: &[u8]) -> bool {
    let Ok(piece) = ListPiece::decode(raw) else {
        return false;
    };
    let again = piece.encode();
    assert_eq!(ListPiece::decode(&again).expect("its own"), piece);
    // A block may be written with counts although all are 1; nothing else has two forms.
    assert!(again.len() < raw.len() || again == raw);
    assert!(piece.packs.is_sorted_by(|a, b| a.pack < b.pack));
    let lens = piece.packs.iter().map(PackUse::encoded_len);
    assert_eq!(1 + lens.sum::<usize>(), again.len());
    for pack in piece.packs {
        let all: BTreeMap<u16, Vec<i64>> = pack
            .blocks
            .iter()
            .map(|block| {
                assert_ne!(block.counts.last().copied().unwrap_or(0), 0);
                let counts = block.counts.iter().map(|&count| -i64::from(count));
                (block.ordinal, counts.collect())
            })
            .collect();
        assert_eq!(all.len(), pack.blocks.len(), "each block once");
        let (id, none) = (pack.pack, BTreeMap::new());
        let same = PackUse::apply(Some(pack.clone()), id, &none).expect("nothing changes");
        assert_eq!(same.as_ref(), Some(&pack));
        let emptied = PackUse::apply(Some(pack), id, &all).expect("all are dropped");
        assert_eq!(emptied, None);
    }
    true
}

/// Names of objects, and the ids in them.
pub fn object_name(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    if let Ok(session) = text.parse::<SessionId>() {
        assert_eq!(session.to_string(), text);
        assert!(session.taken_millis() < 1 << 48);
    }
    let Some(name) = ObjectName::parse(text) else {
        return false;
    };
    assert_eq!(name.to_string(), text);
    let is_allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'/' | b'-');
    assert!(text.bytes().all(is_allowed));
    true
}

/// Numbers and byte strings: the first byte chooses the order in which they are read.
pub fn wire(bytes: &[u8]) -> bool {
    let mut input = Reader::new(bytes);
    let Ok(order) = input.u8() else {
        return false;
    };
    let mut out = Writer::new();
    out.u8(order);
    let mut read_bytes = 1;
    for turn in (0_u32..8).cycle() {
        if input.is_empty() {
            break;
        }
        let before = out.as_slice().len();
        let read = match order.rotate_left(turn) & 3 {
            0 => input.varint().map(|number| {
                out.varint(number);
                assert_eq!(out.as_slice().len() - before, varint_len(number));
            }),
            1 => input.zigzag().map(|number| out.zigzag(number)),
            2 => input.bytes().map(|bytes| out.bytes(bytes)),
            _ => input.u8().map(|byte| out.u8(byte)),
        };
        if read.is_err() {
            break;
        }
        read_bytes = bytes.len() - input.rest().len();
    }
    assert_eq!(bytes.get(..read_bytes), Some(out.as_slice()));
    read_bytes == bytes.len()
}
