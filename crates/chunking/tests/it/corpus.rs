//! The fuzz target `cut`, replayed over its corpus and over generated inputs.

use std::path::PathBuf;

use crate::model::Numbers;

#[path = "../../../../fuzz/fuzz_targets/cut_body.rs"]
mod cut_body;

fn corpus() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fuzz/corpus/cut"
    ))
}

#[test]
fn the_corpus_passes() {
    let mut count = 0;
    for entry in std::fs::read_dir(corpus()).unwrap() {
        cut_body::cut(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 20, "{count} inputs");
}

fn generated(numbers: &mut Numbers, most_bytes: usize) -> Vec<u8> {
    let mut input = vec![0; numbers.below(most_bytes)];
    crate::scan::fill(&mut input, numbers.next());
    // The parameters come first; noise there reaches more of them than a pattern does.
    for byte in input.iter_mut().take(64) {
        *byte = numbers.next().to_le_bytes()[7];
    }
    input
}

#[test]
fn generated_inputs_pass() {
    let mut numbers = Numbers(0xf022);
    for _ in 0..100 {
        cut_body::cut(&generated(&mut numbers, 20_000));
    }
}

/// Runs as many seconds as `STRONGROOM_SOAK_SECS` says; ten minutes by default.
#[test]
#[ignore = "ten minutes, or what STRONGROOM_SOAK_SECS says"]
fn soak_generated_inputs_pass() {
    let secs = std::env::var("STRONGROOM_SOAK_SECS").ok();
    let secs = secs.map_or(600, |secs| secs.parse().unwrap());
    let (begin, seed) = (std::time::Instant::now(), std::process::id());
    let mut numbers = Numbers(u64::from(seed));
    let (mut count, mut bytes) = (0u64, 0);
    while begin.elapsed().as_secs() < secs {
        for _ in 0..100 {
            let input = generated(&mut numbers, 200_000);
            (count, bytes) = (count + 1, bytes + input.len());
            cut_body::cut(&input);
        }
    }
    println!("seed {seed}: {count} inputs of {bytes} bytes in {secs} s");
}

#[test]
#[ignore = "writes the corpus"]
fn make_corpus() {
    std::fs::create_dir_all(corpus()).unwrap();
    let mut numbers = Numbers(0xc0de);
    for number in 0..32 {
        let input = generated(&mut numbers, 100 << (number % 8));
        std::fs::write(corpus().join(format!("{number:02}")), input).unwrap();
    }
}
