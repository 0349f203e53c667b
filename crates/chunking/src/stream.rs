//! Chunks of anything that can be read.

use std::io::{self, ErrorKind, Read};

use crate::Chunker;

/// The buffer holds at least this many of the longest chunks, so that little is moved.
const CHUNKS_IN_BUFFER: usize = 4;
/// …and at least this many bytes, so that reads are large.
const BUFFER_MIN_BYTES: usize = 1 << 20;

/// Cuts what a reader yields, however it splits its reads.
///
/// Chunks are slices of one buffer: nothing is allocated per chunk; what is left at the end of the buffer is moved
/// to its front once per filling.
///
/// # Examples
/// ```
/// # use strongroom_chunking::{ChunkSizes, Chunker, GearTable, Masks};
/// # let sizes = ChunkSizes::default();
/// # let chunker = Chunker::new(sizes, Masks::for_average(sizes.avg_bytes()), GearTable::from_bytes(&[7; 2048]));
/// let mut stream = chunker.stream(std::io::repeat(0).take_bytes());
/// # trait Take { fn take_bytes(self) -> std::io::Take<std::io::Repeat>; }
/// # impl Take for std::io::Repeat { fn take_bytes(self) -> std::io::Take<Self> { std::io::Read::take(self, 300_000) } }
/// let mut bytes = 0;
/// while let Some(chunk) = stream.next_chunk()? {
///     bytes += chunk.len();
/// }
/// assert_eq!(bytes, 300_000);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct ChunkStream<R> {
    chunker: Chunker,
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

    /// Like [`Chunker::stream`], with a buffer from [`ChunkStream::into_buffer`].
    pub fn stream_with<R: Read>(&self, reader: R, mut buffer: Vec<u8>) -> ChunkStream<R> {
        let len = (self.sizes().max_bytes() * CHUNKS_IN_BUFFER).max(BUFFER_MIN_BYTES);
        buffer.resize(len, 0);
        ChunkStream {
            chunker: self.clone(),
            reader,
            buffer,
            begin: 0,
            end: 0,
            ended: false,
        }
    }
}

impl<R: Read> ChunkStream<R> {
    /// The next chunk; `None` at the end, and for ever after an error.
    ///
    /// # Errors
    /// What the reader fails with; `Interrupted` is retried. Chunks handed out before stay valid.
    pub fn next_chunk(&mut self) -> io::Result<Option<&[u8]>> {
        let max = self.chunker.sizes().max_bytes();
        if self.end - self.begin < max && !self.ended {
            self.fill(max)?;
        }
        let data = self.buffer.get(self.begin..self.end).unwrap_or_default();
        let len = self.chunker.first_cut(data);
        self.begin += len;
        Ok(data.get(..len).filter(|chunk| !chunk.is_empty()))
    }

    /// Reads until at least `wanted` bytes are there or the reader ends.
    fn fill(&mut self, wanted: usize) -> io::Result<()> {
        self.buffer.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        while self.end < wanted {
            let Some(free) = self.buffer.get_mut(self.end..) else {
                break;
            };
            match self.reader.read(free) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    (self.ended, self.begin, self.end) = (true, 0, 0);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Gives the buffer back for the next stream.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}
