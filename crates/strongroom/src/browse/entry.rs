//! One entry of a point, and where it stands.

use std::sync::Arc;

use strongroom_vault::format::ChunkAddress;

use crate::fs::{Kind, Meta, Xattrs};
use crate::tree::{Capture, Content, Record};

/// Where an entry stands in the vault: a few bytes by which it is found again. Two names of one file have two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    piece: ChunkAddress,
    index: u16,
}

impl Place {
    pub(super) fn new(piece: ChunkAddress, index: u16) -> Self {
        Self { piece, index }
    }

    pub(super) fn piece(self) -> ChunkAddress {
        self.piece
    }

    pub(super) fn index(self) -> u16 {
        self.index
    }
}

/// A file, directory, link or special file of a recovery point, as it was recorded.
#[derive(Debug, Clone)]
pub struct Entry {
    place: Place,
    record: Arc<Record>,
}

impl Entry {
    pub(super) fn new(place: Place, record: Arc<Record>) -> Self {
        Self { place, record }
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Its name, bytes; empty for the root.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.record.name
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.record.meta.kind
    }

    /// Its metadata; `dev`, `nlink` and `blocks` are not recorded and 0.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.record.meta
    }

    /// Target of a symlink.
    #[must_use]
    pub fn target(&self) -> Option<&[u8]> {
        self.record.extras.target.as_deref()
    }

    /// Extended attributes, ACLs and capabilities included.
    #[must_use]
    pub fn xattrs(&self) -> &Xattrs {
        &self.record.extras.xattrs
    }

    /// Device and inode at the source, which all names of one file share; `None` for what had one name.
    #[must_use]
    pub fn hard_link(&self) -> Option<(u64, u64)> {
        self.record.extras.hard_link
    }

    /// Why its content is torn or missing, if it is.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        self.record.extras.capture.map(Capture::describe)
    }

    /// True for a file whose content the point does not hold.
    #[must_use]
    pub fn is_without_content(&self) -> bool {
        matches!(self.record.extras.capture, Some(Capture::Unreadable))
    }

    pub(super) fn content(&self) -> &Content {
        &self.record.content
    }
}
