//! `vault kit`: a page to print, with which anybody restores.

use std::path::PathBuf;

use serde_json::json;
use strongroom::Strongroom;
use strongroom::crypto::SlotSecret;

use crate::access::{self, Need};
use crate::fail::{Code, Fail, Problem, Result};
use crate::kit::{self, Page};
use crate::output::human;
use crate::run::{Agent, now};
use crate::state::write_private;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File to write: .html for a printer, with a code to scan, .txt for plain text
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Leave a line to write the passphrase on by hand
    #[arg(long)]
    without_passphrase: bool,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let ending = args.to.extension().and_then(|ending| ending.to_str());
    let is_html = match ending {
        Some("html" | "htm") => true,
        Some("txt") => false,
        _ => {
            let help = "give --to a name that ends in .html or .txt";
            return Err(Fail::usage("in which form shall the page be?", help));
        }
    };
    let access = access::open(agent, Need::Any)?;
    let id = access.vault_id();
    let kept = kit::secret_of_vault(agent.state.dir()?, &id)?;
    let (kept, made_at) = kept.map_or((None, now()), |(secret, at)| (Some(secret), at));
    // What the vault was just opened with is right; what was kept may have been changed since.
    if let (Some(kept), None, false) = (&kept, &access.passphrase, args.without_passphrase) {
        Strongroom::open(agent.location(&access.url), SlotSecret::Passphrase(kept))?;
    }
    let passphrase = match args.without_passphrase {
        true => None,
        false => Some(access.passphrase.as_ref().or(kept.as_ref()).ok_or_else(|| {
            let message = "this machine does not know the passphrase";
            Fail::known(Problem::PassphraseNeeded, message).or_help(
                "give it with --passphrase-file FILE, or leave room for it with --without-passphrase",
            )
        })?),
    };
    let host = agent.host();
    let page = Page {
        url: &access.url,
        vault_id: &id,
        passphrase: passphrase.map(|passphrase| passphrase.expose()),
        host: &host,
        generated_at: made_at,
    };
    let text = if is_html { page.html() } else { page.text() };
    let to = access::absolute(&args.to.to_string_lossy())?;
    write_private(to.as_ref(), text.as_bytes())?;
    let document = json!({
        "vault_id": id,
        "recovery_kit": to,
        "has_passphrase": passphrase.is_some(),
    });
    agent.out.result(&document, || {
        format!(
            "wrote {}: print it, keep it in a safe, and remove the file",
            human::clean(&to)
        )
    })?;
    Ok(Code::Done)
}
