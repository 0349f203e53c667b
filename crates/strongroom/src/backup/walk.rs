//! The walk: one thread that goes through the source in order of name, compares with the previous point, sends
//! files to the workers and gathers the records.

mod cache;
mod compare;
mod links;
mod look;
mod results;
mod usable;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use strongroom_vault::format::ChunkAddress;

use super::Run;
use super::capture::Done;
use super::checkpoint::Checkpoints;
use super::exclude::Excludes;
use super::frame::Frames;
use super::jobs::{Job, JobQueue, Ticket};
use super::packer::Packer;
use super::roots::Roots;
use super::stand_in;
use super::tally::Tally;
use crate::engine::Strongroom;
use crate::fs::{Directory, Kind, Meta, Names};
use crate::options::BackupOptions;
use crate::protected::Protected;
use crate::tree::{Capture, Content, Descent, DirReader, Extras, Record, Rules, TreeReader};
use crate::{Error, Result};

pub(super) use compare::hard_link;
use compare::{advance, is_unchanged, new_inline_bytes, passed_through, stored};
use links::{Link, Name};

/// Files that may be with the workers at once: bounds memory and open directories.
const OUTSTANDING_MAX: usize = 256;

/// The points that a walk compares with: what they hold need not be read again.
#[derive(Default)]
pub(crate) struct Parents {
    /// Root record and piece of the newest point of the source; the reference list is derived from it.
    pub(crate) base: Option<(Record, ChunkAddress)>,
    /// When the reading of that point began, seconds since 1970: what changed later is read again.
    pub(crate) base_started_secs: i64,
    /// Root record of an interrupted run's newest checkpoint, and when that run began.
    pub(crate) checkpoint: Option<(Record, i64)>,
}

/// A reader of a directory in a parent, moved forward along the walk.
struct Cursor {
    records: DirReader,
    started_secs: i64,
}

/// One directory that the walk is in.
struct Place {
    frame: u64,
    dir: Arc<Directory>,
    names: Names,
    next: usize,
    path_len: usize,
    base: Option<Cursor>,
    checkpoint: Option<Cursor>,
    device: u64,
    /// False on the way down to a root.
    in_root: bool,
}

/// A file that is with a worker.
struct Pending {
    base: Option<Record>,
    hard_link: Option<(u64, u64)>,
    device: Option<u64>,
}

pub(crate) struct Walk<'a, 'm> {
    engine: &'a Strongroom,
    options: &'a BackupOptions,
    roots: &'a Roots,
    excludes: &'a Excludes,
    protected: &'a Protected,
    packer: &'a Packer<'m>,
    queue: &'a JobQueue,
    done: &'a Receiver<Done>,
    pub(crate) frames: Frames<'a, 'm>,
    pub(crate) tally: Tally<'m>,
    checkpoints: Checkpoints<'a>,
    tree: TreeReader,
    places: Vec<Place>,
    path: Vec<u8>,
    pending: HashMap<Ticket, Pending>,
    links: HashMap<(u64, u64), Link>,
    acknowledged_count: usize,
    /// A worker has left early: no flush will be acknowledged by all.
    pub(crate) is_short_of_workers: bool,
}

impl<'a, 'm> Walk<'a, 'm> {
    pub(crate) fn new(
        run: &'a Run<'a, 'm>,
        queue: &'a JobQueue,
        done: &'a Receiver<Done>,
        checkpoints: Checkpoints<'a>,
    ) -> Result<Self> {
        Ok(Self {
            engine: run.engine,
            options: run.options,
            roots: run.roots,
            excludes: run.excludes,
            protected: run.protected,
            packer: &run.packer,
            queue,
            done,
            frames: Frames::new(run.engine, &run.packer)?,
            tally: Tally::new(run.monitor),
            checkpoints,
            tree: TreeReader::new(run.engine.clone()),
            places: Vec::new(),
            path: Vec::new(),
            pending: HashMap::new(),
            links: HashMap::new(),
            acknowledged_count: 0,
            is_short_of_workers: false,
        })
    }

