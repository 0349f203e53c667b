//! Looking inside: points, listings, searches, single files, differences.

mod compare;

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use globset::GlobBuilder;
use strongroom_vault::chain::{self, Chain};
use strongroom_vault::format::{ChunkAddress, Hold, SessionId};
use strongroom_vault::points::{self, PointRef, ReadPoint};

use crate::engine::Strongroom;
use crate::fs::Kind;
use crate::report::{Difference, EntryView, PointState, PointView, VaultStatus};
use crate::tree::file::{Piece, for_each_piece};
use crate::tree::{Descent, Record, TreeReader};
use crate::{Error, Result};
use compare::Comparison;

/// A point opened for reading.
pub(crate) struct OpenPoint {
    pub(crate) tree: TreeReader,
    pub(crate) root: Record,
    /// The piece that holds the root alone.
    pub(crate) root_at: ChunkAddress,
    /// Absolute paths of the backed-up roots.
    pub(crate) roots: Vec<Vec<u8>>,
    pub(crate) files_count: u64,
    pub(crate) logical_bytes: u64,
}

impl Strongroom {
    /// All recovery points, newest first; one whose manifest is damaged stands there with that state. Those that are
    /// softly deleted are among them, those that are gone for ever are not.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub fn points(&self) -> Result<Vec<PointView>> {
        let mut all = self.wait(points::all_observed(self.vault()))?;
        all.sort_unstable_by_key(|(point, _)| point.sid);
        let chains = self.wait(chain::all(self.vault()))?;
        let mut views: BTreeMap<SessionId, PointView> = BTreeMap::new();
        for (point, written_at) in all {
            let is_gone = |id: &SessionId| chains.get(id).is_some_and(Chain::is_gone);
            if is_gone(&point.sid) {
                continue;
            }
            let mut shown = match self.wait(points::read(self.vault(), &point)) {
                Ok(Some(read)) => view(read, written_at),
                Ok(None) => continue,
                Err(error) if error.is_corruption() => damaged_view(&point, written_at),
                Err(error) => return Err(error.into()),
            };
            if is_gone(&shown.id) {
                continue;
            }
            shown.take_chain(&chains.get(&shown.id).copied().unwrap_or_default());
            // Two workers may have copied one point: it is one all the same.
            views.entry(shown.id).or_insert(shown);
        }
        let mut views: Vec<PointView> = views.into_values().collect();
        // A point cannot have been taken after the store had it: a clock that is ahead makes no point newer.
        let known_at = |view: &PointView| {
            view.written_at
                .map_or(view.taken_at, |at| at.min(view.taken_at))
        };
        views.sort_by_key(|view| std::cmp::Reverse((known_at(view), view.id)));
        Ok(views)
    }

    /// The point of this id, unique prefix of an id, or `latest`: the newest that is neither deleted nor damaged.
    ///
    /// # Errors
    /// [`Error::NoSuchPoint`] and [`Error::AmbiguousPoint`], or when the vault cannot be read.
    pub fn point(&self, text: &str) -> Result<PointView> {
        let all = self.points()?;
        if text == "latest" {
            let mut readable = all
                .into_iter()
                .filter(|point| point.state != PointState::Damaged && point.deleted_at.is_none());
            return readable
                .next()
                .ok_or_else(|| Error::NoSuchPoint(text.to_owned()));
        }
        let wanted = text.to_ascii_lowercase();
        let mut found = all
            .into_iter()
            .filter(|point| point.id.to_string().starts_with(&wanted));
        match (found.next(), found.next()) {
            (Some(point), None) => Ok(point),
            (Some(_), Some(_)) => Err(Error::AmbiguousPoint(text.to_owned())),
            (None, _) => Err(Error::NoSuchPoint(text.to_owned())),
        }
    }

    pub(crate) fn open_point(&self, id: &SessionId) -> Result<OpenPoint> {
        let missing = || Error::NoSuchPoint(id.to_string());
        let point = self
            .wait(points::find(self.vault(), *id))?
            .ok_or_else(missing)?;
        let read = self
            .wait(points::read(self.vault(), &point))?
            .ok_or_else(missing)?;
        let tree = TreeReader::new(self.clone());
        let root = tree.root(read.names.tree)?;
        let roots = read
            .names
            .roots
            .iter()
            .map(strongroom_vault::format::PathText::to_bytes)
            .collect();
        let stats = &read.structure.stats;
        let (files_count, logical_bytes) = (stats.files_count, stats.logical_bytes);
        Ok(OpenPoint {
            tree,
            root,
            root_at: read.names.tree,
            roots,
            files_count,
            logical_bytes,
        })
    }

    /// Entries of a point in order of path, one call of `each` for every entry.
    ///
    /// Without a path: what stands in the roots (a root that is a file: itself). With the path of a directory: what
    /// stands in it; of anything else: the entry itself. Memory does not grow with the number of entries.
    ///
    /// # Errors
    /// When the path is not in the point, the point is damaged, or `each` fails.
    pub fn list(
        &self,
        point: &SessionId,
        path: Option<&[u8]>,
        recursive: bool,
        each: &mut dyn FnMut(EntryView) -> Result<()>,
    ) -> Result<()> {
        let open = self.open_point(point)?;
        let starts = match path {
            Some(path) => vec![open.resolve(path)?],
            None => open.roots.clone(),
        };
        for start in starts {
            let record = open.record(&start)?;
            if record.meta.kind == Kind::Directory {
                open.walk(&record, &start, recursive, each)?;
            } else {
                each(entry(start, &record))?;
            }
        }
        Ok(())
    }

    /// Entries below the roots of these points whose name, or whole path if the pattern holds a slash, matches.
    ///
    /// # Errors
    /// [`Error::Pattern`], or as [`Strongroom::list`].
    pub fn find(
        &self,
        points: &[SessionId],
        glob: &str,
        each: &mut dyn FnMut(&SessionId, EntryView) -> Result<()>,
    ) -> Result<()> {
        use std::os::unix::ffi::OsStrExt;
        let fail = |source| Error::Pattern {
            pattern: glob.to_owned(),
            source,
        };
        let by_path = glob.contains('/');
        let matcher = GlobBuilder::new(glob)
            .literal_separator(by_path)
            .build()
            .map_err(fail)?
            .compile_matcher();
        for point in points {
            let open = self.open_point(point)?;
            for root in open.roots.clone() {
                let record = open.record(&root)?;
                let mut check = |found: EntryView| {
                    let name = found
                        .path
                        .rsplit(|&byte| byte == b'/')
                        .next()
                        .unwrap_or_default();
                    let text = if by_path { found.path.as_slice() } else { name };
                    if matcher.is_match(std::ffi::OsStr::from_bytes(text)) {
                        each(point, found)
                    } else {
                        Ok(())
                    }
                };
                check(entry(root.clone(), &record))?;
                if record.meta.kind == Kind::Directory {
                    open.walk(&record, &root, true, &mut check)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the bytes of one file; returns how many.
    ///
    /// # Errors
    /// When the path is no file of the point, the point is damaged, or `out` fails.
    pub fn cat(&self, point: &SessionId, path: &[u8], out: &mut dyn Write) -> Result<u64> {
        let open = self.open_point(point)?;
        let path = open.resolve(path)?;
        let record = open.record(&path)?;
        if record.meta.kind != Kind::File {
            return Err(Error::WrongKind {
                path,
                needed: "file",
            });
        }
        let mut write = |bytes: &[u8]| {
            out.write_all(bytes)
                .map_err(|error| Error::file("write the bytes of", &path, error))
        };
        for_each_piece(&open.tree, &record, &mut |_, piece| match piece {
            Piece::Bytes(bytes) => write(bytes),
            Piece::Hole(bytes) => write_zeros(bytes, &mut write),
        })?;
        Ok(record.meta.size)
    }

    /// How the second point differs from the first, in order of path.
    ///
    /// # Errors
    /// As [`Strongroom::list`].
    pub fn diff(
        &self,
        a: &SessionId,
        b: &SessionId,
        each: &mut dyn FnMut(Difference) -> Result<()>,
    ) -> Result<()> {
        let (first, second) = (self.open_point(a)?, self.open_point(b)?);
        let mut comparison = Comparison::new(&first.tree, &second.tree);
        comparison.enter(&first.root.content, &second.root.content)?;
        comparison.run(each)
    }

    /// Identity, sizes and counts of the vault.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub fn status(&self) -> Result<VaultStatus> {
        let config = self.vault().config();
        let packs = self.wait(strongroom_vault::PackDirectory::list(self.vault()))?;
        let points = self.points()?;
        let mut sources: Vec<String> = points.iter().map(|point| point.source.clone()).collect();
        sources.sort();
        sources.dedup();
        Ok(VaultStatus {
            vault_id: self.vault().id().to_string(),
            name: config.name.clone(),
            format: config.format,
            redundancy: config.redundancy.clone(),
            packs_count: packs.packs_count(),
            stored_bytes: packs.stored_bytes(),
            points_count: points.len() as u64,
            sources,
        })
    }
}

impl PointView {
    /// What the chain of the point says beside its manifest.
    fn take_chain(&mut self, chain: &Chain) {
        self.deleted_at = chain.deleted_at;
        match chain.state.hold {
            Hold::Unsaid => {}
            Hold::Released => self.hold_until = None,
            Hold::Until(until) => self.hold_until = Some(until),
            Hold::ForEver => self.is_held = true,
        }
    }
}

impl OpenPoint {
    /// The absolute path in this point that a caller's path means: absolute, or relative to a root.
    pub(crate) fn resolve(&self, path: &[u8]) -> Result<Vec<u8>> {
        let trimmed = trim_slashes(path);
        if path.first() == Some(&b'/') {
            let absolute = if trimmed.is_empty() {
                b"/".to_vec()
            } else {
                trimmed.to_vec()
            };
            return match self.tree.find_path(&self.root, &absolute)? {
                Some(_) => Ok(absolute),
                None => Err(Error::NoSuchPath(absolute)),
            };
        }
        for root in &self.roots {
            let mut joined = trim_slashes(root).to_vec();
            if !trimmed.is_empty() && trimmed != b"." {
                joined.push(b'/');
                joined.extend_from_slice(trimmed);
            }
            if self.tree.find_path(&self.root, &joined)?.is_some() {
                return Ok(joined);
            }
        }
        Err(Error::NoSuchPath(path.to_vec()))
    }

    pub(crate) fn record(&self, path: &[u8]) -> Result<Record> {
        self.tree
            .find_path(&self.root, path)?
            .ok_or_else(|| Error::NoSuchPath(path.to_vec()))
    }

    /// Calls `each` for what stands in a directory, depth first when `recursive`.
    fn walk(
        &self,
        dir: &Record,
        path: &[u8],
        recursive: bool,
        each: &mut dyn FnMut(EntryView) -> Result<()>,
    ) -> Result<()> {
        let base = if path == b"/" {
            Vec::new()
        } else {
            path.to_vec()
        };
        let mut stack = Descent::new(&self.tree);
        stack.enter(&dir.content, base)?;
        while let Some((records, above)) = stack.innermost() {
            let Some(record) = records.next()? else {
                stack.leave();
                continue;
            };
            let mut path = above.clone();
            path.push(b'/');
            path.extend_from_slice(&record.name);
            each(entry(path.clone(), &record))?;
            if recursive && record.meta.kind == Kind::Directory {
                stack.enter(&record.content, path)?;
            }
        }
        Ok(())
    }
}

/// Without slashes at the end; empty for the root.
pub(crate) fn trim_slashes(path: &[u8]) -> &[u8] {
    let end = path
        .iter()
        .rposition(|&byte| byte != b'/')
        .map_or(0, |last| last + 1);
    path.get(..end).unwrap_or_default()
}

fn entry(path: Vec<u8>, record: &Record) -> EntryView {
    EntryView {
        path,
        meta: record.meta.clone(),
        target: record.extras.target.clone(),
        problem: record.extras.capture.map(crate::tree::Capture::describe),
    }
}

fn write_zeros(mut left: u64, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let zeros = vec![0; 64 << 10];
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
        write(zeros.get(..now).unwrap_or_default())?;
        left -= now as u64;
    }
    Ok(())
}

fn view(read: ReadPoint, written_at: DateTime<Utc>) -> PointView {
    let ReadPoint {
        structure,
        names,
        copied,
        ..
    } = read;
    // A copier says when the store that it copied from had the point. That is believed between the time that the
    // point says itself and the time at which this store had it.
    let first_written_at = copied
        .map(|copied| copied.written_at)
        .filter(|at| (structure.taken_at..written_at).contains(at));
    PointView {
        id: structure.sid,
        source: names.source,
        host: names.host,
        taken_at: structure.taken_at,
        written_at: Some(first_written_at.unwrap_or(written_at)),
        previous: structure.prev.map(|previous| previous.sid),
        slots: structure.slots,
        state: if structure.state == "complete" {
            PointState::Complete
        } else {
            PointState::Partial
        },
        logical_bytes: structure.stats.logical_bytes,
        files_count: structure.stats.files_count,
        roots: names
            .roots
            .iter()
            .map(strongroom_vault::format::PathText::to_bytes)
            .collect(),
        tags: names.tags,
        is_held: false,
        deleted_at: None,
        hold_until: structure.hold_until,
        retain_until: structure.retain_until,
    }
}

fn damaged_view(point: &PointRef, written_at: DateTime<Utc>) -> PointView {
    let millis = i64::try_from(point.sid.taken_millis()).unwrap_or_default();
    PointView {
        id: point.sid,
        source: String::new(),
        host: String::new(),
        taken_at: DateTime::from_timestamp_millis(millis).unwrap_or_default(),
        written_at: Some(written_at),
        previous: None,
        slots: None,
        state: PointState::Damaged,
        logical_bytes: 0,
        files_count: 0,
        roots: Vec::new(),
        tags: BTreeMap::new(),
        is_held: false,
        deleted_at: None,
        hold_until: None,
        retain_until: None,
    }
}
