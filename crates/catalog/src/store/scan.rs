//! Going through a table in the order of its keys, a page at a time.

use std::collections::VecDeque;
use std::ops::Bound;

use super::{Reading, Table};
use crate::error::Result;

/// Entries that are held at once.
const PAGE_COUNT: usize = 128;

/// A key and its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// The keys that a scan goes through.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) lower: Bound<Vec<u8>>,
    pub(crate) upper: Bound<Vec<u8>>,
    pub(crate) is_reverse: bool,
}

impl Span {
    /// All keys.
    pub(crate) fn all() -> Self {
        Self {
            lower: Bound::Unbounded,
            upper: Bound::Unbounded,
            is_reverse: false,
        }
    }

    /// All keys that begin with these bytes.
    pub(crate) fn prefix(prefix: &[u8]) -> Self {
        let mut after = prefix.to_vec();
        while after.last() == Some(&u8::MAX) {
            after.pop();
        }
        let upper = match after.last_mut() {
            Some(last) => {
                *last += 1;
                Bound::Excluded(after)
            }
            None => Bound::Unbounded,
        };
        Self {
            lower: Bound::Included(prefix.to_vec()),
            upper,
            is_reverse: false,
        }
    }

    /// The same keys, last first.
    pub(crate) fn reversed(self) -> Self {
        Self {
            is_reverse: !self.is_reverse,
            ..self
        }
    }

    /// Leaves out all up to this key.
    fn advance(&mut self, key: &[u8]) {
        let end = if self.is_reverse {
            &mut self.upper
        } else {
            &mut self.lower
        };
        *end = Bound::Excluded(key.to_vec());
    }
}

/// Iterator over the entries of a span. Ends after an error.
#[derive(Debug)]
pub(crate) struct Scan<'s, S> {
    store: &'s S,
    table: Table,
    rest: Option<Span>,
    page: VecDeque<Entry>,
}

impl<'s, S: Reading> Scan<'s, S> {
    pub(super) fn new(store: &'s S, table: Table, span: Span) -> Self {
        Self {
            store,
            table,
            rest: Some(span),
            page: VecDeque::new(),
        }
    }

    fn fetch(&mut self) -> Result<()> {
        let Some(mut span) = self.rest.take() else {
            return Ok(());
        };
        let page = self.store.page(self.table, &span, PAGE_COUNT)?;
        if let (PAGE_COUNT, Some((key, _))) = (page.len(), page.last()) {
            span.advance(key);
            self.rest = Some(span);
        }
        self.page = page.into();
        Ok(())
    }
}

impl<S: Reading> Iterator for Scan<'_, S> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && let Err(error) = self.fetch()
        {
            return Some(Err(error));
        }
        self.page.pop_front().map(Ok)
    }
}