    /// Walks everything; returns the address of the root piece.
    pub(crate) fn run(&mut self, parents: Parents) -> Result<ChunkAddress> {
        let parents_root = parents.base.as_ref().map(|(_, at)| *at);
        self.enter_root(parents)?;
        while let Some(place) = self.places.last_mut() {
            let index = place.next;
            if let Some(name) = place.names.get(index) {
                let name = name.to_vec();
                place.next += 1;
                self.visit(&name)?;
            } else {
                self.leave()?;
            }
            self.take_done(OUTSTANDING_MAX)?;
            self.look_around()?;
        }
        while !self.pending.is_empty() {
            self.take_done(0)?;
        }
        let root = self
            .frames
            .root
            .take()
            .ok_or(Error::TreeDamaged("the walk ended without a root"))?;
        let at = self.frames.store_root(&root)?;
        if parents_root != Some(at) {
            if let Some(before) = parents_root {
                self.frames.changes.chunk(before, -1);
            }
            self.frames.changes.chunk(at, 1);
        }
        Ok(at)
    }

    fn enter_root(&mut self, parents: Parents) -> Result<()> {
        let dir = match stand_in::of(&self.options.stand_ins, b"/") {
            Some(read_at) => Directory::open(read_at),
            None => Directory::open(Path::new("/")),
        };
        let dir = dir.map_err(|e| Error::file("open", b"/", e))?;
        let meta = dir.meta().map_err(|e| Error::file("read", b"/", e))?;
        let base = parents
            .base
            .map(|(record, _)| (record, parents.base_started_secs));
        let mut record = Record {
            name: Vec::new(),
            meta: stored(&meta),
            content: Content::Empty,
            extras: Extras {
                xattrs: dir.xattrs().unwrap_or_default(),
                rules: rules(self.options),
                ..Extras::default()
            },
        };
        if self.roots.names_in(b"/").is_some() {
            record.meta = passed_through(&meta);
        }
        self.enter(None, Arc::new(dir), &meta, record, base, parents.checkpoint)
    }

    /// Lists a directory that was just opened and makes it the place of the walk.
    fn enter(
        &mut self,
        parent: Option<Ticket>,
        dir: Arc<Directory>,
        meta: &Meta,
        mut record: Record,
        base: Option<(Record, i64)>,
        checkpoint: Option<(Record, i64)>,
    ) -> Result<()> {
        let path = if self.path.is_empty() {
            b"/".as_slice()
        } else {
            self.path.as_slice()
        };
        let way = self.roots.names_in(path);
        let in_root = way.is_none();
        let names = match way {
            Some(names) => Names::from_sorted(names),
            None => match dir.list() {
                Ok(names) => names,
                Err(error) => {
                    record.extras.capture = Some(Capture::Incomplete);
                    self.tally.skip(path, format!("cannot list it: {error}"));
                    Names::from_sorted(&[])
                }
            },
        };
        if in_root {
            self.tally.dirs_count += 1;
        }
        self.tally.found(names.len() as u64, 0);
        let base_content = base
            .as_ref()
            .map(|(record, _)| record.content.clone())
            .unwrap_or_default();
        let frame = self.frames.begin(parent, record, base_content);
        let base = self.cursor(base)?;
        let checkpoint = self.cursor(checkpoint)?;
        self.places.push(Place {
            frame,
            dir,
            names,
            next: 0,
            path_len: self.path.len(),
            base,
            checkpoint,
            device: meta.dev,
            in_root,
        });
        Ok(())
    }

    fn cursor(&self, parent: Option<(Record, i64)>) -> Result<Option<Cursor>> {
        parent
            .map(|(record, started_secs)| {
                Ok(Cursor {
                    records: self.tree.open_dir(&record.content)?,
                    started_secs,
                })
            })
            .transpose()
    }

    fn leave(&mut self) -> Result<()> {
        let Some(mut place) = self.places.pop() else {
            return Ok(());
        };
        if let Some(base) = &mut place.base {
            while let Some(record) = base.records.next()? {
                self.forget(&record)?;
            }
        }
        let above = self.places.last().map_or(0, |above| above.path_len);
        self.frames.walked(place.frame)?;
        self.path.truncate(above);
        Ok(())
    }

