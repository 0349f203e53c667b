//! The first 64 bytes of every object (format.md §3).

use std::fmt;

use super::FormatError;
use super::wire::Reader;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;
/// Most bytes of the extension behind it.
pub const EXT_MAX_BYTES: u32 = 4032;

const MAGIC: [u8; 8] = [0x89, b'S', b'R', b'V', 0x0d, 0x0a, 0x1a, 0x0a];
const MAJOR: u8 = 1;

/// Packs are padded.
pub(crate) const FEATURE_PADME: u32 = 1 << 0;
/// Chunker 1.
pub(crate) const FEATURE_KEYED_GEAR: u32 = 1 << 1;
/// Chunks lie in blocks.
pub(crate) const FEATURE_BLOCKS: u32 = 1 << 2;
/// Points that were copied from another place.
pub(crate) const FEATURE_COPIED_POINTS: u32 = 1 << 7;
/// What every configuration sets.
const CONFIG_INCOMPAT: u32 = FEATURE_PADME | FEATURE_KEYED_GEAR | FEATURE_BLOCKS;
const KNOWN_INCOMPAT: u32 = CONFIG_INCOMPAT | FEATURE_COPIED_POINTS;

/// What an object is.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum ObjectKind {
    /// Configuration of the vault.
    Config = 1,
    /// Key slot.
    Slot = 2,
    /// Pack of data blocks.
    DataPack = 3,
    /// Pack of tree and list blocks.
    MetaPack = 4,
    /// Index segment.
    Segment = 5,
    /// Manifest of a recovery point.
    Manifest = 6,
    /// Fence of a session.
    Fence = 7,
    /// Registration of a session.
    Registration = 8,
    /// Pin of a session.
    Pin = 9,
    /// Checkpoint of a session.
    Checkpoint = 10,
    /// Packs that a sweep cycle condemns.
    Mark = 11,
    /// What a sweep cycle deletes.
    Plan = 12,
    /// A sweep cycle has ended.
    End = 13,
    /// Link of a point's chain of deletion and hold.
    Link = 14,
    /// Where chunks of rewritten blocks are now.
    Remap = 15,
    /// A recovery point that was copied from another place of the vault.
    CopiedPoint = 17,
    /// Which copies of blocks are damaged.
    Notice = 16,
    /// The end of older generations at a place.
    Closing = 18,
    /// A generation that is in force.
    Opening = 19,
    /// A vault credential was issued, or all of them were withdrawn.
    Issued = 24,
    /// Whether destructive operations ask for a PIN.
    Security = 25,
    /// A PIN was used.
    SpentPin = 26,
}

impl ObjectKind {
    fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Config,
            2 => Self::Slot,
            3 => Self::DataPack,
            4 => Self::MetaPack,
            5 => Self::Segment,
            6 => Self::Manifest,
            7 => Self::Fence,
            8 => Self::Registration,
            9 => Self::Pin,
            10 => Self::Checkpoint,
            11 => Self::Mark,
            12 => Self::Plan,
            13 => Self::End,
            14 => Self::Link,
            15 => Self::Remap,
            17 => Self::CopiedPoint,
            16 => Self::Notice,
            18 => Self::Closing,
            19 => Self::Opening,
            24 => Self::Issued,
            25 => Self::Security,
            26 => Self::SpentPin,
            _ => return None,
        })
    }

    /// The number in headers.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// True for the two kinds of pack.
    #[must_use]
    pub fn is_pack(self) -> bool {
        matches!(self, Self::DataPack | Self::MetaPack)
    }

    /// Most bytes of a whole object of this kind (format.md §13).
    #[must_use]
    pub fn max_bytes(self) -> u64 {
        match self {
            Self::Config => 80 << 10,
            Self::Slot => 4 << 10,
            Self::DataPack | Self::MetaPack => super::PACK_MAX_BYTES,
            Self::Segment => 257 << 20,
            Self::Manifest => 9 << 20,
            Self::CopiedPoint => 10 << 20,
            Self::Mark | Self::Plan | Self::Remap | Self::Notice => 17 << 20,
            _ => (1 << 20) + 4096,
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "configuration",
            Self::Slot => "key slot",
            Self::DataPack => "data pack",
            Self::MetaPack => "metadata pack",
            Self::Segment => "index segment",
            Self::Manifest => "manifest",
            Self::Fence => "fence",
            Self::Registration => "registration",
            Self::Pin => "pin",
            Self::Checkpoint => "checkpoint",
            Self::Mark => "mark of a sweep",
            Self::Plan => "plan of a sweep",
            Self::End => "end of a sweep",
            Self::Link => "chain link",
            Self::Remap => "remap",
            Self::CopiedPoint => "copied point",
            Self::Notice => "damage notice",
            Self::Closing => "closing of older generations",
            Self::Opening => "opening of a generation",
            Self::Issued => "record of a vault credential",
            Self::Security => "security setting",
            Self::SpentPin => "used PIN",
        })
    }
}

