//! The hot path of `strongroom-chunking` against its peers and the machine's limit.
//!
//! From the root of the workspace, on a machine that does nothing else:
//!
//! ```text
//! cargo bench -p strongroom-benches --bench chunking                    # everything, about a minute
//! cargo bench -p strongroom-benches --bench chunking -- cut stage       # groups: memory cut stream stage id seen
//! cargo bench -p strongroom-benches --bench chunking -- cut --svg docs/chunking.svg
//! ```
//!
//! All contenders of a table run in turn, round by round, in one process and on one thread, and medians of the thread's
//! processor time are compared, so that what else the machine does meets all of them alike. Inputs come from fixed
//! seeds. Sizes are a quarter of the average, the average, and four times the average; masks are those of
//! normalisation level 2.

#![expect(clippy::print_stdout, reason = "tables are what a bench is for")]

mod data;
mod peers;
mod plot;
mod rounds;
mod seen;

use std::hint::black_box;

use strongroom_chunking::{ChunkHasher, Chunker, Scan};

use crate::data::{AVERAGES, INPUT_BYTES, chunker, kinds, xof};
use crate::rounds::{Contender, Report};

fn main() {
    let mut groups = Vec::new();
    let (mut svg, mut arguments) = (None, std::env::args().skip(1));
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--svg" => svg = arguments.next(),
            group => groups.push(group.to_owned()),
        }
    }
    let wanted = |group: &str| groups.is_empty() || groups.iter().any(|name| name == group);
    let report = Report::new();
    if wanted("memory") {
        memory(&report);
    }
    if wanted("cut") {
        let bars = cut(&report);
        if let Some(path) = svg {
            std::fs::write(path, plot::svg(&bars)).expect("the plot can be written");
        }
    }
    if wanted("stream") {
        stream(&report);
    }
    if wanted("stage") {
        stage(&report);
    }
    if wanted("id") {
        ids(&report);
    }
    if wanted("seen") {
        seen::measure();
    }
}

/// What the machine can do with bytes at all.
fn memory(report: &Report) {
    let data = xof("random", INPUT_BYTES);
    let mut copy = vec![0; INPUT_BYTES];
    report.table(
        "memory",
        INPUT_BYTES,
        vec![
            Contender::new("sum of 64-bit words", || peers::sum(black_box(&data))),
            Contender::new("copy", || {
                black_box(&mut copy).copy_from_slice(black_box(&data));
                0
            }),
        ],
    );
}

/// Our ways by name, the one taken by default last.
fn ways(avg_bytes: usize) -> Vec<(String, Chunker)> {
    let scans = Scan::ALL
        .into_iter()
        .filter(|scan| *scan != Scan::Reference && scan.is_available());
    let mut ways: Vec<(String, Chunker)> = scans
        .filter_map(|scan| {
            let chunker = chunker(avg_bytes).with_scan(scan).ok()?;
            Some((format!("strongroom {scan:?}"), chunker))
        })
        .collect();
    ways.push(("strongroom".to_owned(), chunker(avg_bytes)));
    ways
}

fn cut(report: &Report) -> Vec<plot::Bar> {
    let mut bars = Vec::new();
    for (kind, data) in kinds() {
        for (name, avg) in AVERAGES {
            let data = data.as_slice();
            let mut contenders = vec![
                Contender::new("fastcdc v2020", move || peers::v2020(black_box(data), avg)),
                Contender::new("fastcdc v2016", move || peers::v2016(black_box(data), avg)),
                Contender::new("gearhash", move || peers::gearhash(black_box(data), avg)),
                Contender::new("rustic_cdc Rabin", move || {
                    peers::rabin(black_box(data), avg)
                }),
                Contender::new("sum of 64-bit words", move || peers::sum(black_box(data))),
            ];
            for (name, chunker) in ways(avg) {
                contenders.push(Contender::new(&name, move || {
                    chunker.cuts(black_box(data)).count()
                }));
            }
            let rows = report.table(&format!("cut, {kind}, {name}"), data.len(), contenders);
            if name == "64K" {
                bars.extend(
                    rows.into_iter()
                        .map(|(row, speed)| plot::Bar { kind, row, speed }),
                );
            }
        }
    }
    bars
}

/// From a reader. The reference is the crate's own stream; `slices` shows what reading costs us.
fn stream(report: &Report) {
    for (kind, data) in kinds() {
        for (name, avg) in AVERAGES {
            let data = data.as_slice();
            let (slices, stream, mut buffer) = (chunker(avg), chunker(avg), Vec::new());
            let (minus_copy, mut copy) = (chunker(avg), vec![0; 1 << 20]);
            report.table(
                &format!("stream, {kind}, {name}"),
                data.len(),
                vec![
                    Contender::new("fastcdc StreamCDC", move || {
                        peers::stream(black_box(data), avg)
                    }),
                    Contender::new("strongroom, slices", move || {
                        slices.cuts(black_box(data)).count()
                    }),
                    Contender::new("strongroom, slices of a buffer copied to", move || {
                        let pieces = black_box(data).chunks(copy.len());
                        let counts = pieces.map(|piece| {
                            let copy = copy.get_mut(..piece.len()).unwrap_or_default();
                            copy.copy_from_slice(piece);
                            minus_copy.cuts(copy).count()
                        });
                        counts.sum()
                    }),
                    Contender::new("strongroom, stream", move || {
                        let taken = std::mem::take(&mut buffer);
                        let mut stream = stream.stream_with(black_box(data), taken);
                        let mut count = 0;
                        while stream.next_chunk().expect("memory can be read").is_some() {
                            count += 1;
                        }
                        buffer = stream.into_buffer();
                        count
                    }),
                ],
            );
        }
    }
}

/// Cut and name: what a backup does with every byte.
fn stage(report: &Report) {
    for (kind, data) in kinds() {
        for (name, avg) in AVERAGES {
            let (data, key, hasher) = (data.as_slice(), [7; 32], ChunkHasher::new(&[7; 32]));
            let mut contenders = vec![Contender::new("fastcdc v2020 + blake3", move || {
                peers::v2020_and_blake3(black_box(data), avg, &key)
            })];
            for (name, chunker) in ways(avg) {
                let hasher = hasher.clone();
                contenders.push(Contender::new(&format!("{name} + id"), move || {
                    let chunks = chunker.cuts(black_box(data));
                    chunks.fold(0, |count, chunk| {
                        count + usize::from(hasher.id(chunk).prefix() != 0)
                    })
                }));
            }
            report.table(&format!("stage, {kind}, {name}"), data.len(), contenders);
        }
    }
}

/// One id at a time, by the length of the chunk.
fn ids(report: &Report) {
    let (data, hasher) = (xof("random", 1 << 20), ChunkHasher::new(&[7; 32]));
    for kib in [1, 2, 4, 8, 16, 64, 256, 1024] {
        let (data, hasher) = (data.as_slice(), hasher.clone());
        report.table(
            &format!("id, {kib} KiB"),
            data.len(),
            vec![Contender::new("strongroom", move || {
                let chunks = black_box(data).chunks(kib << 10);
                chunks
                    .filter(|chunk| hasher.id(chunk).prefix() == 0)
                    .count()
            })],
        );
    }
}
