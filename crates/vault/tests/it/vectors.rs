//! Golden vectors of every layout: fixed keys and reproducible "random" bytes give these objects, for ever.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use strongroom_chunking::{ChunkId, ChunkSizes, Masks};
use strongroom_crypto::{
    BlockContext, BlockType, DomainKeys, KdfCost, KeyBundle, KeyKind, KeyRing, Passphrase, Role,
    SecretKey, SeededEntropy, SlotLabel, SlotSecret, SlotTerms, seal_block, seal_frames, seal_slot,
    slot_body_len,
};
use strongroom_vault::format::{
    BlockCodec, BlockName, BlockRowDraft, BlockUse, Checkpoint, ChunkAddress, ChunkerConfig,
    DomainId, Fence, Header, ListPiece, ListPieceRef, MachineId, Manifest, Names, ObjectKind,
    PackBuilder, PackId, PackUse, PathText, Pin, PointStats, PreviousPoint, Registration,
    SealedPack, Segment, SegmentEntry, SessionId, SkippedEntry, SourceId, Structure, VaultConfig,
    VaultId, padme,
};

pub(crate) type Vectors = BTreeMap<String, String>;

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All of a short object; length and hash of a long one.
fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= 4096 {
        hex(bytes)
    } else {
        format!("{} bytes, blake3 {}", bytes.len(), blake3::hash(bytes))
    }
}

pub(crate) const VAULT: VaultId = VaultId::from_bytes([0x11; 16]);
pub(crate) const DOMAIN: DomainId = DomainId::from_bytes([0x22; 8]);
pub(crate) const SOURCE: SourceId = SourceId::from_bytes([0x33; 8]);
pub(crate) const PACK: PackId = PackId::from_bytes([0x44; 16]);
pub(crate) const OTHER_PACK: PackId = PackId::from_bytes([0x45; 16]);
const MACHINE: MachineId = MachineId::from_bytes([0x55; 16]);

pub(crate) fn ring() -> KeyRing {
    KeyRing::from_master(SecretKey::from_bytes([0x77; 32]), *DOMAIN.as_bytes())
}

pub(crate) fn sid() -> SessionId {
    SessionId::new(1_800_000_000_123, [9; 10])
}

pub(crate) fn at(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(secs, 0).expect("in range")
}

pub(crate) fn address(chunk: u16) -> ChunkAddress {
    ChunkAddress {
        pack: PACK,
        block: 1,
        chunk,
    }
}

fn raw(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from((at * 7 + at / 251) % 256).expect("a byte"))
        .collect()
}

fn names_and_sizes(out: &mut Vectors) {
    out.insert("session id".into(), sid().to_string());
    for len in [
        0,
        1,
        2,
        3,
        9,
        100,
        4096,
        4097,
        65_535,
        1 << 20,
        (1 << 20) + 1,
        33_554_433,
        167_772_159,
    ] {
        out.insert(format!("padme {len:09}"), padme(len).to_string());
    }
}

fn keys(out: &mut Vectors) {
    let ring = ring();
    let keys: &DomainKeys = ring.domain().expect("an owner's");
    let mut key = |name: &str, bytes: &[u8]| out.insert(format!("key {name}"), hex(bytes));
    key("config", ring.config_key().expose());
    key("data 0", keys.data(0).expose());
    key("data 1", keys.data(1).expose());
    key("tree 0", keys.tree(0).expose());
    key("list", keys.list().expose());
    key("table of contents", keys.toc().expose());
    key("manifest", keys.point().expose());
    key("names", keys.names().expose());
    key("control", keys.control().expose());
    key("chunk id data", keys.chunk_id_key(BlockType::Data));
    key("chunk id tree", keys.chunk_id_key(BlockType::Tree));
    key("chunk id list", keys.chunk_id_key(BlockType::List));
    key("source id of home", &keys.source_id("home"));
    key(
        "owner public",
        &ring.owner_public_key().expect("an owner's"),
    );
    let gear = blake3::hash(&keys.gear_table()[..]);
    key("gear table, blake3", gear.as_bytes());
}

fn frames(out: &mut Vectors) {
    let key = SecretKey::from_bytes([0x66; 32]);
    for len in [0, 1, 1_048_575, 1_048_576, 1_048_577] {
        let sealed = seal_frames(&key, 8, &raw(len)).expect("sealed");
        out.insert(format!("frames of {len:07}"), shown(&sealed));
    }
}

