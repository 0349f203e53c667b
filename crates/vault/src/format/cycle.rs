//! Marks, plans and ends of sweep cycles (format.md §12).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::header::ObjectKind;
use super::ids::PackId;
use super::wire::{Reader, Writer};
use super::{FormatError, json};

const VERSION: u8 = 1;
/// Most entries of a mark or plan: bounds the work of one cycle.
pub const CYCLE_MAX_ENTRIES: usize = 65_536;

/// The packs that a cycle condemns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Ascending by id.
    pub packs: Vec<(PackId, ObjectKind)>,
}

impl Mark {
    /// The table, to be sealed and signed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION);
        out.varint(self.packs.len() as u64);
        for (pack, kind) in &self.packs {
            out.raw(pack.as_bytes());
            out.u8(kind.number());
        }
        out.into_vec()
    }

    /// Reads a table.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn decode(plain: &[u8]) -> Result<Self, FormatError> {
        let input = &mut Reader::new(plain);
        let count = read_count(input)?;
        let mut packs: Vec<(PackId, ObjectKind)> = Vec::with_capacity(count);
        for _ in 0..count {
            let pack = PackId::from_bytes(input.array()?);
            let kind = match input.u8()? {
                3 => ObjectKind::DataPack,
                4 => ObjectKind::MetaPack,
                _ => return Err(FormatError::Malformed("a mark names what is no pack")),
            };
            if packs.last().is_some_and(|(last, _)| *last >= pack) {
                return Err(FormatError::Malformed(
                    "the packs of a mark are out of order",
                ));
            }
            packs.push((pack, kind));
        }
        end(input)?;
        Ok(Self { packs })
    }

    /// Whether the cycle condemns this pack.
    #[must_use]
    pub fn condemns(&self, pack: &PackId) -> bool {
        self.packs.binary_search_by_key(pack, |(id, _)| *id).is_ok()
    }
}

/// What a cycle deletes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Names of objects, ascending.
    pub names: Vec<String>,
}

impl Plan {
    /// The table, to be sealed and signed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(VERSION);
        out.varint(self.names.len() as u64);
        for name in &self.names {
            out.bytes(name.as_bytes());
        }
        out.into_vec()
    }

    /// Reads a table. Whether its names may be deleted is for the executor to check.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn decode(plain: &[u8]) -> Result<Self, FormatError> {
        let input = &mut Reader::new(plain);
        let count = read_count(input)?;
        let mut names: Vec<String> = Vec::with_capacity(count);
        for _ in 0..count {
            let name = std::str::from_utf8(input.bytes()?)
                .map_err(|_| FormatError::Malformed("a plan names what is no text"))?;
            if names.last().is_some_and(|last| last.as_str() >= name) {
                return Err(FormatError::Malformed(
                    "the names of a plan are out of order",
                ));
            }
            names.push(name.to_owned());
        }
        end(input)?;
        Ok(Self { names })
    }
}

/// A cycle has ended: everything in its plan was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// 1.
    pub v: u32,
    /// Its number.
    pub cycle: u64,
    /// How many objects the plan named.
    pub deleted_count: u64,
    /// Bytes of those that were there.
    pub freed_bytes: u64,
    /// When, by the executor's clock.
    pub at: DateTime<Utc>,
    /// Tells two equal documents apart.
    pub nonce: String,
}

impl End {
    /// The document, to be sealed and signed.
    ///
    /// # Errors
    /// When it is too long.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        json::write("end of a sweep", self, 4096)
    }

    /// Reads a document that was opened as the end of this cycle.
    ///
    /// # Errors
    /// When it is another cycle's, or malformed.
    pub fn decode(plain: &[u8], cycle: u64) -> Result<Self, FormatError> {
        let end: Self = json::read("end of a sweep", plain, 4096)?;
        if end.v == 1 && end.cycle == cycle {
            Ok(end)
        } else {
            Err(FormatError::WrongObject)
        }
    }
}

fn read_count(input: &mut Reader<'_>) -> Result<usize, FormatError> {
    if input.u8()? != VERSION {
        return Err(FormatError::Malformed("a sweep of an unknown version"));
    }
    let count = input.varint()?;
    FormatError::limit("the entries of a sweep", count, CYCLE_MAX_ENTRIES as u64)?;
    Ok(usize::try_from(count).unwrap_or(CYCLE_MAX_ENTRIES))
}

fn end(input: &Reader<'_>) -> Result<(), FormatError> {
    if input.is_empty() {
        Ok(())
    } else {
        Err(FormatError::Malformed("bytes follow the table of a sweep"))
    }
}
