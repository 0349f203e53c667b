//! `vault key`: who can open the vault.

use std::path::PathBuf;

use serde_json::json;
use strongroom::Strongroom;
use strongroom::crypto::{Passphrase, Role};
use strongroom::vault::{Protected, SlotView};
use strongroom_notices::SecurityEvent;

use crate::access::{self, Access, Need};
use crate::fail::{Code, Fail, Result};
use crate::kit;
use crate::output::human::{self, Align};
use crate::pin::Pin;
use crate::prompt;
use crate::run::Agent;
use crate::secret::Given;
use crate::security;
use crate::slots;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the key slots
    List,
    /// Add another passphrase; needs the owner's
    Add {
        /// What it permits: owner, agent, maintenance or monitor
        #[arg(long, default_value = "owner", value_parser = role)]
        role: Role,
        /// What it is for
        #[arg(long, default_value = "added passphrase")]
        label: String,
        #[command(flatten)]
        new: NewPassphrase,
        #[command(flatten)]
        pin: Pin,
    },
    /// Remove a key slot; needs the owner's passphrase
    Remove {
        /// Its id or a unique prefix, as `vault key list` shows it
        slot: String,
        #[command(flatten)]
        pin: Pin,
    },
    /// Replace the passphrase; no data is rewritten. If it is interrupted, both open the vault: run it again
    Change {
        #[command(flatten)]
        new: NewPassphrase,
        #[command(flatten)]
        pin: Pin,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct NewPassphrase {
    /// File that holds the new passphrase
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// Shell command that prints the new passphrase
    #[arg(long, value_name = "CMD", conflicts_with = "new_passphrase_file")]
    new_passphrase_command: Option<String>,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse()
        .map_err(|error: strongroom::crypto::Error| error.to_string())
}

impl NewPassphrase {
    fn get(&self) -> Result<Passphrase> {
        match Given::from_flags(
            self.new_passphrase_file.as_deref(),
            self.new_passphrase_command.as_deref(),
        )? {
            Some(given) => given.for_new(),
            None if prompt::is_possible() => Given::ask_new("New passphrase"),
            None => {
                let help =
                    "give it with --new-passphrase-file FILE or --new-passphrase-command CMD";
                Err(Fail::usage("no new passphrase is given", help))
            }
        }
    }
}

pub(crate) fn run(agent: &Agent, command: &Command) -> Result<Code> {
    match command {
        Command::List => list(agent),
        Command::Add {
            role,
            label,
            new,
            pin,
        } => add(agent, *role, label, new, pin),
        Command::Remove { slot, pin } => remove(agent, slot, pin),
        Command::Change { new, pin } => change(agent, new, pin),
    }
}

fn list(agent: &Agent) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let slots = slots::all(&access.vault)?;
    let id = access.vault_id();
    let own: Vec<_> = [agent.state.credential(&id), agent.state.maintenance(&id)]
        .into_iter()
        .filter_map(|own| Some(slots::slot_of(&own.ok()??)))
        .collect();
    let kind = |slot: &SlotView| {
        if slot.info.is_credential {
            "credential"
        } else {
            "passphrase"
        }
    };
    let is_own = |slot: &SlotView| own.contains(&slot.slot_id);
    if agent.out.json {
        let document = |slot: &SlotView| {
            json!({
                "slot": slot.slot_id.to_string(),
                "role": slot.info.role.to_string(),
                "kind": kind(slot),
                "is_this_machine": is_own(slot),
                "kdf_memory_bytes": slot.info.cost.map(|cost| u64::from(cost.memory_kib) << 10),
                "kdf_passes_count": slot.info.cost.map(|cost| cost.passes),
            })
        };
        agent
            .out
            .document(&slots.iter().map(document).collect::<Vec<_>>())?;
        return Ok(Code::Done);
    }
    let row = |slot: &SlotView| {
        let cost = slot.info.cost.map(|cost| {
            format!(
                "{} × {}",
                human::bytes(u64::from(cost.memory_kib) << 10),
                cost.passes
            )
        });
        vec![
            slot.slot_id.to_string(),
            slot.info.role.to_string(),
            format!(
                "{}{}",
                kind(slot),
                if is_own(slot) { " of this machine" } else { "" }
            ),
            cost.unwrap_or_default(),
        ]
    };
    let columns = [
        ("slot", Align::Left),
        ("role", Align::Left),
        ("kind", Align::Left),
        ("cost", Align::Left),
    ];
    agent.out.text(&human::table(
        &columns,
        &slots.iter().map(row).collect::<Vec<_>>(),
    ))?;
    Ok(Code::Done)
}

