//! Directories whose records are being gathered, and the pieces that they become.

use std::collections::{HashMap, VecDeque};

use strongroom_chunking::ChunkHasher;
use strongroom_crypto::BlockType;
use strongroom_vault::format::ChunkAddress;

use super::changes::UseChanges;
use super::jobs::Ticket;
use super::packer::{BlockWriter, Packer};
use crate::engine::Strongroom;
use crate::tree::content::push_chunk;
use crate::tree::piece::{DIRECT_MAX_BYTES, encoded_len, extent_pieces};
use crate::tree::{Capture, Content, Extent, PieceWriter, Record, TreeReader};
use crate::{Error, Result};

/// Final records that may wait behind others that are not: bounds memory.
const READY_MAX: usize = 32 << 10;

/// A place in a directory, in order of name.
enum Place {
    /// The record is there.
    Ready(Box<Record>),
    /// It will come: a file that is being read, or a directory below (its frame's number).
    Waiting(Option<u64>),
    /// Nothing will stand here.
    Gone,
}

/// One directory on its way into the tree.
struct Frame {
    parent: Option<Ticket>,
    record: Record,
    /// Content of the same directory in the point that this one is built on.
    base_content: Content,
    places: VecDeque<Place>,
    first_place: u64,
    writer: PieceWriter,
    extents: Vec<Extent>,
    walked: bool,
}

/// All open directories of a run.
pub(crate) struct Frames<'p, 'm> {
    tree: TreeReader,
    writer: BlockWriter<'p, 'm>,
    hasher: ChunkHasher,
    open: HashMap<u64, Frame>,
    next_number: u64,
    /// The finished root record.
    pub(crate) root: Option<Record>,
    /// Records that are final, but stand behind one that is not.
    ready_count: usize,
    pub(crate) changes: UseChanges,
}

impl<'p, 'm> Frames<'p, 'm> {
    pub(crate) fn new(engine: &Strongroom, packer: &'p Packer<'m>) -> Result<Self> {
        Ok(Self {
            tree: TreeReader::new(engine.clone()),
            writer: BlockWriter::new(packer, BlockType::Tree)?,
            hasher: engine.hasher(BlockType::Tree)?,
            open: HashMap::new(),
            next_number: 0,
            root: None,
            ready_count: 0,
            changes: UseChanges::default(),
        })
    }

