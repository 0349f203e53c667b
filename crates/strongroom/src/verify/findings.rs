//! What was found, gathered from all threads.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use strongroom_vault::format::{
    BlockName, HurtPack, Notice, ObjectKind, ObjectName, PackId, SessionId,
};
use strongroom_vault::{PackDirectory, Vault};

use crate::Error;
use crate::report::{Damage, VerifyReport};

/// Damage found so far.
#[derive(Default)]
pub(crate) struct Findings(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// By name of the object.
    objects: BTreeMap<String, Damage>,
    /// What of packs is damaged, and how that showed.
    packs: BTreeMap<PackId, (HurtPack, String)>,
    /// Packs that were read whole and are good.
    good: BTreeSet<PackId>,
}

impl Findings {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object is damaged, and hurts this point.
    pub(super) fn object(&self, object: String, reason: String, point: Option<SessionId>) {
        let mut inner = self.lock();
        let damage = inner.objects.entry(object.clone()).or_insert(Damage {
            object,
            reason,
            points: Vec::new(),
        });
        damage
            .points
            .extend(point.filter(|point| !damage.points.contains(point)));
    }

    /// Part of the index cannot be used, or a pack that no segment names.
    pub(super) fn problem(&self, object: String, reason: String) {
        match ObjectName::parse(&object) {
            Some(ObjectName::Pack { is_data, pack, .. }) => {
                let kind = if is_data {
                    ObjectKind::DataPack
                } else {
                    ObjectKind::MetaPack
                };
                let positions = Vec::new();
                let hurt = HurtPack {
                    pack,
                    kind,
                    positions,
                };
                self.pack(hurt, reason);
            }
            _ => self.object(object, reason, None),
        }
    }

    /// So much of a pack is damaged.
    pub(super) fn pack(&self, hurt: HurtPack, reason: String) {
        self.lock().packs.entry(hurt.pack).or_insert((hurt, reason));
    }

    pub(super) fn good(&self, pack: PackId) {
        self.lock().good.insert(pack);
    }

    pub(super) fn good_packs(&self) -> Vec<PackId> {
        self.lock().good.iter().copied().collect()
    }

    /// All damage of packs in one value.
    pub(super) fn notice(&self) -> Notice {
        let inner = self.lock();
        let packs = inner.packs.values().map(|(hurt, _)| hurt.clone());
        Notice {
            packs: packs.collect(),
        }
    }

    /// A point uses chunks of this block, and no good copy is to be had.
    pub(super) fn hurt_block(
        &self,
        directory: &PackDirectory,
        vault: &Vault,
        name: BlockName,
        point: SessionId,
    ) {
        let known = self.lock().packs.get(&name.pack).cloned();
        let reason = match known {
            Some((_, reason)) => reason,
            None if directory.is_listed(&name.pack) => {
                "it was found damaged, and the vault has a notice of that".to_owned()
            }
            None => "it is missing in the vault".to_owned(),
        };
        self.object(
            directory.object_name(vault, &name.pack),
            reason,
            Some(point),
        );
    }

    /// Sorts out which damage of packs counts: what hurts a point or is news does.
    pub(super) fn conclude(
        self,
        directory: &PackDirectory,
        vault: &Vault,
        news: &HashSet<PackId>,
        report: &mut VerifyReport,
    ) {
        let inner = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut objects = inner.objects;
        if directory.unindexed().next().is_none() {
            // A segment is a hint; while others name all packs, nothing is missed for want of it.
            let is_segment =
                |name: &String| matches!(ObjectName::parse(name), Some(ObjectName::Segment { .. }));
            let segments = objects.extract_if(.., |name, _| is_segment(name));
            report.superseded.extend(segments.map(|(_, damage)| damage));
        }
        for (pack, (hurt, reason)) in inner.packs {
            let object = ObjectName::pack(hurt.kind, *vault.domain_id(), pack).to_string();
            if objects.contains_key(&object) {
                continue;
            }
            let damage = Damage {
                object: object.clone(),
                reason,
                points: Vec::new(),
            };
            if news.contains(&pack) || !directory.notices().names_any_of(&pack) {
                objects.insert(object, damage);
            } else {
                report.superseded.push(damage);
            }
        }
        report.damaged = objects.into_values().collect();
    }
}

/// The whole chain of an error in one line.
pub(crate) fn reason_of(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