/// The bundle of a role; a maintenance slot's with a signing seed of its own, as the golden file has it.
fn bundle_for(role: Role, entropy: &SeededEntropy) -> KeyBundle {
    let ring = ring();
    if role != Role::Maintenance {
        return ring.bundle_for(role).expect("an owner's");
    }
    let keys = ring.domain().expect("an owner's");
    let head = ring
        .master()
        .expect("an owner's")
        .derive("strongroom 2026-11 v1 head", &[]);
    let seed = SecretKey::generate(entropy).expect("seeded");
    KeyBundle::new()
        .with(KeyKind::Config, 0, ring.config_key().duplicate())
        .with(KeyKind::Control, 0, keys.control().duplicate())
        .with(KeyKind::Toc, 0, keys.toc().duplicate())
        .with(KeyKind::List, 0, keys.list().duplicate())
        .with(KeyKind::Point, 0, keys.point().duplicate())
        .with(KeyKind::SigningSeed, 0, seed)
        .with(KeyKind::Head, 0, head)
}

fn slots(out: &mut Vectors) {
    let passphrase = Passphrase::new("correct horse battery staple").expect("long enough");
    let credential = strongroom_crypto::Credential::from_text(&format!(
        "strongroom-credential-1:{}:{}",
        "ab".repeat(16),
        "cd".repeat(32)
    ))
    .expect("a credential");
    let label = SlotLabel {
        label: "a \"label\"".into(),
        created_at: "2026-11-24T00:00:00.000Z".into(),
    };
    let secrets = [
        ("passphrase", SlotSecret::Passphrase(&passphrase)),
        ("credential", SlotSecret::Credential(&credential)),
    ];
    for (name, secret) in secrets {
        for role in [Role::Owner, Role::Agent, Role::Maintenance, Role::Monitor] {
            let entropy = SeededEntropy::new(1);
            let bundle = bundle_for(role, &entropy);
            let body_len = slot_body_len(&bundle, &label) as u64;
            let header = Header::new(ObjectKind::Slot, [0xab; 16], body_len).encode(&[]);
            let domain_id = if role == Role::Owner {
                [0; 8]
            } else {
                *DOMAIN.as_bytes()
            };
            let terms = SlotTerms {
                role,
                cost: KdfCost::MINIMUM,
                domain_id,
            };
            let body =
                seal_slot(&header, secret, terms, &bundle, &label, &entropy).expect("sealed");
            out.insert(
                format!("slot {name} {role}"),
                hex(&[header.as_slice(), &body].concat()),
            );
        }
    }
}

fn config(out: &mut Vectors) {
    for (name, avg) in [("default", 65_536), ("average not a power of two", 50_000)] {
        let sizes = ChunkSizes::new(16_384, avg, 262_144).expect("valid");
        let masks = Masks::for_average(avg);
        let size = |bytes: usize| u32::try_from(bytes).expect("small");
        let config = VaultConfig {
            places: Vec::new(),
            format: 1,
            vault_id: VAULT,
            name: Some("golden".into()),
            created_at: at(1_800_000_000),
            domains: vec![DOMAIN],
            chunker: ChunkerConfig {
                id: 1,
                min_bytes: size(sizes.min_bytes()),
                avg_bytes: size(sizes.avg_bytes()),
                max_bytes: size(sizes.max_bytes()),
                mask_small: masks.small,
                mask_large: masks.large,
            },
            inline_bytes: 512,
            block_bytes: 1 << 20,
            tree_block_bytes: 512 << 10,
            data_pack_bytes: 32 << 20,
            meta_pack_bytes: 8 << 20,
            compression_level: 3,
            owner_public_key: hex(&ring().owner_public_key().expect("an owner's")),
            maintenance_public_key: None,
            redundancy: "local".into(),
            soft_delete_days: 14,
            no_soft_delete: false,
        };
        let object = config.seal(ring().config_key()).expect("sealed");
        assert_eq!(
            VaultConfig::open(&object, ring().config_key()).expect("opened"),
            config
        );
        out.insert(format!("config {name}"), hex(&object));
    }
}

fn block(ordinal: u16, block_type: BlockType, chunks: &[Vec<u8>]) -> (BlockRowDraft, Vec<u8>) {
    let ring = ring();
    let keys = ring.domain().expect("an owner's");
    let hasher = strongroom_chunking::ChunkHasher::new(keys.chunk_id_key(block_type));
    let whole = chunks.concat();
    let (mut payload, codec) = BlockCodec::new()
        .expect("made")
        .compress(&whole, 3)
        .expect("compressed");
    let raw_len = u32::try_from(whole.len()).expect("small");
    let context = BlockContext {
        vault_id: *VAULT.as_bytes(),
        domain_id: *DOMAIN.as_bytes(),
        birth_pack: *PACK.as_bytes(),
        birth_ordinal: ordinal,
        block_type,
        codec,
        raw_len,
    };
    let entropy = SeededEntropy::new(u64::from(ordinal));
    seal_block(&keys.block(block_type, 0), &context, &mut payload, &entropy).expect("sealed");
    let len = |chunk: &Vec<u8>| u32::try_from(chunk.len()).expect("small");
    let chunks: Vec<(ChunkId, u32)> = chunks
        .iter()
        .map(|chunk| (hasher.id(chunk), len(chunk)))
        .collect();
    let birth = BlockName {
        pack: PACK,
        ordinal,
    };
    (
        BlockRowDraft {
            birth,
            block_type,
            codec,
            key_epoch: 0,
            raw_len,
            chunks,
        },
        payload,
    )
}