    /// Opens the frame of a directory; its record gets its content when the frame is complete.
    pub(crate) fn begin(
        &mut self,
        parent: Option<Ticket>,
        record: Record,
        base_content: Content,
    ) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        if let Some(ticket) = parent {
            self.set(ticket, Place::Waiting(Some(number)));
        }
        self.open.insert(
            number,
            Frame {
                parent,
                record,
                base_content,
                places: VecDeque::new(),
                first_place: 0,
                writer: PieceWriter::default(),
                extents: Vec::new(),
                walked: false,
            },
        );
        number
    }

    /// Keeps the next place of a directory for a record that will come.
    pub(crate) fn keep_place(&mut self, frame: u64) -> Ticket {
        let place = self.open.get_mut(&frame).map_or(0, |frame| {
            frame.places.push_back(Place::Waiting(None));
            frame.first_place + frame.places.len() as u64 - 1
        });
        Ticket { frame, place }
    }

    /// An entry of this directory could not be looked at, so that it has no place.
    pub(crate) fn mark_incomplete(&mut self, frame: u64) {
        if let Some(frame) = self.open.get_mut(&frame) {
            frame.record.extras.capture = Some(Capture::Incomplete);
        }
    }

    fn set(&mut self, ticket: Ticket, value: Place) {
        if let Some(frame) = self.open.get_mut(&ticket.frame) {
            let index = usize::try_from(ticket.place - frame.first_place).unwrap_or(usize::MAX);
            if let Some(place) = frame.places.get_mut(index) {
                self.ready_count += usize::from(matches!(value, Place::Ready(_)));
                *place = value;
            }
        }
    }

    /// The record of a kept place is here, or will never come.
    pub(crate) fn deliver(&mut self, ticket: Ticket, record: Option<Box<Record>>) -> Result<()> {
        self.set(ticket, record.map_or(Place::Gone, Place::Ready));
        self.advance(ticket.frame)
    }

    /// The walk of this directory has ended.
    pub(crate) fn walked(&mut self, frame: u64) -> Result<()> {
        if let Some(frame) = self.open.get_mut(&frame) {
            frame.walked = true;
        }
        self.advance(frame)
    }

    /// Encodes what has become ready, in order, and completes directories upwards.
    fn advance(&mut self, number: u64) -> Result<()> {
        let mut next = Some(number);
        while let Some(number) = next.take() {
            let Some(mut frame) = self.open.remove(&number) else {
                return Ok(());
            };
            let outcome = self.encode_ready(&mut frame);
            if outcome.is_err() || !frame.walked || !frame.places.is_empty() {
                self.open.insert(number, frame);
                return outcome;
            }
            let record = self.complete(&mut frame)?;
            match frame.parent {
                Some(ticket) => {
                    self.set(ticket, Place::Ready(Box::new(record)));
                    next = Some(ticket.frame);
                }
                None => self.root = Some(record),
            }
        }
        Ok(())
    }

    fn encode_ready(&mut self, frame: &mut Frame) -> Result<()> {
        while !matches!(frame.places.front(), None | Some(Place::Waiting(_))) {
            let place = frame.places.pop_front();
            frame.first_place += 1;
            let Some(Place::Ready(record)) = place else {
                continue;
            };
            self.ready_count -= 1;
            if let Some(piece) = frame.writer.push(&record) {
                let at = self.store(&piece)?;
                push_chunk(&mut frame.extents, at);
            }
        }
        Ok(())
    }

    fn complete(&mut self, frame: &mut Frame) -> Result<Record> {
        if let Some(piece) = frame.writer.finish() {
            let at = self.store(&piece)?;
            push_chunk(&mut frame.extents, at);
        }
        let extents = std::mem::take(&mut frame.extents);
        let content = self.content_of(&extents)?;
        self.count_replaced(&frame.base_content, &content, Some(&extents))?;
        let mut record = frame.record.clone();
        record.content = content;
        Ok(record)
    }

    /// Content of these extents: by reference where they are long. The pieces that hold them then lie in a block that
    /// is still open: they cannot be read back in this run.
    pub(crate) fn content_of(&mut self, extents: &[Extent]) -> Result<Content> {
        if extents.is_empty() {
            return Ok(Content::Empty);
        }
        if encoded_len(extents) <= DIRECT_MAX_BYTES {
            return Ok(Content::Extents(extents.to_vec()));
        }
        let mut by_reference = Vec::new();
        for piece in extent_pieces(extents) {
            push_chunk(&mut by_reference, self.store(&piece)?);
        }
        Ok(Content::Indirect(by_reference))
    }

    /// Notes that `new` stands where `base` stood. `extents` are those of `new` where it was made in this run.
    pub(crate) fn count_replaced(
        &mut self,
        base: &Content,
        new: &Content,
        extents: Option<&[Extent]>,
    ) -> Result<()> {
        if base == new {
            return Ok(());
        }
        self.count(base, -1)?;
        match (new, extents) {
            (Content::Indirect(_), Some(extents)) => {
                self.changes.content(new, 1);
                self.changes.extents(extents, 1);
                Ok(())
            }
            _ => self.count(new, 1),
        }
    }

    /// Counts all chunks of a content, those named by reference included.
    pub(crate) fn count(&mut self, content: &Content, change: i64) -> Result<()> {
        self.changes.content(content, change);
        if matches!(content, Content::Indirect(_)) {
            let mut extents = self.tree.extents(content);
            while let Some(extent) = extents.next()? {
                self.changes.extents(&[extent], change);
            }
        }
        Ok(())
    }

    fn store(&mut self, piece: &[u8]) -> Result<ChunkAddress> {
        Ok(self.writer.store(self.hasher.id(piece), piece)?.0)
    }

    /// Stores a root piece.
    pub(crate) fn store_root(&mut self, root: &Record) -> Result<ChunkAddress> {
        let mut writer = PieceWriter::default();
        let early = writer.push(root);
        let piece = early
            .or_else(|| writer.finish())
            .ok_or(Error::TreeDamaged("the root piece is empty"))?;
        self.store(&piece)
    }

    /// True when so many records wait for others that no more should be made.
    pub(crate) fn is_crowded(&self) -> bool {
        self.ready_count > READY_MAX
    }

    /// Seals the open tree block.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.writer.flush()
    }

    /// A root piece of everything that is ready now, for a checkpoint; what is still being read is left out.
    pub(crate) fn snapshot(&mut self) -> Result<Option<ChunkAddress>> {
        let Some(root) = self
            .open
            .iter()
            .find(|(_, frame)| frame.parent.is_none())
            .map(|(&number, _)| number)
        else {
            return Ok(None);
        };
        // No point refers to the pieces of a checkpoint, so they are not counted in `changes`.
        let record = self.snapshot_of(root)?;
        record.map(|record| self.store_root(&record)).transpose()
    }

    fn snapshot_of(&mut self, number: u64) -> Result<Option<Record>> {
        let Some(frame) = self.open.get(&number) else {
            return Ok(None);
        };
        let mut writer = frame.writer.clone();
        let mut extents = frame.extents.clone();
        let mut record = frame.record.clone();
        let mut ready = Vec::new();
        for place in &frame.places {
            match place {
                Place::Ready(record) => ready.push(Ok(record.as_ref().clone())),
                Place::Waiting(Some(below)) => ready.push(Err(*below)),
                Place::Waiting(None) | Place::Gone => {}
            }
        }
        for entry in ready {
            let entry = match entry {
                Ok(record) => Some(record),
                Err(below) => self.snapshot_of(below)?,
            };
            if let Some(piece) = entry.and_then(|entry| writer.push(&entry)) {
                push_chunk(&mut extents, self.store(&piece)?);
            }
        }
        if let Some(piece) = writer.finish() {
            push_chunk(&mut extents, self.store(&piece)?);
        }
        record.content = self.content_of(&extents)?;
        Ok(Some(record))
    }
}
