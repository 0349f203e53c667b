//! Writing: what can be done to a catalog in one transaction.

mod alerts;
mod jobs;
mod points;
mod proofs;

pub(crate) use points::{add, deleted_mark};

use crate::error::Result;
use crate::record::{Record, decode, encode};
use crate::store::{Reading, Write};

/// A change that is being made. Nothing of it is seen by others before it is kept.
#[derive(Debug)]
pub struct Change {
    pub(crate) write: Write,
}

impl Change {
    pub(crate) fn new(write: Write) -> Self {
        Self { write }
    }

    pub(crate) fn commit(self) -> Result<()> {
        self.write.commit()
    }

    pub(crate) fn get<R: Record>(&self, key: &[u8]) -> Result<Option<R>> {
        let value = self.write.get(R::TABLE, key)?;
        value.map(|value| decode(&value)).transpose()
    }

    pub(crate) fn put<R: Record>(&self, record: &R) -> Result<()> {
        let value = encode(record)?;
        self.write.put(R::TABLE, &record.key(), &value)
    }
}
