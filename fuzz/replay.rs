//! Replays the committed corpus, and mutations of it: taken in by the test of each crate's module `fuzzing`.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use super::Body;

const SEED_MAX_BYTES: usize = 4095;
const SEEDS_MAX_COUNT: usize = 40;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| {
        panic!("no files in {}: {error}", folder.display());
    });
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn seeds_of(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = files_of(&fuzz_folder().join("corpus").join(name));
    files
        .into_iter()
        .map(|file| (file.clone(), std::fs::read(file).unwrap()))
        .collect()
}

/// Hands mutated seeds to every target: a poor man's fuzzer, the same on every run, for where libFuzzer is not.
pub(super) fn mutated(targets: &[(&str, Body)], rounds: u64) {
    for (name, body) in targets {
        let seeds: Vec<Vec<u8>> = seeds_of(name).into_iter().map(|seed| seed.1).collect();
        for round in 0..rounds {
            let mut dice = Dice(round);
            let mut bytes = seeds[dice.below(seeds.len())].clone();
            for _ in 0..=dice.below(4) {
                mutate(&mut bytes, &seeds, &mut dice);
            }
            bytes.truncate(SEED_MAX_BYTES);
            let outcome = catch_unwind(|| body(&bytes));
            assert!(outcome.is_ok(), "{name}, round {round}: {bytes:02x?}");
        }
    }
}

/// SplitMix64: reproducible numbers.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'9', b'/'];
    let at = dice.below(bytes.len());
    let end = at + dice.below(bytes.len() - at + 1);
    match dice.below(7) {
        0 => bytes
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|byte| *byte ^= 1 << dice.below(8)),
        1 => bytes
            .iter_mut()
            .skip(at)
            .take(1)
            .for_each(|byte| *byte = EDGES[dice.below(8)]),
        2 => bytes.insert(at, dice.byte()),
        3 => drop(bytes.drain(at..end.min(at + 9))),
        4 => bytes.extend_from_within(at..end),
        5 => {
            let other = &seeds[dice.below(seeds.len())];
            bytes.truncate(at);
            bytes.extend_from_slice(&other[at.min(other.len())..]);
        }
        _ => {
            let other = &seeds[dice.below(seeds.len())];
            let from = dice.below(other.len());
            let to = from + dice.below(other.len() - from + 1).min(40);
            drop(bytes.splice(at..at, other[from..to].iter().copied()));
        }
    }
}

/// Hands every seed of every target of a crate to the target's body. Fails when a seed breaks a law, when the seeds of
/// a target do not reach both outcomes of its parser, and when a target stands in `fuzz/` or in `targets` alone.
pub(super) fn all(crate_name: &str, targets: &[(&str, Body)]) {
    assert_eq!(
        wired(crate_name),
        targets.iter().map(|(name, _)| (*name).to_owned()).collect()
    );
    for (name, body) in targets {
        let seeds = seeds_of(name);
        assert!(seeds.len() <= SEEDS_MAX_COUNT, "{name} has too many seeds");
        let mut outcomes = BTreeSet::new();
        for (file, bytes) in seeds {
            assert!(
                bytes.len() <= SEED_MAX_BYTES,
                "{} is too long",
                file.display()
            );
            let outcome = catch_unwind(|| body(&bytes));
            outcomes.insert(outcome.unwrap_or_else(|_| panic!("{} breaks a law", file.display())));
        }
        assert!(outcomes.contains(&true), "no seed of {name} is accepted");
        assert!(outcomes.contains(&false), "no seed of {name} is refused");
    }
}

/// The targets under `fuzz/` that call a body of this crate: each has a file of its own and a line in the manifest.
fn wired(crate_name: &str) -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    let mut names = BTreeSet::new();
    for file in files_of(&fuzz_folder().join("fuzz_targets")) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        if text.contains(&format!(" {crate_name}::fuzzing::")) {
            assert!(
                text.contains(&format!("::fuzzing::{name}(")),
                "{name} calls another body"
            );
            assert!(
                manifest.contains(&format!(
                    "name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\""
                )),
                "fuzz/Cargo.toml does not name {name}"
            );
            names.insert(name.to_owned());
        }
    }
    names
}
