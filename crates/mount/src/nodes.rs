//! The inode numbers that the kernel knows.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::node::{Node, ROOT};

/// Deeper than any directory of a point that a backup made (docs/format.md §13), and the two above a point.
const DEPTH_MAX: u16 = 1024 + 2;

/// A node that the kernel holds references to.
#[derive(Debug)]
struct Known {
    node: Node,
    parent: u64,
    /// Directories above it.
    depth: u16,
    /// How often it was given out; the kernel gives these back when it forgets it.
    lookups: u64,
}

/// Nodes by number. It grows with what the kernel holds references to, about 100 bytes each, and shrinks when the kernel
/// forgets.
#[derive(Debug)]
pub(crate) struct Nodes(Mutex<HashMap<u64, Known>>);

impl Nodes {
    pub(crate) fn new(root: Node) -> Self {
        let known = Known {
            node: root,
            parent: ROOT,
            depth: 0,
            lookups: 1,
        };
        Self(Mutex::new(HashMap::from([(ROOT, known)])))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a number stands for.
    pub(crate) fn get(&self, number: u64) -> Option<Node> {
        self.lock().get(&number).map(|known| known.node.clone())
    }

    /// The number of the directory that holds a node.
    pub(crate) fn parent(&self, number: u64) -> u64 {
        self.lock().get(&number).map_or(ROOT, |known| known.parent)
    }

    /// Whether a directory is so deep that nothing is shown below it: a hostile tree may hold itself.
    pub(crate) fn is_too_deep(&self, number: u64) -> bool {
        let known = self.lock();
        known.get(&number).is_some_and(|it| it.depth > DEPTH_MAX)
    }

    /// Counts one more reference to a node below a parent; returns its number.
    pub(crate) fn remember(&self, node: Node, parent: u64, name: &[u8]) -> u64 {
        let mut number = node.number(parent, name);
        let mut known = self.lock();
        // Two names that fall on one number are kept apart while both are in use.
        while known.get(&number).is_some_and(|it| !it.node.is_same(&node)) {
            number = (number + 1).max(ROOT + 1);
        }
        let depth = known
            .get(&parent)
            .map_or(0, |above| above.depth.saturating_add(1));
        let entry = known.entry(number).or_insert(Known {
            node,
            parent,
            depth,
            lookups: 0,
        });
        entry.lookups += 1;
        number
    }

    /// Gives back so many references.
    pub(crate) fn forget(&self, number: u64, lookups: u64) {
        let mut known = self.lock();
        let Some(entry) = known.get_mut(&number).filter(|_| number != ROOT) else {
            return;
        };
        entry.lookups = entry.lookups.saturating_sub(lookups);
        if entry.lookups == 0 {
            let forgotten = known.remove(&number);
            // The last node of a point closes it, which takes its time: not while others wait.
            drop(known);
            drop(forgotten);
        }
    }

    /// How many nodes are known.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap as Model;

    use proptest::prelude::*;

    use super::*;

    fn source(name: &str) -> Node {
        Node::Source(name.into())
    }

    #[test]
    fn what_is_forgotten_as_often_as_it_was_given_out_is_gone() {
        let nodes = Nodes::new(Node::Sources);
        let number = nodes.remember(source("a"), ROOT, b"a");
        assert_eq!(nodes.remember(source("a"), ROOT, b"a"), number);
        nodes.forget(number, 1);
        assert!(nodes.get(number).is_some());
        nodes.forget(number, 1);
        assert!(nodes.get(number).is_none());
        assert_eq!(nodes.remember(source("a"), ROOT, b"a"), number);
    }

    #[test]
    fn two_nodes_of_one_number_are_kept_apart() {
        let nodes = Nodes::new(Node::Sources);
        let first = nodes.remember(source("a"), ROOT, b"same");
        let second = nodes.remember(source("b"), ROOT, b"same");
        assert_ne!(first, second);
        assert!(matches!(nodes.get(first), Some(Node::Source(name)) if &*name == "a"));
        assert!(matches!(nodes.get(second), Some(Node::Source(name)) if &*name == "b"));
    }

    #[test]
    fn a_tree_that_holds_itself_has_an_end() {
        let nodes = Nodes::new(Node::Sources);
        let mut number = ROOT;
        let mut depth = 0;
        while !nodes.is_too_deep(number) {
            number = nodes.remember(source("again"), number, b"again");
            depth += 1;
        }
        assert_eq!(depth, DEPTH_MAX + 1);
    }

    #[test]
    fn the_root_is_never_forgotten() {
        let nodes = Nodes::new(Node::Sources);
        nodes.forget(ROOT, 1);
        assert!(nodes.get(ROOT).is_some());
    }

    proptest! {
        #[test]
        fn only_what_is_held_is_kept(steps in prop::collection::vec((0_u8..6, any::<bool>()), 0..200)) {
            let nodes = Nodes::new(Node::Sources);
            let mut held: Model<u64, u64> = Model::new();
            for (name, is_lookup) in steps {
                let name = name.to_string();
                let number = source(&name).number(ROOT, name.as_bytes());
                if is_lookup {
                    prop_assert_eq!(nodes.remember(source(&name), ROOT, name.as_bytes()), number);
                    *held.entry(number).or_default() += 1;
                } else if let Some(lookups) = held.remove(&number) {
                    nodes.forget(number, lookups);
                }
                prop_assert_eq!(nodes.count(), held.len() + 1);
            }
        }
    }
}
