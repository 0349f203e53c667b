//! Golden vectors: written once by the ignored test, checked by the others, never regenerated.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use strongroom_chunking::{ChunkHasher, ChunkSizes, Masks};

use crate::model::{Gear, domain_key, gear, lengths_by_fastcdc, lengths_by_the_byte, xof};

const ABOUT: &str = "Chunker 1 and chunk ids, docs/format.md sections 4, 7 and 8. Numbers in hexadecimal are strings. \
    input: the first `bytes` bytes of the BLAKE3 extended output of the text `seed`, each masked with `and`. \
    gear: 2048 bytes of BLAKE3 derive_key(context, domain_key); number i is the little-endian u64 at byte 8 i. \
    A cut before byte i (min <= i < limit): hash = 2 hash + gear[byte i] mod 2^64 from 0 at byte min; cut if \
    hash & mask = 0, mask = mask_small for i < avg, else mask_large; limit = the lesser of max and what is left, \
    rounded down to even; no cut: the lesser of max and what is left; what is left <= min is one chunk. \
    id: the first 16 bytes of the BLAKE3 keyed hash.";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    about: String,
    gear: GearVector,
    masks: Vec<MaskVector>,
    cuts: Vec<CutVector>,
    ids: Vec<IdVector>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GearVector {
    context: String,
    domain_key: String,
    table: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MaskVector {
    avg_bytes: usize,
    mask_small: String,
    mask_large: String,
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Input {
    seed: String,
    and: String,
    bytes: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CutVector {
    name: String,
    min_bytes: usize,
    avg_bytes: usize,
    max_bytes: usize,
    mask_small: String,
    mask_large: String,
    input: Input,
    lengths: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdVector {
    key: String,
    input: Input,
    id: String,
}

impl Input {
    fn new(seed: &str, and: u8, bytes: usize) -> Self {
        let (seed, and) = (seed.to_owned(), format!("{and:02x}"));
        Self { seed, and, bytes }
    }

    fn data(&self) -> Vec<u8> {
        let and = u8::from_str_radix(&self.and, 16).unwrap();
        xof(&self.seed, self.bytes, and)
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/chunking.json")
}

fn read() -> Vectors {
    serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap()
}

fn number(text: &str) -> u64 {
    assert_eq!(text.len(), 16);
    u64::from_str_radix(text, 16).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N);
    std::array::from_fn(|index| u8::from_str_radix(&text[2 * index..][..2], 16).unwrap())
}

#[test]
fn gear_table_is_that_of_the_file() {
    let vector = read().gear;
    assert_eq!(vector.context, "strongroom 2026-11 v1 gear table");
    assert_eq!(vector.domain_key, hex(&domain_key()));
    assert_eq!(vector.table, hex(&gear().0));
}

#[test]
fn masks_are_those_of_the_file() {
    let vectors = read().masks;
    assert!(vectors.len() >= 15);
    for MaskVector {
        avg_bytes,
        mask_small,
        mask_large,
    } in vectors
    {
        let (small, large) = (number(&mask_small), number(&mask_large));
        assert_eq!(
            Masks::for_average(avg_bytes),
            Masks { small, large },
            "{avg_bytes}"
        );
    }
}

#[test]
fn cuts_are_those_of_the_file() {
    let vectors = read();
    let gear = Gear(bytes(&vectors.gear.table));
    assert!(vectors.cuts.len() >= 20);
    for vector in vectors.cuts {
        let sizes = ChunkSizes::new(vector.min_bytes, vector.avg_bytes, vector.max_bytes).unwrap();
        let (small, large) = (number(&vector.mask_small), number(&vector.mask_large));
        let (masks, data) = (Masks { small, large }, vector.input.data());
        let numbers = gear.numbers();
        let chunker = gear.chunker(sizes, masks);
        let lengths: Vec<usize> = chunker.cuts(&data).map(<[u8]>::len).collect();
        assert_eq!(lengths, vector.lengths, "{}", vector.name);
        assert_eq!(
            lengths_by_the_byte(&data, sizes, masks, &numbers),
            lengths,
            "{}",
            vector.name
        );
        assert_eq!(
            lengths_by_fastcdc(&data, sizes, masks, &numbers),
            lengths,
            "{}",
            vector.name
        );
        let mut stream = chunker.stream(data.as_slice());
        for len in vector.lengths {
            assert_eq!(
                stream.next_chunk().unwrap().unwrap().len(),
                len,
                "{}",
                vector.name
            );
        }
        assert!(stream.next_chunk().unwrap().is_none());
    }
}

#[test]
fn ids_are_those_of_the_file() {
    let vectors = read().ids;
    assert!(vectors.len() >= 8);
    for IdVector { key, input, id } in vectors {
        let found = ChunkHasher::new(&bytes(&key)).id(&input.data());
        assert_eq!(found.to_string(), id, "{} bytes", input.bytes);
    }
}

#[test]
#[ignore = "writes the golden file; run once, when it does not exist"]
fn make_chunking_vectors() {
    let gear = GearVector {
        context: "strongroom 2026-11 v1 gear table".to_owned(),
        domain_key: hex(&domain_key()),
        table: hex(&gear().0),
    };
    let mut text = String::from("{\n");
    let about = serde_json::to_string(ABOUT).unwrap();
    let gear = serde_json::to_string(&gear).unwrap();
    write!(text, "\"about\":{about},\n\"gear\":{gear},\n").unwrap();
    writeln!(text, "\"masks\":[\n{}\n],", rows(&make_masks())).unwrap();
    writeln!(text, "\"cuts\":[\n{}\n],", rows(&make_cuts())).unwrap();
    writeln!(text, "\"ids\":[\n{}\n]", rows(&make_ids())).unwrap();
    text.push_str("}\n");
    let mut file = std::fs::File::create_new(path()).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

/// One value a line.
fn rows<T: Serialize>(values: &[T]) -> String {
    let rows: Vec<String> = values
        .iter()
        .map(|value| serde_json::to_string(value).unwrap())
        .collect();
    rows.join(",\n")
}

fn make_masks() -> Vec<MaskVector> {
    let powers = (8..=22).map(|bits| 1 << bits);
    // Beside powers of two: around the roots at which the logarithm rounds up, and averages people choose.
    let others = [
        362, 364, 12_288, 46_340, 46_342, 48_000, 92_680, 92_682, 100_000, 1_000_000, 3_000_000,
    ];
    powers
        .chain(others)
        .map(|avg_bytes| {
            let (small, large) =
                fastcdc::v2020::select_masks(avg_bytes, fastcdc::v2020::Normalization::Level2);
            let (mask_small, mask_large) = (format!("{small:016x}"), format!("{large:016x}"));
            MaskVector {
                avg_bytes,
                mask_small,
                mask_large,
            }
        })
        .collect()
}

const USUAL: (usize, usize, usize) = (16_384, 65_536, 262_144);

fn cut_vector(name: &str, sizes: (usize, usize, usize), input: Input) -> CutVector {
    let (small, large) =
        fastcdc::v2020::select_masks(sizes.1, fastcdc::v2020::Normalization::Level2);
    cut_vector_with(name, sizes, Masks { small, large }, input)
}

fn cut_vector_with(
    name: &str,
    (min, avg, max): (usize, usize, usize),
    masks: Masks,
    input: Input,
) -> CutVector {
    let sizes = ChunkSizes::new(min, avg, max).unwrap();
    let lengths = lengths_by_fastcdc(&input.data(), sizes, masks, &gear().numbers());
    CutVector {
        name: name.to_owned(),
        min_bytes: min,
        avg_bytes: avg,
        max_bytes: max,
        mask_small: format!("{:016x}", masks.small),
        mask_large: format!("{:016x}", masks.large),
        input,
        lengths,
    }
}

fn make_cuts() -> Vec<CutVector> {
    let mut vectors = make_edges();
    let mut add = |name, sizes, seed, and, len| {
        vectors.push(cut_vector(name, sizes, Input::new(seed, and, len)));
    };
    add("8 MiB, random", USUAL, "random", 0xff, 8 << 20);
    add("2000001 zeros", USUAL, "zeros", 0x00, 2_000_001);
    add("4 MiB of four byte values", USUAL, "few", 0x03, 4 << 20);
    add(
        "average 12288",
        (4096, 12_288, 49_152),
        "random",
        0xff,
        1_500_001,
    );
    add(
        "average 100000",
        (25_000, 100_000, 400_000),
        "random",
        0xff,
        6_000_000,
    );
    add(
        "average 1 MiB",
        (262_144, 1 << 20, 4 << 20),
        "random",
        0xff,
        16 << 20,
    );
    add("least sizes", (64, 256, 1024), "random", 0xff, 50_001);
    add(
        "greatest sizes",
        (1 << 20, 4 << 20, (16 << 20) - 2),
        "random",
        0xff,
        20 << 20,
    );
    add("equal sizes", (4096, 4096, 4096), "random", 0xff, 20_001);
    let masks = Masks {
        small: 0x0000_0000_0000_7ff8,
        large: 0x4000_0000_0000_03f0,
    };
    let input = Input::new("random", 0xff, 100_001);
    vectors.push(cut_vector_with(
        "masks of a configuration",
        (512, 2048, 8192),
        masks,
        input,
    ));
    vectors
}

fn make_edges() -> Vec<CutVector> {
    let (min, avg, max) = USUAL;
    let edges = [
        (0, "nothing"),
        (1, "one byte"),
        (min - 1, "minimum - 1"),
        (min, "minimum"),
        (min + 1, "minimum + 1"),
        (min + 2, "minimum + 2"),
        (avg - 1, "average - 1"),
        (avg, "average"),
        (avg + 1, "average + 1"),
        (max - 1, "maximum - 1"),
        (max, "maximum"),
        (max + 1, "maximum + 1"),
    ];
    let kinds = [("random", 0xff), ("zeros", 0x00)];
    edges
        .into_iter()
        .flat_map(|(len, name)| {
            kinds.map(|(seed, and)| {
                cut_vector(
                    &format!("{name}, {seed}"),
                    USUAL,
                    Input::new(seed, and, len),
                )
            })
        })
        .collect()
}

fn make_ids() -> Vec<IdVector> {
    let keys = [hex(&domain_key()), "ff".repeat(32)];
    let lengths = [
        0, 1, 63, 64, 65, 1023, 1024, 1025, 16_384, 65_536, 262_144, 1_000_001,
    ];
    keys.iter()
        .flat_map(|key| lengths.map(|len| (key.clone(), Input::new("random", 0xff, len))))
        .map(|(key, input)| {
            let hash = blake3::keyed_hash(&bytes(&key), &input.data());
            IdVector {
                key,
                input,
                id: hex(&hash.as_bytes()[..16]),
            }
        })
        .collect()
}
