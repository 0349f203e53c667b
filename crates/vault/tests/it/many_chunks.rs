//! A sweep of a vault with very many chunks in very many points: what it reads, and how much memory it takes.
//!
//! Tables of contents, index, lists and manifests are real; blocks of content and trees are a few bytes that no key opens, so
//! a sweep that looked into one would fail.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::DateTime;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use strongroom_chunking::{ChunkHasher, ChunkId};
use strongroom_crypto::{
    BlockContext, BlockType, Credential, Passphrase, Role, SeededEntropy, SlotSecret, seal_block,
};
use strongroom_vault::format::{
    BlockCodec, BlockName, BlockRowDraft, BlockUse, ChunkAddress, LinkOp, ListPiece, ListPieceRef,
    MachineId, Names, ObjectKind, PackBuilder, PackId, PackUse, SealedPack, Segment, SegmentEntry,
    SourceId, Structure, ends_list_piece,
};
use strongroom_vault::points::PointRef;
use strongroom_vault::wrap::{Action, Fate, Faulty};
use strongroom_vault::{
    BlockReader, InitOptions, Session, SweepOptions, SweepReport, Vault, chain, sweep,
};

const SOURCE: SourceId = SourceId::from_bytes([7; 8]);
const BLOCKS: u16 = 25;
const CHUNKS: u16 = 16;
/// Chunks of one pack.
const PACK_CHUNKS: u64 = BLOCKS as u64 * CHUNKS as u64;

/// How many points, packs of the first point, and new packs of each that follows.
#[derive(Clone, Copy)]
struct Shape {
    points: u64,
    first_packs: u64,
    daily_packs: u64,
}

/// What is used of the packs: a bitmap for each block.
type Uses = BTreeMap<PackId, [u16; BLOCKS as usize]>;

struct Maker {
    vault: Vault,
    shape: Shape,
    state: u64,
    uses: Uses,
    /// First pack of each piece of the newest list, and where it lies.
    pieces: BTreeMap<PackId, ChunkAddress>,
}

impl Maker {
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn id(&mut self) -> PackId {
        let (high, low) = (self.random(), self.random());
        PackId::from_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }

