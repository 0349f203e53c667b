//! The pieces of directories that were read last, decoded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use strongroom_vault::format::ChunkAddress;

use super::{Entry, Place};
use crate::tree::record::is_valid_name;
use crate::tree::{Record, TreeReader};
use crate::{Error, Result};

/// Pieces that are kept: of 64 KiB each when encoded, some hundreds decoded.
const PIECES_MAX: usize = 32;

/// One piece of a directory; never empty, its names valid and ascending.
pub(super) struct Piece {
    at: ChunkAddress,
    records: Vec<Arc<Record>>,
}

impl Piece {
    fn new(at: ChunkAddress, records: Vec<Record>) -> Result<Self> {
        let is_ascending = records.is_sorted_by(|a, b| a.name < b.name);
        if !is_ascending || !records.iter().all(|record| is_valid_name(&record.name)) {
            return Err(Error::TreeDamaged(
                "a directory's names are out of order or not allowed",
            ));
        }
        if records.is_empty() {
            return Err(Error::TreeDamaged("a directory piece is empty"));
        }
        let records = records.into_iter().map(Arc::new).collect();
        Ok(Self { at, records })
    }

    pub(super) fn entry(&self, index: u16) -> Option<Entry> {
        let record = self.records.get(usize::from(index))?;
        Some(Entry::new(Place::new(self.at, index), Arc::clone(record)))
    }

    pub(super) fn find(&self, name: &[u8]) -> Option<Entry> {
        let found = self
            .records
            .binary_search_by(|record| record.name.as_slice().cmp(name));
        self.entry(u16::try_from(found.ok()?).ok()?)
    }

    pub(super) fn first_name(&self) -> &[u8] {
        self.records.first().map_or(b"", |record| &record.name)
    }

    pub(super) fn last_name(&self) -> &[u8] {
        self.records.last().map_or(b"", |record| &record.name)
    }
}

/// Reads pieces through a small cache, the one used last in front.
pub(super) struct Pieces {
    tree: TreeReader,
    recent: Mutex<VecDeque<Arc<Piece>>>,
}

impl Pieces {
    pub(super) fn new(tree: TreeReader) -> Self {
        let recent = Mutex::default();
        Self { tree, recent }
    }

    pub(super) fn get(&self, at: ChunkAddress) -> Result<Arc<Piece>> {
        if let Some(piece) = self.recall(at) {
            return Ok(piece);
        }
        let piece = Arc::new(Piece::new(at, self.tree.records(at)?)?);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_front(Arc::clone(&piece));
        recent.truncate(PIECES_MAX);
        Ok(piece)
    }

    fn recall(&self, at: ChunkAddress) -> Option<Arc<Piece>> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let index = recent.iter().position(|piece| piece.at == at)?;
        let piece = recent.remove(index)?;
        recent.push_front(Arc::clone(&piece));
        Some(piece)
    }
}
