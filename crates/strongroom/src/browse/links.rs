//! How many names of a point each file has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Entry;
use crate::fs::Kind;
use crate::tree::{Descent, TreeReader};

/// Points of more entries are not counted.
const ENTRIES_MAX: u64 = 1_000_000;

/// Names by (device, inode) at the source.
type Counts = HashMap<(u64, u64), u64>;

/// Counts that are made when they are first asked for; `None` once it is known that there are too many.
#[derive(Default)]
pub(super) struct Links(Mutex<Option<Arc<Option<Counts>>>>);

impl Links {
    /// Names of the file of this key. Whoever asks meanwhile waits for the one count.
    pub(super) fn count(&self, key: (u64, u64), tree: &TreeReader, root: &Entry) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = Arc::clone(known.get_or_insert_with(|| Arc::new(count_all(tree, root))));
        drop(known);
        let counted = counts.as_ref().as_ref();
        counted
            .and_then(|counts| counts.get(&key))
            .copied()
            .unwrap_or(2)
    }
}

/// Walks the whole tree; directories that are damaged count as far as they can be read.
fn count_all(tree: &TreeReader, root: &Entry) -> Option<Counts> {
    let (mut counts, mut entries_count) = (Counts::new(), 0);
    let mut stack = Descent::new(tree);
    if stack.enter(root.content(), ()).is_err() {
        return None;
    }
    while let Some((records, ())) = stack.innermost() {
        let Ok(Some(record)) = records.next() else {
            stack.leave();
            continue;
        };
        entries_count += 1;
        if entries_count > ENTRIES_MAX {
            return None;
        }
        if let Some(key) = record.extras.hard_link {
            *counts.entry(key).or_default() += 1;
        }
        if record.meta.kind == Kind::Directory
            && let Err(error) = stack.enter(&record.content, ())
        {
            tracing::debug!(%error, "a directory is left out of the count of names");
        }
    }
    Some(counts)
}
