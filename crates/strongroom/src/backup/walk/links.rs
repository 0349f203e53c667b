//! Files with several names: read once, by the first name that can be read.

use std::sync::Arc;

use super::{Job, Pending, Ticket, Walk, hard_link, stored};
use crate::Result;
use crate::fs::{Directory, Meta};
use crate::tree::{Capture, Content, Extent, Record};

/// One name of a file, and what is needed to read the file by it.
pub(super) struct Name {
    pub(super) ticket: Ticket,
    pub(super) dir: Arc<Directory>,
    pub(super) name: Vec<u8>,
    pub(super) path: Vec<u8>,
    pub(super) meta: Meta,
    pub(super) base: Option<Record>,
    pub(super) device: Option<u64>,
}

/// A record that was made in this run, with all extents of its content.
#[derive(Clone)]
pub(super) struct Fresh {
    pub(super) record: Box<Record>,
    pub(super) extents: Arc<[Extent]>,
}

/// Content of a file with several names: read once, by the first name that can be read.
pub(super) enum Link {
    Reading(Vec<Name>),
    Read(Fresh),
}

impl Walk<'_, '_> {
    /// Gives a file to the workers, unless another name of it is with them or was read already.
    pub(super) fn send(&mut self, name: Name) -> Result<()> {
        let link = hard_link(&name.meta);
        if let Some(key) = link {
            match self.links.get_mut(&key) {
                Some(Link::Reading(others)) => {
                    others.push(name);
                    return Ok(());
                }
                Some(Link::Read(fresh)) => {
                    let fresh = fresh.clone();
                    return self.settle_other_name(name, fresh);
                }
                None => {
                    self.links.insert(key, Link::Reading(Vec::new()));
                }
            }
        }
        self.hand_over(name, link);
        Ok(())
    }

    fn hand_over(&mut self, name: Name, hard_link: Option<(u64, u64)>) {
        self.pending.insert(
            name.ticket,
            Pending {
                base: name.base,
                hard_link,
                device: name.device,
            },
        );
        self.tally.path_of(name.ticket, &name.path);
        self.queue.push(Job {
            ticket: name.ticket,
            dir: name.dir,
            name: name.name,
            meta: name.meta,
        });
    }

    fn settle_other_name(&mut self, name: Name, mut fresh: Fresh) -> Result<()> {
        fresh.record.name = name.name;
        fresh.record.extras.device = name.device;
        self.settle(
            name.ticket,
            Some(fresh.record),
            Some(&fresh.extents),
            name.base.as_ref(),
        )
    }

    /// What a worker has read, as it stands in the tree.
    pub(super) fn fresh(&mut self, mut record: Box<Record>, device: Option<u64>) -> Result<Fresh> {
        record.meta = stored(&record.meta);
        record.extras.device = device;
        let mut extents: Arc<[Extent]> = Arc::from([]);
        if let Content::Extents(all) = &record.content {
            extents = Arc::from(all.as_slice());
            record.content = self.frames.content_of(&extents)?;
        }
        Ok(Fresh { record, extents })
    }

    /// The other names of a file share what was read by one of them; when that failed, the next name is tried.
    pub(super) fn settle_links(&mut self, key: (u64, u64), fresh: Option<&Fresh>) -> Result<()> {
        let Some(Link::Reading(mut others)) = self.links.remove(&key) else {
            return Ok(());
        };
        let shared = fresh.filter(|fresh| {
            fresh.record.extras.hard_link == Some(key)
                && fresh.record.extras.capture != Some(Capture::Unreadable)
        });
        let Some(fresh) = shared else {
            if let Some(next) = others.pop() {
                self.links.insert(key, Link::Reading(others));
                self.hand_over(next, Some(key));
            }
            return Ok(());
        };
        self.links.insert(key, Link::Read(fresh.clone()));
        for other in others {
            self.settle_other_name(other, fresh.clone())?;
        }
        Ok(())
    }
}
