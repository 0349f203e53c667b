//! A whole tree, past what of it cannot be read.

use strongroom_vault::format::ChunkAddress;

use super::unless_damaged;
use crate::Result;
use crate::engine::Strongroom;
use crate::fs::Kind;
use crate::monitor::Cancel;
use crate::tree::{Content, Descent, Extent, Record, TreeReader};

/// What a walk meets.
pub(super) enum Seen<'a> {
    /// An entry.
    Entry(&'a Record),
    /// Chunks that it names, directly or by reference.
    Chunks(Extent),
    /// Some of it, and of what is below it, cannot be read.
    Unreadable,
}

/// Calls `each` with the absolute path for everything in a tree.
pub(super) fn walk(
    engine: &Strongroom,
    root_at: ChunkAddress,
    cancel: &Cancel,
    each: &mut dyn FnMut(&[u8], Seen<'_>) -> Result<()>,
) -> Result<()> {
    let tree = TreeReader::new(engine.clone());
    let own = Extent::Run {
        pack: root_at.pack,
        block: root_at.block,
        first: root_at.chunk,
        count: 1,
    };
    each(b"/", Seen::Chunks(own))?;
    let Some(root) = unless_damaged(tree.root(root_at))? else {
        return each(b"/", Seen::Unreadable);
    };
    content(&tree, b"/", &root.content, each)?;
    let mut stack = Descent::new(&tree);
    if unless_damaged(stack.enter(&root.content, Vec::new()))?.is_none() {
        return each(b"/", Seen::Unreadable);
    }
    while let Some((records, above)) = stack.innermost() {
        cancel.check()?;
        let Some(record) = unless_damaged(records.next())? else {
            let path = if above.is_empty() {
                b"/"
            } else {
                above.as_slice()
            };
            each(path, Seen::Unreadable)?;
            stack.leave();
            continue;
        };
        let Some(record) = record else {
            stack.leave();
            continue;
        };
        let mut path = above.clone();
        path.push(b'/');
        path.extend_from_slice(&record.name);
        each(&path, Seen::Entry(&record))?;
        content(&tree, &path, &record.content, each)?;
        if record.meta.kind == Kind::Directory
            && unless_damaged(stack.enter(&record.content, path.clone()))?.is_none()
        {
            each(&path, Seen::Unreadable)?;
        }
    }
    Ok(())
}

fn content(
    tree: &TreeReader,
    path: &[u8],
    content: &Content,
    each: &mut dyn FnMut(&[u8], Seen<'_>) -> Result<()>,
) -> Result<()> {
    for extent in content.direct() {
        each(path, Seen::Chunks(*extent))?;
    }
    if !matches!(content, Content::Indirect(_)) {
        return Ok(());
    }
    let mut extents = tree.extents(content);
    loop {
        match unless_damaged(extents.next())? {
            Some(Some(extent)) => each(path, Seen::Chunks(extent))?,
            Some(None) => return Ok(()),
            None => return each(path, Seen::Unreadable),
        }
    }
}
