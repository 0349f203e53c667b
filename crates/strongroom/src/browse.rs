//! A recovery point opened for looking around: any entry in any order, any bytes of a file, from any thread.
//!
//! What [`Strongroom::list`] and [`Strongroom::cat`] do once and in order, this does at random: it is what a mounted
//! point or a console is made of.
//!
//! | module | is |
//! |---|---|
//! | `entry` | [`Entry`], and [`Place`], by which it is found again |
//! | `pieces` | the pieces of directories that were read last |
//! | `listing` | [`Listing`]: a directory from any position on |
//! | `file`, `spans` | [`FileReader`]: any bytes of a file |
//! | `links` | how many names a file has |

mod entry;
mod file;
mod links;
mod listing;
mod pieces;
mod spans;

use std::sync::Arc;

use strongroom_vault::format::SessionId;

pub use entry::{Entry, Place};
pub use file::FileReader;
pub use listing::{Listing, Position};

use crate::engine::Strongroom;
use crate::fs::Kind;
use crate::tree::read::PieceTable;
use crate::tree::{Content, TreeReader};
use crate::{Error, Result};
use links::Links;
use pieces::Pieces;

/// The tree of one recovery point.
///
/// Clones are cheap and share everything. Memory does not grow with what is looked at: entries are read again when they
/// are asked for again, through a cache of 32 pieces of directories and the caches of blocks of the [`Strongroom`].
#[derive(Clone)]
pub struct PointTree(Arc<Inner>);

struct Inner {
    tree: TreeReader,
    root: Entry,
    roots: Vec<Vec<u8>>,
    pieces: Pieces,
    links: Links,
}

impl std::fmt::Debug for PointTree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PointTree")
            .field("root", &self.0.root.place())
            .finish_non_exhaustive()
    }
}

impl Strongroom {
    /// Opens a recovery point for looking around.
    ///
    /// # Errors
    /// When there is no such point, or its manifest or its root cannot be read.
    pub fn browse(&self, point: &SessionId) -> Result<PointTree> {
        let open = self.open_point(point)?;
        Ok(PointTree(Arc::new(Inner {
            pieces: Pieces::new(open.tree.clone()),
            tree: open.tree,
            root: Entry::new(Place::new(open.root_at, 0), Arc::new(open.root)),
            roots: open.roots,
            links: Links::default(),
        })))
    }
}

impl PointTree {
    /// The directory `/`. What was backed up stands below it under its absolute path.
    #[must_use]
    pub fn root(&self) -> Entry {
        self.0.root.clone()
    }

    /// Absolute paths of what was backed up.
    #[must_use]
    pub fn roots(&self) -> &[Vec<u8>] {
        &self.0.roots
    }

    /// The entry that stands in a place of this point.
    ///
    /// # Errors
    /// When what holds it cannot be read any more, or the place is none of this point.
    pub fn entry(&self, place: Place) -> Result<Entry> {
        if place == self.0.root.place() {
            return Ok(self.root());
        }
        let piece = self.0.pieces.get(place.piece())?;
        piece
            .entry(place.index())
            .ok_or(Error::TreeDamaged("an entry is not where it was"))
    }

    /// The entry of one name in a directory, by a number of reads that grows with the logarithm of its size.
    ///
    /// # Errors
    /// When `dir` is no directory, or is damaged.
    pub fn lookup(&self, dir: &Entry, name: &[u8]) -> Result<Option<Entry>> {
        let table = self.table(dir)?;
        let (mut low, mut high) = (0, table.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(at) = table.get(middle) else { break };
            let piece = self.0.pieces.get(at)?;
            if name < piece.first_name() {
                high = middle;
            } else if name > piece.last_name() {
                low = middle + 1;
            } else {
                return Ok(piece.find(name));
            }
        }
        Ok(None)
    }

    /// The entries of a directory in order of name, from a position on.
    ///
    /// # Errors
    /// When `dir` is no directory, or is damaged.
    pub fn read_dir(&self, dir: &Entry, from: Position) -> Result<Listing> {
        Ok(Listing::new(self.clone(), self.table(dir)?, from))
    }

    /// Opens a file for reading at any offset.
    ///
    /// # Errors
    /// When it is no file.
    pub fn open_file(&self, file: &Entry) -> Result<FileReader> {
        FileReader::open(&self.0.tree, file)
    }

    /// Bytes of a file that are no holes; its size, where that cannot be read.
    #[must_use]
    pub fn allocated_bytes(&self, file: &Entry) -> u64 {
        let size = file.meta().size;
        match self.0.tree.holes(file.content()) {
            Ok(holes) => size.saturating_sub(holes),
            Err(error) => {
                tracing::debug!(%error, "the holes of a file cannot be counted");
                size
            }
        }
    }

    /// How many names of this point an entry has. The first file that has several makes all of them counted, once, which
    /// takes as long as a listing of the point; in points of more than a million entries two are told of each.
    #[must_use]
    pub fn links_count(&self, entry: &Entry) -> u64 {
        let Some(key) = entry.hard_link() else {
            return 1;
        };
        self.0.links.count(key, &self.0.tree, &self.0.root)
    }

    fn piece(&self, at: strongroom_vault::format::ChunkAddress) -> Result<Arc<pieces::Piece>> {
        self.0.pieces.get(at)
    }

    fn table(&self, dir: &Entry) -> Result<PieceTable> {
        if dir.kind() != Kind::Directory {
            return Err(Error::WrongKind {
                path: dir.name().to_vec(),
                needed: "directory",
            });
        }
        match dir.content() {
            Content::Inline(_) => Err(Error::TreeDamaged("a directory has inline content")),
            content => PieceTable::read(self.0.tree.extents(content)),
        }
    }
}