    /// A record of the base point that the new point does not carry on: its uses, and those of all below it, are taken
    /// off.
    fn forget(&mut self, record: &Record) -> Result<()> {
        self.frames.count(&record.content, -1)?;
        let mut stack = Descent::new(&self.tree);
        if record.meta.kind == Kind::Directory {
            stack.enter(&record.content, ())?;
        }
        while let Some((records, ())) = stack.innermost() {
            let Some(record) = records.next()? else {
                stack.leave();
                continue;
            };
            self.frames.count(&record.content, -1)?;
            if record.meta.kind == Kind::Directory {
                stack.enter(&record.content, ())?;
            }
        }
        Ok(())
    }

    fn visit(&mut self, name: &[u8]) -> Result<()> {
        let Some(place) = self.places.last_mut() else {
            return Ok(());
        };
        let in_root = place.in_root;
        let (dir, device, frame) = (Arc::clone(&place.dir), place.device, place.frame);
        self.path.truncate(place.path_len);
        self.path.push(b'/');
        self.path.extend_from_slice(name);
        if in_root && !self.excludes.is_empty() && self.excludes.matches(&self.path, name) {
            return Ok(());
        }
        let options = self.options;
        let found = match stand_in::of(&options.stand_ins, &self.path) {
            Some(read_at) => self.look_elsewhere(read_at, frame),
            None => self.look_here(&dir, frame, name),
        };
        let Some((meta, elsewhere)) = found else {
            return Ok(());
        };
        let (base, base_started) = self.advance_base(name)?;
        let checkpoint = self.advance_checkpoint(name)?;
        let other_device = (meta.dev != device).then_some(meta.dev);
        if meta.kind == Kind::Directory {
            let base = base.map(|record| (record, base_started));
            let opened = match elsewhere {
                Some(dir) => Ok(dir),
                None => self.open_below(&dir, name, &meta),
            };
            return self.visit_dir(opened, frame, name, &meta, other_device, base, checkpoint);
        }
        let ticket = self.frames.keep_place(frame);
        self.tally.entry_seen(&meta);
        if let Some(record) = base
            .as_ref()
            .filter(|record| is_unchanged(record, &meta, base_started, other_device))
            && self.is_usable(&record.content)?
        {
            let mut record = record.clone();
            // Numbers of devices change between boots; those of one run belong together.
            record.extras.hard_link = hard_link(&meta);
            self.tally.entry_done(&record, base.as_ref());
            return self.frames.deliver(ticket, Some(Box::new(record)));
        }
        if let Some((mut record, started)) = checkpoint
            && is_unchanged(&record, &meta, started, other_device)
            && self.is_usable(&record.content)?
        {
            record.extras.hard_link = hard_link(&meta);
            return self.settle(ticket, Some(Box::new(record)), None, base.as_ref());
        }
        if meta.kind == Kind::File {
            let path = self.path.clone();
            self.send(Name {
                ticket,
                dir,
                name: name.to_vec(),
                path,
                meta,
                base,
                device: other_device,
            })
        } else {
            self.record_special(ticket, &dir, name, &meta, base.as_ref(), other_device)
        }
    }

    fn advance_base(&mut self, name: &[u8]) -> Result<(Option<Record>, i64)> {
        let mut gone = Vec::new();
        let found = match self.places.last_mut().and_then(|place| place.base.as_mut()) {
            Some(cursor) => (
                advance(&mut cursor.records, name, &mut gone)?,
                cursor.started_secs,
            ),
            None => (None, 0),
        };
        for record in gone {
            self.forget(&record)?;
        }
        Ok(found)
    }

