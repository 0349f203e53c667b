//! `register` and `unregister`: joining a vault that somebody else has made, and leaving it.

mod others;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;
use strongroom::crypto::{Passphrase, Role};
use strongroom::vault::format::CredentialFile;

use crate::access::{self, Access, Need};
use crate::commands::daemon;
use crate::create;
use crate::credential;
use crate::fail::{Code, Fail, Problem, Result};
use crate::kit::Kit;
use crate::output::human;
use crate::run::{Agent, now};
use crate::secret::Given;
use crate::slots;
use crate::state::{Pinned, Registration};
use others::Others;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A machine that this one replaces: its sources go on here
    #[arg(long, value_name = "HOST")]
    replaces: Vec<String>,
    /// Leave the vault that this machine uses now
    #[arg(long)]
    switch: bool,
    /// Generate a passphrase for this machine and write it into a recovery kit: whoever has that page can restore, but
    /// neither delete nor change keys
    #[arg(long, conflicts_with = "own_passphrase_file")]
    generate_passphrase: bool,
    /// File that holds a passphrase for this machine, which opens the vault from then on, too
    #[arg(long, value_name = "FILE")]
    own_passphrase_file: Option<PathBuf>,
}

/// What registering has made.
struct Joined {
    slot: String,
    maintenance_slot: Option<String>,
    own_slot: Option<String>,
    kit: Option<PathBuf>,
}

pub(crate) fn register(agent: &Agent, args: &Args) -> Result<Code> {
    let path = agent.globals.credentials.as_deref().ok_or_else(|| {
        let help = "get one with `strongroom-agent vault credential issue` where the vault's owner is; \
                    with the owner's passphrase alone, `strongroom-agent vault attach` does";
        Fail::usage("no vault credential is given with --credentials", help)
    })?;
    let file = credential::read(path)?;
    let before = agent.state.registration()?;
    let leaves = leaves(agent, &file, args.switch)?;
    let access = access::open(agent, Need::Passphrase)?;
    let others = Others::of(&access.vault.points()?, &agent.host());
    others.check(&args.replaces)?;
    let former = former_hosts(agent, before.as_ref(), args);
    let joined = join(agent, args, &access, &file)?;
    agent.state.pin(&Pinned {
        url: access.url.clone(),
        vault_id: access.vault_id(),
    })?;
    let registration = Registration {
        vault_id: access.vault_id(),
        host: agent.host(),
        serial: file.credential.serial,
        registered_at: now(),
        former_hosts: former,
    };
    agent.state.keep_registration(&registration)?;
    agent.state.note_contact(&access.vault_id(), now());
    agent.state.machine()?;
    daemon::wake(agent);
    let renamed = before.filter(|before| before.host != registration.host);
    let document = json!({
        "vault_id": registration.vault_id,
        "url": access.url,
        "host": registration.host,
        "serial": registration.serial,
        "slot": joined.slot,
        "maintenance_slot": joined.maintenance_slot,
        "own_passphrase_slot": joined.own_slot,
        "recovery_kit": joined.kit,
        "left_vault_id": leaves,
        "renamed_from": renamed.as_ref().map(|before| &before.host),
        "goes_on_for": others.taken_up(&registration.former_hosts).map(others::document).collect::<Vec<_>>(),
        "other_machines": others.rest(&registration.former_hosts).map(others::document).collect::<Vec<_>>(),
    });
    agent.out.result(&document, || {
        text(&access, &joined, &registration, renamed.as_ref(), &others)
    })?;
    if let (Some(kit), true) = (&joined.kit, agent.out.quiet) {
        agent.out.note(&format!(
            "the generated passphrase is in {}: keep it somewhere else, too",
            kit.display()
        ));
    }
    Ok(Code::Done)
}

/// The vault that the machine leaves; to leave one must be asked for.
fn leaves(agent: &Agent, file: &CredentialFile, may_switch: bool) -> Result<Option<String>> {
    let pinned = agent.state.pinned()?.map(|pinned| pinned.vault_id);
    let other = pinned.filter(|id| *id != file.credential.vault_id.to_string());
    match other {
        Some(id) if !may_switch => {
            let message = "the vault credential is for another vault than the one of this machine";
            let help = "get the newest vault credential of this machine's vault; if the change is meant, add --switch: \
                        recovery points in the old vault stay there";
            let cause = std::io::Error::other(format!(
                "this machine uses vault {id}, and the file is for {}",
                file.credential.vault_id
            ));
            Err(Fail::usage(message, help)
                .named(Problem::CredentialOtherVault)
                .because(&cause))
        }
        other => Ok(other),
    }
}

/// Under which names sources go on here.
fn former_hosts(agent: &Agent, before: Option<&Registration>, args: &Args) -> BTreeSet<String> {
    let mut hosts: BTreeSet<String> = args.replaces.iter().cloned().collect();
    if let Some(before) = before {
        hosts.extend(before.former_hosts.iter().cloned());
        hosts.insert(before.host.clone());
    }
    hosts.remove(&agent.host());
    hosts
}

