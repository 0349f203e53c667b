//! What is answered to the kernel's questions: nodes, entries, attributes.

mod listing;

pub(crate) use listing::{Line, Room};

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fuser::{Errno, FileAttr, FileType};
use strongroom::Entry;
use strongroom::fs::{Kind, Xattrs};

use crate::attributes::{self, Counted, Owner};
use crate::files::Files;
use crate::node::{Node, OpenPoint, ROOT};
use crate::nodes::Nodes;
use crate::points::Points;
use crate::reports::Reports;
use crate::shelf::LATEST;

/// What the kernel is told, or the error that the caller sees.
pub(crate) type Answer<T> = Result<T, Errno>;

/// How long the kernel may believe what never changes.
const LASTING: Duration = Duration::from_secs(600);
/// How long it may believe what new points change.
const PASSING: Duration = Duration::from_secs(1);

/// Everything behind one mount.
pub(crate) struct Answers {
    pub(crate) nodes: Nodes,
    pub(crate) files: Files,
    pub(crate) reports: Reports,
    points: Points,
    owner: Owner,
    started_at: Instant,
    /// Milliseconds from the start to the last question.
    used_millis: AtomicU64,
}

impl Answers {
    pub(crate) fn new(
        root: Node,
        points: Points,
        reports: Reports,
        owner: Owner,
    ) -> std::io::Result<Self> {
        Ok(Self {
            nodes: Nodes::new(root),
            files: Files::start()?,
            reports,
            points,
            owner,
            started_at: Instant::now(),
            used_millis: AtomicU64::new(0),
        })
    }

