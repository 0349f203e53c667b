//! Look-ups in large index segments, of which only the parts that are asked for are read.

use std::sync::Mutex;
use std::sync::PoisonError;

use strongroom_chunking::Segments;

use super::{kept, pack_value};
use crate::cache::Cache;
use crate::error::in_object;
use crate::format::wire::Reader;
use crate::format::{Frames, ObjectName, SegmentEntry};
use crate::{Error, Result, Vault};

/// Entries of a segment between two of which the places are known.
pub(super) const ENTRIES_APART: usize = 1024;
/// Opened frames of segments that are kept, bytes.
const FRAMES_BYTES: usize = 16 << 20;

/// Where an entry of a segment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fence {
    /// Prefix of the entry before it; 0 for the first.
    pub(super) previous_prefix: u64,
    /// Offset in the plaintext.
    pub(super) offset: u64,
}

/// How to look into one segment.
pub(super) struct PageMap {
    pub(super) frames: Frames,
    /// In the order of the entries, the first one's in front.
    pub(super) fences: Vec<Fence>,
    /// Bytes of the plaintext.
    pub(super) plain_bytes: u64,
}

impl PageMap {
    /// Where all entries with a prefix lie in the plaintext, and the prefix of the entry before.
    fn around(&self, prefix: u64) -> (u64, std::ops::Range<u64>) {
        let fences = &self.fences;
        let first = fences.partition_point(|fence| fence.previous_prefix < prefix);
        let begin = fences.get(first.saturating_sub(1));
        let beyond = fences.partition_point(|fence| fence.previous_prefix <= prefix);
        let end = fences
            .get(beyond.max(1))
            .map_or(self.plain_bytes, |fence| fence.offset);
        begin.map_or((0, 0..0), |fence| {
            (fence.previous_prefix, fence.offset..end)
        })
    }
}

struct Segment {
    name: ObjectName,
    pages: PageMap,
    /// Positions in the directory of the packs that it names.
    positions: Vec<Option<u32>>,
}

/// The large segments of a directory.
pub(super) struct Pages {
    vault: Vault,
    segments: Vec<Segment>,
    frames: Cache<(usize, u64), Vec<u8>>,
    /// Numbers of segments that have gone.
    lost: Mutex<Vec<usize>>,
}

impl Pages {
    pub(super) fn new(vault: Vault) -> Self {
        Self {
            vault,
            segments: Vec::new(),
            frames: Cache::new(FRAMES_BYTES),
            lost: Mutex::default(),
        }
    }

    pub(super) fn add(&mut self, name: ObjectName, pages: PageMap, positions: Vec<Option<u32>>) {
        self.segments.push(Segment {
            name,
            pages,
            positions,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub(super) fn has_lost(&self) -> bool {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |number: &usize| {
            let segment = self.segments.get(*number);
            segment.is_some_and(|segment| !segment.positions.is_empty())
        };
        lost.iter().any(is_new)
    }

    /// The packs of which segments that have gone told, each once.
    pub(super) fn take_lost(&mut self) -> Vec<u32> {
        let lost = self.lost.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut packs = Vec::new();
        for number in std::mem::take(lost) {
            if let Some(segment) = self.segments.get_mut(number) {
                packs.extend(std::mem::take(&mut segment.positions).into_iter().flatten());
            }
        }
        packs
    }

    async fn frame(&self, number: usize, segment: &Segment, frame: u64) -> Result<Vec<u8>> {
        let (name, frames) = (segment.name.to_string(), &segment.pages.frames);
        let range = frames.range_of(frame);
        if let Some(dir) = self.vault.index_dir()
            && let Some(sealed) = kept::read_range(dir, segment.name, range.clone())
            && let Ok(plain) = frames.open(frame, &sealed)
        {
            return Ok(plain);
        }
        let open = |sealed: bytes::Bytes| frames.open(frame, &sealed);
        let read = self
            .vault
            .store()
            .read_range_checked(&name, range, open)
            .await;
        if matches!(read, Err(Error::Missing { .. })) {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.push(number);
        }
        Ok(read?.value)
    }

    async fn plain(
        &self,
        number: usize,
        segment: &Segment,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<u8>> {
        let mut plain = Vec::new();
        let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let (mut frame, mut from) = Frames::place_of(range.start);
        while plain.len() < wanted {
            let load = self.frame(number, segment, frame);
            let bytes = self.frames.get((number, frame), Vec::len, load).await?;
            let rest = bytes.get(from..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let missing = wanted - plain.len();
            plain.extend_from_slice(rest.get(..missing).unwrap_or(rest));
            (frame, from) = (frame + 1, 0);
        }
        Ok(plain)
    }
}

impl Segments for Pages {
    type Error = Error;

    async fn find(&self, number: usize, prefix: u64) -> Result<Vec<u64>> {
        let segment = self.segments.get(number);
        let Some(segment) = segment.filter(|segment| !segment.positions.is_empty()) else {
            return Ok(Vec::new());
        };
        let (mut previous, range) = segment.pages.around(prefix);
        let plain = match self.plain(number, segment, range).await {
            Ok(plain) => plain,
            // The caller learns by `has_lost` that what has gone stands elsewhere.
            Err(Error::Missing { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut input = Reader::new(&plain);
        let mut values = Vec::new();
        while !input.is_empty() && previous <= prefix {
            let entry = in_object(&segment.name, SegmentEntry::read(&mut input, previous))?;
            previous = entry.prefix;
            let position = segment
                .positions
                .get(entry.pack as usize)
                .copied()
                .flatten();
            if let Some(position) = position.filter(|_| entry.prefix == prefix) {
                values.push(pack_value(position, entry.block, entry.chunk));
            }
        }
        Ok(values)
    }
}
