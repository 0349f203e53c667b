//! Derives the reference list of a new point: the base point's list plus the changes (format.md §10).

use std::collections::BTreeMap;

use strongroom_chunking::ChunkHasher;
use strongroom_crypto::BlockType;
use strongroom_vault::format::{ListPiece, ListPieceRef, PackId, PackUse, ends_list_piece};

use super::packer::{BlockWriter, Packer};
use crate::engine::Strongroom;
use crate::{Error, Result};

/// A piece smaller than this is joined with the one after it.
const PIECE_SMALL_BYTES: usize = 2 << 10;

type Changes = BTreeMap<PackId, BTreeMap<u16, Vec<i64>>>;

/// Writes the pieces of one list. Pieces that no change falls into are carried over unread.
pub(crate) struct ListWriter<'p, 'm> {
    engine: Strongroom,
    packer: &'p Packer<'m>,
    writer: BlockWriter<'p, 'm>,
    hasher: ChunkHasher,
    open: Vec<PackUse>,
    open_bytes: usize,
    done: Vec<ListPieceRef>,
}

impl<'p, 'm> ListWriter<'p, 'm> {
    pub(crate) fn new(engine: &Strongroom, packer: &'p Packer<'m>) -> Result<Self> {
        Ok(Self {
            engine: engine.clone(),
            packer,
            writer: BlockWriter::new(packer, BlockType::List)?,
            hasher: engine.hasher(BlockType::List)?,
            open: Vec::new(),
            open_bytes: 0,
            done: Vec::new(),
        })
    }

    /// Applies `changes` to the list in `base` and returns the new list's pieces.
    pub(crate) fn derive(
        mut self,
        base: &[ListPieceRef],
        mut changes: Changes,
    ) -> Result<Vec<ListPieceRef>> {
        for (index, piece) in base.iter().enumerate() {
            let rest = match base.get(index + 1) {
                Some(next) => changes.split_off(&next.first),
                None => BTreeMap::new(),
            };
            // What lies before the first piece belongs to it: `changes` holds all that is below the next one.
            let mine = std::mem::replace(&mut changes, rest);
            if mine.is_empty() && self.open.is_empty() && self.is_carried(piece)? {
                self.done.push(piece.clone());
                continue;
            }
            let raw = self.engine.piece(piece.address())?;
            self.merge(ListPiece::decode(&raw)?, mine)?;
            if self.open_bytes >= PIECE_SMALL_BYTES {
                self.close()?;
            }
        }
        self.merge(ListPiece::default(), changes)?;
        self.close()?;
        self.writer.flush()?;
        Ok(self.done)
    }

    fn is_carried(&self, piece: &ListPieceRef) -> Result<bool> {
        let at = piece.address();
        self.packer.known.is_usable(at.block_name(), at.chunk, 1)
    }

    fn merge(&mut self, piece: ListPiece, mut changes: Changes) -> Result<()> {
        for entry in piece.packs {
            let later = changes.split_off(&entry.pack);
            for (pack, blocks) in std::mem::replace(&mut changes, later) {
                self.push(PackUse::apply(None, pack, &blocks)?)?;
            }
            let pack = entry.pack;
            let changed = match changes.remove(&pack) {
                Some(blocks) => PackUse::apply(Some(entry), pack, &blocks)?,
                None => Some(entry),
            };
            self.push(changed)?;
        }
        for (pack, blocks) in changes {
            self.push(PackUse::apply(None, pack, &blocks)?)?;
        }
        Ok(())
    }

    fn push(&mut self, entry: Option<PackUse>) -> Result<()> {
        let Some(entry) = entry else { return Ok(()) };
        self.open_bytes += entry.encoded_len();
        let ends = ends_list_piece(&entry.pack, self.open_bytes);
        self.open.push(entry);
        if ends { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<()> {
        let packs = std::mem::take(&mut self.open);
        self.open_bytes = 0;
        let Some(first) = packs.first().map(|entry| entry.pack) else {
            return Ok(());
        };
        let raw = ListPiece { packs }.encode();
        let (at, _) = self.writer.store(self.hasher.id(&raw), &raw)?;
        self.done.push(ListPieceRef::new(first, at));
        Ok(())
    }
}

impl From<strongroom_vault::format::FormatError> for Error {
    fn from(error: strongroom_vault::format::FormatError) -> Self {
        Self::Vault(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;
    use strongroom_vault::format::{MachineId, SourceId};
    use strongroom_vault::wrap::{Action, Log, recording};
    use strongroom_vault::{InitOptions, PackDirectory, Session};

    use super::*;
    use crate::backup::known::Known;
    use crate::monitor::NoMonitor;

    fn pack(number: u32) -> PackId {
        let hash = blake3::hash(&number.to_le_bytes());
        PackId::from_bytes(*hash.as_bytes().first_chunk().expect("32 bytes"))
    }

    /// One chunk more of each of these packs.
    fn changes(packs: std::ops::Range<u32>) -> Changes {
        let change = |number| (pack(number), BTreeMap::from([(0, vec![0, 1])]));
        packs.map(change).collect()
    }

    fn derive(engine: &Strongroom, base: &[ListPieceRef], changes: Changes) -> Vec<ListPieceRef> {
        let (source, machine) = (SourceId::from_bytes([1; 8]), MachineId::from_bytes([1; 16]));
        let begin = Session::begin(engine.vault(), source, machine, engine.now());
        let session = engine.wait(begin).expect("begun");
        let directory = engine
            .wait(PackDirectory::list(engine.vault()))
            .expect("listed");
        let known = Arc::new(Known::new(engine.clone(), directory));
        let packer = Packer::new(engine.clone(), Some(Arc::new(session)), known, &NoMonitor);
        let writer = ListWriter::new(engine, &packer).expect("a writer");
        let list = writer.derive(base, changes).expect("derived");
        packer.flush().expect("durable");
        list
    }

    fn recorded() -> (Strongroom, Log) {
        let (store, log) = recording(Arc::new(InMemory::new()));
        let passphrase = crate::crypto::Passphrase::new("correct horse battery staple");
        let passphrase = passphrase.expect("long enough");
        let engine = Strongroom::init_store(store, &passphrase, &InitOptions::for_tests());
        (engine.expect("a new vault"), log)
    }

    /// Reads of metadata, and pieces written, for a list of so many packs of which one changes.
    fn cost(packs_count: u32) -> (usize, usize, usize) {
        let (engine, log) = recorded();
        let base = derive(&engine, &[], changes(0..packs_count));
        // Nothing is remembered.
        let engine = engine.with_max_memory(u64::MAX);
        let _made = log.take();
        let list = derive(&engine, &base, changes(packs_count..packs_count + 1));
        let of = |action: Action| {
            let operations = log.take();
            let wanted = operations
                .iter()
                .filter(|op| op.action == action && op.name.starts_with("m/"));
            wanted.count()
        };
        let new = list.iter().filter(|piece| !base.contains(piece)).count();
        (of(Action::Get), new, base.len())
    }

    /// Work is proportional to what changed, not to what is listed.
    #[test]
    fn a_list_is_derived_at_the_cost_of_what_changed() {
        let (few, many) = (cost(2000), cost(16_000));
        assert!(few.2 >= 2 && many.2 >= 16, "{few:?} {many:?}");
        for (reads, new, _) in [few, many] {
            // A table of contents and a block; a piece may be cut in two.
            assert!(reads <= 2 && new <= 2, "{few:?} {many:?}");
        }
    }
}
