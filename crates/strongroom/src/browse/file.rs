//! Any bytes of a file.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::Entry;
use super::spans::{Span, Spans};
use crate::fs::Kind;
use crate::tree::content::addresses;
use crate::tree::{Content, Extent, TreeReader};
use crate::{Error, Result};

/// Reads a file at any offset, from any number of threads.
///
/// Bytes come through the cache of blocks of the [`Strongroom`](crate::Strongroom). Where they lie is learned from the
/// beginning of the file on, as far as it is read: the first read near the end of a file of many packs asks for the
/// table of contents of each. What was learned takes about 50 bytes for each block (1 MiB) of the file.
pub struct FileReader {
    tree: TreeReader,
    size: u64,
    bytes: Bytes,
}

enum Bytes {
    /// The point does not hold them.
    Missing,
    Inline(Vec<u8>),
    Stored(Mutex<Spans>),
}

impl std::fmt::Debug for FileReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileReader")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl FileReader {
    pub(super) fn open(tree: &TreeReader, file: &Entry) -> Result<Self> {
        if file.kind() != Kind::File {
            return Err(Error::WrongKind {
                path: file.name().to_vec(),
                needed: "file",
            });
        }
        let size = file.meta().size;
        let bytes = match file.content() {
            _ if file.is_without_content() => Bytes::Missing,
            Content::Empty => Bytes::Inline(Vec::new()),
            Content::Inline(bytes) => Bytes::Inline(bytes.clone()),
            content => Bytes::Stored(Mutex::new(Spans::new(tree.extents(content), size))),
        };
        Ok(Self {
            tree: tree.clone(),
            size,
            bytes,
        })
    }

    /// Length of the file, bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// So many bytes at an offset; fewer only where the file ends.
    ///
    /// # Errors
    /// When one of these bytes is damaged, or the point does not hold them. Others can be read all the same.
    pub fn read_at(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        let range = self.clamp(offset, len);
        let mut out = Vec::with_capacity(usize::try_from(range.end - range.start).unwrap_or(0));
        match &self.bytes {
            Bytes::Missing => return Err(Error::TreeDamaged("the file could not be read")),
            Bytes::Inline(bytes) => {
                if bytes.len() as u64 != self.size {
                    return Err(Error::TreeDamaged(
                        "a file's chunks do not add up to its size",
                    ));
                }
                append(&mut out, bytes, 0, &range);
            }
            Bytes::Stored(spans) => {
                for span in self.spans(spans, range.clone())? {
                    self.append_span(&mut out, &span, &range)?;
                }
            }
        }
        Ok(out)
    }

    /// Brings the blocks of so many bytes at an offset into the cache, so that a later read finds them there.
    ///
    /// # Errors
    /// As [`FileReader::read_at`].
    pub fn prefetch(&self, offset: u64, len: usize) -> Result<()> {
        let Bytes::Stored(spans) = &self.bytes else {
            return Ok(());
        };
        for span in self.spans(spans, self.clamp(offset, len))? {
            if let Some(first) = addresses(&[span.extent]).next() {
                self.tree.data_chunk(first)?;
            }
        }
        Ok(())
    }

    /// The first byte at an offset or behind it that is in no hole; `None` where only holes follow.
    ///
    /// # Errors
    /// When it cannot be told where the file's bytes lie.
    pub fn next_data(&self, offset: u64) -> Result<Option<u64>> {
        self.next_where(offset, |extent| !matches!(extent, Extent::Hole(_)))
    }

    /// The first byte at an offset or behind it that is in a hole. The end of the file counts as one; `None` behind it.
    ///
    /// # Errors
    /// As [`FileReader::next_data`].
    pub fn next_hole(&self, offset: u64) -> Result<Option<u64>> {
        if offset >= self.size {
            return Ok(None);
        }
        let found = self.next_where(offset, |extent| matches!(extent, Extent::Hole(_)))?;
        Ok(Some(found.unwrap_or(self.size)))
    }

    fn next_where(&self, offset: u64, is_wanted: impl Fn(&Extent) -> bool) -> Result<Option<u64>> {
        let Bytes::Stored(spans) = &self.bytes else {
            // Without extents there is no hole.
            let is_data = is_wanted(&Extent::Hole(0)) != (offset < self.size);
            return Ok(is_data.then_some(offset));
        };
        let mut at = offset;
        while at < self.size {
            let found = self.spans(spans, at..at + 1)?;
            let Some(span) = found.first() else { break };
            if is_wanted(&span.extent) {
                return Ok(Some(at));
            }
            at = span.end;
        }
        Ok(None)
    }

    fn clamp(&self, offset: u64, len: usize) -> Range<u64> {
        let start = offset.min(self.size);
        start..offset.saturating_add(len as u64).min(self.size)
    }

    fn spans(&self, spans: &Mutex<Spans>, range: Range<u64>) -> Result<Vec<Span>> {
        let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
        spans.within(&self.tree, range)
    }

    fn append_span(&self, out: &mut Vec<u8>, span: &Span, range: &Range<u64>) -> Result<()> {
        if let Extent::Hole(_) = span.extent {
            let (start, end) = (span.start.max(range.start), span.end.min(range.end));
            let count = usize::try_from(end - start).unwrap_or(0);
            out.resize(out.len() + count, 0);
            return Ok(());
        }
        let mut at = span.start;
        for address in addresses(&[span.extent]) {
            if at >= range.end {
                return Ok(());
            }
            let bytes = self.tree.data_chunk(address)?;
            append(out, &bytes, at, range);
            at += bytes.len() as u64;
        }
        let expected = span.end.min(range.end);
        if at < expected {
            return Err(Error::TreeDamaged("a chunk is shorter than its table says"));
        }
        Ok(())
    }
}

/// Appends those of the bytes, which begin at an offset of the file, that lie in the range.
fn append(out: &mut Vec<u8>, bytes: &[u8], at: u64, range: &Range<u64>) {
    let place = |offset: u64| usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX);
    let (from, to) = (place(range.start), place(range.end).min(bytes.len()));
    out.extend_from_slice(bytes.get(from..to).unwrap_or_default());
}