    /// A block that nobody can open.
    fn closed(&mut self, builder: &mut PackBuilder, name: BlockName, block_type: BlockType) {
        let mut chunks = Vec::new();
        for _ in 0..CHUNKS {
            let (high, low) = (self.random(), self.random());
            let id = (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
            chunks.push((ChunkId::from_bytes(id), 65_536));
        }
        let row = BlockRowDraft {
            birth: name,
            block_type,
            codec: 0,
            key_epoch: 0,
            raw_len: 65_536 * u32::from(CHUNKS),
            chunks,
        };
        builder.put_block(name.ordinal, row, vec![0; 64]);
    }

    fn data_pack(&mut self) -> SealedPack {
        let pack = self.id();
        let mut builder = PackBuilder::new(ObjectKind::DataPack, pack);
        for ordinal in 0..BLOCKS {
            self.closed(&mut builder, BlockName { pack, ordinal }, BlockType::Data);
        }
        self.uses.insert(pack, [u16::MAX; BLOCKS as usize]);
        self.finish(builder)
    }

    fn finish(&self, builder: PackBuilder) -> SealedPack {
        let key = self.vault.domain().expect("an owner's").toc();
        let pack = builder.finish(self.vault.id(), self.vault.domain_id(), key);
        pack.expect("sealed")
    }

    /// A point: new packs, some uses less, and the list that follows from both.
    async fn point(&mut self, number: u64) -> PointRef {
        let now = DateTime::from_timestamp(i64::try_from(number).expect("small") * 86_400, 0);
        let now = now.expect("in range");
        let machine = MachineId::from_bytes([1; 16]);
        let session = Session::begin(&self.vault, SOURCE, machine, now)
            .await
            .expect("begun");
        let mut segment = Segment::default();
        let mut changed: Vec<PackId> = Vec::new();
        let new_packs = if number == 0 {
            self.shape.first_packs
        } else {
            self.shape.daily_packs
        };
        for _ in 0..new_packs {
            let pack = self.data_pack();
            changed.push(pack.pack_id);
            self.store(&session, &mut segment, pack).await;
        }
        if number > 0 {
            for _ in 0..3 * self.shape.daily_packs {
                let from = self.id();
                let [low, high, ..] = self.random().to_le_bytes();
                let mask = u16::from_le_bytes([low, high]) | 1;
                let Some((pack, blocks)) = self.uses.range_mut(from..).next() else {
                    continue;
                };
                changed.push(*pack);
                for (turn, bits) in (0..).zip(blocks) {
                    *bits &= mask.rotate_left(turn);
                }
            }
        }
        self.derive(&session, &mut segment, &changed).await;
        session.put_segment(segment).await.expect("indexed");
        let list = self
            .pieces
            .iter()
            .map(|(first, at)| ListPieceRef::new(*first, *at));
        let structure = Structure {
            source: SOURCE,
            sid: session.id(),
            seq: number + 1,
            machine,
            started_at: now,
            taken_at: now,
            state: "complete".to_owned(),
            list: list.collect(),
            ..Structure::for_vault(self.vault.id(), self.vault.domain_id())
        };
        let nowhere = ChunkAddress {
            pack: PackId::from_bytes([0; 16]),
            block: 0,
            chunk: 0,
        };
        let committed = session.commit(structure, Names::with_tree(nowhere)).await;
        committed.expect("committed");
        PointRef {
            sid: session.id(),
            source: SOURCE,
        }
    }

    async fn store(&self, session: &Session, segment: &mut Segment, pack: SealedPack) {
        let position = u32::try_from(segment.packs.len()).expect("few");
        segment.packs.push(pack.segment_row());
        for (block, chunk, row) in pack.toc.addressed_chunks() {
            segment.entries.push(SegmentEntry {
                prefix: row.id.prefix(),
                pack: position,
                block,
                chunk,
            });
        }
        session.put_pack(pack).await.expect("stored");
        if segment.entries.len() > 1 << 19 {
            let full = std::mem::take(segment);
            session.put_segment(full).await.expect("indexed");
        }
    }

    /// Writes the pieces of the list in which something has changed.
    async fn derive(&mut self, session: &Session, segment: &mut Segment, changed: &[PackId]) {
        let mut ranges: BTreeMap<Option<PackId>, Option<PackId>> = BTreeMap::new();
        for pack in changed {
            let first = self
                .pieces
                .range(..=pack)
                .next_back()
                .map(|(first, _)| *first);
            let next = match first {
                Some(first) => self
                    .pieces
                    .range((std::ops::Bound::Excluded(first), std::ops::Bound::Unbounded))
                    .next(),
                None => self.pieces.iter().next(),
            };
            ranges.insert(first, next.map(|(next, _)| *next));
        }
        let mut raws: Vec<(PackId, Vec<u8>)> = Vec::new();
        for (first, next) in ranges {
            let from = first.unwrap_or(PackId::from_bytes([0; 16]));
            let until = next.unwrap_or(PackId::from_bytes([0xff; 16]));
            if let Some(first) = first {
                self.pieces.remove(&first);
            }
            let mut open: Vec<PackUse> = Vec::new();
            let mut bytes = 0;
            let used = self.uses.range(from..until);
            for (pack, blocks) in used.filter(|(_, blocks)| blocks.iter().any(|bits| *bits > 0)) {
                let entry = pack_use(*pack, blocks);
                bytes += entry.encoded_len();
                open.push(entry);
                if ends_list_piece(pack, bytes) {
                    let packs = std::mem::take(&mut open);
                    raws.push((packs[0].pack, ListPiece { packs }.encode()));
                    bytes = 0;
                }
            }
            if !open.is_empty() {
                raws.push((open[0].pack, ListPiece { packs: open }.encode()));
            }
        }
        let pack = self.list_pack(&raws);
        self.store(session, segment, pack).await;
    }

    /// A metadata pack: blocks of lists that open, and one of trees that does not.
    fn list_pack(&mut self, raws: &[(PackId, Vec<u8>)]) -> SealedPack {
        let pack = self.id();
        let mut builder = PackBuilder::new(ObjectKind::MetaPack, pack);
        let mut ordinal = 0;
        let mut codec = BlockCodec::new().expect("a codec");
        let vault = self.vault.clone();
        let domain = vault.domain().expect("an owner's");
        let hasher = ChunkHasher::new(domain.chunk_id_key(BlockType::List));
        for group in raws.chunks(24) {
            let raw: Vec<u8> = group
                .iter()
                .flat_map(|(_, raw)| raw.iter().copied())
                .collect();
            let (mut payload, codec) = codec.compress(&raw, 1).expect("compressed");
            let raw_len = u32::try_from(raw.len()).expect("small");
            let context = BlockContext {
                vault_id: *vault.id().as_bytes(),
                domain_id: *vault.domain_id().as_bytes(),
                birth_pack: *pack.as_bytes(),
                birth_ordinal: ordinal,
                block_type: BlockType::List,
                codec,
                raw_len,
            };
            seal_block(domain.list(), &context, &mut payload, &**vault.entropy()).expect("sealed");
            let mut chunks = Vec::new();
            for (chunk, (first, raw)) in (0..).zip(group) {
                chunks.push((hasher.id(raw), u32::try_from(raw.len()).expect("small")));
                let at = ChunkAddress {
                    pack,
                    block: ordinal,
                    chunk,
                };
                self.pieces.insert(*first, at);
            }
            let row = BlockRowDraft {
                birth: BlockName { pack, ordinal },
                block_type: BlockType::List,
                codec,
                key_epoch: 0,
                raw_len,
                chunks,
            };
            builder.put_block(ordinal, row, payload);
            ordinal += 1;
        }
        self.closed(&mut builder, BlockName { pack, ordinal }, BlockType::Tree);
        self.finish(builder)
    }
}

fn pack_use(pack: PackId, blocks: &[u16; BLOCKS as usize]) -> PackUse {
    let used = (0..).zip(blocks).filter(|(_, bits)| **bits > 0);
    let blocks = used.map(|(ordinal, bits)| {
        let len = 16 - bits.leading_zeros();
        let counts = (0..len).map(|chunk| u32::from(bits >> chunk & 1)).collect();
        BlockUse { ordinal, counts }
    });
    PackUse {
        pack,
        blocks: blocks.collect(),
    }
}

fn local(dir: &Path) -> Arc<dyn ObjectStore> {
    Arc::new(LocalFileSystem::new_with_prefix(dir).expect("a directory"))
}

/// Makes a vault, deletes every third point, and returns what opens it for maintenance.
async fn make(dir: &Path, shape: Shape) -> Credential {
    let passphrase = Passphrase::new("correct horse battery staple").expect("long enough");
    let options = InitOptions::for_tests();
    let entropy = Arc::new(SeededEntropy::new(1));
    let epoch = DateTime::UNIX_EPOCH;
    let vault = Vault::init(local(dir), &passphrase, &options, epoch, entropy).await;
    let vault = vault.expect("a new vault");
    let credential = vault.add_credential(Role::Maintenance, "test", epoch).await;
    let mut maker = Maker {
        vault,
        shape,
        state: 1,
        uses: Uses::new(),
        pieces: BTreeMap::new(),
    };
    for number in 0..shape.points {
        let point = maker.point(number).await;
        if number % 3 == 0 && number + 1 < shape.points {
            for op in [LinkOp::Delete, LinkOp::Purge] {
                let linked = chain::append(&maker.vault, &point, op, None, "", epoch).await;
                linked.expect("linked");
            }
        }
    }
    credential.expect("a slot")
}

/// Sweeps as a maintenance host, which has no key of trees; returns what it came to, and how often it read.
async fn swept(dir: &Path, credential: &Credential) -> (SweepReport, u64) {
    let reads = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&reads);
    let store = Faulty::new(local(dir), move |operation| {
        if operation.action == Action::Get {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Fate::Pass
    });
    let entropy = Arc::new(SeededEntropy::new(2));
    let vault = Vault::open(store, SlotSecret::Credential(credential), entropy).await;
    let vault = vault.expect("opened");
    let reader = BlockReader::new(vault.clone(), 24 << 20, 8 << 20);
    let options = SweepOptions::default();
    let report = sweep(&vault, &reader, &options, DateTime::UNIX_EPOCH).await;
    (report.expect("a sweep"), reads.load(Ordering::Relaxed))
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        / 1024
}

fn files_below(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("read").path());
    let count = |path: std::path::PathBuf| match path.is_dir() {
        true => files_below(&path),
        false => 1,
    };
    paths.map(count).sum()
}

