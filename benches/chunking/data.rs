//! Inputs from seeds.

use strongroom_chunking::{ChunkSizes, Chunker, GearTable, Masks};

/// Larger than the second cache of most cores.
pub(crate) const INPUT_BYTES: usize = 8 << 20;

pub(crate) const AVERAGES: [(&str, usize); 4] = [
    ("4K", 4 << 10),
    ("16K", 16 << 10),
    ("64K", 64 << 10),
    ("1M", 1 << 20),
];

/// What is cut: noise, nothing, source-like text, and an image of 4 KiB pages.
pub(crate) fn kinds() -> [(&'static str, Vec<u8>); 4] {
    [
        ("random", xof("random", INPUT_BYTES)),
        ("zero", vec![0; INPUT_BYTES]),
        ("source", source(INPUT_BYTES)),
        ("image", image(INPUT_BYTES)),
    ]
}

pub(crate) fn xof(seed: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut reader = blake3::Hasher::new().update(seed.as_bytes()).finalize_xof();
    reader.fill(&mut bytes);
    bytes
}

/// Lines of words, the earlier of which are more frequent, with indentation.
fn source(len: usize) -> Vec<u8> {
    let words = "if ( ) { } ; = return int struct static const void -> & * for while else NULL sizeof switch case break \
        goto error unsigned long char data next list lock node page size count offset flags index device buffer";
    let words: Vec<&str> = words.split_whitespace().collect();
    let choices = xof("source", len);
    let mut text = Vec::with_capacity(len + 32);
    for choice in choices.as_chunks::<2>().0 {
        let [a, b] = choice.map(usize::from);
        let word = words.get(a.min(b) % words.len()).copied();
        text.extend_from_slice(word.unwrap_or_default().as_bytes());
        text.extend_from_slice(if a % 9 == 0 { b"\n\t" } else { b" " });
        if text.len() >= len {
            break;
        }
    }
    text.truncate(len);
    text
}

/// Pages as in a disk: half of them empty or all ones in runs, some text, some noise, some the same again.
fn image(len: usize) -> Vec<u8> {
    const PAGE_BYTES: usize = 4096;
    let (noise, text) = (xof("image", len), source(len));
    let mut image = vec![0; len];
    for (number, page) in image.chunks_mut(PAGE_BYTES).enumerate() {
        let at = number * PAGE_BYTES;
        let from =
            |data: &[u8], at: usize| data.get(at..at + page.len()).unwrap_or_default().to_vec();
        let run = noise.get(number / 16).copied().unwrap_or_default();
        let bytes = match run % 8 {
            0..3 => continue,
            3 => vec![0xff; page.len()],
            4 => from(&noise, 0),
            5 => from(&noise, at),
            _ => from(&text, at),
        };
        page.copy_from_slice(&bytes);
    }
    image
}

pub(crate) fn chunker(avg: usize) -> Chunker {
    let sizes =
        ChunkSizes::new(avg / 4, avg, avg * 4).expect("a quarter and four times are in range");
    let gear = xof("gear", 2048);
    let gear = gear.first_chunk().expect("2048 bytes were made");
    Chunker::new(sizes, Masks::for_average(avg), GearTable::from_bytes(gear))
}
