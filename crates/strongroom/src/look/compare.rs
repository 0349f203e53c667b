//! How two trees differ.

use crate::Result;
use crate::fs::Kind;
use crate::report::{Change, Difference};
use crate::tree::{Content, Descent, DirReader, Record, TreeReader};

/// Two trees that are gone through side by side, directory by directory.
pub(super) struct Comparison<'a> {
    old: Descent<'a, ()>,
    new: Descent<'a, ()>,
    path: Vec<u8>,
    /// Length of the path of each open directory.
    lengths: Vec<usize>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(old: &'a TreeReader, new: &'a TreeReader) -> Self {
        Self {
            old: Descent::new(old),
            new: Descent::new(new),
            path: Vec::new(),
            lengths: Vec::new(),
        }
    }

    /// Goes on with a directory as the two trees hold it; one side may be empty. Equal ones are passed over.
    pub(super) fn enter(&mut self, old: &Content, new: &Content) -> Result<()> {
        if old != new {
            self.old.enter(old, ())?;
            self.new.enter(new, ())?;
            self.lengths.push(self.path.len());
        }
        Ok(())
    }

    /// Tells all differences in order of path.
    pub(super) fn run(&mut self, each: &mut dyn FnMut(Difference) -> Result<()>) -> Result<()> {
        while let (Some((left, ())), Some((right, ()))) =
            (self.old.innermost(), self.new.innermost())
        {
            let (old, new) = next_pair(left, right)?;
            self.path
                .truncate(self.lengths.last().copied().unwrap_or_default());
            let Some(record) = old.as_ref().or(new.as_ref()) else {
                self.old.leave();
                self.new.leave();
                self.lengths.pop();
                continue;
            };
            self.path.push(b'/');
            self.path.extend_from_slice(&record.name);
            if let Some(change) = compare(old.as_ref(), new.as_ref()) {
                let path = self.path.clone();
                each(Difference { path, change })?;
            }
            self.enter(&content(old), &content(new))?;
        }
        Ok(())
    }
}

/// Content of a directory; that of anything else has no entries.
fn content(record: Option<Record>) -> Content {
    record
        .filter(|record| record.meta.kind == Kind::Directory)
        .map_or(Content::Empty, |record| record.content)
}

/// The next record of either side by name; both where the names are equal.
fn next_pair(
    left: &mut DirReader,
    right: &mut DirReader,
) -> Result<(Option<Record>, Option<Record>)> {
    let order = match (left.peek()?, right.peek()?) {
        (Some(a), Some(b)) => a.name.cmp(&b.name),
        (Some(_), None) => std::cmp::Ordering::Less,
        _ => std::cmp::Ordering::Greater,
    };
    Ok(match order {
        std::cmp::Ordering::Less => (left.next()?, None),
        std::cmp::Ordering::Equal => (left.next()?, right.next()?),
        std::cmp::Ordering::Greater => (None, right.next()?),
    })
}

fn compare(old: Option<&Record>, new: Option<&Record>) -> Option<Change> {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (Some(_), None) => return Some(Change::Removed),
        _ => return Some(Change::Added),
    };
    let is_dir = new.meta.kind == Kind::Directory;
    let content = old.meta.kind != new.meta.kind
        || (!is_dir && (old.content != new.content || old.extras.target != new.extras.target));
    if content {
        return Some(Change::Modified);
    }
    let same = |record: &Record| {
        let meta = &record.meta;
        let mtime = if is_dir { None } else { Some(meta.mtime) };
        (
            meta.mode,
            meta.uid,
            meta.gid,
            mtime,
            meta.rdev,
            record.extras.xattrs.clone(),
        )
    };
    (same(old) != same(new)).then_some(Change::Metadata)
}
