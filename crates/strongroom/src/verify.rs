//! Checking what is stored: packs first, then every point against the packs.

mod packs;
mod points;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use strongroom_vault::format::{PackId, SessionId};

use crate::Result;
use crate::engine::Strongroom;
use crate::monitor::{Monitor, Phase};
use crate::options::VerifyOptions;
use crate::report::{Damage, VerifyReport};

/// Damage found so far, by object.
#[derive(Default)]
pub(crate) struct Findings {
    objects: Mutex<BTreeMap<String, Damage>>,
    packs: Mutex<BTreeSet<PackId>>,
}

impl Findings {
    pub(crate) fn object(&self, object: String, reason: String, point: Option<SessionId>) {
        let mut objects = self
            .objects
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let damage = objects.entry(object.clone()).or_insert(Damage {
            object,
            reason,
            points: Vec::new(),
        });
        damage
            .points
            .extend(point.filter(|point| !damage.points.contains(point)));
    }

    pub(crate) fn pack(&self, pack: PackId, object: String, reason: String) {
        self.packs
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(pack);
        self.object(object, reason, None);
    }

    pub(crate) fn is_damaged(&self, pack: &PackId) -> bool {
        self.packs
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .contains(pack)
    }

    fn into_vec(self) -> Vec<Damage> {
        let objects = self
            .objects
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        objects.into_values().collect()
    }
}

impl Strongroom {
    /// Checks the vault: every pack's size, header and table of contents; with
    /// [`read_data`](VerifyOptions::read_data) also every stored byte, every block and every chunk id; then each
    /// point's manifest, tree, reference list and that all chunks that it names exist.
    ///
    /// # Errors
    /// When the store cannot be read or the call is cancelled. Damage is no error: it stands in the report.
    pub fn verify(&self, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<VerifyReport> {
        monitor.phase(Phase::Preparing);
        let findings = Findings::default();
        let mut report = VerifyReport::default();
        let directory = self.verify_index(&findings)?;
        monitor.phase(Phase::Verifying);
        self.verify_packs(&directory, options, monitor, &findings, &mut report)?;
        self.verify_points(&directory, options, monitor, &findings, &mut report)?;
        report.damaged = findings.into_vec();
        Ok(report)
    }
}