/// Makes the machine's keys: first what a person needs when the machine is gone, then what it opens the vault with.
fn join(agent: &Agent, args: &Args, access: &Access, file: &CredentialFile) -> Result<Joined> {
    let id = access.vault_id();
    let (own, kit) = own_passphrase(agent, args, access)?;
    let own_slot = match own {
        Some(own) => Some(slots::add(&access.vault, &own, Role::Agent, &agent.host())?),
        None => None,
    };
    if let Some(kit) = &kit {
        kit.finish(&id)?;
    }
    let slot = create::attach_agent(agent, access, &id)?;
    if file.credential.may_maintain {
        match create::attach_maintenance(agent, access, &id) {
            Err(fail) if is_not_permitted(access) => {
                drop(fail);
                agent.out.note(
                    "this machine does not expire and sweep: only the owner's passphrase lets it",
                );
            }
            made => made?,
        }
    }
    let maintenance = agent.state.maintenance(&id)?;
    Ok(Joined {
        slot,
        maintenance_slot: maintenance.map(|it| slots::slot_of(&it).to_string()),
        own_slot: own_slot.map(|slot| slot.to_string()),
        kit: kit.map(|kit| kit.path),
    })
}

fn is_not_permitted(access: &Access) -> bool {
    access.vault.vault().keys().role() != Role::Owner
}

/// The passphrase that only this machine's people have, if one is wanted.
fn own_passphrase(
    agent: &Agent,
    args: &Args,
    access: &Access,
) -> Result<(Option<Passphrase>, Option<Kit>)> {
    if args.generate_passphrase {
        let kit = Kit::begin(&agent.state, &access.url, &agent.host(), now())?;
        let passphrase = Passphrase::new(kit.passphrase.expose())?;
        return Ok((Some(passphrase), Some(kit)));
    }
    let given = Given::from_flags(args.own_passphrase_file.as_deref(), None)?;
    Ok((given.map(|given| given.for_new()).transpose()?, None))
}

fn text(
    access: &Access,
    joined: &Joined,
    registration: &Registration,
    renamed: Option<&Registration>,
    others: &Others,
) -> String {
    let mut fields = vec![
        ("vault", human::clean(&access.url)),
        ("id", registration.vault_id.clone()),
        ("machine", human::clean(&registration.host)),
        ("key slot", joined.slot.clone()),
    ];
    if let Some(kit) = &joined.kit {
        fields.push(("recovery kit", kit.display().to_string()));
    }
    let mut text = format!("registered\n\n{}", human::fields(&fields));
    if joined.kit.is_some() {
        text.push_str(
            "\n\nA passphrase was generated for this machine; it stands in the recovery kit. Keep it somewhere else, too.",
        );
    }
    if let Some(before) = renamed {
        text.push_str(&format!(
            "\n\nIt was registered as {} before: its sources go on.",
            human::clean(&before.host)
        ));
    }
    text + &others.text(&registration.former_hosts)
}

pub(crate) fn unregister(agent: &Agent) -> Result<Code> {
    let pinned = agent.state.pinned()?.ok_or_else(|| {
        Fail::usage(
            "this machine uses no vault",
            "there is nothing to do; `strongroom-agent status` tells more",
        )
    })?;
    let own = [
        agent.state.credential(&pinned.vault_id)?,
        agent.state.maintenance(&pinned.vault_id)?,
    ];
    let slots: Vec<_> = own.iter().flatten().map(slots::slot_of).collect();
    // Only the owner takes slots away; what this machine forgets opens nothing any more, whatever stands in the vault.
    let removed = match Given::from_globals(&agent.globals)? {
        Some(_) => {
            let access = access::open(agent, Need::Passphrase)?;
            let standing = slots::all(&access.vault)?.into_iter();
            for slot in standing.filter(|slot| slots.contains(&slot.slot_id)) {
                slots::remove(&access.vault, slot.slot_id)?;
            }
            true
        }
        None => false,
    };
    agent.state.forget_credential(&pinned.vault_id)?;
    agent.state.forget_maintenance(&pinned.vault_id)?;
    let policy = set_policy_aside(agent)?;
    agent.state.forget_vault()?;
    daemon::wake(agent);
    let ids: Vec<String> = slots.iter().map(ToString::to_string).collect();
    let document = json!({
        "vault_id": pinned.vault_id,
        "slots": ids,
        "slots_removed": removed,
        "policy_set_aside": policy,
    });
    agent
        .out
        .result(&document, || left(&pinned, &ids, removed, policy.as_ref()))?;
    Ok(Code::Done)
}

/// A schedule that runs on would make a new vault. Returns where the policy is now.
fn set_policy_aside(agent: &Agent) -> Result<Option<PathBuf>> {
    let dir = agent.state.dir()?;
    let (from, to) = (dir.join("policy.toml"), dir.join("policy-set-aside.toml"));
    match std::fs::rename(&from, &to) {
        Ok(()) => Ok(Some(to)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fail::own_file("rename", &from, &error)),
    }
}

fn left(pinned: &Pinned, slots: &[String], removed: bool, policy: Option<&PathBuf>) -> String {
    let mut text = format!(
        "this machine uses no vault any more; its recovery points stay at {}",
        human::clean(&pinned.url)
    );
    if !removed && !slots.is_empty() {
        text.push_str(&format!(
            "\nIts key slots stand in the vault; the owner removes them with:\n  {}",
            slots
                .iter()
                .map(|slot| format!("strongroom-agent vault key remove {slot}"))
                .collect::<Vec<_>>()
                .join("\n  ")
        ));
    }
    if let Some(policy) = policy {
        text.push_str(&format!(
            "\nNothing is scheduled any more; the policy is kept in {}",
            policy.display()
        ));
    }
    text
}
