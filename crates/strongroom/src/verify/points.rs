//! Points: manifest, tree, recounted reference list, and that every chunk named can be had.

use std::collections::{BTreeMap, HashMap, HashSet};

use strongroom_vault::PackDirectory;
use strongroom_vault::chain::{self, Chain};
use strongroom_vault::format::{
    BlockName, BlockUse, ChunkAddress, ListPiece, ObjectKind, PackId, SessionId, Structure,
};
use strongroom_vault::points::{self, PointRef};

use super::findings::{Findings, reason_of};
use crate::backup::UseChanges;
use crate::engine::Strongroom;
use crate::fs::Kind;
use crate::monitor::Monitor;
use crate::options::VerifyOptions;
use crate::report::VerifyReport;
use crate::tree::{Content, Descent, Extent, Record, TreeReader};
use crate::{Error, Result};

/// What a point uses, by birth pack and block: how often each chunk.
type Uses = BTreeMap<PackId, BTreeMap<u16, Vec<i64>>>;

type Chains = HashMap<SessionId, Chain>;

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
        let (standing, chains) = self.standing_points(options)?;
        for point in standing {
            options.cancel.check()?;
            let object = point.object_name(self.vault().domain_id());
            match self.read_parts(&point) {
                // A copied point goes with the chain of its own id, too.
                Ok(Some((structure, _)))
                    if chains.get(&structure.sid).is_some_and(Chain::is_gone) =>
                {
                    continue;
                }
                Ok(Some((structure, tree))) => {
                    let mut check = PointCheck {
                        engine: self,
                        directory,
                        findings,
                        options,
                        tree: TreeReader::new(self.clone()),
                        point: structure.sid,
                        uses: UseChanges::default(),
                    };
                    check.run(&structure, tree, object)?;
                }
                Ok(None) => continue,
                Err(error) if error.is_corruption() => {
                    findings.object(object, reason_of(&error), Some(point.sid));
                }
                Err(error) => return Err(error),
            }
            report.points_count += 1;
            monitor.done(1, 0);
        }
        Ok(())
    }

    /// Points and fences that are not gone for ever: those may lack anything, a sweep is on its way.
    fn standing_points(&self, options: &VerifyOptions) -> Result<(Vec<PointRef>, Chains)> {
        let mut all = self.wait(points::all(self.vault()))?;
        let chains = match self.wait(chain::all(self.vault())) {
            // Monitors cannot read chains.
            Err(strongroom_vault::Error::NotPermitted(_)) => Chains::default(),
            chains => chains?,
        };
        all.retain(|point| !chains.get(&point.sid).is_some_and(Chain::is_gone));
        if options.points.is_empty() {
            return Ok((all, chains));
        }
        let mut wanted = Vec::new();
        for id in &options.points {
            let found = self.wait(points::find(self.vault(), *id))?;
            let found = found.filter(|point| all.contains(point));
            wanted.push(found.ok_or_else(|| Error::NoSuchPoint(id.to_string()))?);
        }
        Ok((wanted, chains))
    }

    /// Structure of a manifest, and the root of its tree where the key opens trees.
    fn read_parts(&self, point: &PointRef) -> Result<Option<(Structure, Option<ChunkAddress>)>> {
        if self.vault().domain().is_err() {
            let structure = self.wait(points::read_structure(self.vault(), point))?;
            return Ok(structure.map(|structure| (structure, None)));
        }
        let read = self.wait(points::read(self.vault(), point))?;
        Ok(read.map(|read| (read.structure, Some(read.names.tree))))
    }

    /// The packs that the chosen points use; `None` where all are to be looked at, also because that cannot be told.
    pub(super) fn wanted_packs(
        &self,
        directory: &PackDirectory,
        options: &VerifyOptions,
    ) -> Result<Option<HashSet<PackId>>> {
        if options.points.is_empty() {
            return Ok(None);
        }
        let mut wanted = HashSet::new();
        let mut want = |name: BlockName| {
            let place = directory.resolve(name);
            wanted.insert(place.map_or(name.pack, |(pack, _)| pack));
        };
        for point in self.standing_points(options)?.0 {
            let gathered = self.read_parts(&point).and_then(|parts| {
                for piece in parts.iter().flat_map(|(structure, _)| &structure.list) {
                    want(piece.address().block_name());
                    for entry in ListPiece::decode(&self.piece(piece.address())?)?.packs {
                        let pack = entry.pack;
                        let names = entry.blocks.iter().map(|block| BlockName {
                            pack,
                            ordinal: block.ordinal,
                        });
                        names.for_each(&mut want);
                    }
                }
                Ok(())
            });
            match gathered {
                Err(error) if error.is_corruption() => return Ok(None),
                gathered => gathered?,
            }
        }
        Ok(Some(wanted))
    }
}

impl PointCheck<'_> {
    fn run(
        &mut self,
        structure: &Structure,
        tree: Option<ChunkAddress>,
        manifest: String,
    ) -> Result<()> {
        let outcome = self.read_list(structure).and_then(|listed| match tree {
            Some(tree) => self.compare(tree, &listed),
            None => Ok(()),
        });
        match outcome {
            Err(error) if error.is_corruption() => {
                let object = object_of(&error).map_or(manifest, ToOwned::to_owned);
                self.findings
                    .object(object, reason_of(&error), Some(self.point));
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn compare(&mut self, root_at: ChunkAddress, listed: &Uses) -> Result<()> {
        self.uses.chunk(root_at, 1);
        let root = self.tree.root(root_at)?;
        self.walk(&root)?;
        let counted = std::mem::take(&mut self.uses).into_sorted();
        if counted == *listed {
            return Ok(());
        }
        Err(Error::TreeDamaged(
            "the reference list does not count what the tree holds",
        ))
    }

    /// Reads the list and looks for a good copy of everything in it.
    fn read_list(&self, structure: &Structure) -> Result<Uses> {
        let mut listed = BTreeMap::new();
        for piece in &structure.list {
            let raw = self.engine.piece(piece.address())?;
            for entry in ListPiece::decode(&raw)?.packs {
                for block in &entry.blocks {
                    self.check_block(entry.pack, block);
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

    fn check_block(&self, pack: PackId, block: &BlockUse) {
        let name = BlockName {
            pack,
            ordinal: block.ordinal,
        };
        if self.directory.resolve(name).is_some() {
            return;
        }
        let used = (0..=u16::MAX)
            .zip(&block.counts)
            .filter(|(_, count)| **count > 0);
        let mut used = used.map(|(chunk, _)| ChunkAddress {
            pack,
            block: block.ordinal,
            chunk,
        });
        if used.any(|at| self.directory.remapped(at).is_none()) {
            let vault = self.engine.vault();
            self.findings
                .hurt_block(self.directory, vault, name, self.point);
        }
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
                Ok(self.engine.wait_or_stop(bytes)??)
            }
        }
    }
}

/// The object that an error names.
fn object_of(error: &Error) -> Option<&str> {
    match error {
        Error::Vault(
            strongroom_vault::Error::Object { object, .. }
            | strongroom_vault::Error::Missing { object },
        ) => Some(object),
        _ => None,
    }
}