/// A parsed header.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// What the object is.
    pub kind: ObjectKind,
    /// Features that a reader must know.
    pub incompat: u32,
    /// Features without which a program may only read.
    pub ro_compat: u32,
    /// Random id of the object; for packs the pack id, for slots the slot id, for the configuration the vault id.
    pub object_id: [u8; 16],
    /// Bytes of the extension.
    pub ext_len: u32,
    /// Bytes after header and extension, without padding.
    pub body_len: u64,
}

impl Header {
    /// A header for an object of this kind, with the features that version 1.0 sets.
    #[must_use]
    pub fn new(kind: ObjectKind, object_id: [u8; 16], body_len: u64) -> Self {
        let incompat = match kind {
            ObjectKind::Config => CONFIG_INCOMPAT,
            ObjectKind::CopiedPoint => FEATURE_COPIED_POINTS,
            ObjectKind::DataPack | ObjectKind::MetaPack => FEATURE_PADME,
            _ => 0,
        };
        Self {
            kind,
            incompat,
            ro_compat: 0,
            object_id,
            ext_len: 0,
            body_len,
        }
    }

    /// The header's bytes in front of this extension.
    #[must_use]
    pub fn encode(&self, ext: &[u8]) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[self.kind.number(), MAJOR, 0, 0]);
        bytes.extend_from_slice(&self.incompat.to_le_bytes());
        bytes.extend_from_slice(&self.ro_compat.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.object_id);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&u32::try_from(ext.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&self.body_len.to_le_bytes());
        let check = check(&bytes, ext);
        bytes.extend_from_slice(&check);
        bytes.first_chunk().copied().unwrap_or([0; HEADER_BYTES])
    }

    /// Checks the beginning of an object in the order of the format and returns header and extension.
    ///
    /// # Errors
    /// Each deviation has its own error.
    pub fn parse(object: &[u8], expected: ObjectKind) -> Result<(Self, &[u8]), FormatError> {
        let (header, ext) = Self::parse_any(object)?;
        if header.kind != expected {
            return Err(FormatError::WrongKind {
                expected,
                found: header.kind,
            });
        }
        Ok((header, ext))
    }

    /// Like [`Header::parse`], for a name under which more than one kind may stand.
    ///
    /// # Errors
    /// As [`Header::parse`].
    pub fn parse_any(object: &[u8]) -> Result<(Self, &[u8]), FormatError> {
        let (fixed, rest) = object
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(FormatError::Truncated("an object"))?;
        let (bound, stored_check) = fixed.split_at(56);
        if !bound.starts_with(&MAGIC) {
            return Err(FormatError::BadMagic);
        }
        let mut fields = Reader::new(bound);
        fields.take(8)?;
        let (kind, major) = (fields.u8()?, fields.u8()?);
        fields.take(2)?;
        let (incompat, ro_compat) = (fields.u32()?, fields.u32()?);
        fields.take(4)?;
        let object_id = fields.array()?;
        fields.take(4)?;
        let (ext_len, body_len) = (fields.u32()?, fields.u64()?);
        if ext_len > EXT_MAX_BYTES {
            return Err(FormatError::HeaderDamaged);
        }
        let ext = rest
            .get(..ext_len as usize)
            .ok_or(FormatError::Truncated("an object"))?;
        if check(bound, ext) != *stored_check {
            return Err(FormatError::HeaderDamaged);
        }
        if major != MAJOR {
            return Err(FormatError::UnsupportedVersion { found: major });
        }
        let unknown = incompat & !KNOWN_INCOMPAT;
        if unknown != 0 {
            return Err(FormatError::UnknownFeature {
                bit: unknown.trailing_zeros(),
            });
        }
        let kind = ObjectKind::from_number(kind)
            .ok_or(FormatError::Malformed("an object of an unknown kind"))?;
        FormatError::limit("the length of an object", body_len, kind.max_bytes())?;
        Ok((
            Self {
                kind,
                incompat,
                ro_compat,
                object_id,
                ext_len,
                body_len,
            },
            ext,
        ))
    }

    /// The body of an object that is no pack; its length must be exactly what the header says.
    ///
    /// # Errors
    /// [`FormatError::Truncated`] or [`FormatError::Malformed`] when it is not.
    pub fn body<'a>(&self, object: &'a [u8]) -> Result<&'a [u8], FormatError> {
        let at = HEADER_BYTES + self.ext_len as usize;
        let body = object
            .get(at..)
            .ok_or(FormatError::Truncated("an object"))?;
        match (body.len() as u64).cmp(&self.body_len) {
            std::cmp::Ordering::Less => Err(FormatError::Truncated("an object")),
            std::cmp::Ordering::Greater => {
                Err(FormatError::Malformed("bytes follow the end of an object"))
            }
            std::cmp::Ordering::Equal => Ok(body),
        }
    }
}

fn check(bound: &[u8], ext: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(bound).update(ext);
    hasher
        .finalize()
        .as_bytes()
        .first_chunk()
        .copied()
        .unwrap_or_default()
}
