//! What an inode number stands for.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use strongroom::vault::format::SessionId;
use strongroom::{Entry, Place, PointTree};

/// The number of the directory that is mounted.
pub(crate) const ROOT: u64 = 1;

/// A recovery point that is looked at.
#[derive(Debug)]
pub(crate) struct OpenPoint {
    pub(crate) tree: PointTree,
    /// The inode number of its root.
    pub(crate) root: u64,
}

/// What an inode number stands for: a few bytes by which the entry is found again.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// The directory of all sources.
    Sources,
    /// The directory of the points of one source.
    Source(Arc<str>),
    /// The link to its newest point.
    Latest(Arc<str>),
    /// A recovery point among others.
    Point {
        id: SessionId,
        taken_at: DateTime<Utc>,
    },
    /// An entry of a point.
    Entry {
        point: Arc<OpenPoint>,
        place: Place,
        /// What all names of one file share.
        link: Option<Box<(u64, u64)>>,
    },
}

impl Node {
    pub(crate) fn of_entry(point: &Arc<OpenPoint>, entry: &Entry) -> Self {
        Self::Entry {
            point: Arc::clone(point),
            place: entry.place(),
            link: entry.hard_link().map(Box::new),
        }
    }

    /// Whether both are one file: the same entry, or two names of it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sources, Self::Sources) => true,
            (Self::Source(a), Self::Source(b)) | (Self::Latest(a), Self::Latest(b)) => a == b,
            (Self::Point { id: a, .. }, Self::Point { id: b, .. }) => a == b,
            (
                Self::Entry { point, place, link },
                Self::Entry {
                    point: other_point,
                    place: other_place,
                    link: other_link,
                },
            ) => {
                point.root == other_point.root
                    && match (link, other_link) {
                        (Some(a), Some(b)) => a == b,
                        _ => place == other_place,
                    }
            }
            _ => false,
        }
    }

    /// The number that this node has below that parent, unless another one has it already: the same in every mount and
    /// however often the kernel forgets it.
    pub(crate) fn number(&self, parent: u64, name: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Entry {
                point,
                link: Some(link),
                ..
            } => (point.root, link).hash(&mut hasher),
            _ => (parent, name).hash(&mut hasher),
        }
        // Positive for who takes it for a signed number, and never that of the root.
        (hasher.finish() >> 1).max(ROOT + 1)
    }
}
