//! The body of the fuzz target `cut`: a plain function, which the tests of `strongroom-chunking` replay, too.

use std::io::Read;

use strongroom_chunking::{ChunkSizes, Chunker, GearTable, Masks, Scan};

/// Takes parameters from the front of an input, zeros when it is used up.
struct Parameters<'a>(&'a [u8]);

impl Parameters<'_> {
    fn number(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.read(&mut bytes).unwrap_or_default();
        u64::from_le_bytes(bytes)
    }

    fn below(&mut self, limit: u64) -> usize {
        usize::try_from(self.number() % limit).unwrap_or(0)
    }
}

/// Yields no more at once than the next of a few lengths.
struct Short<'a> {
    data: &'a [u8],
    lengths: [usize; 3],
}

impl Read for Short<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.lengths.rotate_left(1);
        let len = buffer.len().min(self.lengths[0]);
        self.data.read(&mut buffer[..len])
    }
}

/// Panics when two ways to cut the rest of `input`, by the parameters at its front, disagree.
pub(crate) fn cut(input: &[u8]) {
    let mut parameters = Parameters(input);
    let unchecked = [6u32, 8, 10].map(|log| {
        let exponent = log + u32::try_from(parameters.below(14)).unwrap_or(0);
        (1 << exponent) + parameters.below(1 << exponent)
    });
    // Sizes as they come must never panic; the ones that are used are put right.
    let _ = ChunkSizes::new(unchecked[0], unchecked[1], unchecked[2]);
    let min = unchecked[0].min(1 << 16) & !1;
    let avg = (unchecked[1].min(1 << 18) & !1).max(min);
    let max = (unchecked[2].min(1 << 20) & !1).max(avg);
    let Ok(sizes) = ChunkSizes::new(min, avg, max) else {
        return;
    };
    let masks = match parameters.below(3) {
        0 => Masks {
            small: parameters.number() >> parameters.below(64),
            large: parameters.number() >> parameters.below(64),
        },
        _ => Masks::for_average(avg),
    };
    let mut table = [0; 2048];
    let (seed, kind) = (parameters.number(), parameters.below(3));
    for (index, number) in (0u64..).zip(table.as_chunks_mut::<8>().0) {
        let noise = (index + 1)
            .wrapping_mul(seed | 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        *number = match kind {
            0 => (noise ^ (noise >> 29)).to_le_bytes(),
            1 => noise.to_le_bytes(),
            _ => (noise & seed).to_le_bytes(),
        };
    }
    let lengths = [1 << 20, 5000, 200].map(|most| parameters.below(most) + 1);
    let data = parameters.0;
    let chunker = Chunker::new(sizes, masks, GearTable::from_bytes(&table));

    let with = |scan| {
        let chunker = chunker.clone().with_scan(scan).ok()?;
        Some(chunker.cuts(data).map(<[u8]>::len).collect::<Vec<_>>())
    };
    let reference = with(Scan::Reference);
    for scan in Scan::ALL {
        let lengths = with(scan);
        assert!(lengths.is_none() || lengths == reference, "{scan:?}");
    }
    let mut stream = chunker.stream(Short { data, lengths });
    let mut streamed = Vec::new();
    while let Some(chunk) = stream.next_chunk().expect("the reader does not fail") {
        streamed.push(chunk.len());
    }
    assert_eq!(Some(streamed), reference);
}