    /// Since it was mounted.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// When the last question came, counted from mounting.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_millis(self.used_millis.load(Ordering::Relaxed))
    }

    /// Somebody asks for something.
    pub(crate) fn touch(&self) {
        let millis = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.used_millis.fetch_max(millis, Ordering::Relaxed);
    }

    /// What a number stands for; the kernel asks for none that it was not told.
    pub(crate) fn node(&self, number: u64) -> Answer<Node> {
        self.nodes.get(number).ok_or(Errno::ESTALE)
    }

    /// How long the kernel may believe what it is told of a node.
    pub(crate) fn believed_for(node: &Node) -> Duration {
        match node {
            Node::Entry { .. } | Node::Point { .. } => LASTING,
            Node::Sources | Node::Source(_) | Node::Latest(_) => PASSING,
        }
    }

    /// Finds a name in a directory and counts a reference to it.
    pub(crate) fn lookup(&self, parent: u64, name: &OsStr) -> Answer<(FileAttr, Duration)> {
        let name = name.as_bytes();
        let node = self.child(parent, name)?.ok_or(Errno::ENOENT)?;
        let believed_for = Self::believed_for(&node);
        let mut attributes = self.attributes(node.number(parent, name), &node)?;
        let number = self.nodes.remember(node, parent, name);
        attributes.ino = fuser::INodeNo(number);
        Ok((attributes, believed_for))
    }

    fn child(&self, parent: u64, name: &[u8]) -> Answer<Option<Node>> {
        let text = || std::str::from_utf8(name).unwrap_or_default();
        match self.node(parent)? {
            Node::Sources => {
                let shelf = self.points.shelf();
                let is_there = !shelf.points(text()).is_empty();
                Ok(is_there.then(|| Node::Source(text().into())))
            }
            Node::Source(source) if name == LATEST.as_bytes() => Ok(Some(Node::Latest(source))),
            Node::Source(source) => {
                let shelf = self.points.shelf();
                let mut points = shelf.points(&source).iter();
                let found = points.find(|point| point.name == text());
                Ok(found.map(|point| Node::Point {
                    id: point.id,
                    taken_at: point.taken_at,
                }))
            }
            Node::Latest(_) => Err(Errno::ENOTDIR),
            node @ (Node::Point { .. } | Node::Entry { .. }) => {
                let (point, dir) = self.directory(parent, &node)?;
                let found = point.tree.lookup(&dir, name);
                let found = found.map_err(|error| self.failed(parent, &error))?;
                Ok(found.map(|entry| Node::of_entry(&point, &entry)))
            }
        }
    }

    /// The entry of a node in its point.
    fn entry(&self, number: u64, node: &Node) -> Answer<(Arc<OpenPoint>, Entry)> {
        let found = match node {
            Node::Entry { point, place, .. } => {
                let entry = point.tree.entry(*place);
                entry.map(|entry| (Arc::clone(point), entry))
            }
            Node::Point { id, .. } => {
                let opened = self.points.open(*id, number);
                opened.map(|point| (Arc::clone(&point), point.tree.root()))
            }
            _ => return Err(Errno::EINVAL),
        };
        found.map_err(|error| self.failed(number, &error))
    }

    fn directory(&self, number: u64, node: &Node) -> Answer<(Arc<OpenPoint>, Entry)> {
        let (point, entry) = self.entry(number, node)?;
        match entry.kind() {
            Kind::Directory if self.nodes.is_too_deep(number) => Err(Errno::ELOOP),
            Kind::Directory => Ok((point, entry)),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub(crate) fn attributes(&self, number: u64, node: &Node) -> Answer<FileAttr> {
        let own = |kind, size, at| attributes::of_own(number, kind, size, at, self.owner);
        let shelf = || self.points.shelf();
        Ok(match node {
            Node::Sources => own(FileType::Directory, 0, shelf().newest_at(None)),
            Node::Source(name) => own(FileType::Directory, 0, shelf().newest_at(Some(name))),
            Node::Latest(source) => {
                let size = self.latest(source)?.len() as u64;
                own(FileType::Symlink, size, shelf().newest_at(Some(source)))
            }
            Node::Point { taken_at, .. } => own(FileType::Directory, 0, Some(*taken_at)),
            Node::Entry { point, .. } => {
                let (_, entry) = self.entry(number, node)?;
                attributes::of_entry(number, &entry, counted(point, &entry))
            }
        })
    }

    fn latest(&self, source: &str) -> Answer<String> {
        let shelf = self.points.shelf();
        let newest = shelf.points(source).last();
        Ok(newest.ok_or(Errno::ENOENT)?.name.clone())
    }

    /// Where a link leads.
    pub(crate) fn target(&self, number: u64) -> Answer<Vec<u8>> {
        match self.node(number)? {
            Node::Latest(source) => Ok(self.latest(&source)?.into_bytes()),
            node => {
                let (_, entry) = self.entry(number, &node)?;
                entry.target().map(<[u8]>::to_vec).ok_or(Errno::EINVAL)
            }
        }
    }

    /// Extended attributes; what stands in no point has none.
    pub(crate) fn xattrs(&self, number: u64) -> Answer<Xattrs> {
        match self.node(number)? {
            node @ Node::Entry { .. } => Ok(self.entry(number, &node)?.1.xattrs().clone()),
            _ => Ok(Xattrs::new()),
        }
    }

    /// Opens a file; returns the number of the opening.
    pub(crate) fn open(&self, number: u64) -> Answer<u64> {
        let node = self.node(number)?;
        let (point, entry) = self.entry(number, &node)?;
        if entry.kind() != Kind::File {
            return Err(Errno::EINVAL);
        }
        let opened = self.files.open(number, || point.tree.open_file(&entry));
        opened.map_err(|error| self.failed(number, &error))
    }

    pub(crate) fn read(
        &self,
        number: u64,
        handle: u64,
        offset: u64,
        len: usize,
    ) -> Answer<Vec<u8>> {
        let read = self.files.read(handle, offset, len).ok_or(Errno::EINVAL)?;
        let bytes = read.map_err(|error| self.failed(number, &error))?;
        self.reports.read(bytes.len() as u64);
        Ok(bytes)
    }

    /// Tells of the error once; the caller sees that this entry cannot be read.
    pub(crate) fn failed(&self, number: u64, error: &strongroom::Error) -> Errno {
        self.reports.failed(number, || self.path(number), error);
        Errno::EIO
    }

    /// The path of a node below the mount, as far as it can be told.
    fn path(&self, mut number: u64) -> Vec<u8> {
        let mut names = Vec::new();
        while number != ROOT {
            let Some(node) = self.nodes.get(number) else {
                break;
            };
            names.push(self.name(&node));
            number = self.nodes.parent(number);
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() { b"/".to_vec() } else { path }
    }

    fn name(&self, node: &Node) -> Vec<u8> {
        match node {
            Node::Sources => Vec::new(),
            Node::Source(name) => name.as_bytes().to_vec(),
            Node::Latest(_) => LATEST.as_bytes().to_vec(),
            Node::Point { id, .. } => id.to_string().into_bytes(),
            Node::Entry { point, place, .. } => point
                .tree
                .entry(*place)
                .map_or_else(|_| b"?".to_vec(), |entry| entry.name().to_vec()),
        }
    }
}

/// What is not in the record of an entry.
fn counted(point: &OpenPoint, entry: &Entry) -> Counted {
    Counted {
        links_count: point.tree.links_count(entry),
        allocated_bytes: match entry.kind() {
            Kind::File => point.tree.allocated_bytes(entry),
            _ => 0,
        },
    }
}
