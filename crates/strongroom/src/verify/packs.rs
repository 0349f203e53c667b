//! Packs: tables of contents, hashes, or every byte.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use chrono::TimeDelta;
use strongroom_crypto::BlockType;
use strongroom_vault::format::{HurtPack, ObjectKind, PackId};
use strongroom_vault::{Inspection, PackDirectory, PackEntry};

use super::choice::{Candidate, Limits, choose};
use super::findings::{Findings, reason_of};
use crate::engine::Strongroom;
use crate::monitor::Monitor;
use crate::options::{VerifyBudget, VerifyLevel, VerifyOptions};
use crate::report::VerifyReport;
use crate::{Error, Result};

/// Packs in the order in which they are looked at.
struct Work<'d> {
    /// Read whole, the most urgent first.
    whole: Vec<&'d PackEntry>,
    /// Of these, only the table is looked at.
    tables: Vec<&'d PackEntry>,
}

impl Strongroom {
    pub(super) fn verify_packs(
        &self,
        directory: &PackDirectory,
        wanted: Option<&HashSet<PackId>>,
        options: &VerifyOptions,
        monitor: &dyn Monitor,
        findings: &Findings,
        report: &mut VerifyReport,
    ) -> Result<()> {
        let is_wanted = |pack: &&PackEntry| {
            pack.listed && wanted.is_none_or(|wanted| wanted.contains(&pack.pack_id))
        };
        let packs: Vec<&PackEntry> = directory.packs().filter(is_wanted).collect();
        report.packs_count = packs.len() as u64;
        if options.level == VerifyLevel::Listing {
            return Ok(());
        }
        let work = self.divide(packs, options);
        let whole_bytes: u64 = work.whole.iter().map(|pack| pack.object_bytes).sum();
        monitor.found(report.packs_count, whole_bytes);
        let left = self.run_checks(&work, options, monitor, findings, report)?;
        let now = self.now();
        let good = findings.good_packs().into_iter().map(|pack| (pack, now));
        report.verified = good.collect();
        if options.level >= VerifyLevel::Hashes {
            report.packs_left_count = work.tables.len() as u64 + left;
        }
        Ok(())
    }

    fn divide<'d>(&self, packs: Vec<&'d PackEntry>, options: &VerifyOptions) -> Work<'d> {
        if options.level < VerifyLevel::Hashes {
            return Work {
                whole: Vec::new(),
                tables: packs,
            };
        }
        let candidates = packs.iter().map(|pack| Candidate {
            pack: pack.pack_id,
            bytes: pack.object_bytes,
            verified_at: options.verified.get(&pack.pack_id).copied(),
        });
        let limits = Limits {
            max_age: options.max_age,
            sample_percent: options.sample_percent,
            budget_bytes: match options.budget {
                Some(VerifyBudget::Bytes(bytes)) => Some(bytes),
                _ => None,
            },
        };
        let chosen = choose(candidates.collect(), limits, self.now());
        let mut left: HashMap<PackId, &PackEntry> =
            packs.into_iter().map(|pack| (pack.pack_id, pack)).collect();
        let whole = chosen.iter().filter_map(|one| left.remove(&one.pack));
        let whole = whole.collect();
        let tables = left.into_values().collect();
        Work { whole, tables }
    }

    /// Looks at all packs with several threads; returns how many of those to be read whole were left for want of time.
    fn run_checks(
        &self,
        work: &Work<'_>,
        options: &VerifyOptions,
        monitor: &dyn Monitor,
        findings: &Findings,
        report: &mut VerifyReport,
    ) -> Result<u64> {
        let until = match options.budget {
            Some(VerifyBudget::Time(budget)) => TimeDelta::from_std(budget)
                .ok()
                .and_then(|budget| self.now().checked_add_signed(budget)),
            _ => None,
        };
        let (next, verified, left) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let one = |at: usize| -> Result<bool> {
            options.cancel.check()?;
            let bytes = if let Some(pack) = work.whole.get(at) {
                if until.is_some_and(|until| self.now() >= until) {
                    left.fetch_add(1, Ordering::Relaxed);
                    self.verify_table(pack, findings)?;
                    0
                } else {
                    self.verify_whole(pack, options.level, findings)?
                }
            } else if let Some(pack) = work.tables.get(at - work.whole.len()) {
                self.verify_table(pack, findings)?;
                0
            } else {
                return Ok(false);
            };
            verified.fetch_add(bytes, Ordering::Relaxed);
            monitor.done(1, bytes);
            Ok(true)
        };
        let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let outcome: Result<Vec<()>> = std::thread::scope(|scope| {
            let run = || -> Result<()> {
                while one(next.fetch_add(1, Ordering::Relaxed))? {}
                Ok(())
            };
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(run)).collect();
            let died = || Err(Error::WorkerDied);
            handles
                .into_iter()
                .map(|handle| handle.join().unwrap_or_else(|_| died()))
                .collect()
        });
        outcome?;
        report.verified_bytes = verified.into_inner();
        Ok(left.into_inner())
    }

    fn verify_table(&self, pack: &PackEntry, findings: &Findings) -> Result<()> {
        match self.toc(pack.pack_id, pack.kind) {
            Ok(_) => Ok(()),
            Err(error) if error.is_corruption() => {
                findings.pack(whole(pack), reason_of(&error));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn verify_whole(
        &self,
        pack: &PackEntry,
        level: VerifyLevel,
        findings: &Findings,
    ) -> Result<u64> {
        // A memory or a line that errs now and then must not condemn what is whole in the store.
        let seen = match self.inspect(pack, level) {
            Ok(seen) if seen.faults.is_empty() => Ok(seen),
            Err(error) if !error.is_corruption() => Err(error),
            _ => self.inspect(pack, level),
        };
        let seen = match seen {
            Err(error) if error.is_corruption() => {
                let object = pack.object_name(self.vault().domain_id());
                findings.object(object, reason_of(&error), None);
                return Ok(0);
            }
            seen => seen?,
        };
        let faults: Vec<String> = seen.faults.iter().map(ToString::to_string).collect();
        let reason = faults.join("; ");
        match seen.hurt(pack.pack_id, pack.kind) {
            Some(hurt) => findings.pack(hurt, reason),
            None if faults.is_empty() => findings.good(pack.pack_id),
            None => {
                let object = pack.object_name(self.vault().domain_id());
                findings.object(object, reason, None);
            }
        }
        Ok(seen.bytes)
    }

    fn inspect(&self, pack: &PackEntry, level: VerifyLevel) -> Result<Inspection> {
        let (id, kind, hash) = (pack.pack_id, pack.kind, pack.blake3);
        if level < VerifyLevel::Data {
            let inspection = self.reader().inspect(id, kind, hash, None);
            return Ok(self.wait_or_stop(inspection)??);
        }
        let types: &[BlockType] = match kind {
            ObjectKind::DataPack => &[BlockType::Data],
            _ => &[BlockType::Tree, BlockType::List],
        };
        let hashers = types
            .iter()
            .map(|&block_type| Ok((block_type, self.hasher(block_type)?)))
            .collect::<Result<Vec<_>>>()?;
        let mut is_right = |block_type, id: &_, raw: &[u8]| {
            hashers
                .iter()
                .any(|(of, hasher)| *of == block_type && hasher.id(raw) == *id)
        };
        let inspection = self.reader().inspect(id, kind, hash, Some(&mut is_right));
        Ok(self.wait_or_stop(inspection)??)
    }
}

fn whole(pack: &PackEntry) -> HurtPack {
    HurtPack {
        pack: pack.pack_id,
        kind: pack.kind,
        positions: Vec::new(),
    }
}
