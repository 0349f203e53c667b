//! The list of places of a mirrored vault: adding to it.

use serde_json::{Value, json};
use strongroom::vault::format::PlaceMode;
use strongroom::vault::{AddedPlace, CaughtUp};

use super::places;
use crate::access::{self, Need};
use crate::fail::{Code, Result};
use crate::output::human;
use crate::run::Agent;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Add a place and give it everything; ends all backups that are running, needs the owner's passphrase. Of a place of
    /// the vault whose disk was replaced, fill the new disk
    Add(AddArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// The new place, where the vault never was; its last directory is made
    #[arg(value_name = "URL")]
    url: String,
    /// Give it what is new later, by `vault catch-up`, and not at once
    #[arg(long)]
    asynchronous: bool,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(agent: &Agent, command: &Command) -> Result<Code> {
    let Command::Add(args) = command;
    let url = access::absolute(&args.url)?;
    let access = access::open(agent, Need::Passphrase)?;
    let mode = match args.asynchronous {
        true => PlaceMode::Asynchronous,
        false => PlaceMode::Synchronous,
    };
    let location = agent.location(&url);
    let added = access.vault.add_place(location, mode, args.dry_run)?;
    if let Some(report) = added.failover.as_ref().filter(|_| !args.dry_run) {
        let vault_id = access.vault_id();
        agent.state.keep_generation(&vault_id, report.generation)?;
    }
    let document = document(&url, &added);
    agent.out.result(&document, || text(&url, &added))?;
    let is_whole = |filled: &CaughtUp| filled.away.is_none() && filled.damaged.is_empty();
    Ok(match added.filled.as_ref().is_none_or(is_whole) {
        true => Code::Done,
        false => Code::Warnings,
    })
}

fn document(url: &str, added: &AddedPlace) -> Value {
    let report = added.failover.as_ref();
    json!({
        "place": url,
        "generation": report.map(|report| report.generation),
        "places": report.map(|report| report.places.clone()),
        "ended_count": report.map_or(0, |report| report.ended_count),
        "filled": added.filled.as_ref().map(places::line),
    })
}

fn text(url: &str, added: &AddedPlace) -> String {
    let place = human::clean(url);
    let mut text = match (&added.failover, &added.filled) {
        (Some(report), None) => format!(
            "would add {place}: generation {}, and everything is copied there",
            report.generation
        ),
        (None, None) => format!("{place} is a place of the vault: it would get what it lacks"),
        (report, Some(_)) => {
            let ended = report.as_ref().map_or(0, |report| report.ended_count);
            let ended = human::counted(ended, "session");
            format!("{place} is a place of the vault; {ended} ended")
        }
    };
    if let Some(filled) = &added.filled {
        text.push_str(&format!("\n\n{}", places::table(&[filled])));
        if filled.away.is_some() {
            text.push_str("\n\nIt does not count as a place yet: run the same command again.");
        }
    }
    text
}
