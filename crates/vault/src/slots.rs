//! Key slots in the store: who may open the vault.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use strongroom_crypto::{
    Credential, KdfCost, KeyRing, Passphrase, Role, SlotInfo, SlotLabel, SlotSecret, SlotTerms,
    inspect_slot, open_slot, seal_slot, slot_body_len,
};

use crate::error::in_object;
use crate::format::{DomainId, FormatError, Header, ObjectKind, ObjectName, SlotId};
use crate::store::{Created, Store};
use crate::vault::rfc3339;
use crate::{Error, Result, Vault};

/// A slot as seen without its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotView {
    /// Its id.
    pub slot_id: SlotId,
    /// What it permits, what it costs.
    pub info: SlotInfo,
}

/// Opens what can be opened with this secret: at most one ring for a credential, one for each slot with this
/// passphrase, each with its slot. A damaged slot is passed over and noted in `hurt`.
pub(crate) async fn open(
    store: &Store,
    secret: SlotSecret<'_>,
    domain_id: DomainId,
    hurt: &mut Option<Error>,
) -> Result<Vec<(SlotId, KeyRing)>> {
    let mut rings = Vec::new();
    let ids = match secret {
        SlotSecret::Credential(credential) => vec![SlotId::from_bytes(*credential.slot_id())],
        SlotSecret::Passphrase(_) => list(store).await?,
    };
    for slot_id in ids {
        let outcome = match read(store, slot_id).await {
            Ok((object, info)) => open_ring(&object, info, slot_id, secret, domain_id),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(ring) => rings.push((slot_id, ring)),
            Err(Error::WrongKey) => {}
            // A credential that was removed from the vault.
            Err(Error::Missing { .. }) if matches!(secret, SlotSecret::Credential(_)) => {}
            Err(error) if error.is_corruption() || error.is_unknown_version() => {
                *hurt = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(rings)
}

fn open_ring(
    object: &[u8],
    info: SlotInfo,
    slot_id: SlotId,
    secret: SlotSecret<'_>,
    domain_id: DomainId,
) -> Result<KeyRing> {
    let domain = if info.role == Role::Owner {
        *domain_id.as_bytes()
    } else {
        info.domain_id
    };
    let opened = open_slot(object, secret)
        .and_then(|(bundle, _)| KeyRing::from_bundle(info.role, domain, bundle));
    match opened {
        Err(strongroom_crypto::Error::WrongKey) => Err(Error::WrongKey),
        outcome => in_object(
            &ObjectName::Slot(slot_id),
            outcome.map_err(FormatError::Crypto),
        ),
    }
}

pub(crate) async fn list(store: &Store) -> Result<Vec<SlotId>> {
    let mut ids: Vec<SlotId> = store
        .list("keys")
        .await?
        .iter()
        .filter_map(|line| match ObjectName::parse(&line.name) {
            Some(ObjectName::Slot(id)) => Some(id),
            _ => None,
        })
        .collect();
    ids.sort_unstable();
    Ok(ids)
}

pub(crate) async fn read(store: &Store, slot_id: SlotId) -> Result<(Bytes, SlotInfo)> {
    let name = ObjectName::Slot(slot_id);
    let object = store
        .read(&name.to_string(), ObjectKind::Slot.max_bytes())
        .await?;
    let check = || {
        let (header, _) = Header::parse(&object, ObjectKind::Slot)?;
        header.body(&object)?;
        if header.object_id != *slot_id.as_bytes() {
            return Err(FormatError::WrongObject);
        }
        Ok(inspect_slot(&object)?)
    };
    let info = in_object(&name, check())?;
    Ok((object, info))
}

impl Vault {
    /// All slots that can be read, by id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn slots(&self) -> Result<Vec<SlotView>> {
        let mut views = Vec::new();
        for slot_id in list(self.store()).await? {
            match read(self.store(), slot_id).await {
                Ok((_, info)) => views.push(SlotView { slot_id, info }),
                Err(error) if error.is_corruption() => {
                    tracing::warn!(%slot_id, %error, "a key slot is damaged");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(views)
    }

    /// Adds a passphrase with this role. Who opened the vault as an agent can add one of an agent's: it gives nothing that
    /// its holder does not have.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] when what was opened does not hold the keys of that role, or when the store fails.
    pub async fn add_slot(
        &self,
        passphrase: &Passphrase,
        role: Role,
        cost: KdfCost,
        label: &str,
        now: DateTime<Utc>,
    ) -> Result<SlotId> {
        self.require_owner_unless(role == Role::Agent)?;
        self.write_slot(
            None,
            SlotSecret::Passphrase(passphrase),
            role,
            cost,
            label,
            now,
        )
        .await
    }

    /// Makes a credential: a secret for a machine that opens the vault without any passphrase. Who opened it as an agent
    /// can make one of an agent's: it gives nothing that its holder does not have.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] when what was opened does not hold the keys of that role, or when the store fails.
    pub async fn add_credential(
        &self,
        role: Role,
        label: &str,
        now: DateTime<Utc>,
    ) -> Result<Credential> {
        self.require_owner_unless(role == Role::Agent)?;
        let mut slot_id = [0; 16];
        self.entropy().fill(&mut slot_id)?;
        let credential = Credential::generate(slot_id, &**self.entropy())?;
        let id = Some(SlotId::from_bytes(slot_id));
        let secret = SlotSecret::Credential(&credential);
        self.write_slot(id, secret, role, KdfCost::MINIMUM, label, now)
            .await?;
        Ok(credential)
    }

    /// Removes a slot: its passphrase or credential opens the vault no more.
    ///
    /// # Errors
    /// [`Error::LastOwner`] for the last passphrase of an owner; [`Error::Missing`] when there is no such slot;
    /// [`Error::NotPermitted`] unless opened by the owner.
    pub async fn remove_slot(&self, slot_id: SlotId) -> Result<()> {
        self.require_owner()?;
        let slots = self.slots().await?;
        let is_owner = |slot: &&SlotView| slot.info.role == Role::Owner && !slot.info.is_credential;
        let wanted = slots.iter().find(|slot| slot.slot_id == slot_id);
        let name = ObjectName::Slot(slot_id).to_string();
        let wanted = wanted.ok_or_else(|| Error::Missing {
            object: name.clone(),
        })?;
        if is_owner(&wanted) && slots.iter().filter(is_owner).count() == 1 {
            return Err(Error::LastOwner);
        }
        self.store().delete(&name).await
    }

    /// Replaces a passphrase: for every slot that the old one opens, a slot of the new one is written, then the old
    /// one is removed. No data is rewritten. A change that was cut has left both: the same call finishes it, and writes
    /// no slot that is there already. Returns a slot of the new passphrase.
    ///
    /// # Errors
    /// [`Error::WrongKey`] when `old` opens no slot; as [`Vault::add_slot`].
    pub async fn change_passphrase(
        &self,
        old: &Passphrase,
        new: &Passphrase,
        cost: KdfCost,
        label: &str,
        now: DateTime<Utc>,
    ) -> Result<SlotId> {
        self.require_owner()?;
        let (mut outdated, mut written) = (Vec::new(), Vec::new());
        let slots = self.slots().await?.into_iter();
        for slot in slots.filter(|slot| !slot.info.is_credential) {
            // Old first: where both are the same passphrase, every slot is replaced and none is taken for finished.
            if self.opens(&slot, old).await? {
                outdated.push(slot);
            } else if self.opens(&slot, new).await? {
                written.push((slot.info.role, slot.slot_id));
            }
        }
        let mut changed = Err(Error::WrongKey);
        for slot in outdated {
            let role = slot.info.role;
            let found = written.iter().find(|(of, _)| *of == role);
            let fresh = match found.copied() {
                Some((_, fresh)) => fresh,
                None => {
                    let secret = SlotSecret::Passphrase(new);
                    let fresh = self.write_slot(None, secret, role, cost, label, now);
                    let fresh = fresh.await?;
                    written.push((role, fresh));
                    fresh
                }
            };
            let name = ObjectName::Slot(slot.slot_id).to_string();
            self.store().delete(&name).await?;
            changed = Ok(fresh);
        }
        changed
    }

    async fn opens(&self, slot: &SlotView, passphrase: &Passphrase) -> Result<bool> {
        let (object, info) = read(self.store(), slot.slot_id).await?;
        let secret = SlotSecret::Passphrase(passphrase);
        match open_ring(&object, info, slot.slot_id, secret, *self.domain_id()) {
            Ok(_) => Ok(true),
            Err(Error::WrongKey) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn require_owner_unless(&self, is_for_all: bool) -> Result<()> {
        if is_for_all {
            Ok(())
        } else {
            self.require_owner()
        }
    }

    fn require_owner(&self) -> Result<()> {
        match self.keys().master() {
            Some(_) => Ok(()),
            None => Err(Error::NotPermitted("the owner's passphrase")),
        }
    }

    pub(crate) async fn write_slot(
        &self,
        slot_id: Option<SlotId>,
        secret: SlotSecret<'_>,
        role: Role,
        cost: KdfCost,
        label: &str,
        now: DateTime<Utc>,
    ) -> Result<SlotId> {
        let slot_id = match slot_id {
            Some(slot_id) => slot_id,
            None => {
                let mut random = [0; 16];
                self.entropy().fill(&mut random)?;
                SlotId::from_bytes(random)
            }
        };
        let bundle = self.keys().bundle_for(role)?;
        let label = SlotLabel {
            label: label.to_owned(),
            created_at: rfc3339(now),
        };
        let domain_id = if role == Role::Owner {
            [0; 8]
        } else {
            *self.domain_id().as_bytes()
        };
        let body_len = slot_body_len(&bundle, &label) as u64;
        let header = Header::new(ObjectKind::Slot, *slot_id.as_bytes(), body_len).encode(&[]);
        let terms = SlotTerms {
            role,
            cost,
            domain_id,
        };
        let body = seal_slot(&header, secret, terms, &bundle, &label, &**self.entropy())?;
        let name = ObjectName::Slot(slot_id).to_string();
        match self
            .store()
            .create_once(&name, &[header.to_vec().into(), body.into()])
            .await?
        {
            Created::Ours => Ok(slot_id),
            Created::Theirs(_) => Err(Error::NameTaken { object: name }),
        }
    }
}
