//! Which vault a command works on, and with which key it is opened.

use strongroom::Strongroom;
use strongroom::crypto::{Passphrase, SlotSecret};
use strongroom::vault::format::CredentialFile;
use strongroom::vault::is_same_place;

use crate::credential;
use crate::fail::{Code, Fail, Problem, Result};
use crate::output::{human, tell};
use crate::prompt;
use crate::run::{Agent, now};
use crate::secret::Given;
use crate::settings;
use crate::slots;

/// Wrong passphrases that a person may type.
const TRIES_MAX: usize = 3;

/// Where a vault is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) url: String,
    /// The id that the vault there had before; any other is refused.
    pub(crate) expected_id: Option<String>,
    /// What is shown to be let in.
    pub(crate) credential: Option<CredentialFile>,
}

/// Which key a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A passphrase or this machine's credential.
    Any,
    /// A passphrase, or this machine's credentials, of which one may delete and sweep.
    Maintenance,
    /// A passphrase.
    Passphrase,
}

/// A vault that is open.
pub(crate) struct Access {
    pub(crate) vault: Strongroom,
    pub(crate) url: String,
    /// The passphrase, if it was opened with one.
    pub(crate) passphrase: Option<Passphrase>,
}

impl Access {
    /// The vault within the memory that the flags permit, at the pace of the policy.
    pub(crate) fn new(
        agent: &Agent,
        vault: Strongroom,
        url: String,
        passphrase: Option<Passphrase>,
    ) -> Self {
        let vault = match agent.globals.max_memory {
            Some(bytes) => vault.with_max_memory(bytes),
            None => vault,
        };
        let cache = agent.globals.cache_dir.clone();
        let cache = cache.unwrap_or_else(settings::default_cache_dir);
        vault.vault().keep_index_in(&cache.join("index"));
        if let Err(fail) = agent.throttle.apply(&vault) {
            let message = human::clean(&fail.message);
            agent
                .out
                .note(&format!("note: nothing is throttled: {message}"));
        }
        Self {
            vault,
            url,
            passphrase,
        }
    }

    pub(crate) fn vault_id(&self) -> String {
        self.vault.vault().id().to_string()
    }
}

/// The vault that the flag, the environment or the state directory names.
pub(crate) fn place(agent: &Agent) -> Result<Option<Place>> {
    let pinned = agent.state.pinned()?;
    if let Some(path) = &agent.globals.credentials {
        return credential::place(agent, path).map(Some);
    }
    if let Some(given) = agent.globals.vault.as_deref() {
        let url = absolute(given)?;
        let same = pinned.filter(|pinned| is_same_place(&pinned.url, &url));
        return Ok(Some(Place {
            url,
            expected_id: same.map(|pinned| pinned.vault_id),
            credential: None,
        }));
    }
    Ok(pinned.map(|pinned| Place {
        url: pinned.url,
        expected_id: Some(pinned.vault_id),
        credential: None,
    }))
}

/// As [`place`]; without one there is nothing to do.
pub(crate) fn required_place(agent: &Agent) -> Result<Place> {
    let none = || Fail::known(Problem::NoVaultConfigured, "no vault is configured");
    place(agent)?.ok_or_else(none)
}

/// Opens the vault of this machine.
pub(crate) fn open(agent: &Agent, need: Need) -> Result<Access> {
    open_at(agent, required_place(agent)?, need)
}

/// Opens the vault at a place. An explicit passphrase comes before the local credential, that before a question.
pub(crate) fn open_at(agent: &Agent, place: Place, need: Need) -> Result<Access> {
    let id = slots::claimed_id(&agent.location(&place.url))?;
    check_identity(&place, &id)?;
    let access = unlock(agent, place.url.clone(), &id, need)?;
    // The configuration is proven only now.
    check_identity(&place, &access.vault_id())?;
    if let Some(file) = &place.credential {
        access.vault.wait(access.vault.vault().admit(file, now()))?;
    }
    check_generation(agent, &access)?;
    agent.state.note_contact(&access.vault_id(), now());
    if agent.out.verbose {
        let key = if access.passphrase.is_some() {
            "a passphrase"
        } else {
            "the local credential"
        };
        agent
            .out
            .note(&format!("vault {} ({id}), opened with {key}", access.url));
    }
    Ok(access)
}