    fn advance_checkpoint(&mut self, name: &[u8]) -> Result<Option<(Record, i64)>> {
        let Some(cursor) = self
            .places
            .last_mut()
            .and_then(|place| place.checkpoint.as_mut())
        else {
            return Ok(None);
        };
        let found = advance(&mut cursor.records, name, &mut Vec::new())?;
        Ok(found.map(|record| (record, cursor.started_secs)))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one directory as seen from all sides"
    )]
    fn visit_dir(
        &mut self,
        opened: std::io::Result<Directory>,
        frame: u64,
        name: &[u8],
        meta: &Meta,
        device: Option<u64>,
        base: Option<(Record, i64)>,
        checkpoint: Option<(Record, i64)>,
    ) -> Result<()> {
        let base = match base {
            Some((record, _)) if record.meta.kind != Kind::Directory => {
                self.forget(&record)?;
                None
            }
            other => other,
        };
        let checkpoint = checkpoint.filter(|(record, _)| record.meta.kind == Kind::Directory);
        let ticket = self.frames.keep_place(frame);
        let mut record = Record {
            name: name.to_vec(),
            meta: stored(meta),
            content: Content::Empty,
            extras: Extras {
                device,
                ..Extras::default()
            },
        };
        if self.roots.names_in(&self.path).is_some() {
            record.meta = passed_through(meta);
        }
        let crossing = device.is_some()
            && self.options.one_file_system
            && self.roots.names_in(&self.path).is_none();
        let is_root = self.roots.paths.contains(&self.path);
        let in_root = self.roots.names_in(&self.path).is_none();
        let is_cache =
            |dir: &Directory| self.options.exclude_caches && in_root && cache::is_tagged(dir);
        let stays_out = match &opened {
            Ok(child) => !is_root && (crossing || is_cache(child)),
            Err(_) => false,
        };
        match opened {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if let Some((base, _)) = &base {
                    self.forget(base)?;
                }
                self.frames.deliver(ticket, None)
            }
            Ok(child) if !stays_out => {
                match child.xattrs() {
                    Ok(xattrs) => record.extras.xattrs = xattrs,
                    Err(error) => self
                        .tally
                        .skip(&self.path, format!("cannot read its attributes: {error}")),
                }
                self.enter(
                    Some(ticket),
                    Arc::new(child),
                    meta,
                    record,
                    base,
                    checkpoint,
                )
            }
            outcome => {
                if let Some((base, _)) = &base {
                    self.forget(base)?;
                }
                if stays_out || crossing && !is_root {
                    record.extras.capture = Some(Capture::NotEntered);
                } else if let Err(error) = outcome {
                    record.extras.capture = Some(Capture::Incomplete);
                    self.tally
                        .skip(&self.path, format!("cannot open it: {error}"));
                }
                self.tally.dirs_count += 1;
                self.frames.deliver(ticket, Some(Box::new(record)))
            }
        }
    }

    /// Symlinks, devices, pipes and sockets: everything about them stands in the record.
    fn record_special(
        &mut self,
        ticket: Ticket,
        dir: &Directory,
        name: &[u8],
        meta: &Meta,
        base: Option<&Record>,
        device: Option<u64>,
    ) -> Result<()> {
        let mut extras = Extras {
            device,
            hard_link: hard_link(meta),
            ..Extras::default()
        };
        let read = dir.xattrs_of(name, meta.kind).and_then(|xattrs| {
            extras.xattrs = xattrs;
            if meta.kind == Kind::Symlink {
                extras.target = Some(dir.read_link(name)?);
            }
            Ok(())
        });
        if let Err(error) = read {
            if error.kind() == std::io::ErrorKind::NotFound {
                return self.settle(ticket, None, None, base);
            }
            extras.capture = Some(Capture::Unreadable);
            self.tally
                .skip(&self.path, format!("cannot read it: {error}"));
        }
        let record = Record {
            name: name.to_vec(),
            meta: stored(meta),
            content: Content::Empty,
            extras,
        };
        self.settle(ticket, Some(Box::new(record)), None, base)
    }
}

/// What the point leaves out, so that a restore does not take it for extra; `None` when that is nothing.
fn rules(options: &BackupOptions) -> Option<Rules> {
    let rules = Rules {
        patterns: options.excludes.clone(),
        larger_than_bytes: options.exclude_larger_than_bytes,
    };
    (rules != Rules::default()).then_some(rules)
}