fn pack(kind: ObjectKind, blocks: Vec<(BlockRowDraft, Vec<u8>)>) -> SealedPack {
    let mut builder = PackBuilder::new(kind, PACK);
    for (row, sealed) in blocks {
        builder.put_block(row.birth.ordinal, row, sealed);
    }
    let ring = ring();
    builder
        .finish(&VAULT, &DOMAIN, ring.toc().expect("an owner's"))
        .expect("sealed")
}

fn packs(out: &mut Vectors) {
    // Sizes around the limits of chunks; one block that compresses and one that does not.
    let edges: Vec<Vec<u8>> = [1, 16_383, 16_384, 16_385, 262_143, 262_144]
        .map(raw)
        .into();
    let noise = vec![blake3::hash(b"noise").as_bytes().to_vec()];
    let data = pack(
        ObjectKind::DataPack,
        vec![
            block(0, BlockType::Data, &edges),
            block(1, BlockType::Data, &noise),
        ],
    );
    let meta = pack(
        ObjectKind::MetaPack,
        vec![
            block(0, BlockType::Tree, &[raw(100)]),
            block(1, BlockType::List, &[raw(3), raw(1)]),
        ],
    );
    for (name, pack) in [
        ("data", data),
        ("meta", meta),
        ("empty", pack(ObjectKind::DataPack, vec![])),
    ] {
        let bytes = pack.parts.concat();
        assert_eq!(
            (bytes.len() as u64, *blake3::hash(&bytes).as_bytes()),
            (pack.object_bytes, pack.blake3)
        );
        out.insert(format!("pack {name}"), shown(&bytes));
        out.insert(format!("pack {name}, first 72 bytes"), hex(&bytes[..72]));
    }
}

fn segments(out: &mut Vectors) {
    let row = pack(
        ObjectKind::DataPack,
        vec![block(0, BlockType::Data, &[raw(500)])],
    )
    .segment_row();
    let mut moved = row.clone();
    moved.pack_id = OTHER_PACK;
    moved.moved = vec![(
        BlockName {
            pack: PACK,
            ordinal: 3,
        },
        0,
    )];
    let entry = |prefix, pack| SegmentEntry {
        prefix,
        pack,
        block: 0,
        chunk: 0,
    };
    let segment = Segment {
        packs: vec![row, moved],
        entries: vec![entry(u64::MAX, 1), entry(7, 0), entry(7, 1)],
    };
    let mut merged = segment.clone();
    merged.packs[0].writer = Some(SessionId::new(7, [9; 10]));
    let ring = ring();
    let key = ring.toc().expect("an owner's");
    let all = [
        ("two packs", segment),
        ("merged", merged),
        ("empty", Segment::default()),
    ];
    for (name, segment) in all {
        let object = segment
            .clone()
            .seal(key, &VAULT, &SeededEntropy::new(5))
            .expect("sealed");
        let mut entries = Vec::new();
        let packs =
            Segment::open(&object, key, &VAULT, |entry| entries.push(entry)).expect("opened");
        assert_eq!(
            (packs, entries.len()),
            (segment.packs, segment.entries.len())
        );
        out.insert(format!("segment {name}"), hex(&object));
    }
}

fn lists(out: &mut Vectors) {
    let piece = ListPiece {
        packs: vec![
            PackUse {
                pack: PACK,
                blocks: vec![
                    BlockUse {
                        ordinal: 0,
                        counts: vec![1],
                    },
                    BlockUse {
                        ordinal: 7,
                        counts: vec![0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 1],
                    },
                ],
            },
            PackUse {
                pack: OTHER_PACK,
                blocks: vec![BlockUse {
                    ordinal: 65_535,
                    counts: vec![3, 0, 1, 300],
                }],
            },
        ],
    };
    let raw = piece.encode();
    assert_eq!(ListPiece::decode(&raw).expect("decoded"), piece);
    assert_eq!(
        1 + piece.packs.iter().map(PackUse::encoded_len).sum::<usize>(),
        raw.len()
    );
    out.insert("list piece".into(), hex(&raw));
    out.insert(
        "list piece, empty".into(),
        hex(&ListPiece::default().encode()),
    );
}

