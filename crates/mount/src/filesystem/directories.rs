//! Listings, with and without attributes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use fuser::{INodeNo, ReplyDirectory, ReplyDirectoryPlus};

use super::{GENERATION, Kernel};
use crate::answers::{Answer, Answers, Line, Room};

fn room(is_full: bool) -> Room {
    if is_full { Room::Full } else { Room::Left }
}

impl Kernel {
    pub(super) fn list(&self, number: u64, offset: u64, reply: &mut ReplyDirectory) -> Answer<()> {
        self.answers.list(number, offset, &mut |line| {
            let name = OsStr::from_bytes(&line.name);
            room(reply.add(INodeNo(line.number), line.next, line.kind, name))
        })
    }

    /// As [`Kernel::list`]; every line counts as a lookup of its name.
    pub(super) fn list_with_attributes(
        &self,
        number: u64,
        offset: u64,
        reply: &mut ReplyDirectoryPlus,
    ) -> Answer<()> {
        let mut failed = None;
        let mut has_given = false;
        self.answers.list(
            number,
            offset,
            &mut |line| match self.add(number, line, reply) {
                Ok(room) => {
                    has_given |= room == Room::Left;
                    room
                }
                Err(errno) => {
                    failed = Some(errno);
                    Room::Full
                }
            },
        )?;
        match failed {
            // The kernel asks for the rest, and is told then.
            Some(errno) if !has_given => Err(errno),
            _ => Ok(()),
        }
    }

    fn add(&self, parent: u64, line: Line, reply: &mut ReplyDirectoryPlus) -> Answer<Room> {
        let name = OsStr::from_bytes(&line.name);
        let Some(node) = line.node else {
            // The kernel takes only the number of these two, and counts nothing.
            let node = self.answers.node(parent)?;
            let mut attributes = self.answers.attributes(parent, &node)?;
            attributes.ino = INodeNo(line.number);
            let is_full = reply.add(
                attributes.ino,
                line.next,
                name,
                &Duration::ZERO,
                &attributes,
                GENERATION,
            );
            return Ok(room(is_full));
        };
        let believed_for = Answers::believed_for(&node);
        let mut attributes = self.answers.attributes(line.number, &node)?;
        let number = self.answers.nodes.remember(node, parent, &line.name);
        attributes.ino = INodeNo(number);
        let is_full = reply.add(
            attributes.ino,
            line.next,
            name,
            &believed_for,
            &attributes,
            GENERATION,
        );
        if is_full {
            self.answers.nodes.forget(number, 1);
        }
        Ok(room(is_full))
    }
}
