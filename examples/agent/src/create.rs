//! Making a vault and this machine's way into it.

use std::path::{Path, PathBuf};

use strongroom::Strongroom;
use strongroom::crypto::{KdfCost, Passphrase, SlotSecret};
use strongroom::vault::format::PlaceMode;
use strongroom::vault::{Error as VaultError, InitOptions, is_same_place};

use crate::access::Access;
use crate::fail::{Fail, Result};
use crate::kit::{self, Kit};
use crate::run::{Agent, now};
use crate::secret::Given;
use crate::slots;
use crate::state::Pinned;

/// URL of a vault that vanishes with the process.
pub(crate) const PASSING: &str = "memory:";

/// A vault that was just made.
pub(crate) struct Created {
    pub(crate) access: Access,
    /// Where its generated passphrase stands.
    pub(crate) kit: Option<PathBuf>,
}

/// Makes a vault at `url` and in other places; without a passphrase one is generated and written to a recovery kit
/// first.
pub(crate) fn vault(
    agent: &Agent,
    url: &str,
    others: &[(String, PlaceMode)],
    passphrase: Option<Passphrase>,
    options: &InitOptions,
) -> Result<Created> {
    let mut places = vec![(agent.location(url), PlaceMode::Decider)];
    places.extend(
        others
            .iter()
            .map(|(url, mode)| (agent.location(url), *mode)),
    );
    if let Some(passphrase) = passphrase {
        let vault = Strongroom::init_places(&places, &passphrase, options)?;
        return Ok(Created {
            access: Access::new(agent, vault, url.to_owned(), Some(passphrase)),
            kit: None,
        });
    }
    let kit = Kit::begin(&agent.state, url, &agent.host(), now())?;
    let vault = match Strongroom::init_places(&places, &kit.passphrase, options) {
        Ok(vault) => vault,
        Err(strongroom::Error::Vault(VaultError::VaultExists)) if kit.is_resumed => {
            let location = agent.location(url);
            let opened = Strongroom::open(location, SlotSecret::Passphrase(&kit.passphrase));
            opened.map_err(|error| kit::foreign_vault(url).because(&error))?
        }
        Err(error) => {
            // Other failures may have left a vault that this passphrase opens: the next run takes it up.
            if leaves_nothing(&error) {
                kit.discard()?;
            }
            return Err(error.into());
        }
    };
    kit.finish(&vault.vault().id().to_string())?;
    let path = kit.path.clone();
    Ok(Created {
        access: Access::new(agent, vault, url.to_owned(), Some(kit.passphrase)),
        kit: Some(path),
    })
}

fn leaves_nothing(error: &strongroom::Error) -> bool {
    matches!(
        error,
        strongroom::Error::Vault(
            VaultError::VaultExists | VaultError::StoreRefused { .. } | VaultError::Location { .. }
        )
    )
}

/// Makes this machine's credentials for an open vault, unless it has ones that still stand; returns the slot of that to
/// back up with. The other one lets the machine expire and sweep, unless a server does it.
pub(crate) fn attach(agent: &Agent, access: &Access) -> Result<String> {
    let id = access.vault_id();
    let slot = attach_agent(agent, access, &id)?;
    attach_maintenance(agent, access, &id)?;
    Ok(slot)
}

/// Makes the credential to expire and sweep with, unless the machine has one that still stands.
pub(crate) fn attach_maintenance(agent: &Agent, access: &Access, id: &str) -> Result<()> {
    let has_other = agent.state.maintenance(id)?.is_some_and(|credential| {
        Strongroom::open(
            agent.location(&access.url),
            SlotSecret::Credential(&credential),
        )
        .is_ok()
    });
    if !has_other && !access.url.starts_with("strongroom://") {
        let credential = slots::add_maintenance(&access.vault, &agent.host())?;
        agent.state.keep_maintenance(id, &credential)?;
    }
    Ok(())
}

/// Makes the credential to back up and restore with, unless the machine has one that still stands.
pub(crate) fn attach_agent(agent: &Agent, access: &Access, id: &str) -> Result<String> {
    if let Ok(Some(credential)) = agent.state.credential(id) {
        let slot = slots::slot_of(&credential);
        if Strongroom::open(
            agent.location(&access.url),
            SlotSecret::Credential(&credential),
        )
        .is_ok()
        {
            return Ok(slot.to_string());
        }
    }
    // The place for it first: a slot that nobody can open would stay behind.
    agent.state.prepare()?;
    let credential = slots::add_local(&access.vault, &agent.host())?;
    agent.state.keep_credential(id, &credential)?;
    Ok(slots::slot_of(&credential).to_string())
}

/// Makes the vault that of this machine, unless it has another; tells whether it is now.
pub(crate) fn pin(agent: &Agent, access: &Access) -> Result<bool> {
    let pinned = Pinned {
        url: access.url.clone(),
        vault_id: access.vault_id(),
    };
    match agent.state.pinned()? {
        Some(other) if other.vault_id != pinned.vault_id => Ok(false),
        Some(same) if is_same_place(&same.url, &pinned.url) => Ok(true),
        _ => agent.state.pin(&pinned).map(|()| true),
    }
}

/// The vault of a first run: below the state directory, with a local credential and, unless one is given, a
/// generated passphrase.
pub(crate) fn embedded(agent: &Agent) -> Result<Created> {
    let dir = agent.state.prepare()?;
    let help =
        "give the state directory a name in UTF-8 with --state-dir, or name a vault with --vault";
    let path = dir.join("vault");
    let url = path
        .to_str()
        .ok_or_else(|| Fail::usage("the state directory's name is not UTF-8", help))?;
    let created = match left_behind(agent, dir, url)? {
        Some(created) => created,
        None => {
            let given = Given::from_globals(&agent.globals)?;
            let given = given.map(|given| given.for_new()).transpose()?;
            vault(agent, url, &[], given, &InitOptions::default())?
        }
    };
    let joined = attach(agent, &created.access).and_then(|_slot| pin(agent, &created.access));
    match joined {
        Ok(_) => Ok(created),
        Err(fail) => Err(Fail {
            recovery_kit: created.kit.map(|kit| kit.display().to_string()),
            ..fail
        }),
    }
}

/// The vault of a first run that ended before this machine noted it as its own.
fn left_behind(agent: &Agent, dir: &Path, url: &str) -> Result<Option<Created>> {
    let Some((kit, passphrase)) = kit::of_place(dir, url)? else {
        return Ok(None);
    };
    let location = agent.location(url);
    let opened = Strongroom::open(location, SlotSecret::Passphrase(&passphrase)).ok();
    Ok(opened.map(|vault| Created {
        access: Access::new(agent, vault, url.to_owned(), Some(passphrase)),
        kit: Some(kit),
    }))
}

/// A vault that vanishes with the process: what a dry run without any vault is compared with.
pub(crate) fn passing(agent: &Agent) -> Result<Access> {
    let mut options = InitOptions::default();
    options.cost = KdfCost::MINIMUM;
    let passphrase = slots::generate()?;
    let vault = Strongroom::init(PASSING, &passphrase, &options)?;
    Ok(Access::new(
        agent,
        vault,
        PASSING.to_owned(),
        Some(passphrase),
    ))
}
