//! Reads stored trees, one piece at a time.

use std::collections::VecDeque;

use strongroom_vault::format::ChunkAddress;

use super::content::addresses;
use super::piece::{read_extents, read_records};
use super::record::is_valid_name;
use super::{Content, Extent, Record};
use crate::engine::Strongroom;
use crate::fs::Kind;
use crate::{Error, Result};

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

    /// The extents of a content, those stored by reference included.
    pub(crate) fn extents(&self, content: &Content) -> Result<Vec<Extent>> {
        match content {
            Content::Empty | Content::Inline(_) => Ok(Vec::new()),
            Content::Extents(extents) => Ok(extents.clone()),
            Content::Indirect(pieces) => {
                let mut extents = Vec::new();
                for at in addresses(pieces) {
                    extents.extend(read_extents(&self.engine.piece(at)?)?);
                }
                Ok(extents)
            }
        }
    }

    /// Reads the records of a directory in order of name.
    pub(crate) fn open_dir(&self, content: &Content) -> Result<DirReader> {
        if matches!(content, Content::Inline(_)) {
            return Err(Error::TreeDamaged("a directory has inline content"));
        }
        let pieces = self.extents(content)?;
        Ok(DirReader {
            tree: self.clone(),
            pieces: Pieces::new(pieces),
            records: VecDeque::new(),
            last: Vec::new(),
        })
    }

    /// The record of one name in a directory, by O(log pieces) reads.
    pub(crate) fn find_in_dir(&self, content: &Content, name: &[u8]) -> Result<Option<Record>> {
        let pieces: Vec<ChunkAddress> = addresses(&self.extents(content)?).collect();
        let (mut low, mut high) = (0, pieces.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(&at) = pieces.get(middle) else { break };
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

/// The pieces of a directory still to be read, without one address per chunk in memory.
struct Pieces {
    extents: VecDeque<Extent>,
}

impl Pieces {
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
                    *first += 1;
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

/// Streams the records of one directory; holds one piece in memory.
pub(crate) struct DirReader {
    tree: TreeReader,
    pieces: Pieces,
    records: VecDeque<Record>,
    last: Vec<u8>,
}

impl DirReader {
    /// The next record without taking it.
    pub(crate) fn peek(&mut self) -> Result<Option<&Record>> {
        if self.records.is_empty()
            && let Some(at) = self.pieces.next()
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
