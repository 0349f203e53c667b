//! Reads stored trees, one piece at a time.

use std::collections::VecDeque;

use futures::future::join_all;
use strongroom_vault::format::{ChunkAddress, ObjectKind};

use super::content::addresses;
use super::piece::{read_extents, read_records};
use super::record::is_valid_name;
use super::{Content, Extent, Record};
use crate::engine::Strongroom;
use crate::fs::Kind;
use crate::{Error, Result};

/// Runs of pieces that one directory may have: its pieces are mostly neighbours, so that this is far beyond any real one.
const DIR_RUNS_MAX: usize = 1 << 20;

/// Reads records and extents through the engine's block cache.
#[derive(Clone)]
pub(crate) struct TreeReader {
    engine: Strongroom,
}

impl TreeReader {
    pub(crate) fn new(engine: Strongroom) -> Self {
        Self { engine }
    }

    /// The root record `/` in the root piece.
    pub(crate) fn root(&self, at: ChunkAddress) -> Result<Record> {
        let mut records = read_records(&self.engine.piece(at)?)?;
        match (records.pop(), records.is_empty()) {
            (Some(root), true) if root.meta.kind == Kind::Directory && root.name.is_empty() => {
                Ok(root)
            }
            _ => Err(Error::TreeDamaged("the root piece does not hold one root")),
        }
    }

    /// Raw bytes of one chunk of content.
    pub(crate) fn data_chunk(&self, at: ChunkAddress) -> Result<bytes::Bytes> {
        self.engine.data_chunk(at)
    }

    /// The records of one piece.
    pub(crate) fn records(&self, at: ChunkAddress) -> Result<Vec<Record>> {
        read_records(&self.engine.piece(at)?)
    }

    /// Lengths of extents of data, bytes, by tables of contents that are read at the same time.
    pub(crate) fn extent_lens(&self, extents: &VecDeque<Extent>) -> Vec<Result<u64>> {
        self.engine
            .wait(join_all(extents.iter().map(async |extent| {
                let (first, count) = match *extent {
                    Extent::Hole(bytes) => return Ok(bytes),
                    Extent::Run { count, .. } => (addresses(&[*extent]).next(), count),
                };
                let first = first.ok_or(Error::TreeDamaged("an extent counts no chunks"))?;
                let reader = self.engine.reader();
                Ok(reader.run_len(first, count, ObjectKind::DataPack).await?)
            })))
    }

    /// Bytes of a content that are holes.
    pub(crate) fn holes(&self, content: &Content) -> Result<u64> {
        let (mut extents, mut bytes) = (self.extents(content), 0_u64);
        while let Some(extent) = extents.next()? {
            if let Extent::Hole(hole) = extent {
                bytes = bytes.saturating_add(hole);
            }
        }
        Ok(bytes)
    }

    /// Streams the extents of a content, those stored by reference included.
    pub(crate) fn extents(&self, content: &Content) -> ExtentReader {
        let (direct, pieces) = match content {
            Content::Empty | Content::Inline(_) => (Vec::new(), Vec::new()),
            Content::Extents(extents) => (extents.clone(), Vec::new()),
            Content::Indirect(pieces) => (Vec::new(), pieces.clone()),
        };
        ExtentReader {
            tree: self.clone(),
            pieces: Chunks::new(pieces),
            extents: direct.into(),
        }
    }

    /// Reads the records of a directory in order of name.
    pub(crate) fn open_dir(&self, content: &Content) -> Result<DirReader> {
        if matches!(content, Content::Inline(_)) {
            return Err(Error::TreeDamaged("a directory has inline content"));
        }
        Ok(DirReader {
            tree: self.clone(),
            extents: self.extents(content),
            pieces: Chunks::default(),
            records: VecDeque::new(),
            last: Vec::new(),
        })
    }

    /// The record of one name in a directory, by O(log pieces) reads.
    pub(crate) fn find_in_dir(&self, content: &Content, name: &[u8]) -> Result<Option<Record>> {
        let pieces = PieceTable::read(self.extents(content))?;
        let (mut low, mut high) = (0, pieces.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(at) = pieces.get(middle) else { break };
            let records = read_records(&self.engine.piece(at)?)?;
            let (Some(first), Some(last)) = (records.first(), records.last()) else {
                return Err(Error::TreeDamaged("a directory piece is empty"));
            };
            if name < first.name.as_slice() {
                high = middle;
            } else if name > last.name.as_slice() {
                low = middle + 1;
            } else {
                return Ok(records.into_iter().find(|record| record.name == name));
            }
        }
        Ok(None)
    }

