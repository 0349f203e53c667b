//! Chunks of anything that can be read.

use std::io::{self, ErrorKind, Read};

use crate::{Chunker, Cut};

/// The buffer holds at least this many of the longest chunks, so that little is moved…
const CHUNKS_IN_BUFFER: usize = 4;
/// …and at least this many bytes, so that reads are few.
const BUFFER_MIN_BYTES: usize = 1 << 20;

/// Cuts what a reader yields, however it splits its reads.
///
/// Chunks are slices of one buffer: nothing is allocated per chunk, and what is left at the end of the buffer is
/// moved to its front only when the buffer is used up. The buffer has 1 MiB, or four times the maximum if that is more.
///
/// # Examples
/// ```
/// use std::io::Read;
/// use strongroom_chunking::{ChunkSizes, Chunker, GearTable, Masks};
///
/// let sizes = ChunkSizes::default();
/// let chunker = Chunker::new(sizes, Masks::for_average(sizes.avg_bytes()), GearTable::from_bytes(&[7; 2048]));
/// let mut stream = chunker.stream(std::io::repeat(0).take(300_000));
/// let mut lengths = Vec::new();
/// while let Some(chunk) = stream.next_chunk()? {
///     lengths.push(chunk.len());
/// }
/// assert_eq!(lengths, [262_144, 37_856]);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct ChunkStream<R, C = Chunker> {
    cut: C,
    reader: R,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are not handed out yet: `begin..end`.
    begin: usize,
    end: usize,
    ended: bool,
}

impl Chunker {
    /// Cuts what `reader` yields.
    pub fn stream<R: Read>(&self, reader: R) -> ChunkStream<R> {
        self.stream_with(reader, Vec::new())
    }

    /// Like [`Chunker::stream`], with a buffer from [`ChunkStream::into_buffer`]; one that is too short grows.
    pub fn stream_with<R: Read>(&self, reader: R, buffer: Vec<u8>) -> ChunkStream<R> {
        ChunkStream::new(self.clone(), reader, buffer)
    }
}

impl<R: Read, C: Cut> ChunkStream<R, C> {
    /// Cuts what `reader` yields where `cut` says, in a buffer from [`ChunkStream::into_buffer`] or an empty one; one
    /// that is too short grows.
    pub fn new(cut: C, reader: R, mut buffer: Vec<u8>) -> Self {
        let wanted = (cut.max_bytes() * CHUNKS_IN_BUFFER).max(BUFFER_MIN_BYTES);
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        }
        Self {
            cut,
            reader,
            buffer,
            begin: 0,
            end: 0,
            ended: false,
        }
    }

    /// The next chunk; `None` at the end, and for ever after an error.
    ///
    /// # Errors
    /// What the reader fails with, and `InvalidData` if it claims to have read more than there was room for.
    /// `Interrupted` is retried. What was read but not yet handed out is dropped.
    pub fn next_chunk(&mut self) -> io::Result<Option<&[u8]>> {
        let max = self.cut.max_bytes();
        if let Err(error) = self.fill(max) {
            (self.ended, self.begin, self.end) = (true, 0, 0);
            return Err(error);
        }
        let data = self.buffer.get(self.begin..self.end).unwrap_or_default();
        let len = self.cut.first_cut(data);
        self.begin += len;
        Ok(data.get(..len).filter(|chunk| !chunk.is_empty()))
    }

    /// Reads until at least `wanted` bytes are there or the reader ends.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.ended || self.end - self.begin >= wanted {
            return Ok(());
        }
        if self.buffer.len() - self.begin < wanted {
            self.buffer.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
        }
        while self.end - self.begin < wanted {
            let Some(free) = self.buffer.get_mut(self.end..) else {
                break;
            };
            match self.reader.read(free) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                // A count that cannot be true would otherwise end the stream early and unnoticed.
                Ok(read) if read > free.len() => return Err(ErrorKind::InvalidData.into()),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives the reader back; bytes that were read ahead are lost.
    #[must_use]
    pub fn into_reader(self) -> R {
        self.reader
    }

    /// Gives the buffer back for the next stream.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}
