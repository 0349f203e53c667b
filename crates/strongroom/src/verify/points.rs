//! Points: manifest, tree, recounted reference list, and that every chunk named exists.

use std::collections::BTreeMap;

use strongroom_vault::PackDirectory;
use strongroom_vault::chain::{self, Chain};
use strongroom_vault::format::{ChunkAddress, ListPiece, ObjectKind, PackId, SessionId};
use strongroom_vault::points::{self, PointRef, ReadPoint};

use super::Findings;
use super::packs::reason_of;
use crate::backup::UseChanges;
use crate::engine::Strongroom;
use crate::fs::Kind;
use crate::monitor::Monitor;
use crate::options::VerifyOptions;
use crate::report::VerifyReport;
use crate::tree::{Content, Descent, Extent, Record, TreeReader};
use crate::{Error, Result};

/// Looks at one point.
struct PointCheck<'a> {
    engine: &'a Strongroom,
    directory: &'a PackDirectory,
    findings: &'a Findings,
    options: &'a VerifyOptions,
    tree: TreeReader,
    point: SessionId,
    uses: UseChanges,
}

impl Strongroom {
    pub(super) fn verify_points(
        &self,
        directory: &PackDirectory,
        options: &VerifyOptions,
        monitor: &dyn Monitor,
        findings: &Findings,
        report: &mut VerifyReport,
    ) -> Result<()> {
        let mut all = self.wait(points::all(self.vault()))?;
        let chains = self.wait(chain::all(self.vault()))?;
        // A point that is gone may lack anything: a sweep is on its way.
        all.retain(|point| !chains.get(&point.sid).is_some_and(Chain::is_gone));
        if !options.points.is_empty() {
            all = self.verify_only(options, &all)?;
        }
        for point in all {
            options.cancel.check()?;
            match self.wait(points::read(self.vault(), &point)) {
                Ok(Some(read)) if chains.get(&read.structure.sid).is_some_and(Chain::is_gone) => {
                    continue;
                }
                Ok(Some(read)) => self.verify_point(directory, options, findings, &point, &read)?,
                Ok(None) => continue,
                Err(error) if error.is_corruption() => {
                    let object = point.object_name(self.vault().domain_id());
                    findings.object(object, reason_of(&error.into()), Some(point.sid));
                }
                Err(error) => return Err(error.into()),
            }
            report.points_count += 1;
            monitor.done(1, 0);
        }
        Ok(())
    }

    /// Where the points stand that were asked for.
    fn verify_only(&self, options: &VerifyOptions, all: &[PointRef]) -> Result<Vec<PointRef>> {
        let mut wanted = Vec::new();
        for id in &options.points {
            let found = self.wait(points::find(self.vault(), *id))?;
            let found = found.filter(|point| all.contains(point));
            wanted.push(found.ok_or_else(|| Error::NoSuchPoint(id.to_string()))?);
        }
        Ok(wanted)
    }

    fn verify_point(
        &self,
        directory: &PackDirectory,
        options: &VerifyOptions,
        findings: &Findings,
        point: &PointRef,
        read: &ReadPoint,
    ) -> Result<()> {
        let mut check = PointCheck {
            engine: self,
            directory,
            findings,
            options,
            tree: TreeReader::new(self.clone()),
            point: read.structure.sid,
            uses: UseChanges::default(),
        };
        let object = point.object_name(self.vault().domain_id());
        match check.run(read) {
            Err(error) if error.is_corruption() => {
                findings.object(object, reason_of(&error), Some(read.structure.sid));
                Ok(())
            }
            outcome => outcome,
        }
    }
}

impl PointCheck<'_> {
    fn run(&mut self, read: &ReadPoint) -> Result<()> {
        let listed = self.read_list(read)?;
        let root_at = read.names.tree;
        self.uses.chunk(root_at, 1);
        let root = self.tree.root(root_at)?;
        self.walk(&root)?;
        let counted = std::mem::take(&mut self.uses).into_sorted();
        if counted != listed {
            return Err(Error::TreeDamaged(
                "the reference list does not count what the tree holds",
            ));
        }
        Ok(())
    }

    fn read_list(&self, read: &ReadPoint) -> Result<BTreeMap<PackId, BTreeMap<u16, Vec<i64>>>> {
        let mut listed = BTreeMap::new();
        for piece in &read.structure.list {
            let raw = self.engine.piece(piece.address())?;
            for entry in ListPiece::decode(&raw)?.packs {
                if self.findings.is_damaged(&entry.pack) {
                    let object = self.directory.object_name(self.engine.vault(), &entry.pack);
                    self.findings
                        .object(object, String::new(), Some(self.point));
                }
                let blocks = entry.blocks.into_iter().map(|block| {
                    let counts: Vec<i64> =
                        block.counts.iter().map(|&count| i64::from(count)).collect();
                    (block.ordinal, counts)
                });
                listed.insert(entry.pack, blocks.collect());
            }
        }
        Ok(listed)
    }

    fn walk(&mut self, dir: &Record) -> Result<()> {
        let tree = self.tree.clone();
        let mut stack = Descent::new(&tree);
        self.count(&dir.content)?;
        stack.enter(&dir.content, ())?;
        while let Some((records, ())) = stack.innermost() {
            self.options.cancel.check()?;
            match records.next()? {
                None => stack.leave(),
                Some(record) if record.meta.kind == Kind::Directory => {
                    self.count(&record.content)?;
                    stack.enter(&record.content, ())?;
                }
                Some(record) => self.check_file(&record)?,
            }
        }
        Ok(())
    }

    /// Counts the chunks of a content that its record does not name itself.
    fn count_extent(&mut self, content: &Content, extent: Extent) {
        if matches!(content, Content::Indirect(_)) {
            self.uses.extents(&[extent], 1);
        }
    }

    fn count(&mut self, content: &Content) -> Result<()> {
        self.uses.content(content, 1);
        let mut extents = self.tree.extents(content);
        while let Some(extent) = extents.next()? {
            self.count_extent(content, extent);
        }
        Ok(())
    }

    fn check_file(&mut self, record: &Record) -> Result<()> {
        self.uses.content(&record.content, 1);
        let mut bytes = match &record.content {
            Content::Inline(raw) => raw.len() as u64,
            _ => 0,
        };
        let mut is_known = true;
        let mut extents = self.tree.extents(&record.content);
        while let Some(extent) = extents.next()? {
            self.count_extent(&record.content, extent);
            match self.extent_bytes(extent) {
                Ok(more) => {
                    bytes = u64::checked_add(bytes, more)
                        .ok_or(Error::TreeDamaged("a file's size is impossible"))?;
                }
                Err(error) if error.is_corruption() => {
                    if let Extent::Run { pack, .. } = extent {
                        let object = self.directory.object_name(self.engine.vault(), &pack);
                        self.findings
                            .object(object, reason_of(&error), Some(self.point));
                    }
                    is_known = false;
                }
                Err(error) => return Err(error),
            }
        }
        if is_known && record.meta.kind == Kind::File && bytes != record.meta.size {
            return Err(Error::TreeDamaged(
                "a file's chunks do not add up to its size",
            ));
        }
        Ok(())
    }

    fn extent_bytes(&self, extent: Extent) -> Result<u64> {
        match extent {
            Extent::Hole(bytes) => Ok(bytes),
            Extent::Run {
                pack,
                block,
                first,
                count,
            } => {
                let at = ChunkAddress {
                    pack,
                    block,
                    chunk: first,
                };
                let reader = self.engine.reader();
                let bytes = reader.run_len(at, count, ObjectKind::DataPack);
                Ok(self.engine.wait(bytes)?)
            }
        }
    }
}
