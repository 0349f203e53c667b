//! Reading a source and writing a target by file descriptor.
//!
//! Every entry is reached by one name from an open directory, so that nothing that is moved or planted while a run
//! goes on leads it elsewhere: symlinks are never followed, and what is opened is checked to be what was looked at.
//! The one exception is the path given to [`Directory::open`] or [`Target`], which is the user's choice.
//!
//! | file | is |
//! |---|---|
//! | `entry` | [`Meta`], what the file system says about an entry; names |
//! | `names` | [`Names`], a listing that costs little more than its bytes |
//! | `handle` | an open directory and what can be asked of it |
//! | `node` | a directory that is open only while it is used |
//! | `xattr` | extended attributes, by descriptor or by path |
//! | `read`, `source` | [`Directory`], [`SourceFile`]: the source of a backup |
//! | `place` | [`TargetDir`] and below: the target of a restore |
//!
//! Linux 4.11 or later is needed, 5.6 or later is used fully.

mod entry;
mod handle;
mod names;
mod node;
mod place;
mod read;
mod source;
#[cfg(test)]
mod tests;
mod xattr;

pub use entry::{Kind, Meta, Time, Xattrs};
pub use names::Names;
pub use place::{
    Attributes, Draft, How, NewFile, Replaced, Target, TargetDir, UpdateFile, conflict_name,
};
pub use read::Directory;
pub use source::{Segment, Segments, SourceFile};
