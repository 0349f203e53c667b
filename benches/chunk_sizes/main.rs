//! What chunk sizes and masks cost and save: new bytes, spread of lengths, size of the index.
//!
//! ```text
//! cargo bench -p strongroom-benches --bench chunk_sizes -- OLD NEW
//! ```
//!
//! `OLD` and `NEW` are two releases of a source tree. Each file is cut by itself, as in a backup; so is an image made
//! of the old tree's files, before and after pages of it were overwritten, and after one byte was put in front.

#![expect(clippy::print_stdout, reason = "tables are what a bench is for")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use strongroom_chunking::{
    ChunkHasher, ChunkId, ChunkSizes, Chunker, Cut, FixedChunker, GearTable, Masks,
};

/// Bytes of an entry of the vault's index per chunk, about.
const ENTRY_BYTES: f64 = 46.0;
const IMAGE_BYTES: usize = 512 << 20;

struct Rule {
    name: String,
    cut: Box<dyn Cut>,
}

fn main() {
    let folders: Vec<PathBuf> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .map(PathBuf::from)
        .collect();
    let [old, new] = folders.as_slice() else {
        println!("usage: cargo bench -p strongroom-benches --bench chunk_sizes -- OLD NEW");
        return;
    };
    let (old, new) = (files(old), files(new));
    let image: Vec<u8> = pages(&old);
    let (written, shifted) = (overwritten(&image), [&[0xa5], image.as_slice()].concat());
    println!(
        "{} files, then {} files; image of {} bytes\n",
        old.len(),
        new.len(),
        image.len()
    );
    println!(
        "| rule | chunks | mean | deviation / mean | at maximum | new, tree | new, image written to | new, image shifted | index per TiB |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for rule in rules() {
        let mut seen = HashSet::new();
        let first = Lengths::of(&rule, old.iter().map(Vec::as_slice), &mut seen);
        let second = Lengths::of(&rule, new.iter().map(Vec::as_slice), &mut seen);
        let mut seen = HashSet::new();
        let spread = Lengths::of(&rule, [image.as_slice()], &mut seen);
        let mut again = seen.clone();
        let overwritten = Lengths::of(&rule, [written.as_slice()], &mut again);
        let moved = Lengths::of(&rule, [shifted.as_slice()], &mut seen);
        println!(
            "| {} | {} | {:.0} | {:.2} | {:.1} % | {:.1} % | {:.2} % | {:.3} % | {:.0} MiB |",
            rule.name,
            first.count,
            spread.mean(),
            spread.deviation() / spread.mean(),
            100.0 * spread.longest as f64 / spread.count as f64,
            second.new_percent(),
            overwritten.new_percent(),
            moved.new_percent(),
            (1u64 << 20) as f64 / first.mean() * ENTRY_BYTES,
        );
    }
}

/// The masks of FastCDC v2020 and, for comparison, as many bits in a row below bit 48 or 32.
fn rules() -> Vec<Rule> {
    let gear = || {
        let mut table = [0; 2048];
        blake3::Hasher::new()
            .update(b"gear")
            .finalize_xof()
            .fill(&mut table);
        GearTable::from_bytes(&table)
    };
    let mut rules = Vec::new();
    for log in [12, 13, 14, 15, 16, 18, 20] {
        let avg = 1usize << log;
        let Ok(sizes) = ChunkSizes::new(avg / 4, avg, avg * 4) else {
            continue;
        };
        let row = |top: u32, bits: u32| ((1u64 << bits) - 1) << (top - bits);
        let level = |level: u32| match level {
            1 => Masks {
                small: Masks::for_average(avg / 2).small,
                large: Masks::for_average(avg * 2).large,
            },
            _ => Masks::for_average(avg),
        };
        let mut add = |name: &str, masks| {
            let cut = Box::new(Chunker::new(sizes, masks, gear()));
            rules.push(Rule {
                name: format!("{} KiB, {name}", avg >> 10),
                cut,
            });
        };
        add("level 2", level(2));
        if [14, 16].contains(&log) {
            add("level 1", level(1));
            add(
                "level 2, in a row below bit 48",
                Masks {
                    small: row(48, log + 2),
                    large: row(48, log - 2),
                },
            );
            add(
                "level 2, in a row below bit 32",
                Masks {
                    small: row(32, log + 2),
                    large: row(32, log - 2),
                },
            );
        }
    }
    for chunk_bytes in [4096, 16_384, 65_536] {
        if let Ok(cut) = FixedChunker::new(chunk_bytes) {
            rules.push(Rule {
                name: format!("{} KiB, fixed", chunk_bytes >> 10),
                cut: Box::new(cut),
            });
        }
    }
    rules
}

/// What came out of cutting some inputs.
#[derive(Default)]
struct Lengths {
    count: usize,
    /// Chunks as long as the maximum.
    longest: usize,
    bytes: usize,
    squares: f64,
    new_bytes: usize,
}

impl Lengths {
    fn of<'a>(
        rule: &Rule,
        inputs: impl IntoIterator<Item = &'a [u8]>,
        seen: &mut HashSet<ChunkId>,
    ) -> Self {
        let (hasher, mut lengths) = (ChunkHasher::new(&[7; 32]), Self::default());
        for input in inputs {
            let mut rest = input;
            while let Some((chunk, after)) = rest
                .split_at_checked(rule.cut.first_cut(rest))
                .filter(|_| !rest.is_empty())
            {
                lengths.count += 1;
                lengths.longest += usize::from(chunk.len() == rule.cut.max_bytes());
                lengths.bytes += chunk.len();
                lengths.squares += (chunk.len() as f64).powi(2);
                if seen.insert(hasher.id(chunk)) {
                    lengths.new_bytes += chunk.len();
                }
                rest = after;
            }
        }
        lengths
    }

    fn mean(&self) -> f64 {
        self.bytes as f64 / self.count as f64
    }

    fn deviation(&self) -> f64 {
        (self.squares / self.count as f64 - self.mean().powi(2))
            .max(0.0)
            .sqrt()
    }

    fn new_percent(&self) -> f64 {
        100.0 * self.new_bytes as f64 / self.bytes as f64
    }
}

/// The contents of all files below a folder, in the order of their paths.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let (mut folders, mut paths) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)
            .expect("the folder can be read")
            .flatten()
        {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => paths.push(entry.path()),
                _ => {}
            }
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("the file can be read"))
        .collect()
}

/// Files one behind the other, each from the start of a page, as a file system keeps them.
fn pages(files: &[Vec<u8>]) -> Vec<u8> {
    let mut image = Vec::new();
    for file in files {
        if image.len() + file.len() > IMAGE_BYTES {
            break;
        }
        image.extend_from_slice(file);
        image.resize(image.len().next_multiple_of(4096), 0);
    }
    image
}

/// One page in a hundred is overwritten with noise, in runs of one to eight.
fn overwritten(image: &[u8]) -> Vec<u8> {
    let mut written = image.to_vec();
    let mut noise = blake3::Hasher::new().update(b"writes").finalize_xof();
    let pages_count = image.len() / 4096;
    let mut left = pages_count / 100;
    while left > 0 {
        let mut choice = [0; 8];
        noise.fill(&mut choice);
        let choice = usize::try_from(u64::from_le_bytes(choice) >> 1).unwrap_or(0);
        let run = (1 + choice % 8).min(left);
        let page = choice / 8 % (pages_count - run);
        if let Some(bytes) = written.get_mut(page * 4096..(page + run) * 4096) {
            noise.fill(bytes);
        }
        left -= run;
    }
    written
}
