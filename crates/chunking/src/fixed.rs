//! Chunks of one size.

use std::io::Read;

use crate::{ChunkStream, Cut, Error, Result};

/// Sizes are multiples of a disk's sector.
const SECTOR_BYTES: usize = 512;
const RANGE: (usize, usize) = (SECTOR_BYTES, 16 << 20);

/// Cuts every so many bytes: for images and databases, which change in place and never shift.
///
/// Chunks are aligned to the start of the stream, so a stream should begin at a multiple of the size.
///
/// # Examples
/// ```
/// use strongroom_chunking::FixedChunker;
///
/// let chunker = FixedChunker::new(4096)?;
/// let mut stream = chunker.stream(&[0; 10_000][..]);
/// let mut lengths = Vec::new();
/// while let Some(chunk) = stream.next_chunk().expect("memory can be read") {
///     lengths.push(chunk.len());
/// }
/// assert_eq!(lengths, [4096, 4096, 1808]);
/// # Ok::<(), strongroom_chunking::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedChunker {
    chunk_bytes: usize,
}

impl FixedChunker {
    /// Chunks of this size: a multiple of 512 bytes, at most 16 MiB.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] or [`Error::Unaligned`].
    pub fn new(chunk_bytes: usize) -> Result<Self> {
        let (least, most) = RANGE;
        if !(least..=most).contains(&chunk_bytes) {
            return Err(Error::OutOfRange {
                bytes: chunk_bytes,
                least,
                most,
            });
        }
        if !chunk_bytes.is_multiple_of(SECTOR_BYTES) {
            return Err(Error::Unaligned {
                bytes: chunk_bytes,
                multiple: SECTOR_BYTES,
            });
        }
        Ok(Self { chunk_bytes })
    }

    /// Cuts what `reader` yields.
    pub fn stream<R: Read>(&self, reader: R) -> ChunkStream<R, Self> {
        ChunkStream::new(*self, reader, Vec::new())
    }
}

impl Cut for FixedChunker {
    fn max_bytes(&self) -> usize {
        self.chunk_bytes
    }

    fn first_cut(&self, data: &[u8]) -> usize {
        data.len().min(self.chunk_bytes)
    }
}
