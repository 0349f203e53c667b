//! The kernel's questions, handed on. Everything that would write is refused by the kernel itself: the mount is
//! read-only.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use fuser::{
    Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, KernelConfig,
    LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty,
    ReplyEntry, ReplyLseek, ReplyOpen, ReplyXattr, Request,
};

use crate::answers::{Answer, Answers};
use crate::mount::Event;
use crate::node::Node;

mod directories;

/// Numbers are never given to another entry: one generation is enough.
const GENERATION: Generation = Generation(0);
/// `lseek(2)`: the next byte that is no hole, and the next hole.
const SEEK_DATA: i32 = 3;
const SEEK_HOLE: i32 = 4;

/// What the kernel talks to.
pub(crate) struct Kernel {
    pub(crate) answers: Arc<Answers>,
    pub(crate) events: Sender<Event>,
}

impl Filesystem for Kernel {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        for wish in [
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_READDIRPLUS_AUTO,
            InitFlags::FUSE_PARALLEL_DIROPS,
        ] {
            if config.add_capabilities(wish).is_err() {
                tracing::debug!(?wish, "the kernel does not have it");
            }
        }
        Ok(())
    }

    fn destroy(&mut self) {
        // Who does not listen any more does not need to know.
        let _is_heard = self.events.send(Event::Ended).is_ok();
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.answers.touch();
        match self.answers.lookup(parent.0, name) {
            Ok((attributes, believed_for)) => reply.entry(&believed_for, &attributes, GENERATION),
            Err(errno) => reply.error(errno),
        }
    }

    fn forget(&self, _: &Request, ino: INodeNo, lookups: u64) {
        self.answers.nodes.forget(ino.0, lookups);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        self.answers.touch();
        let answer = self.answers.node(ino.0).and_then(|node| {
            let attributes = self.answers.attributes(ino.0, &node)?;
            Ok((attributes, Answers::believed_for(&node)))
        });
        match answer {
            Ok((attributes, believed_for)) => reply.attr(&believed_for, &attributes),
            Err(errno) => reply.error(errno),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        self.answers.touch();
        give_data(reply, self.answers.target(ino.0));
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.answers.touch();
        match self.answers.open(ino.0) {
            // What the kernel keeps of a file stays right: recovery points do not change.
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::FOPEN_KEEP_CACHE),
            Err(errno) => reply.error(errno),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.answers.touch();
        let answer = self.answers.read(ino.0, handle.0, offset, size as usize);
        give_data(reply, answer);
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.answers.files.close(ino.0, handle.0);
        reply.ok();
    }

    fn lseek(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        self.answers.touch();
        match self.seek(ino.0, handle.0, offset, whence) {
            Ok(offset) => reply.offset(offset),
            Err(errno) => reply.error(errno),
        }
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.answers.touch();
        let lasting = FopenFlags::FOPEN_CACHE_DIR | FopenFlags::FOPEN_KEEP_CACHE;
        match self.answers.node(ino.0) {
            Ok(Node::Sources | Node::Source(_)) => {
                reply.opened(FileHandle(0), FopenFlags::empty());
            }
            Ok(_) => reply.opened(FileHandle(0), lasting),
            Err(errno) => reply.error(errno),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        self.answers.touch();
        match self.list(ino.0, offset, &mut reply) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        self.answers.touch();
        match self.list_with_attributes(ino.0, offset, &mut reply) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        self.answers.touch();
        let answer = self.answers.xattrs(ino.0).and_then(|all| {
            let found = all.into_iter().find(|(known, _)| known == name.as_bytes());
            Ok(found.ok_or(Errno::ENODATA)?.1)
        });
        give_sized(reply, size, answer);
    }

    fn listxattr(&self, request: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        self.answers.touch();
        let is_root = request.uid() == 0;
        let answer = self.answers.xattrs(ino.0).map(|all| {
            let mut names = Vec::new();
            for (name, _) in all {
                // As everywhere, only root sees those.
                if is_root || !name.starts_with(b"trusted.") {
                    names.extend_from_slice(&name);
                    names.push(0);
                }
            }
            names
        });
        give_sized(reply, size, answer);
    }
}

impl Kernel {
    fn seek(&self, number: u64, handle: u64, offset: i64, whence: i32) -> Answer<i64> {
        let reader = self.answers.files.reader(handle).ok_or(Errno::EINVAL)?;
        let from = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
        let found = match whence {
            SEEK_DATA => reader.next_data(from),
            SEEK_HOLE => reader.next_hole(from),
            _ => return Err(Errno::EINVAL),
        };
        let found = found.map_err(|error| self.answers.failed(number, &error))?;
        i64::try_from(found.ok_or(Errno::ENXIO)?).map_err(|_| Errno::EINVAL)
    }
}

fn give_data(reply: ReplyData, answer: Answer<Vec<u8>>) {
    match answer {
        Ok(bytes) => reply.data(&bytes),
        Err(errno) => reply.error(errno),
    }
}

/// Size 0 asks for the size.
fn give_sized(reply: ReplyXattr, size: u32, answer: Answer<Vec<u8>>) {
    match answer.map(|bytes| (u32::try_from(bytes.len()), bytes)) {
        Ok((Ok(len), _)) if size == 0 => reply.size(len),
        Ok((Ok(len), bytes)) if len <= size => reply.data(&bytes),
        Ok(_) => reply.error(Errno::ERANGE),
        Err(errno) => reply.error(errno),
    }
}
