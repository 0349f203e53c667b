//! What is asked of a vault's configuration and key slots directly.

use std::sync::Arc;
use std::time::Duration;

use strongroom::Strongroom;
use strongroom::crypto::{Credential, KdfCost, OsEntropy, Passphrase, Role};
use strongroom::vault::format::{ObjectKind, ObjectName, SlotId, VaultConfig};
use strongroom::vault::{Error, SlotView, VaultUrl, open_store, probe};

use crate::fail::{Code, Fail, Result};
use crate::run::now;

/// Id of the vault at this place, as its configuration says; not proven until the vault is open.
pub(crate) fn claimed_id(location: &VaultUrl) -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(strongroom::Error::Runtime)?;
    let object = runtime.block_on(async {
        let store = open_store(location).await?;
        let name = ObjectName::Config.to_string();
        match store.read(&name, ObjectKind::Config.max_bytes()).await {
            // Keys without a configuration are a vault that was hurt.
            Err(Error::Missing { .. }) if store.list("keys").await?.is_empty() => {
                Err(Error::NoVault {
                    place: location.as_str().to_owned(),
                })
            }
            outcome => outcome,
        }
    })?;
    let config = VaultConfig::parse_unverified(&object).map_err(|source| Error::Object {
        object: ObjectName::Config.to_string(),
        source,
    })?;
    Ok(config.vault_id.to_string())
}

/// Whether the place answers at all within this time, with or without a vault.
pub(crate) fn is_reached(location: &VaultUrl, patience: Duration) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else { return false };
    runtime.block_on(async {
        let name = ObjectName::Config.to_string();
        let asking = async {
            let store = open_store(location).await?;
            store.read(&name, ObjectKind::Config.max_bytes()).await
        };
        match tokio::time::timeout(patience, asking).await {
            Ok(Ok(_) | Err(Error::Missing { .. } | Error::Object { .. })) => true,
            Ok(Err(error)) => error.refusal().is_some(),
            Err(_) => false,
        }
    })
}

/// Finds out whether the store under an open vault keeps its promises.
pub(crate) fn probe_store(vault: &Strongroom) -> Result<()> {
    let entropy: Arc<_> = Arc::clone(vault.vault().entropy());
    Ok(vault.wait(probe(vault.vault().store(), &*entropy))?)
}

pub(crate) fn all(vault: &Strongroom) -> Result<Vec<SlotView>> {
    Ok(vault.wait(vault.vault().slots())?)
}

/// The slot of this id or unique prefix of an id.
pub(crate) fn find(vault: &Strongroom, text: &str) -> Result<SlotView> {
    let help = "run `strongroom-agent vault key list` to see the key slots";
    let wanted = text.to_ascii_lowercase();
    let all = all(vault)?;
    let mut found = all
        .into_iter()
        .filter(|slot| slot.slot_id.to_string().starts_with(&wanted));
    match (found.next(), found.next()) {
        (Some(slot), None) if !wanted.is_empty() => Ok(slot),
        (None, _) => Err(Fail::new(
            Code::Failed,
            format!("no key slot matches {text:?}"),
            help,
        )),
        _ => Err(Fail::usage(
            format!("{text:?} matches more than one key slot"),
            help,
        )),
    }
}

pub(crate) fn add(
    vault: &Strongroom,
    passphrase: &Passphrase,
    role: Role,
    label: &str,
) -> Result<SlotId> {
    let adding = vault
        .vault()
        .add_slot(passphrase, role, KdfCost::default(), label, now());
    Ok(vault.wait(adding)?)
}

/// Makes the credential of this machine: it may back up and restore, no more.
pub(crate) fn add_local(vault: &Strongroom, host: &str) -> Result<Credential> {
    Ok(vault.wait(vault.vault().add_credential(Role::Agent, host, now()))?)
}

/// Makes the credential with which this machine looks after the vault: it may delete and sweep.
pub(crate) fn add_maintenance(vault: &Strongroom, host: &str) -> Result<Credential> {
    let adding = vault.vault().add_credential(Role::Maintenance, host, now());
    Ok(vault.wait(adding)?)
}

pub(crate) fn remove(vault: &Strongroom, slot_id: SlotId) -> Result<()> {
    Ok(vault.wait(vault.vault().remove_slot(slot_id))?)
}

pub(crate) fn change(vault: &Strongroom, old: &Passphrase, new: &Passphrase) -> Result<SlotId> {
    let changing =
        vault
            .vault()
            .change_passphrase(old, new, KdfCost::default(), "changed passphrase", now());
    Ok(vault.wait(changing)?)
}

/// A random passphrase of 130 bits.
pub(crate) fn generate() -> Result<Passphrase> {
    Ok(Passphrase::generate(&OsEntropy)?)
}

/// Sixteen random bytes.
pub(crate) fn random_id() -> Result<[u8; 16]> {
    use strongroom::crypto::Entropy;
    let mut id = [0; 16];
    OsEntropy.fill(&mut id)?;
    Ok(id)
}

/// Id of the slot that a credential opens.
pub(crate) fn slot_of(credential: &Credential) -> SlotId {
    SlotId::from_bytes(*credential.slot_id())
}
