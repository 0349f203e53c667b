//! Packs as a sweep sees them, and which blocks can be read from them.

use std::collections::{HashMap, HashSet};

use super::liveness::Liveness;
use crate::format::{BlockName, ObjectKind, PackId};

/// A pack that the store lists and whose blocks are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) pack: PackId,
    pub(crate) kind: ObjectKind,
    pub(crate) object_bytes: u64,
    pub(crate) chunks_count: u32,
    pub(crate) contents: Contents,
}

/// The blocks of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Contents {
    /// So many, all born there.
    Born(u16),
    /// These, of which some were born elsewhere.
    Given(Vec<BlockName>),
}

impl Held {
    /// The names of its blocks, in the order of their positions.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = BlockName> {
        let pack = self.pack;
        let (born, given) = match &self.contents {
            Contents::Born(count) => (*count, &[][..]),
            Contents::Given(names) => (0, names.as_slice()),
        };
        let born = (0..born).map(move |ordinal| BlockName { pack, ordinal });
        born.chain(given.iter().copied())
    }

    pub(crate) fn blocks_count(&self) -> usize {
        match &self.contents {
            Contents::Born(count) => usize::from(*count),
            Contents::Given(names) => names.len(),
        }
    }

    /// Its blocks of which something is needed.
    pub(crate) fn needed(&self, live: &Liveness) -> impl Iterator<Item = BlockName> {
        self.blocks().filter(|name| !live.needed(name).is_empty())
    }

    pub(crate) fn needed_chunks_count(&self, live: &Liveness) -> u32 {
        self.blocks().map(|name| live.needed(&name).len()).sum()
    }
}

/// Which blocks can be read from some packs.
#[derive(Debug, Default)]
pub(crate) struct Places {
    born: HashMap<PackId, u16>,
    given: HashSet<BlockName>,
}

impl Places {
    pub(crate) fn of<'a>(packs: impl Iterator<Item = &'a Held>) -> Self {
        let mut places = Self::default();
        packs.for_each(|pack| places.add(pack));
        places
    }

    pub(crate) fn add(&mut self, pack: &Held) {
        match &pack.contents {
            Contents::Born(count) => {
                self.born.insert(pack.pack, *count);
            }
            Contents::Given(names) => self.given.extend(names),
        }
    }

    pub(crate) fn has(&self, name: BlockName) -> bool {
        let born = self.born.get(&name.pack);
        born.is_some_and(|count| name.ordinal < *count) || self.given.contains(&name)
    }
}
