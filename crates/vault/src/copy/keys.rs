//! The place of a copy, and which key slots stand there.

use std::collections::BTreeMap;

use bytes::Bytes;
use strongroom_crypto::Role;

use crate::error::in_object;
use crate::format::{ObjectKind, ObjectName, SlotId};
use crate::store::{Created, Store};
use crate::{Error, Result, Vault, slots};

/// Key slots that differ between source and target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyChanges {
    /// Brought over.
    pub add: Vec<SlotId>,
    /// Removed at the target.
    pub remove: Vec<SlotId>,
    /// Not at the source any more, but not for this key to remove.
    pub stale: Vec<SlotId>,
}

/// On whose word slots are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Authority {
    /// An owner's, who came in by this slot.
    Owner(SlotId),
    /// A maintenance host's.
    Maintenance,
    /// Nobody's.
    None,
}

impl Authority {
    fn of(vault: &Vault) -> Self {
        // What another place than the decider does not list may be newer than it.
        if !vault.store().decides() {
            return Self::None;
        }
        match (vault.signer().map(|signer| signer.role()), vault.slot_id()) {
            (Ok(Role::Owner), Some(slot)) => Self::Owner(*slot),
            (Ok(Role::Maintenance), _) => Self::Maintenance,
            _ => Self::None,
        }
    }

    /// A slot is not proof of anything but to who holds its secret, and a store may hide one. So nobody removes the slot
    /// by which he came in, and a maintenance host, who cannot tell a person's slot from a forged one, removes only those
    /// of machines, which an owner can make again.
    fn may_remove(self, slot: &SlotId, role: Role) -> bool {
        match self {
            Self::Owner(own) => own != *slot,
            Self::Maintenance => role != Role::Owner,
            Self::None => false,
        }
    }
}

fn decide(source: &[SlotId], target: &BTreeMap<SlotId, Option<Role>>, by: Authority) -> KeyChanges {
    let mut changes = KeyChanges {
        add: source
            .iter()
            .filter(|slot| !target.contains_key(slot))
            .copied()
            .collect(),
        ..KeyChanges::default()
    };
    // Without a slot that is known to be genuine, a listing proves nothing about what was removed.
    let is_known = match by {
        Authority::Owner(own) => source.contains(&own),
        Authority::Maintenance | Authority::None => true,
    };
    for (slot, role) in target.iter().filter(|(slot, _)| !source.contains(slot)) {
        if is_known && role.is_some_and(|role| by.may_remove(slot, role)) {
            changes.remove.push(*slot);
        } else {
            changes.stale.push(*slot);
        }
    }
    changes
}

/// How the slots of the target differ from those of the source.
pub(super) async fn compare(source: &Vault, target: Option<&Vault>) -> Result<KeyChanges> {
    let ids = slots::list(source.store()).await?;
    let mut there = BTreeMap::new();
    if let Some(target) = target {
        for slot in slots::list(target.store()).await? {
            there.insert(slot, None);
        }
        for view in target.slots().await? {
            there.insert(view.slot_id, Some(view.info.role));
        }
    }
    Ok(decide(&ids, &there, Authority::of(source)))
}

/// Brings a slot over, byte for byte; false when it is damaged at the source, or has gone.
pub(super) async fn bring(source: &Vault, target: &Store, slot: SlotId) -> Result<bool> {
    let object = match slots::read(source.store(), slot).await {
        Ok((object, _)) => object,
        Err(error) if error.is_corruption() => {
            tracing::warn!(%slot, %error, "a key slot is not copied");
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let name = ObjectName::Slot(slot).to_string();
    match target.create_once(&name, &[object]).await? {
        Created::Ours => Ok(true),
        Created::Theirs(_) => Err(Error::NameTaken { object: name }),
    }
}

/// Makes the place of a copy: probes the store, brings the key slots over, then the configuration, byte for byte. That of a
/// vault in several places names them; the copy is in one, and its configuration says so. Who does it at the same time
/// makes the same place.
///
/// # Errors
/// [`Error::StoreRefused`]; [`Error::OtherVault`] when another vault's is there meanwhile; [`Error::Missing`] when the
/// place holds keys of a vault whose configuration is lost; [`Error::ReadOnly`]; or when a store fails.
pub async fn make_beside(source: &Vault, target: Store) -> Result<Vault> {
    // The copy will have the same features.
    source.store().require_writable()?;
    let config = ObjectName::Config.to_string();
    let ids = slots::list(source.store()).await?;
    let foreign = slots::list(&target).await?;
    if foreign.iter().any(|slot| !ids.contains(slot)) {
        return Err(Error::Missing { object: config });
    }
    crate::probe(&target, &**source.entropy()).await?;
    let object = config_of_copy(source).await?;
    for slot in ids {
        bring(source, &target, slot).await?;
    }
    target.create_once(&config, &[object]).await?;
    // Whoever was first: what stands there must be this vault.
    source.beside(target).await
}

async fn config_of_copy(source: &Vault) -> Result<Bytes> {
    let name = ObjectName::Config;
    if source.config().places.is_empty() {
        let max_bytes = ObjectKind::Config.max_bytes();
        return source.store().read(&name.to_string(), max_bytes).await;
    }
    let sealed = source.config().in_one_place();
    Ok(in_object(&name, sealed.seal(source.keys().config_key()))?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn slot(number: u8) -> SlotId {
        SlotId::from_bytes([number; 16])
    }

    fn target() -> BTreeMap<SlotId, Option<Role>> {
        BTreeMap::from([
            (slot(1), Some(Role::Owner)),
            (slot(2), Some(Role::Owner)),
            (slot(3), Some(Role::Agent)),
            (slot(4), None),
        ])
    }

    #[test]
    fn an_owner_removes_what_is_gone_but_never_the_own_way_in() {
        let changes = decide(&[slot(1), slot(9)], &target(), Authority::Owner(slot(1)));
        assert_eq!(changes.add, [slot(9)]);
        assert_eq!(changes.remove, [slot(2), slot(3)]);
        assert_eq!(changes.stale, [slot(4)], "nobody knows whose it is");
        // A listing that hides the way in proves nothing.
        let changes = decide(&[slot(9)], &target(), Authority::Owner(slot(1)));
        assert_eq!(changes.remove, []);
    }

    #[test]
    fn a_maintenance_host_removes_slots_of_machines_only() {
        let changes = decide(&[slot(1)], &target(), Authority::Maintenance);
        assert_eq!(changes.remove, [slot(3)]);
        assert_eq!(changes.stale, [slot(2), slot(4)]);
    }

    #[test]
    fn an_agent_removes_nothing() {
        let changes = decide(&[slot(1), slot(5)], &target(), Authority::None);
        assert_eq!((changes.add, changes.remove), (vec![slot(5)], Vec::new()));
        assert_eq!(changes.stale.len(), 3);
    }
}
