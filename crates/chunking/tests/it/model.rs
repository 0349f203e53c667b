//! What the tests compare with: the algorithm byte by byte, and inputs.

use strongroom_chunking::{ChunkSizes, Chunker, GearTable, Masks};

/// 256 numbers, from which both a [`GearTable`] and the models here are made.
pub(crate) struct Gear(pub(crate) [u8; 2048]);

impl Gear {
    pub(crate) fn numbers(&self) -> [u64; 256] {
        let mut numbers = [0; 256];
        for (number, bytes) in numbers.iter_mut().zip(self.0.as_chunks::<8>().0) {
            *number = u64::from_le_bytes(*bytes);
        }
        numbers
    }

    pub(crate) fn chunker(&self, sizes: ChunkSizes, masks: Masks) -> Chunker {
        Chunker::new(sizes, masks, GearTable::from_bytes(&self.0))
    }
}

/// The gear table of the vault whose domain key is 00 01 02 … 1f.
pub(crate) fn gear() -> Gear {
    let mut bytes = [0; 2048];
    blake3::Hasher::new_derive_key("strongroom 2026-11 v1 gear table")
        .update(&domain_key())
        .finalize_xof()
        .fill(&mut bytes);
    Gear(bytes)
}

pub(crate) fn domain_key() -> [u8; 32] {
    std::array::from_fn(|index| u8::try_from(index).unwrap())
}

/// The BLAKE3 extended output of `seed`, every byte masked with `and`.
pub(crate) fn xof(seed: &str, len: usize, and: u8) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new()
        .update(seed.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes.iter_mut().for_each(|byte| *byte &= and);
    bytes
}

/// Cut lengths by the rule of the paper, one byte at a time and without the second table.
pub(crate) fn lengths_by_the_byte(
    mut data: &[u8],
    sizes: ChunkSizes,
    masks: Masks,
    gear: &[u64; 256],
) -> Vec<usize> {
    let mut lengths = Vec::new();
    while !data.is_empty() {
        let len = first_cut_by_the_byte(data, sizes, masks, gear);
        lengths.push(len);
        data = &data[len..];
    }
    lengths
}

fn first_cut_by_the_byte(data: &[u8], sizes: ChunkSizes, masks: Masks, gear: &[u64; 256]) -> usize {
    let longest = data.len().min(sizes.max_bytes());
    let even = longest & !1; // a last byte without a partner is no candidate
    let mut hash = 0u64;
    for index in sizes.min_bytes()..even {
        hash = (hash << 1).wrapping_add(gear[usize::from(data[index])]);
        let mask = if index < sizes.avg_bytes() {
            masks.small
        } else {
            masks.large
        };
        if hash & mask == 0 {
            return index;
        }
    }
    longest
}

/// Cut lengths by a loop over the crate's function, as an application would write it.
pub(crate) fn lengths_by_fastcdc(
    mut data: &[u8],
    sizes: ChunkSizes,
    masks: Masks,
    gear: &[u64; 256],
) -> Vec<usize> {
    let shifted = gear.map(|number| number << 1);
    let mut lengths = Vec::new();
    while !data.is_empty() {
        let (_, len) = fastcdc::v2020::cut_gear(
            data,
            sizes.min_bytes(),
            sizes.avg_bytes(),
            sizes.max_bytes(),
            masks.small,
            masks.large,
            masks.small << 1,
            masks.large << 1,
            gear,
            &shifted,
        );
        lengths.push(len);
        data = &data[len..];
    }
    lengths
}

/// Numbers without pattern, from a seed: xorshift64*.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.max(1);
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap() % limit
    }
}
