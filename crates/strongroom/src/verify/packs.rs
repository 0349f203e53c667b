//! Packs: listing against index, tables of contents, and with data every byte.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use strongroom_crypto::BlockType;
use strongroom_vault::format::ObjectKind;
use strongroom_vault::{PackDirectory, PackEntry};

use super::Findings;
use crate::engine::Strongroom;
use crate::monitor::Monitor;
use crate::options::VerifyOptions;
use crate::report::VerifyReport;
use crate::{Error, Result};

impl Strongroom {
    /// Loads listing and index; segments that do not parse are findings.
    pub(super) fn verify_index(&self, findings: &Findings) -> Result<PackDirectory> {
        let mut directory = self.wait(PackDirectory::list(self.vault()))?;
        let problems = self.wait(directory.load_index_lenient(self.vault()))?;
        for problem in problems {
            findings.object(problem.object, problem.reason, None);
        }
        Ok(directory)
    }

    pub(super) fn verify_packs(
        &self,
        directory: &PackDirectory,
        options: &VerifyOptions,
        monitor: &dyn Monitor,
        findings: &Findings,
        report: &mut VerifyReport,
    ) -> Result<()> {
        let packs: Vec<&PackEntry> = directory.packs().filter(|pack| pack.listed).collect();
        let total: u64 = packs.iter().map(|pack| pack.object_bytes).sum();
        monitor.found(
            packs.len() as u64,
            if options.read_data { total } else { 0 },
        );
        let (next, verified) = (AtomicUsize::new(0), AtomicU64::new(0));
        let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let outcome: Result<Vec<()>> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers)
                .map(|_| {
                    scope.spawn(|| -> Result<()> {
                        while let Some(pack) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
                            options.cancel.check()?;
                            let bytes = self.verify_pack(pack, options, findings)?;
                            verified.fetch_add(bytes, Ordering::Relaxed);
                            monitor.done(1, bytes);
                        }
                        Ok(())
                    })
                })
                .collect();
            let died = || {
                Err(Error::Runtime(std::io::Error::other(
                    "a verifying thread died",
                )))
            };
            handles
                .into_iter()
                .map(|handle| handle.join().unwrap_or_else(|_| died()))
                .collect()
        });
        outcome?;
        report.packs_count = packs.len() as u64;
        report.verified_bytes = verified.into_inner();
        Ok(())
    }

    fn verify_pack(
        &self,
        pack: &PackEntry,
        options: &VerifyOptions,
        findings: &Findings,
    ) -> Result<u64> {
        let object = pack.object_name(self.vault().domain_id());
        let bad = |reason: String| findings.pack(pack.pack_id, object.clone(), reason);
        let read_data = options.read_data && self.is_in_sample(options.sample_percent)?;
        let outcome = if read_data {
            self.verify_pack_bytes(pack)
        } else {
            self.toc(pack.pack_id, pack.kind).map(|_| 0)
        };
        match outcome {
            Ok(bytes) => {
                if pack
                    .indexed_bytes
                    .is_some_and(|expected| expected != pack.object_bytes)
                {
                    bad("its size differs from the index".to_owned());
                }
                Ok(bytes)
            }
            Err(error) if error.is_corruption() => {
                bad(reason_of(&error));
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    fn is_in_sample(&self, percent: Option<f64>) -> Result<bool> {
        let Some(percent) = percent else {
            return Ok(true);
        };
        let mut random = [0; 4];
        self.vault().entropy().fill(&mut random)?;
        Ok(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX) * 100.0 <= percent)
    }

    /// Whole-object hash, then every block opened and every chunk hashed again.
    fn verify_pack_bytes(&self, pack: &PackEntry) -> Result<u64> {
        let blocks = self.wait(
            self.reader()
                .whole_pack(pack.pack_id, pack.kind, pack.blake3),
        )?;
        let types: &[BlockType] = match pack.kind {
            ObjectKind::DataPack => &[BlockType::Data],
            _ => &[BlockType::Tree, BlockType::List],
        };
        let hashers = types
            .iter()
            .map(|&block_type| Ok((block_type, self.hasher(block_type)?)))
            .collect::<Result<Vec<_>>>()?;
        self.reader().check_blocks(&blocks, |block_type, id, raw| {
            hashers
                .iter()
                .any(|(of, hasher)| *of == block_type && hasher.id(raw) == *id)
        })?;
        Ok(pack.object_bytes)
    }
}

/// The whole chain of an error in one line.
pub(super) fn reason_of(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
