//! How a value stands in the file, and again in what is saved: golden vectors fix every byte.
//!
//! ```text
//! "sRc" 01    magic and version of this frame
//! kind        which record it is
//! u32 LE      length of the body
//! u64 LE      FNV-1a of kind and body
//! body        one JSON object; fields that are not known are passed over
//! ```
//! JSON, because a record may gain fields that older programs do not know, because sealed documents of a vault are JSON
//! too, and because what is left of a damaged catalog can be read by a person. The frame makes a record findable and
//! checkable without the database around it: what is lost of a file is only what was really overwritten.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::store::Table;

/// The most that one record of a journal takes, with its frame.
pub(crate) const JOURNAL_MAX_BYTES: usize = 256 * 1024;

/// The first bytes of every record of this version.
pub(crate) const MAGIC: [u8; 4] = *b"sRc\x01";

/// Bytes before the body.
pub(crate) const FRAME_BYTES: usize = 17;

/// What stands in a table under a key of its own.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// Tells records of different kinds apart. Never given to another kind.
    const KIND: u8;
    /// Where it stands.
    const TABLE: Table;
    /// The most that one takes, with its frame.
    const MAX_BYTES: usize = JOURNAL_MAX_BYTES;

    /// Its key there.
    fn key(&self) -> Vec<u8>;

    /// That all texts are within their limits.
    ///
    /// # Errors
    /// When one is not.
    fn check(&self) -> Result<()>;
}

/// The bytes of a record.
pub(crate) fn encode<R: Record>(record: &R) -> Result<Vec<u8>> {
    record.check()?;
    let body = serde_json::to_vec(record).map_err(|error| Error::corrupt(error.to_string()))?;
    let bytes = FRAME_BYTES + body.len();
    let len = u32::try_from(body.len())
        .ok()
        .filter(|_| bytes <= R::MAX_BYTES);
    let Some(len) = len else {
        return Err(Error::Limit {
            what: "a record",
            bytes,
            limit_bytes: R::MAX_BYTES,
        });
    };
    let mut out = Vec::with_capacity(bytes);
    out.extend_from_slice(&MAGIC);
    out.push(R::KIND);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&hash(R::KIND, &body).to_le_bytes());
    out.extend_from_slice(&body);
    Ok(out)
}

/// A record from its bytes.
pub(crate) fn decode<R: Record>(bytes: &[u8]) -> Result<R> {
    let damaged = || Error::corrupt("a record does not match its hash");
    let frame = Frame::parse(bytes).ok_or_else(damaged)?;
    if frame.kind != R::KIND || frame.len() != bytes.len() {
        return Err(damaged());
    }
    frame.record()
}

/// A record of any kind whose hash is right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'b> {
    pub(crate) kind: u8,
    body: &'b [u8],
}

impl<'b> Frame<'b> {
    /// The record at the beginning of these bytes, whatever follows.
    pub(crate) fn parse(bytes: &'b [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (&kind, rest) = rest.split_first()?;
        let (len, rest) = rest.split_first_chunk()?;
        let (hash_of_body, rest) = rest.split_first_chunk()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let body = rest.get(..len)?;
        let is_whole = hash(kind, body) == u64::from_le_bytes(*hash_of_body);
        is_whole.then_some(Self { kind, body })
    }

    /// Bytes with its frame.
    pub(crate) fn len(&self) -> usize {
        FRAME_BYTES + self.body.len()
    }

    /// The record, taken for one of this kind.
    pub(crate) fn record<R: Record>(&self) -> Result<R> {
        serde_json::from_slice(self.body).map_err(|error| Error::corrupt(error.to_string()))
    }
}

/// FNV-1a: a change of one byte never goes unseen, others with a chance of 2⁻⁶⁴. Against accidents, not against people.
fn hash(kind: u8, body: &[u8]) -> u64 {
    let bytes = std::iter::once(&kind).chain(body);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// That a text is not empty and not too long.
pub(crate) fn check_text(what: &'static str, text: &str, limit_bytes: usize) -> Result<()> {
    if text.is_empty() || text.len() > limit_bytes {
        return Err(Error::Limit {
            what,
            bytes: text.len(),
            limit_bytes,
        });
    }
    Ok(())
}

#[cfg(test)]
mod golden;
