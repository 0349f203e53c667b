//! Marks, plans and ends of sweep cycles (format.md §12).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::header::ObjectKind;
use super::ids::{PackId, RemapId};
use super::wire::{Reader, Writer};
use super::{FormatError, json};

const VERSION: u8 = 1;
/// Version of marks that condemn remaps, too.
const VERSION_WITH_REMAPS: u8 = 2;
/// Most entries of a mark or plan: bounds the work of one cycle.
pub const CYCLE_MAX_ENTRIES: usize = 65_536;

/// The packs and remaps that a cycle condemns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Ascending by id.
    pub packs: Vec<(PackId, ObjectKind)>,
    /// Ascending.
    pub remaps: Vec<RemapId>,
}

impl Mark {
    /// The table, to be sealed and signed, in the oldest version that can say it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        let has_remaps = !self.remaps.is_empty();
        out.u8(if has_remaps {
            VERSION_WITH_REMAPS
        } else {
            VERSION
        });
        out.varint(self.packs.len() as u64);
        for (pack, kind) in &self.packs {
            out.raw(pack.as_bytes());
            out.u8(kind.number());
        }
        if has_remaps {
            out.varint(self.remaps.len() as u64);
            self.remaps
                .iter()
                .for_each(|remap| out.raw(remap.as_bytes()));
        }
        out.into_vec()
    }

    /// Reads a table.
    ///
    /// # Errors
    /// When it is malformed, or [`FormatError::UnknownLayout`]: a mark that cannot be read condemns something
    /// nevertheless.
    pub fn decode(plain: &[u8]) -> Result<Self, FormatError> {
        let input = &mut Reader::new(plain);
        let version = input.u8()?;
        if version != VERSION && version != VERSION_WITH_REMAPS {
            let what = "mark of a sweep";
            return Err(FormatError::UnknownLayout {
                what,
                found: version,
            });
        }
        let mark = Self {
            packs: read_condemned_packs(input)?,
            remaps: if version == VERSION {
                Vec::new()
            } else {
                read_condemned_remaps(input)?
            },
        };
        let entries_count = mark.packs.len() + mark.remaps.len();
        FormatError::limit(ENTRIES, entries_count as u64, CYCLE_MAX_ENTRIES as u64)?;
        end(input)?;
        Ok(mark)
    }

    /// Whether the cycle condemns nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packs.is_empty() && self.remaps.is_empty()
    }

    /// Whether the cycle condemns this pack.
    #[must_use]
    pub fn condemns(&self, pack: &PackId) -> bool {
        self.packs.binary_search_by_key(pack, |(id, _)| *id).is_ok()
    }

    /// Whether the cycle condemns this remap.
    #[must_use]
    pub fn condemns_remap(&self, remap: &RemapId) -> bool {
        self.remaps.binary_search(remap).is_ok()
    }
}

fn read_condemned_packs(input: &mut Reader<'_>) -> Result<Vec<(PackId, ObjectKind)>, FormatError> {
    let mut packs: Vec<(PackId, ObjectKind)> = Vec::new();
    for _ in 0..read_count(input)? {
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
    Ok(packs)
}

fn read_condemned_remaps(input: &mut Reader<'_>) -> Result<Vec<RemapId>, FormatError> {
    let mut remaps: Vec<RemapId> = Vec::new();
    for _ in 0..read_count(input)? {
        let remap = RemapId::from_bytes(input.array()?);
        if remaps.last().is_some_and(|last| *last >= remap) {
            return Err(FormatError::Malformed(
                "the remaps of a mark are out of order",
            ));
        }
        remaps.push(remap);
    }
    if remaps.is_empty() {
        return Err(FormatError::Malformed(
            "a mark without remaps says otherwise",
        ));
    }
    Ok(remaps)
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
        if input.u8()? != VERSION {
            return Err(FormatError::Malformed("a plan of an unknown version"));
        }
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

const ENTRIES: &str = "the entries of a sweep";

fn read_count(input: &mut Reader<'_>) -> Result<usize, FormatError> {
    let count = input.varint()?;
    FormatError::limit(ENTRIES, count, CYCLE_MAX_ENTRIES as u64)?;
    Ok(usize::try_from(count).unwrap_or(CYCLE_MAX_ENTRIES))
}

fn end(input: &Reader<'_>) -> Result<(), FormatError> {
    if input.is_empty() {
        Ok(())
    } else {
        Err(FormatError::Malformed("bytes follow the table of a sweep"))
    }
}