fn unlock(agent: &Agent, url: String, id: &str, need: Need) -> Result<Access> {
    if let Some(given) = Given::from_globals(&agent.globals)? {
        return with_passphrase(agent, url, given.for_opening()?);
    }
    let credential = match need {
        Need::Any | Need::Maintenance => agent.state.credential(id)?,
        Need::Passphrase => None,
    };
    let maintenance = match need {
        Need::Maintenance => agent.state.maintenance(id)?,
        Need::Any | Need::Passphrase => None,
    };
    let mut is_stale = false;
    if let Some(credential) = credential {
        let location = agent.location(&url);
        let opened = match &maintenance {
            Some(maintenance) => Strongroom::open_local(location, &credential, maintenance),
            None => Strongroom::open(location, SlotSecret::Credential(&credential)),
        };
        match opened {
            Ok(vault) => {
                return Ok(Access::new(agent, vault, url, None));
            }
            Err(error) => {
                let fail = Fail::from(error);
                if fail.code != Code::Key {
                    return Err(fail);
                }
                is_stale = true;
            }
        }
    }
    if prompt::is_possible() {
        return ask(agent, url);
    }
    let message = match (need, is_stale) {
        (_, true) => "the vault does not know this machine's credential any more",
        (Need::Any | Need::Maintenance, false) => {
            "no passphrase is given, and this machine has no credential for the vault"
        }
        (Need::Passphrase, false) => "this needs the owner's passphrase",
    };
    let problem = match is_stale {
        true => Problem::LocalCredentialRemoved,
        false => Problem::PassphraseNeeded,
    };
    Err(Fail::known(problem, message))
}

fn ask(agent: &Agent, url: String) -> Result<Access> {
    let mut tries = 0;
    loop {
        tries += 1;
        let given = Given::ask(&format!("Passphrase of the vault at {url}"))?;
        match given
            .for_opening()
            .and_then(|passphrase| with_passphrase(agent, url.clone(), passphrase))
        {
            Err(fail) if fail.code == Code::Key && tries < TRIES_MAX => {
                tell("That is not it.");
            }
            outcome => return outcome,
        }
    }
}

fn with_passphrase(agent: &Agent, url: String, passphrase: Passphrase) -> Result<Access> {
    let vault = Strongroom::open(agent.location(&url), SlotSecret::Passphrase(&passphrase))?;
    Ok(Access::new(agent, vault, url, Some(passphrase)))
}

/// Remembers the newest generation that was seen. Where only an older one shows, the vault can be read, no more.
fn check_generation(agent: &Agent, access: &Access) -> Result<()> {
    let store = access.vault.vault().store();
    let seen = agent.state.generation(&access.vault_id())?;
    if store.generation() > seen {
        let id = access.vault_id();
        agent.note_unkept(agent.state.keep_generation(&id, store.generation()));
        return Ok(());
    }
    if store.generation() < seen {
        store.require_generation(seen);
        agent.out.note(&format!(
            "this machine has seen generation {seen} of the vault, and what can be reached shows {}: it is only read",
            store.generation()
        ));
    }
    Ok(())
}

fn check_identity(place: &Place, found: &str) -> Result<()> {
    if let Some(file) = &place.credential {
        return Ok(credential::check_vault(file, found)?);
    }
    let Some(expected) = place
        .expected_id
        .as_deref()
        .filter(|expected| *expected != found)
    else {
        return Ok(());
    };
    let message = format!(
        "the vault at {} is not the one that this machine uses",
        place.url
    );
    let cause = std::io::Error::other(format!("its id is {found}, expected is {expected}"));
    Err(Fail::known(Problem::VaultExchanged, message).because(&cause))
}

/// A path is made absolute, so that it means the same from every directory; a URL stays as it is.
pub(crate) fn absolute(url: &str) -> Result<String> {
    if !is_path(url) {
        return Ok(url.to_owned());
    }
    let absolute = std::path::absolute(url).map_err(|error| {
        Fail::usage(
            format!("{url:?} is no usable path"),
            "give the path from the root",
        )
        .because(&error)
    })?;
    Ok(absolute.to_string_lossy().into_owned())
}

/// True for a path, false for a URL.
pub(crate) fn is_path(url: &str) -> bool {
    !url.contains("://") && url != "memory:"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute() {
        assert_eq!(absolute("/v").unwrap(), "/v");
        assert_eq!(absolute("s3://b").unwrap(), "s3://b");
        assert!(absolute("v").unwrap().ends_with("/v"));
    }

    #[test]
    fn another_vault_at_the_place_is_refused() {
        let place = Place {
            url: "/v".to_owned(),
            expected_id: Some("a".to_owned()),
            credential: None,
        };
        assert!(check_identity(&place, "a").is_ok());
        assert_eq!(check_identity(&place, "b").unwrap_err().code, Code::Vault);
        assert!(
            check_identity(
                &Place {
                    expected_id: None,
                    ..place
                },
                "b"
            )
            .is_ok()
        );
    }
}
