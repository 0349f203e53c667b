//! What a catalog says of itself.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::record::{Record, decode, encode};
use crate::store::{Read, Reading, Store, Table, Write};

/// The newest format that this version knows, and the one that it writes.
pub(crate) const FORMAT: u32 = 1;
const KEY: &[u8] = b"catalog";

/// What a catalog says of itself. Every format to come keeps this record readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    /// Format of all tables.
    pub(crate) format: u32,
    /// The points are not those of the vault.
    #[serde(default)]
    pub(crate) needs_rebuild: bool,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            format: FORMAT,
            needs_rebuild: false,
        }
    }
}

impl Meta {
    pub(crate) fn read(read: &Read) -> Result<Self> {
        let bytes = read.get(Table::Meta, KEY)?;
        let bytes =
            bytes.ok_or_else(|| Error::corrupt("the file is a database, but no catalog"))?;
        let meta: Self = decode(&bytes)?;
        if meta.format > FORMAT {
            return Err(Error::NewerVersion {
                found: meta.format,
                supported: FORMAT,
            });
        }
        Ok(meta)
    }

    pub(crate) fn put(&self, write: &Write) -> Result<()> {
        write.put(Table::Meta, KEY, &encode(self)?)
    }

    pub(crate) fn write(&self, store: &Store) -> Result<()> {
        let write = store.write(true)?;
        self.put(&write)?;
        write.commit()
    }
}

impl Record for Meta {
    const KIND: u8 = 0;
    const TABLE: Table = Table::Meta;

    fn key(&self) -> Vec<u8> {
        KEY.to_vec()
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }
}
