//! The database below the catalog: byte tables, snapshots, transactions. Nothing outside of this module names it.

mod aside;
mod fault;
mod file;
mod scan;
mod table;

use std::ops::Bound;

use redb::{Durability, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};

use crate::error::Result;
use fault::fault;

pub(crate) use aside::{keep_aside, new_draft, recover_alone, replace};
pub(crate) use file::open_or_create_file;
pub(crate) use scan::{Entry, Scan, Span};
pub(crate) use table::Table;

/// The open database. One process has it.
#[derive(Debug)]
pub(crate) struct Store {
    database: redb::Database,
}

impl Store {
    /// A database in any storage.
    pub(crate) fn with_backend(
        backend: impl redb::StorageBackend,
        cache_bytes: usize,
    ) -> Result<Self> {
        file::open_backend(backend, cache_bytes).map(|database| Self { database })
    }

    /// What is committed now; it does not change while it is looked at.
    pub(crate) fn read(&self) -> Result<Read> {
        let begun = self.database.begin_read();
        let transaction = begun.map_err(|error| fault("read")(error.into()))?;
        Ok(Read { transaction })
    }

    /// Begins to write; waits until no other part of this process does.
    pub(crate) fn write(&self, is_durable: bool) -> Result<Write> {
        let begun = self.database.begin_write();
        let mut transaction = begun.map_err(|error| fault("write to")(error.into()))?;
        // In two phases, the newest commit is never taken for a torn one: damage in it is told, not rolled back.
        transaction.set_two_phase_commit(is_durable);
        let durability = if is_durable {
            Durability::Immediate
        } else {
            Durability::None
        };
        let set = transaction.set_durability(durability);
        set.map_err(|error| fault("write to")(error.into()))?;
        Ok(Write { transaction })
    }

    /// True when the table of what a catalog says of itself is there.
    pub(crate) fn has_tables(&self) -> Result<bool> {
        let read = self.read()?;
        match read.transaction.open_table(Table::Meta.definition()) {
            Ok(_) => Ok(true),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(false),
            Err(error) => Err(fault("read")(error.into())),
        }
    }

    /// Gives back the space of what was removed. Needs that nobody reads.
    pub(crate) fn compact(&mut self) -> Result<bool> {
        let compacted = self.database.compact();
        compacted.map_err(|error| fault("compact")(error.into()))
    }
}

/// Tables that can be read.
pub(crate) trait Reading: Sized {
    /// The value of a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// At most so many entries from the beginning of a span.
    fn page(&self, table: Table, span: &Span, limit: usize) -> Result<Vec<Entry>>;

    /// All entries of a span.
    fn scan(&self, table: Table, span: Span) -> Scan<'_, Self> {
        Scan::new(self, table, span)
    }

    /// The first entry of a span.
    fn first(&self, table: Table, span: &Span) -> Result<Option<Entry>> {
        Ok(self.page(table, span, 1)?.pop())
    }
}

/// One state of the database.
#[derive(Debug)]
pub(crate) struct Read {
    transaction: ReadTransaction,
}

impl Reading for Read {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let opened = self.transaction.open_table(table.definition());
        let table = opened.map_err(|error| fault("read")(error.into()))?;
        get(&table, key)
    }

    fn page(&self, table: Table, span: &Span, limit: usize) -> Result<Vec<Entry>> {
        let opened = self.transaction.open_table(table.definition());
        let table = opened.map_err(|error| fault("read")(error.into()))?;
        page(&table, span, limit)
    }
}

/// A transaction: all of it is kept, or nothing.
pub(crate) struct Write {
    transaction: WriteTransaction,
}

impl std::fmt::Debug for Write {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Write").finish_non_exhaustive()
    }
}

impl Reading for Write {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        get(&self.open(table)?, key)
    }

    fn page(&self, table: Table, span: &Span, limit: usize) -> Result<Vec<Entry>> {
        page(&self.open(table)?, span, limit)
    }
}

impl Write {
    fn open(&self, table: Table) -> Result<redb::Table<'_, &'static [u8], &'static [u8]>> {
        let opened = self.transaction.open_table(table.definition());
        opened.map_err(|error| fault("write to")(error.into()))
    }

    /// Makes tables that are not there.
    pub(crate) fn create(&self, tables: &[Table]) -> Result<()> {
        tables
            .iter()
            .try_for_each(|table| self.open(*table).map(drop))
    }

    /// Sets the value of a key.
    pub(crate) fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_all(table, std::iter::once((key, value)))
    }

    /// Sets many; fast when they are sorted by key.
    pub(crate) fn put_all<'e>(
        &self,
        table: Table,
        entries: impl Iterator<Item = (&'e [u8], &'e [u8])>,
    ) -> Result<()> {
        let mut table = self.open(table)?;
        for (key, value) in entries {
            let put = table.insert(key, value);
            drop(put.map_err(|error| fault("write to")(error.into()))?);
        }
        Ok(())
    }

    /// Removes a key; true when it was there.
    pub(crate) fn remove(&self, table: Table, key: &[u8]) -> Result<bool> {
        let mut table = self.open(table)?;
        let removed = table.remove(key);
        let removed = removed.map_err(|error| fault("write to")(error.into()))?;
        Ok(removed.is_some())
    }

    /// Removes all keys of a table.
    pub(crate) fn clear(&self, table: Table) -> Result<()> {
        let deleted = self.transaction.delete_table(table.definition());
        deleted.map_err(|error| fault("write to")(error.into()))?;
        self.open(table).map(drop)
    }

    /// Keeps all of it.
    pub(crate) fn commit(self) -> Result<()> {
        let committed = self.transaction.commit();
        committed.map_err(|error| fault("write to")(error.into()))
    }
}

type Bytes = &'static [u8];

fn get(table: &impl ReadableTable<Bytes, Bytes>, key: &[u8]) -> Result<Option<Vec<u8>>> {
    let value = table.get(key);
    let value = value.map_err(|error| fault("read")(error.into()))?;
    Ok(value.map(|value| value.value().to_vec()))
}

fn page(table: &impl ReadableTable<Bytes, Bytes>, span: &Span, limit: usize) -> Result<Vec<Entry>> {
    let bounds: (Bound<&[u8]>, Bound<&[u8]>) = (
        span.lower.as_ref().map(Vec::as_slice),
        span.upper.as_ref().map(Vec::as_slice),
    );
    let range = table.range::<&[u8]>(bounds);
    let range = range.map_err(|error| fault("read")(error.into()))?;
    let entry =
        |entry: redb::Result<(redb::AccessGuard<'_, Bytes>, redb::AccessGuard<'_, Bytes>)>| {
            let (key, value) = entry.map_err(|error| fault("read")(error.into()))?;
            Ok((key.value().to_vec(), value.value().to_vec()))
        };
    if span.is_reverse {
        range.rev().take(limit).map(entry).collect()
    } else {
        range.take(limit).map(entry).collect()
    }
}