fn manifest(out: &mut Vectors) {
    let structure = Structure {
        source: SOURCE,
        sid: sid(),
        seq: 2,
        prev: Some(PreviousPoint {
            sid: SessionId::new(1, [0; 10]),
            blake3: [0x88; 32].into(),
        }),
        pin: 3,
        machine: MACHINE,
        started_at: at(1_800_000_000),
        taken_at: at(1_800_000_060),
        state: "partial".into(),
        list: vec![ListPieceRef::new(PACK, address(4))],
        stats: PointStats {
            files_count: 1,
            logical_bytes: 5,
            skipped_count: 1,
            ..PointStats::default()
        },
        hold_until: Some(at(1_900_000_000)),
        writer: "golden".into(),
        nonce: "00".repeat(16),
        ..Structure::for_vault(&VAULT, &DOMAIN)
    };
    let names = Names {
        source: "home".into(),
        host: "host".into(),
        roots: vec![
            PathText::from_bytes(b"/home"),
            PathText::from_bytes(b"/\xff"),
        ],
        tags: [("k".to_owned(), "v".to_owned())].into(),
        users: [("0".to_owned(), "root".to_owned())].into(),
        skipped: vec![SkippedEntry {
            path: PathText::from_bytes(b"/home/x"),
            reason: "why".into(),
        }],
        ..Names::with_tree(address(0))
    };
    let ring = ring();
    let keys = ring.domain().expect("an owner's");
    let object = Manifest::seal(
        &structure,
        &names,
        keys.point(),
        keys.names(),
        &SeededEntropy::new(6),
    )
    .expect("sealed");
    assert_eq!(
        Manifest::open_structure(&object, &VAULT, keys.point()).expect("opened"),
        structure
    );
    assert_eq!(
        Manifest::open_names(&object, &VAULT, keys.names()).expect("opened"),
        names
    );
    out.insert("manifest".into(), hex(&object));
}

fn control(out: &mut Vectors) {
    let ring = ring();
    let key = ring.control().expect("an owner's");
    let (nonce, entropy) = (|| "0f".repeat(16), SeededEntropy::new(7));
    let registration = Registration {
        v: 1,
        sid: sid(),
        source: SOURCE,
        machine: MACHINE,
        started_at: at(1_800_000_000),
        writer: "golden".into(),
        nonce: nonce(),
    };
    let pin = Pin {
        v: 1,
        sid: sid(),
        epoch: 4,
        nonce: nonce(),
    };
    let tree = Some(address(2));
    let checkpoint = Checkpoint {
        v: 1,
        sid: sid(),
        n: 0,
        tree,
        files_count: 10,
        read_bytes: 20,
        at: at(1_800_000_030),
        nonce: nonce(),
    };
    let fence = Fence {
        v: 1,
        sid: sid(),
        by: MACHINE.to_string(),
        reason: "why".into(),
        nonce: nonce(),
    };
    let mut add = |name: &str, object: Vec<u8>| out.insert(format!("control {name}"), hex(&object));
    add(
        "registration",
        registration.seal(key, &VAULT, &entropy).expect("sealed"),
    );
    add("pin", pin.seal(key, &VAULT, &entropy).expect("sealed"));
    add(
        "checkpoint",
        checkpoint.seal(key, &VAULT, &entropy).expect("sealed"),
    );
    add("fence", fence.seal(key, &VAULT, &entropy).expect("sealed"));
}

fn all() -> Vectors {
    let mut out = Vectors::new();
    for make in [
        names_and_sizes,
        keys,
        frames,
        slots,
        config,
        packs,
        segments,
        lists,
        manifest,
        control,
    ] {
        make(&mut out);
    }
    out
}

fn file() -> PathBuf {
    vector_file("format.json")
}

pub(crate) fn vector_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../testdata/vectors")
        .join(name)
}

#[test]
fn every_layout_is_as_it_was() {
    are_as_they_were(&file(), &all());
}

pub(crate) fn are_as_they_were(file: &Path, now: &Vectors) {
    let text = std::fs::read_to_string(file).expect("the golden file");
    let golden: Vectors = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        golden.keys().collect::<Vec<_>>(),
        now.keys().collect::<Vec<_>>()
    );
    for (name, expected) in golden {
        assert_eq!(now[&name], expected, "{name}");
    }
}

/// Writes the golden file. Run once for each new layout; what stands there never changes.
#[test]
#[ignore = "writes golden vectors"]
fn write_vectors() {
    let text = serde_json::to_string_pretty(&all()).expect("JSON");
    std::fs::write(file(), text + "\n").expect("written");
}
