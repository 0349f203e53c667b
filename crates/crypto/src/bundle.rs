//! The keys that a slot carries.

use zeroize::Zeroizing;

use crate::{Error, Result, SecretKey};

/// Which key stands in a bundle (format.md §5).
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum KeyKind {
    /// Master key of the vault.
    Master = 1,
    /// Root key of a domain.
    Domain = 2,
    /// MAC key of the configuration.
    Config = 3,
    /// Control objects.
    Control = 4,
    /// Tables of contents, index segments.
    Toc = 5,
    /// Reference lists.
    List = 6,
    /// Structure of manifests.
    Point = 7,
    /// Ed25519 seed of maintenance hosts.
    SigningSeed = 8,
    /// Reserved: head chain.
    Head = 9,
}

impl KeyKind {
    fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Master,
            2 => Self::Domain,
            3 => Self::Config,
            4 => Self::Control,
            5 => Self::Toc,
            6 => Self::List,
            7 => Self::Point,
            8 => Self::SigningSeed,
            9 => Self::Head,
            _ => return None,
        })
    }
}

/// Keys with their kind and epoch, in the order in which they stand in the slot.
#[derive(Debug, Default)]
pub struct KeyBundle {
    keys: Vec<(KeyKind, u32, SecretKey)>,
}

const KEY_LEN: usize = 37;

impl KeyBundle {
    /// An empty bundle.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key.
    #[must_use]
    pub fn with(mut self, kind: KeyKind, epoch: u32, key: SecretKey) -> Self {
        self.keys.push((kind, epoch, key));
        self
    }

    /// The key of this kind with the highest epoch.
    #[must_use]
    pub fn get(&self, kind: KeyKind) -> Option<&SecretKey> {
        self.keys
            .iter()
            .filter(|key| key.0 == kind)
            .max_by_key(|key| key.1)
            .map(|key| &key.2)
    }

    /// Bytes of the list with its end mark.
    pub(crate) fn encoded_len(&self) -> usize {
        self.keys.len() * KEY_LEN + 1
    }

    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.encoded_len() + 1024));
        for (kind, epoch, key) in &self.keys {
            out.push(*kind as u8);
            out.extend_from_slice(&epoch.to_le_bytes());
            out.extend_from_slice(key.expose());
        }
        out.push(0);
        out
    }

    /// Reads the list; returns what follows it. A key of an unknown kind is passed over: newer slots may carry more.
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<(Self, &[u8])> {
        let cut = || Error::Malformed("a key bundle is cut short");
        let mut bundle = Self::new();
        loop {
            let (number, rest) = bytes.split_first().ok_or_else(cut)?;
            if *number == 0 {
                return Ok((bundle, rest));
            }
            let (epoch, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
            let (key, rest) = rest.split_first_chunk::<32>().ok_or_else(cut)?;
            if let Some(kind) = KeyKind::from_number(*number) {
                bundle.keys.push((
                    kind,
                    u32::from_le_bytes(*epoch),
                    SecretKey::from_bytes(*key),
                ));
            }
            bytes = rest;
        }
    }
}
