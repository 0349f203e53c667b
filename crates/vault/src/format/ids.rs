//! Identifiers (format.md §1).

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::FormatError;

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

pub(crate) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut out = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (pair, byte) in text.as_bytes().chunks_exact(2).zip(&mut out) {
        *byte = digit(pair.first()?)? << 4 | digit(pair.last()?)?;
    }
    Some(out)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// An id from its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = FormatError;

            fn from_str(text: &str) -> Result<Self, FormatError> {
                parse_hex(text).map(Self).ok_or(FormatError::Malformed(concat!(
                    stringify!($name),
                    " is lower-case hexadecimal of fixed length"
                )))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

id!(
    /// A vault.
    VaultId,
    16
);
id!(
    /// A pack.
    PackId,
    16
);
id!(
    /// A key slot.
    SlotId,
    16
);
id!(
    /// A remap.
    RemapId,
    16
);
id!(
    /// A damage notice.
    NoticeId,
    16
);
id!(
    /// A machine: only its own dead sessions may it fence.
    MachineId,
    16
);
id!(
    /// A domain of keys and deduplication.
    DomainId,
    8
);
id!(
    /// A source; a keyed hash of its name.
    SourceId,
    8
);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SID_LEN: usize = 26;

/// A session, and the recovery point that it makes: begin time in milliseconds (48 bits) and 80 random bits.
/// Ordered by time.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct SessionId(u128);

impl SessionId {
    /// An id of this time; milliseconds beyond 48 bits are cut.
    #[must_use]
    pub fn new(millis: u64, random: [u8; 10]) -> Self {
        let low = random
            .iter()
            .fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        Self(u128::from(millis & ((1 << 48) - 1)) << 80 | low)
    }

    /// From the 16 bytes that stand in objects, big-endian.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The 16 bytes that stand in objects.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Milliseconds since 1970 at which the session began, as its machine saw it.
    #[must_use]
    pub fn taken_millis(&self) -> u64 {
        u64::try_from(self.0 >> 80).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for position in (0..SID_LEN).rev() {
            let digit = usize::try_from(self.0 >> (5 * position) & 31).unwrap_or(0);
            write!(
                f,
                "{}",
                char::from(ALPHABET.get(digit).copied().unwrap_or(b'0'))
            )?;
        }
        Ok(())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

impl FromStr for SessionId {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let wrong = FormatError::Malformed("a session id is 26 characters of lower-case base32");
        if text.len() != SID_LEN || !matches!(text.as_bytes().first(), Some(b'0'..=b'7')) {
            return Err(wrong);
        }
        let mut number = 0_u128;
        for byte in text.bytes() {
            let Some(digit) = ALPHABET.iter().position(|&letter| letter == byte) else {
                return Err(wrong);
            };
            number = number << 5 | digit as u128;
        }
        Ok(Self(number))
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Names a block for ever, wherever it is moved: the pack where it was made and its position there.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct BlockName {
    /// Pack of birth.
    pub pack: PackId,
    /// Position there.
    pub ordinal: u16,
}

/// Names a chunk for ever: its block's birth name and its number in the block.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct ChunkAddress {
    /// Pack of birth of the block.
    pub pack: PackId,
    /// Position of the block there.
    pub block: u16,
    /// Number of the chunk in the block.
    pub chunk: u16,
}

impl ChunkAddress {
    /// The block that holds the chunk.
    #[must_use]
    pub fn block_name(&self) -> BlockName {
        BlockName {
            pack: self.pack,
            ordinal: self.block,
        }
    }
}
