//! Directories, piece by piece.

use fuser::FileType;
use strongroom::Position;

use super::{Answer, Answers};
use crate::attributes::file_type;
use crate::node::Node;
use crate::shelf::LATEST;

/// One line of a listing.
pub(crate) struct Line {
    /// `None` for the directory itself and the one above.
    pub(crate) node: Option<Node>,
    pub(crate) number: u64,
    pub(crate) name: Vec<u8>,
    pub(crate) kind: FileType,
    /// Where the kernel goes on behind it.
    pub(crate) next: u64,
}

/// Whether there is room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Left,
    Full,
}

/// Offsets of the two lines that every directory begins with.
const LINES_BEFORE: u64 = 2;

impl Answers {
    /// Gives the lines of a directory from an offset on until there is no room. What cannot be read ends it early if it
    /// gave something; the kernel then asks for the rest, and is told.
    pub(crate) fn list(
        &self,
        number: u64,
        offset: u64,
        give: &mut dyn FnMut(Line) -> Room,
    ) -> Answer<()> {
        let node = self.node(number)?;
        let above = self.nodes.parent(number);
        let dots = [(number, "."), (above, "..")];
        for ((number, name), at) in dots.into_iter().zip(0_u64..).skip(small(offset)) {
            let line = Line {
                node: None,
                number,
                name: name.into(),
                kind: FileType::Directory,
                next: at + 1,
            };
            if give(line) == Room::Full {
                return Ok(());
            }
        }
        let offset = offset.saturating_sub(LINES_BEFORE);
        match node {
            Node::Point { .. } | Node::Entry { .. } => {
                self.list_entries(number, &node, Position::from_number(offset), give)
            }
            Node::Sources | Node::Source(_) => {
                self.list_shelf(number, &node, offset, give);
                Ok(())
            }
            Node::Latest(_) => Err(fuser::Errno::ENOTDIR),
        }
    }

    fn list_entries(
        &self,
        number: u64,
        node: &Node,
        from: Position,
        give: &mut dyn FnMut(Line) -> Room,
    ) -> Answer<()> {
        let (point, dir) = self.directory(number, node)?;
        let failed = |error| self.failed(number, &error);
        let mut has_given = false;
        for next in point.tree.read_dir(&dir, from).map_err(failed)? {
            let (behind, entry) = match next {
                Ok(next) => next,
                Err(_) if has_given => return Ok(()),
                Err(error) => return Err(failed(error)),
            };
            let node = Node::of_entry(&point, &entry);
            let line = Line {
                number: node.number(number, entry.name()),
                node: Some(node),
                name: entry.name().to_vec(),
                kind: file_type(entry.kind()),
                next: behind.to_number() + LINES_BEFORE,
            };
            if give(line) == Room::Full {
                return Ok(());
            }
            has_given = true;
        }
        Ok(())
    }

    fn list_shelf(
        &self,
        number: u64,
        node: &Node,
        offset: u64,
        give: &mut dyn FnMut(Line) -> Room,
    ) {
        let shelf = self.points.shelf();
        let mut lines: Vec<(&str, Node, FileType)> = Vec::new();
        if let Node::Source(source) = node {
            lines.push((LATEST, Node::Latest(source.clone()), FileType::Symlink));
            lines.extend(shelf.points(source).iter().map(|point| {
                let (id, taken_at) = (point.id, point.taken_at);
                let node = Node::Point { id, taken_at };
                (point.name.as_str(), node, FileType::Directory)
            }));
        } else {
            let source = |name: &String| Node::Source(name.as_str().into());
            let sources = shelf.sources();
            lines.extend(sources.map(|name| (name.as_str(), source(name), FileType::Directory)));
        }
        for ((name, node, kind), at) in lines.into_iter().zip(0_u64..).skip(small(offset)) {
            let line = Line {
                number: node.number(number, name.as_bytes()),
                node: Some(node),
                name: name.into(),
                kind,
                next: at + 1 + LINES_BEFORE,
            };
            if give(line) == Room::Full {
                return;
            }
        }
    }
}

fn small(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