fn add(agent: &Agent, role: Role, label: &str, new: &NewPassphrase, pin: &Pin) -> Result<Code> {
    let access = access::open(agent, Need::Passphrase)?;
    let new = new.get()?;
    pin.require(&access, Protected::Keys)?;
    let slot = slots::add(&access.vault, &new, role, label)?.to_string();
    let event = SecurityEvent::KeySlotAdded {
        slot: slot.clone(),
        role: role.to_string(),
    };
    security::note(agent, &[event]);
    let document = json!({ "vault_id": access.vault_id(), "slot": slot, "role": role.to_string() });
    agent.out.result(&document, || {
        format!("added key slot {slot} of role {role}")
    })?;
    Ok(Code::Done)
}

fn remove(agent: &Agent, text: &str, pin: &Pin) -> Result<Code> {
    let access = access::open(agent, Need::Passphrase)?;
    let slot = slots::find(&access.vault, text)?.slot_id;
    pin.require(&access, Protected::Keys)?;
    let id = access.vault_id();
    let own = agent.state.credential(&id).ok().flatten();
    let is_own = own.is_some_and(|own| slots::slot_of(&own) == slot);
    let event = match (slot.to_string(), is_own) {
        (slot, true) => SecurityEvent::LocalCredentialRemoved { slot },
        (slot, false) => SecurityEvent::KeySlotRemoved { slot },
    };
    security::note(agent, &[event]);
    slots::remove(&access.vault, slot)?;
    if is_own {
        agent.state.forget_credential(&id)?;
    }
    let document = json!({ "vault_id": id, "removed_slot": slot.to_string() });
    agent
        .out
        .result(&document, || format!("removed key slot {slot}"))?;
    Ok(Code::Done)
}

fn change(agent: &Agent, new: &NewPassphrase, pin: &Pin) -> Result<Code> {
    let access = access::open(agent, Need::Passphrase)?;
    let Access {
        vault,
        passphrase: Some(old),
        ..
    } = &access
    else {
        return Err(Fail::new(
            Code::Key,
            "this needs the owner's passphrase",
            "give it with --passphrase-file",
        ));
    };
    let new = new.get()?;
    pin.require(&access, Protected::Keys)?;
    let slot = slots::change(vault, old, &new)?.to_string();
    let event = SecurityEvent::PassphraseChanged { slot: slot.clone() };
    security::note(agent, &[event]);
    let id = access.vault_id();
    let kit = match agent.state.dir() {
        Ok(dir) => kit::of_vault(dir, &id)?.map(|kit| kit.display().to_string()),
        Err(_) => None,
    };
    let document = json!({ "vault_id": id, "slot": slot, "outdated_recovery_kit": kit });
    agent.out.result(&document, || {
        format!("changed the passphrase; its key slot is {slot} now")
    })?;
    if let Some(kit) = kit {
        agent.out.note(&format!(
            "{kit} holds the old passphrase: note the new one there, or remove it"
        ));
    }
    tell_others(agent, vault, &slot)?;
    Ok(Code::Done)
}

/// Whoever changes a passphrase wants to know what else opens the vault.
fn tell_others(agent: &Agent, vault: &Strongroom, own: &str) -> Result<()> {
    let is_other = |slot: &SlotView| !slot.info.is_credential && slot.slot_id.to_string() != own;
    let others = slots::all(vault)?.into_iter().filter(is_other);
    match others.count() {
        0 => {}
        count => agent.out.note(&format!(
            "other passphrases open the vault, too: {count}; see `strongroom-agent vault key list`"
        )),
    }
    Ok(())
}
