//! Pieces: records, or extents, of one chunk, behind the table of packs that they refer to (format.md §9.1).

use std::collections::HashMap;

use strongroom_vault::format::PackId;
use strongroom_vault::format::wire::{Reader, Writer};

use super::content::{PIECE_VERSION, damaged, read_extent, write_extents};
use super::record::Previous;
use super::{Extent, Record};
use crate::{Error, Result};

/// A directory piece may end once it holds this many bytes.
const PIECE_MIN_BYTES: usize = 8 << 10;
/// A directory piece ends when it holds this many bytes.
const PIECE_MAX_BYTES: usize = 64 << 10;
/// An extent piece ends when it holds this many bytes.
const EXTENT_PIECE_BYTES: usize = 16 << 10;
/// Extents stand in the record up to this many encoded bytes.
pub(crate) const DIRECT_MAX_BYTES: usize = 4 << 10;

/// The packs that a piece refers to, in order of first use.
#[derive(Debug, Clone, Default)]
pub(crate) struct PackTable {
    order: Vec<PackId>,
    positions: HashMap<PackId, u64>,
}

impl PackTable {
    pub(crate) fn position(&mut self, pack: PackId) -> u64 {
        let order = &mut self.order;
        *self.positions.entry(pack).or_insert_with(|| {
            order.push(pack);
            order.len() as u64 - 1
        })
    }
}

/// Builds the pieces of one directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct PieceWriter {
    packs: PackTable,
    body: Writer,
    previous: Previous,
    records_count: usize,
}

impl PieceWriter {
    /// Appends a record; returns a finished piece when one ends behind it.
    pub(crate) fn push(&mut self, record: &Record) -> Option<Vec<u8>> {
        let mut encoded = Writer::new();
        record.write(&mut self.previous, &mut self.packs, &mut encoded);
        self.body.bytes(encoded.as_slice());
        self.records_count += 1;
        let len = self.body.as_slice().len();
        if len >= PIECE_MAX_BYTES || (len >= PIECE_MIN_BYTES && ends_piece(&record.name)) {
            return self.finish();
        }
        None
    }

    /// The piece begun, if it holds anything; the writer is empty afterwards.
    pub(crate) fn finish(&mut self) -> Option<Vec<u8>> {
        if self.records_count == 0 {
            return None;
        }
        let done = std::mem::take(self);
        Some(assemble(&done.packs, done.body.as_slice()))
    }
}

fn ends_piece(name: &[u8]) -> bool {
    blake3::hash(name)
        .as_bytes()
        .first()
        .is_some_and(|low| low & 63 == 0)
}

fn assemble(packs: &PackTable, body: &[u8]) -> Vec<u8> {
    let mut out = Writer::new();
    out.u8(PIECE_VERSION);
    out.varint(packs.order.len() as u64);
    for pack in &packs.order {
        out.raw(pack.as_bytes());
    }
    out.raw(body);
    out.into_vec()
}

/// Cuts extents into pieces for content by reference.
pub(crate) fn extent_pieces(extents: &[Extent]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let (mut packs, mut body) = (PackTable::default(), Writer::new());
    for extent in extents {
        write_extents(std::slice::from_ref(extent), &mut packs, &mut body);
        if body.as_slice().len() >= EXTENT_PIECE_BYTES {
            pieces.push(assemble(&std::mem::take(&mut packs), body.as_slice()));
            body = Writer::new();
        }
    }
    if !body.as_slice().is_empty() {
        pieces.push(assemble(&packs, body.as_slice()));
    }
    pieces
}

/// Bytes that these extents take in a record.
pub(crate) fn encoded_len(extents: &[Extent]) -> usize {
    let mut out = Writer::new();
    write_extents(extents, &mut PackTable::default(), &mut out);
    out.as_slice().len()
}

fn open(piece: &[u8]) -> Result<(Reader<'_>, Vec<PackId>)> {
    let mut input = Reader::new(piece);
    if input.u8().map_err(damaged)? != PIECE_VERSION {
        return Err(Error::TreeDamaged("a piece has an unknown version"));
    }
    let count = input.varint().map_err(damaged)?;
    if count > (piece.len() / 16) as u64 {
        return Err(Error::TreeDamaged(
            "a piece names more packs than it can hold",
        ));
    }
    let mut packs = Vec::new();
    for _ in 0..count {
        packs.push(PackId::from_bytes(input.array::<16>().map_err(damaged)?));
    }
    Ok((input, packs))
}

/// All records of a directory piece.
pub(crate) fn read_records(piece: &[u8]) -> Result<Vec<Record>> {
    let (mut input, packs) = open(piece)?;
    let mut previous = Previous::default();
    let mut records = Vec::new();
    while !input.is_empty() {
        let encoded = input.bytes().map_err(damaged)?;
        records.push(Record::read(encoded, &mut previous, &packs)?);
    }
    Ok(records)
}

/// All extents of an extent piece.
pub(crate) fn read_extents(piece: &[u8]) -> Result<Vec<Extent>> {
    let (mut input, packs) = open(piece)?;
    let mut extents = Vec::new();
    while !input.is_empty() {
        extents.push(read_extent(&mut input, &packs)?);
    }
    Ok(extents)
}
