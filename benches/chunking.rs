//! The hot path of `strongroom-chunking`: cut points, streams, ids, the table of what was seen.
//!
//! To reproduce, from the root of the workspace, on a machine that does nothing else (about 4 minutes; the table needs
//! 400 MB of memory):
//!
//! ```text
//! cargo bench -p strongroom-benches --bench chunking
//! cargo bench -p strongroom-benches --bench chunking -- cut       # one group, or any part of a name
//! ```
//!
//! Rows named `fastcdc…` are the crate `fastcdc` as its documentation uses it, with its own public table and the same
//! sizes; `copy` is what it costs to move the bytes once. All inputs are made here from fixed seeds.

use std::hint::black_box;
use std::io::{self, Read};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use fastcdc::v2020::{FastCDC, Normalization, StreamCDC};
use strongroom_chunking::{ChunkHasher, ChunkSizes, Chunker, GearTable, Masks, PrefixTable};

/// Larger than the caches of most machines, as what is backed up is.
const INPUT_BYTES: usize = 64 << 20;

const AVERAGES: [(&str, usize); 3] = [("16K", 16 << 10), ("64K", 64 << 10), ("1M", 1 << 20)];

fn xof(seed: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut reader = blake3::Hasher::new().update(seed.as_bytes()).finalize_xof();
    reader.fill(&mut bytes);
    bytes
}

/// Lines of words, the earlier of which are more frequent.
fn text(len: usize) -> Vec<u8> {
    let words = "the of and a in to it is that was for on as with be at by this had not are but from have or an they \
        which one you were all her she there would their we him been has when who will no more if out so said what";
    let words: Vec<&str> = words.split_whitespace().collect();
    let choices = xof("text", len);
    let mut text = Vec::with_capacity(len + 16);
    for choice in choices.as_chunks::<2>().0 {
        let [a, b] = choice.map(usize::from);
        let word = words.get(a.min(b) % words.len()).copied();
        text.extend_from_slice(word.unwrap_or_default().as_bytes());
        text.push(if a == b { b'\n' } else { b' ' });
        if text.len() >= len {
            break;
        }
    }
    text.truncate(len);
    text
}

fn sizes(avg: usize) -> ChunkSizes {
    ChunkSizes::new(avg / 4, avg, avg * 4).expect("a quarter and four times are in range")
}

fn chunker(avg: usize) -> Chunker {
    let gear = xof("gear", 2048);
    let gear = gear.first_chunk().expect("2048 bytes were made");
    Chunker::new(
        sizes(avg),
        Masks::for_average(avg),
        GearTable::from_bytes(gear),
    )
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    group
}

fn bench_cut(criterion: &mut Criterion) {
    for (kind, data) in [
        ("random", xof("random", INPUT_BYTES)),
        ("text", text(INPUT_BYTES)),
    ] {
        let mut group = group(criterion, &format!("cut/{kind}"));
        group.throughput(Throughput::Bytes(data.len() as u64));
        for (name, avg) in AVERAGES {
            let chunker = chunker(avg);
            group.bench_function(BenchmarkId::new("strongroom", name), |bencher| {
                bencher.iter(|| chunker.cuts(black_box(&data)).count());
            });
            group.bench_function(BenchmarkId::new("fastcdc", name), |bencher| {
                let level = Normalization::Level2;
                bencher.iter(|| {
                    FastCDC::with_level(black_box(&data), avg / 4, avg, avg * 4, level).count()
                });
            });
        }
    }
}

/// Yields at most 64 KiB at once, as a pipe does.
struct Short<'a>(&'a [u8]);

impl Read for Short<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(64 << 10);
        self.0.read(buffer.get_mut(..len).unwrap_or_default())
    }
}

/// Passes every chunk of a stream to `sink`.
fn drain<R: Read>(chunker: &Chunker, reader: R, buffer: &mut Vec<u8>, mut sink: impl FnMut(&[u8])) {
    let mut stream = chunker.stream_with(reader, std::mem::take(buffer));
    while let Some(chunk) = stream.next_chunk().expect("memory can be read") {
        sink(chunk);
    }
    *buffer = stream.into_buffer();
}