    /// The record at an absolute path below the root; the root itself for `/`.
    pub(crate) fn find_path(&self, root: &Record, path: &[u8]) -> Result<Option<Record>> {
        let mut record = root.clone();
        for name in path
            .split(|&byte| byte == b'/')
            .filter(|name| !name.is_empty())
        {
            if record.meta.kind != Kind::Directory {
                return Ok(None);
            }
            match self.find_in_dir(&record.content, name)? {
                Some(found) => record = found,
                None => return Ok(None),
            }
        }
        Ok(Some(record))
    }
}

/// Streams extents; holds one extent piece in memory.
pub(crate) struct ExtentReader {
    tree: TreeReader,
    pieces: Chunks,
    extents: VecDeque<Extent>,
}

impl ExtentReader {
    /// The next extent.
    pub(crate) fn next(&mut self) -> Result<Option<Extent>> {
        while self.extents.is_empty() {
            let Some(at) = self.pieces.next() else {
                return Ok(None);
            };
            self.extents = read_extents(&self.tree.engine.piece(at)?)?.into();
        }
        Ok(self.extents.pop_front())
    }
}

/// Chunks still to be read, without one address per chunk in memory.
#[derive(Default)]
struct Chunks {
    extents: VecDeque<Extent>,
}

impl Chunks {
    fn new(extents: Vec<Extent>) -> Self {
        Self {
            extents: extents.into(),
        }
    }

    fn next(&mut self) -> Option<ChunkAddress> {
        loop {
            match self.extents.front_mut()? {
                Extent::Run {
                    pack,
                    block,
                    first,
                    count,
                } if *count > 0 => {
                    let at = ChunkAddress {
                        pack: *pack,
                        block: *block,
                        chunk: *first,
                    };
                    *first = first.saturating_add(1);
                    *count -= 1;
                    return Some(at);
                }
                _ => {
                    self.extents.pop_front();
                }
            }
        }
    }
}

/// All pieces of a directory by number, without one address per piece in memory.
pub(crate) struct PieceTable {
    /// Each with the number of its first piece.
    runs: Vec<(u64, Extent)>,
    len: u64,
}

impl PieceTable {
    pub(crate) fn read(mut extents: ExtentReader) -> Result<Self> {
        let mut table = Self {
            runs: Vec::new(),
            len: 0,
        };
        while let Some(extent) = extents.next()? {
            let Extent::Run { count, .. } = extent else {
                return Err(Error::TreeDamaged("a directory has a hole"));
            };
            if table.runs.len() >= DIR_RUNS_MAX {
                return Err(Error::TreeDamaged("a directory has too many pieces"));
            }
            table.runs.push((table.len, extent));
            table.len += u64::from(count);
        }
        Ok(table)
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn get(&self, number: u64) -> Option<ChunkAddress> {
        let after = self.runs.partition_point(|(first, _)| *first <= number);
        let (start, extent) = self.runs.get(after.checked_sub(1)?)?;
        let offset = usize::try_from(number - start).ok()?;
        addresses(std::slice::from_ref(extent)).nth(offset)
    }
}

/// Streams the records of one directory; holds one piece in memory.
pub(crate) struct DirReader {
    tree: TreeReader,
    extents: ExtentReader,
    pieces: Chunks,
    records: VecDeque<Record>,
    last: Vec<u8>,
}

impl DirReader {
    fn next_piece(&mut self) -> Result<Option<ChunkAddress>> {
        loop {
            if let Some(at) = self.pieces.next() {
                return Ok(Some(at));
            }
            match self.extents.next()? {
                Some(extent) => self.pieces = Chunks::new(vec![extent]),
                None => return Ok(None),
            }
        }
    }

    /// The next record without taking it.
    pub(crate) fn peek(&mut self) -> Result<Option<&Record>> {
        if self.records.is_empty()
            && let Some(at) = self.next_piece()?
        {
            self.records = read_records(&self.tree.engine.piece(at)?)?.into();
            if self.records.is_empty() {
                return Err(Error::TreeDamaged("a directory piece is empty"));
            }
        }
        Ok(self.records.front())
    }

    /// Takes the next record.
    pub(crate) fn next(&mut self) -> Result<Option<Record>> {
        self.peek()?;
        let Some(record) = self.records.pop_front() else {
            return Ok(None);
        };
        if record.name <= self.last || !is_valid_name(&record.name) {
            return Err(Error::TreeDamaged(
                "a directory's names are out of order or not allowed",
            ));
        }
        self.last.clone_from(&record.name);
        Ok(Some(record))
    }
}
