//! Directories that are open only while they are used.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::process::{Resource, getrlimit};

use super::entry::Meta;
use super::handle::{Handle, replaced};

/// Directories of one tree that may be open at a time where the user may open many files.
const OPEN_MOST: u64 = 128;
/// The share of all files that the user may open.
const OPEN_SHARE: u64 = 8;

/// A directory and the way to it. Its descriptor may be closed while nobody uses it; then it is opened again by name
/// from the one above, and refused when another directory stands there by then.
///
/// So a tree of any depth, with any number of directories in hand, takes a bounded number of descriptors.
#[derive(Debug)]
pub(super) struct Node {
    shelf: Arc<Shelf>,
    /// The one above, and the name in it; `None` at the top, which stays open.
    above: Option<(Arc<Self>, Vec<u8>)>,
    /// Device and inode number.
    inode: (u64, u64),
    handle: Mutex<Option<Arc<Handle>>>,
    /// Used since the shelf looked at it last.
    is_used: AtomicBool,
}

/// The nodes that are open, in the order in which they were opened.
#[derive(Debug)]
struct Shelf {
    most: usize,
    open: Mutex<VecDeque<Weak<Node>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    /// The top of a tree, which was opened by path.
    pub(super) fn top(handle: Handle) -> io::Result<Arc<Self>> {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = (files / OPEN_SHARE).clamp(4, OPEN_MOST);
        Self::top_with(handle, usize::try_from(most).unwrap_or(usize::MAX))
    }

    pub(super) fn top_with(handle: Handle, most: usize) -> io::Result<Arc<Self>> {
        let meta = handle.meta()?;
        let open = Mutex::default();
        Ok(Arc::new(Self {
            shelf: Arc::new(Shelf { most, open }),
            above: None,
            inode: (meta.dev, meta.ino),
            handle: Mutex::new(Some(Arc::new(handle))),
            is_used: AtomicBool::new(true),
        }))
    }

    /// The directory `name` below, which was just opened and is this one.
    pub(super) fn below(self: &Arc<Self>, name: &[u8], handle: Handle, meta: &Meta) -> Arc<Self> {
        let node = Arc::new(Self {
            shelf: Arc::clone(&self.shelf),
            above: Some((Arc::clone(self), name.to_vec())),
            inode: (meta.dev, meta.ino),
            handle: Mutex::new(None),
            is_used: AtomicBool::new(true),
        });
        node.keep(Arc::new(handle));
        node
    }

    /// Number of the file system, as in `st_dev`.
    pub(super) fn dev(&self) -> u64 {
        self.inode.0
    }

    /// The open directory; it stays open for as long as the caller keeps this.
    ///
    /// # Errors
    /// Those of `open(2)`; `StaleNetworkFileHandle` when another directory took its place meanwhile.
    pub(super) fn handle(self: &Arc<Self>) -> io::Result<Arc<Handle>> {
        let mut closed = Vec::new();
        let mut node = self;
        let mut handle = loop {
            node.is_used.store(true, Ordering::Relaxed);
            if let Some(handle) = lock(&node.handle).clone() {
                break handle;
            }
            let (above, name) = node.above.as_ref().ok_or(io::ErrorKind::NotFound)?;
            closed.push((node, name));
            node = above;
        };
        while let Some((node, name)) = closed.pop() {
            let below = handle.open_dir(name, None)?;
            let meta = below.meta()?;
            if (meta.dev, meta.ino) != node.inode {
                return Err(replaced());
            }
            handle = Arc::new(below);
            node.keep(Arc::clone(&handle));
        }
        Ok(handle)
    }

    fn keep(self: &Arc<Self>, handle: Arc<Handle>) {
        let before = lock(&self.handle).replace(handle);
        if before.is_none() {
            self.shelf.admit(self);
        }
    }
}

impl Shelf {
    /// Notes one more open node and closes those that nobody has used for the longest time.
    fn admit(&self, node: &Arc<Node>) {
        let mut open = lock(&self.open);
        open.push_back(Arc::downgrade(node));
        let mut looks_left = open.len().saturating_mul(2);
        while open.len() > self.most && looks_left > 0 {
            looks_left -= 1;
            let Some(oldest) = open.pop_front() else {
                return;
            };
            let Some(node) = oldest.upgrade() else {
                continue;
            };
            if node.is_used.swap(false, Ordering::Relaxed) {
                open.push_back(oldest);
            } else {
                *lock(&node.handle) = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rustix::fs::{Mode, OFlags};

    use super::*;

    fn top(path: &Path, most: usize) -> Arc<Node> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).unwrap();
        Node::top_with(Handle::new(fd), most).unwrap()
    }

    fn enter(node: &Arc<Node>, name: &[u8]) -> Arc<Node> {
        let handle = node.handle().unwrap().open_dir(name, None).unwrap();
        let meta = handle.meta().unwrap();
        node.below(name, handle, &meta)
    }

    fn open_count(nodes: &[Arc<Node>]) -> usize {
        nodes
            .iter()
            .filter(|node| lock(&node.handle).is_some())
            .count()
    }

    #[test]
    fn a_long_chain_takes_few_descriptors_and_each_of_it_can_be_used() {
        let temp = tempfile::tempdir().unwrap();
        let mut nodes = vec![top(temp.path(), 5)];
        let mut path = temp.path().to_owned();
        for depth in 0..50 {
            path.push("d");
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("depth"), depth.to_string()).unwrap();
            nodes.push(enter(&nodes[depth], b"d"));
            assert!(open_count(&nodes) <= 5 + 1);
        }
        for (depth, node) in nodes.iter().enumerate().skip(1).rev() {
            let meta = node.handle().unwrap().stat(b"depth").unwrap();
            assert_eq!(meta.size, (depth - 1).to_string().len() as u64);
            assert!(open_count(&nodes) <= 5 + 1);
        }
    }

    #[test]
    fn another_directory_in_its_place_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let top = top(temp.path(), 1);
        for name in ["a", "b"] {
            std::fs::create_dir(temp.path().join(name)).unwrap();
        }
        let first = enter(&top, b"a");
        first.is_used.store(false, Ordering::Relaxed);
        let _second = enter(&top, b"b");
        assert!(lock(&first.handle).is_none());
        std::fs::rename(temp.path().join("a"), temp.path().join("gone")).unwrap();
        std::fs::create_dir(temp.path().join("a")).unwrap();
        assert_eq!(
            first.handle().unwrap_err().kind(),
            io::ErrorKind::StaleNetworkFileHandle
        );
    }
}
