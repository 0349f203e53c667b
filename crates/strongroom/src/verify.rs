//! Checking what is stored: packs first, then every point against the packs.

mod choice;
mod findings;
mod packs;
mod points;

use std::collections::HashSet;

use strongroom_vault::PackDirectory;
use strongroom_vault::format::PackId;

use crate::engine::Strongroom;
use crate::monitor::{Monitor, Phase, Skipped};
use crate::options::VerifyOptions;
use crate::report::VerifyReport;
use crate::{Error, Result};

pub(crate) use findings::reason_of;

use findings::Findings;

impl Strongroom {
    /// Checks the vault: the index, every pack as closely as the [level](VerifyOptions::level) says; then each point's
    /// manifest, tree and reference list, and that every chunk that it names can be read from a copy that is not known
    /// to be damaged.
    ///
    /// Damage that is certain and new is noted in the vault, if the key may sign: new points keep away from it.
    ///
    /// # Errors
    /// When the store cannot be read or the call is cancelled; [`NotPermitted`](strongroom_vault::Error::NotPermitted)
    /// when the level needs keys that were not opened. Damage is no error: it stands in the report.
    pub fn verify(&self, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<VerifyReport> {
        self.stopped_by(&options.cancel).check(options, monitor)
    }

    fn check(&self, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<VerifyReport> {
        monitor.phase(Phase::Preparing);
        let findings = Findings::default();
        let mut report = VerifyReport::default();
        let mut directory = self.verify_index(&findings)?;
        let wanted = self.wanted_packs(&directory, options)?;
        monitor.phase(Phase::Verifying);
        self.verify_packs(
            &directory,
            wanted.as_ref(),
            options,
            monitor,
            &findings,
            &mut report,
        )?;
        let found = findings.notice();
        let news = directory.notices().news_in(found.clone());
        let news_packs: HashSet<PackId> = news.packs.iter().map(|hurt| hurt.pack).collect();
        directory.note_damage(&found);
        if !news.packs.is_empty() && self.vault().signer().is_ok() {
            match self.wait(self.vault().give_notice(&news)) {
                Ok(()) => report.is_noted = true,
                // To read is what was asked for; who may only read has read.
                Err(error) => monitor.warning(&Skipped {
                    path: Vec::new(),
                    reason: format!(
                        "the damage cannot be noted in the vault: {}",
                        reason_of(&Error::from(error))
                    ),
                }),
            }
        }
        self.verify_points(&directory, options, monitor, &findings, &mut report)?;
        findings.conclude(&directory, self.vault(), &news_packs, &mut report);
        Ok(report)
    }

    /// Loads listing and index; what of them cannot be used are findings.
    fn verify_index(&self, findings: &Findings) -> Result<PackDirectory> {
        let mut directory = self.wait(PackDirectory::list(self.vault()))?;
        let problems = self.wait_or_stop(directory.load_index_lenient(self.vault()))??;
        for problem in problems {
            findings.problem(problem.object, problem.reason);
        }
        Ok(directory)
    }
}