fn bench_stream(criterion: &mut Criterion) {
    let data = xof("random", INPUT_BYTES);
    let mut group = group(criterion, "stream");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("copy", |bencher| {
        let mut buffer = vec![0; 1 << 20];
        bencher.iter(|| {
            let mut reader = black_box(data.as_slice());
            while reader.read(&mut buffer).expect("memory can be read") > 0 {
                black_box(&mut buffer);
            }
        });
    });
    for (name, avg) in AVERAGES {
        let (chunker, mut buffer) = (chunker(avg), Vec::new());
        let hasher = ChunkHasher::new(&[7; 32]);
        group.bench_function(BenchmarkId::new("strongroom", name), |bencher| {
            bencher.iter(|| {
                drain(&chunker, black_box(data.as_slice()), &mut buffer, |chunk| {
                    black_box(chunk);
                });
            });
        });
        group.bench_function(
            BenchmarkId::new("strongroom, short reads", name),
            |bencher| {
                bencher.iter(|| {
                    drain(&chunker, Short(black_box(&data)), &mut buffer, |chunk| {
                        black_box(chunk);
                    });
                });
            },
        );
        group.bench_function(BenchmarkId::new("strongroom, with ids", name), |bencher| {
            bencher.iter(|| {
                drain(&chunker, black_box(data.as_slice()), &mut buffer, |chunk| {
                    black_box(hasher.id(chunk));
                });
            });
        });
        group.bench_function(BenchmarkId::new("fastcdc StreamCDC", name), |bencher| {
            let level = Normalization::Level2;
            bencher.iter(|| {
                let data = black_box(data.as_slice());
                for chunk in StreamCDC::with_level(data, avg / 4, avg, avg * 4, level) {
                    black_box(chunk.expect("memory can be read"));
                }
            });
        });
    }
}

fn bench_id(criterion: &mut Criterion) {
    let (hasher, data) = (ChunkHasher::new(&[7; 32]), xof("random", 1 << 20));
    let mut group = group(criterion, "id");
    for kib in [1, 4, 16, 64, 256, 1024] {
        let raw = data.get(..kib << 10).unwrap_or_default();
        group.throughput(Throughput::Bytes(raw.len() as u64));
        group.bench_function(format!("{kib}K"), |bencher| {
            bencher.iter(|| hasher.id(black_box(raw)));
        });
    }
}

/// A bijection that scatters numbers (the finaliser of SplitMix64): prefix number `index`.
fn prefix(index: u64) -> u64 {
    let mixed = (index ^ (index >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[expect(clippy::print_stdout, reason = "memory is a figure, too")]
fn bench_table(criterion: &mut Criterion) {
    let mut group = group(criterion, "table");
    for (name, entries) in [("1M", 1 << 20), ("8M", 1 << 23)] {
        let mut table = PrefixTable::new();
        (0..entries).for_each(|index| table.insert(prefix(index), index));
        println!(
            "table/{name}: {} bytes of memory for {} entries",
            table.memory_bytes(),
            table.len()
        );
        // Each look-up waits for the one before: what one chunk waits for, not what a processor can overlap. The odd
        // step visits all entries before it repeats one.
        let mut index = 0;
        group.bench_function(BenchmarkId::new("find", name), |bencher| {
            bencher.iter(|| {
                let found = table.candidates(prefix(index)).sum::<u64>();
                index = (found + 0x9e37_79b9) & (entries - 1);
            });
        });
        group.bench_function(BenchmarkId::new("miss", name), |bencher| {
            bencher.iter(|| {
                let found = table.candidates(prefix(index | 1 << 40)).count() as u64;
                index = (index + found + 0x9e37_79b9) & 0xffff_ffff;
            });
        });
    }
    for (name, capacity) in [("growing", 0), ("of known size", 1_000_000)] {
        group.throughput(Throughput::Elements(1_000_000));
        group.bench_function(BenchmarkId::new("insert 1M", name), |bencher| {
            bencher.iter(|| {
                let mut table = PrefixTable::with_capacity(capacity);
                (0..1_000_000).for_each(|index| table.insert(prefix(index), index));
                table
            });
        });
    }
}

criterion_group!(benches, bench_cut, bench_stream, bench_id, bench_table);
criterion_main!(benches);