#[tokio::test]
async fn a_host_sweeps_many_points_without_a_look_into_a_tree() {
    let dir = tempfile::tempdir().expect("a directory");
    let shape = Shape {
        points: 20,
        first_packs: 100,
        daily_packs: 1,
    };
    let credential = make(dir.path(), shape).await;
    let (report, _) = swept(dir.path(), &credential).await;
    assert!(report.packs_deleted_count > 0, "{report:?}");
    // Those of all points are one now; each pack that the sweep wrote has its own until the next.
    assert_eq!(report.segments_merged_count, 20, "{report:?}");
    let segments = files_below(&dir.path().join("index")) as u64;
    assert!(segments <= 1 + report.packs_rewritten_count, "{report:?}");
    assert_eq!(files_below(&dir.path().join("sess")), 0, "{report:?}");
    let (report, _) = swept(dir.path(), &credential).await;
    assert_eq!(
        report.deleted,
        Vec::<String>::new(),
        "all was found at once"
    );
}

/// Ten million chunks in a thousand points; the sweep runs in a process of its own.
#[test]
#[ignore = "takes minutes and a gigabyte of disk"]
fn soak_a_sweep_of_ten_million_chunks_takes_little_memory() {
    const NAME: &str = "many_chunks::soak_a_sweep_of_ten_million_chunks_takes_little_memory";
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.expect("a runtime");
    if let Some(dir) = std::env::var_os("STRONGROOM_SWEEP_DIR") {
        let dir = Path::new(&dir);
        let text = std::fs::read_to_string(dir.join("credential")).expect("made before");
        let credential = Credential::from_text(text.trim()).expect("a credential");
        let (report, reads) = runtime.block_on(swept(&dir.join("vault"), &credential));
        println!(
            "{reads} reads, {} packs deleted, {} emptied, peak {} MiB",
            report.packs_deleted_count,
            report.packs_rewritten_count,
            peak_mib()
        );
        assert!(peak_mib() <= 256);
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("vault")).expect("made");
    let shape = Shape {
        points: 1000,
        first_packs: 13_013,
        daily_packs: 12,
    };
    let chunks = PACK_CHUNKS * (shape.first_packs + shape.daily_packs * (shape.points - 1));
    assert!(chunks >= 10_000_000, "{chunks}");
    let credential = runtime.block_on(make(&dir.path().join("vault"), shape));
    std::fs::write(dir.path().join("credential"), credential.to_text().as_str()).expect("written");
    let program = std::env::current_exe().expect("known");
    let output = Command::new(program)
        .args(["--exact", NAME, "--ignored", "--nocapture"])
        .env("STRONGROOM_SWEEP_DIR", dir.path())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{chunks} chunks in {} points: {text}", shape.points);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
