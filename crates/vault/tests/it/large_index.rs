//! An index of large segments: what is found in it, what is read for that, and how much memory it takes.
//!
//! Segments are real; packs are a few bytes that nobody opens, so a look-up that needed one would fail.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use chrono::DateTime;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt};
use strongroom_crypto::{Passphrase, SeededEntropy, SlotSecret};
use strongroom_vault::format::{
    MachineId, ObjectKind, ObjectName, PackId, Segment, SegmentEntry, SegmentPack, SourceId,
};
use strongroom_vault::wrap::{Action, Fate, Faulty};
use strongroom_vault::{Candidate, InitOptions, PackDirectory, Session, Vault};

const PACK_CHUNKS: u64 = 500;
const BLOCK_CHUNKS: u64 = 25;
const PACK_BYTES: usize = 40;
/// A prefix that many chunks share, as only a hostile writer can make them.
const SHARED: u64 = 1 << 63;

/// A bijection that scatters numbers: the prefix of chunk number `index`.
fn prefix(index: u64) -> u64 {
    let mixed = (index ^ (index >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn pack(number: u64) -> PackId {
    PackId::from_bytes((u128::from(prefix(number)) << 64 | u128::from(number)).to_be_bytes())
}

fn place(index: u64) -> Candidate {
    let in_pack = index % PACK_CHUNKS;
    Candidate {
        pack: pack(index / PACK_CHUNKS),
        kind: ObjectKind::DataPack,
        block: u16::try_from(in_pack / BLOCK_CHUNKS).expect("small"),
        chunk: u16::try_from(in_pack % BLOCK_CHUNKS).expect("small"),
    }
}

/// A segment of the chunks from `first` on, and `shared` chunks more under one prefix.
fn segment(first: u64, count: u64, shared: u16) -> Segment {
    let row = |number: u64| SegmentPack {
        pack_id: pack(number),
        kind: ObjectKind::DataPack,
        object_bytes: PACK_BYTES as u64,
        toc_len: 1,
        block_count: 20,
        blake3: [0; 32],
        moved: Vec::new(),
        writer: None,
    };
    let first_pack = first / PACK_CHUNKS;
    let entry = |index: u64| {
        let at = place(index);
        SegmentEntry {
            prefix: prefix(index),
            pack: u32::try_from(index / PACK_CHUNKS - first_pack).expect("small"),
            block: at.block,
            chunk: at.chunk,
        }
    };
    let shared = (0..shared).map(|chunk| SegmentEntry {
        prefix: SHARED,
        pack: 0,
        block: 19,
        chunk,
    });
    Segment {
        packs: (first_pack..(first + count) / PACK_CHUNKS)
            .map(row)
            .collect(),
        entries: (first..first + count).map(entry).chain(shared).collect(),
    }
}

fn local(dir: &Path) -> Arc<dyn ObjectStore> {
    Arc::new(LocalFileSystem::new_with_prefix(dir).expect("a directory"))
}

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple").expect("long enough")
}

/// A vault with an index of so many segments of so many chunks each.
async fn make(dir: &Path, segments: u64, chunks: u64, shared: u16) {
    let options = InitOptions::for_tests();
    let entropy = Arc::new(SeededEntropy::new(1));
    let epoch = DateTime::UNIX_EPOCH;
    let store = local(dir);
    let vault = Vault::init(Arc::clone(&store), &passphrase(), &options, epoch, entropy).await;
    let vault = vault.expect("a new vault");
    let (source, machine) = (SourceId::from_bytes([7; 8]), MachineId::from_bytes([1; 16]));
    let session = Session::begin(&vault, source, machine, epoch).await;
    let session = session.expect("begun");
    for number in 0..segments * chunks / PACK_CHUNKS {
        let name = ObjectName::Pack {
            is_data: true,
            domain: *vault.domain_id(),
            pack: pack(number),
        };
        let path = name.to_string().into();
        let put = store.put(&path, Bytes::from_static(&[0; PACK_BYTES]).into());
        put.await.expect("stored");
    }
    for number in 0..segments {
        let segment = segment(number * chunks, chunks, shared);
        session.put_segment(segment).await.expect("stored");
    }
}

/// The vault with its index open, and a count of the reads of segments.
async fn open(dir: &Path, cache: Option<&Path>) -> (Vault, PackDirectory, Arc<AtomicU64>) {
    let reads = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&reads);
    let store = Faulty::new(local(dir), move |operation| {
        if operation.action == Action::Get && operation.name.starts_with("index/") {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Fate::Pass
    });
    let entropy = Arc::new(SeededEntropy::new(2));
    let vault = Vault::open(store, SlotSecret::Passphrase(&passphrase()), entropy).await;
    let vault = vault.expect("opened");
    if let Some(cache) = cache {
        vault.keep_index_in(cache);
    }
    let mut directory = PackDirectory::list(&vault).await.expect("listed");
    directory.load_index(&vault).await.expect("loaded");
    (vault, directory, reads)
}

async fn finds(directory: &PackDirectory, indexes: impl Iterator<Item = u64>, is_known: bool) {
    for index in indexes {
        let found = directory
            .candidates(prefix(index))
            .await
            .expect("looked up");
        let wanted = is_known.then(|| place(index));
        assert_eq!(found, Vec::from_iter(wanted), "chunk {index}");
    }
}

const CHUNKS: u64 = 120_000;

#[tokio::test]
async fn every_chunk_of_large_segments_is_found_and_no_other() {
    let dir = tempfile::tempdir().expect("a directory");
    make(dir.path(), 2, CHUNKS, 3000).await;
    let (_, directory, reads) = open(dir.path(), None).await;
    assert_eq!(reads.load(Ordering::Relaxed), 2, "each once");
    finds(&directory, (0..2 * CHUNKS).step_by(7), true).await;
    let sought = 2 * CHUNKS..2 * CHUNKS + 300_000;
    let before = reads.load(Ordering::Relaxed);
    finds(&directory, sought, false).await;
    // Two filters let one in 65 536 pass each, and what was read before is kept.
    assert!(reads.load(Ordering::Relaxed) <= before + 20);
    let shared = directory.candidates(SHARED).await.expect("looked up");
    assert_eq!(shared.len(), 6000);
    let ends = directory.candidates(0).await.expect("looked up");
    let begins = directory.candidates(u64::MAX).await.expect("looked up");
    assert_eq!((ends, begins), (vec![place(0)], vec![]));
}

#[tokio::test]
async fn what_is_kept_saves_reads_and_is_made_again_when_it_is_damaged() {
    let (dir, cache) = (tempfile::tempdir(), tempfile::tempdir());
    let (dir, cache) = (dir.expect("a directory"), cache.expect("a directory"));
    make(dir.path(), 2, CHUNKS, 0).await;
    let files = || {
        let inner = std::fs::read_dir(cache.path()).expect("read");
        let inner = inner.map(|entry| entry.expect("read").path());
        let all = inner.flat_map(|dir| std::fs::read_dir(dir).expect("read"));
        let mut all: Vec<_> = all.map(|entry| entry.expect("read").path()).collect();
        all.sort();
        all
    };
    let check = async |reads_wanted: std::ops::RangeInclusive<u64>, told: &str| {
        let (_, directory, reads) = open(dir.path(), Some(cache.path())).await;
        finds(&directory, (0..2 * CHUNKS).step_by(101), true).await;
        finds(&directory, (2 * CHUNKS..).take(1000), false).await;
        let reads = reads.load(Ordering::Relaxed);
        assert!(reads_wanted.contains(&reads), "{told}: {reads} reads");
        assert_eq!(files().len(), 4, "{told}");
    };
    check(2..=2, "at first").await;
    check(0..=0, "kept").await;
    for file in files() {
        let whole = std::fs::read(&file).expect("read");
        let told = file.display().to_string();
        let is_digest = told.ends_with("digest");
        for at in [3, 70, whole.len() / 2, whole.len() - 1] {
            let mut hurt = whole.clone();
            hurt[at] ^= 1;
            std::fs::write(&file, hurt).expect("written");
            // A digest is made of the segment beside it; that one is read piece by piece while it is hurt.
            check(if is_digest { 0..=0 } else { 0..=10 }, &told).await;
            std::fs::write(&file, &whole).expect("written");
        }
        std::fs::write(&file, &whole[..whole.len() / 3]).expect("written");
        check(if is_digest { 0..=0 } else { 1..=10 }, &told).await;
        std::fs::write(&file, &whole).expect("written");
    }
    let stray = files()[0].with_file_name("index-of-a-segment-that-has-gone");
    std::fs::write(&stray, "").expect("written");
    check(0..=0, "a stray file goes").await;
}

#[tokio::test]
async fn a_segment_that_a_sweep_has_put_together_with_others_is_found_again() {
    let dir = tempfile::tempdir().expect("a directory");
    make(dir.path(), 1, CHUNKS, 0).await;
    let (vault, mut directory, _) = open(dir.path(), None).await;
    let old = vault.store().list("index").await.expect("listed");
    let (source, machine) = (SourceId::from_bytes([7; 8]), MachineId::from_bytes([1; 16]));
    let session = Session::begin(&vault, source, machine, DateTime::UNIX_EPOCH).await;
    let session = session.expect("begun");
    let put = session.put_segment(segment(0, CHUNKS, 0));
    put.await.expect("stored");
    vault.store().delete(&old[0].name).await.expect("deleted");
    assert!(!directory.is_outdated());
    finds(&directory, 0..1, false).await;
    assert!(directory.is_outdated());
    directory.renew_index(&vault).await.expect("renewed");
    assert!(!directory.is_outdated());
    finds(&directory, (0..CHUNKS).step_by(97), true).await;
    finds(&directory, (CHUNKS..).take(1000), false).await;
}

fn memory_mib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        / 1024
}

/// Ten million chunks, with and without what is kept on the machine; each time a process of its own opens the vault.
#[test]
#[ignore = "takes minutes and some hundred megabytes of disk"]
fn soak_an_index_of_ten_million_chunks_takes_little_memory() {
    const NAME: &str = "large_index::soak_an_index_of_ten_million_chunks_takes_little_memory";
    const SEGMENT: u64 = 500_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let runtime = runtime.expect("a runtime");
    if let Some(dir) = std::env::var_os("STRONGROOM_INDEX_DIR") {
        let dir = Path::new(&dir);
        let cache = std::env::var_os("STRONGROOM_INDEX_CACHE");
        let begin = Instant::now();
        let vault = dir.join("vault");
        let work = open(&vault, cache.as_deref().map(Path::new));
        let (_, directory, reads) = runtime.block_on(work);
        let opened = begin.elapsed();
        let reads = reads.load(Ordering::Relaxed);
        let begin = Instant::now();
        runtime.block_on(finds(&directory, (0..20 * SEGMENT).step_by(5003), true));
        runtime.block_on(finds(&directory, (20 * SEGMENT..).take(100_000), false));
        println!(
            "opened in {} ms with {reads} reads, 102000 look-ups in {} ms, {} MiB, peak {} MiB",
            opened.as_millis(),
            begin.elapsed().as_millis(),
            memory_mib("VmRSS"),
            memory_mib("VmHWM"),
        );
        assert!(memory_mib("VmHWM") <= 160);
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (vault, cache) = (dir.path().join("vault"), dir.path().join("cache"));
    std::fs::create_dir(&vault).expect("made");
    runtime.block_on(make(&vault, 20, SEGMENT, 0));
    for (told, is_kept) in [
        ("nothing kept", false),
        ("kept", true),
        ("kept before", true),
    ] {
        let program = std::env::current_exe().expect("known");
        let mut command = Command::new(program);
        command.args(["--exact", NAME, "--ignored", "--nocapture"]);
        command.env("STRONGROOM_INDEX_DIR", dir.path());
        if is_kept {
            command.env("STRONGROOM_INDEX_CACHE", &cache);
        }
        let output = command.output().expect("it runs");
        println!("{told}: {}", String::from_utf8_lossy(&output.stdout));
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
    }
}
