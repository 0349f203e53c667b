//! The way down a tree, which has an end whatever the tree says.

use super::{Content, DirReader, TreeReader};
use crate::{Error, Result};

/// Directories deeper than this are neither backed up nor entered when a tree is read (format.md §13).
pub(crate) const DEPTH_MAX: usize = 1024;

/// Open directories from the outermost to the innermost, each with what the user of the descent keeps with it.
///
/// Directories are named by where they are stored, not by what they hold, so that a hostile tree may hold itself: a
/// directory within itself, and any below the greatest depth, is damage.
pub(crate) struct Descent<'t, T> {
    tree: &'t TreeReader,
    levels: Vec<Level<T>>,
}

struct Level<T> {
    content: Content,
    records: DirReader,
    with: T,
}

impl<'t, T> Descent<'t, T> {
    pub(crate) fn new(tree: &'t TreeReader) -> Self {
        let levels = Vec::new();
        Self { tree, levels }
    }

    /// Opens a directory below the innermost one.
    pub(crate) fn enter(&mut self, content: &Content, with: T) -> Result<()> {
        // A backup records directories at the greatest depth, but none of their entries.
        if self.levels.len() > DEPTH_MAX {
            return Err(Error::TreeDamaged("directories are nested too deeply"));
        }
        let is_same = |level: &Level<T>| level.content == *content;
        if *content != Content::Empty && self.levels.iter().any(is_same) {
            return Err(Error::TreeDamaged("a directory holds itself"));
        }
        self.levels.push(Level {
            content: content.clone(),
            records: self.tree.open_dir(content)?,
            with,
        });
        Ok(())
    }

    /// The innermost directory.
    pub(crate) fn innermost(&mut self) -> Option<(&mut DirReader, &mut T)> {
        let level = self.levels.last_mut()?;
        Some((&mut level.records, &mut level.with))
    }

    /// Leaves the innermost directory.
    pub(crate) fn leave(&mut self) {
        self.levels.pop();
    }
}
