//! What stands under a name, and where it is read: there, or in what stands in for it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Walk;
use crate::backup::stand_in;
use crate::fs::{Directory, Kind, Meta};
use crate::tree::DEPTH_MAX;

impl Walk<'_, '_> {
    pub(super) fn look_here(
        &mut self,
        dir: &Directory,
        frame: u64,
        name: &[u8],
    ) -> Option<(Meta, Option<Directory>)> {
        let meta = self.look_at(dir, frame, name)?;
        let is_hollow = meta.kind == Kind::Directory && meta.ino == stand_in::EMPTY_SUBVOLUME;
        if is_hollow && !self.options.stand_ins.is_empty() {
            let path = self.path.clone();
            return self.look_elsewhere(Path::new(OsStr::from_bytes(&path)), frame);
        }
        Some((meta, None))
    }

    /// What stands in for the directory where the walk is; `None` when it is protected or cannot be opened, which is told.
    pub(super) fn look_elsewhere(
        &mut self,
        read_at: &Path,
        frame: u64,
    ) -> Option<(Meta, Option<Directory>)> {
        // One that is read where it stands must not be reached by a link that somebody has put above it.
        let opened = match read_at.as_os_str().as_bytes() == self.path {
            true => stand_in::open_unlinked(read_at),
            false => Directory::open(read_at),
        };
        match opened.and_then(|dir| Ok((dir.meta()?, dir))) {
            Ok((meta, _))
                if self.protected.is_place(&meta) || self.protected.is_path(&self.path) =>
            {
                None
            }
            Ok((meta, dir)) => Some((meta, Some(dir))),
            Err(error) => {
                self.frames.mark_incomplete(frame);
                let reason = format!("cannot open {} for it: {error}", read_at.display());
                self.tally.skip(&self.path, reason);
                None
            }
        }
    }

    pub(super) fn open_below(
        &self,
        dir: &Directory,
        name: &[u8],
        meta: &Meta,
    ) -> std::io::Result<Directory> {
        if self.places.len() >= DEPTH_MAX {
            return Err(std::io::Error::other("the directory is nested too deeply"));
        }
        dir.open_child(name, meta)
    }

    /// Metadata of an entry that is to be in the point; `None` for one that is gone, not wanted or not to be seen.
    fn look_at(&mut self, dir: &Directory, frame: u64, name: &[u8]) -> Option<Meta> {
        let meta = match dir.stat(name) {
            Ok(meta) => meta,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                self.frames.mark_incomplete(frame);
                self.tally
                    .skip(&self.path, format!("cannot look at it: {error}"));
                return None;
            }
        };
        let most = self.options.exclude_larger_than_bytes;
        let is_too_large = meta.kind == Kind::File && most.is_some_and(|most| meta.size > most);
        let is_elsewhere = !self.options.stand_ins.is_empty();
        let is_protected =
            self.protected.is_place(&meta) || is_elsewhere && self.protected.is_path(&self.path);
        (!is_protected && !is_too_large).then_some(meta)
    }
}
