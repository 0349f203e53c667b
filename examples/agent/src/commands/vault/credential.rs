//! `vault credential`: what other machines register with.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use strongroom::vault::format::CredentialFile;
use strongroom::vault::{CredentialTerms, is_same_place};

use crate::access::{self, Access, Need};
use crate::credential;
use crate::fail::{Code, Fail, Result};
use crate::output::{human, json};
use crate::run::{Agent, now};
use crate::state::write_private;
use crate::values;

/// Longest time for which one may count, days.
const VALID_MAX_DAYS: i64 = 365;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Issue a vault credential; older ones do not count any more. Needs the owner's passphrase, or a maintenance key
    Issue(IssueArgs),
    /// Withdraw all that were issued
    Withdraw,
    /// Tell what a file says
    Show {
        /// The file
        file: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct IssueArgs {
    /// File or directory to write it to [default: the working directory]
    #[arg(long, value_name = "PATH")]
    to: Option<PathBuf>,
    /// For how long it counts, such as 10d or 36h; at most 365d
    #[arg(long, value_name = "TIME", default_value = "10d", value_parser = values::duration)]
    valid: Duration,
    /// What the machine may do: agent (back up and restore), or maintenance (expire and sweep, too)
    #[arg(long, value_enum, default_value = "maintenance")]
    role: Granted,
    /// How other machines reach the vault, where that is not as this one does
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Granted {
    Agent,
    Maintenance,
}

pub(crate) fn run(agent: &Agent, command: &Command) -> Result<Code> {
    match command {
        Command::Issue(args) => issue(agent, args),
        Command::Withdraw => withdraw(agent),
        Command::Show { file } => show(agent, file),
    }
}

fn issue(agent: &Agent, args: &IssueArgs) -> Result<Code> {
    let valid_for = TimeDelta::from_std(args.valid).ok();
    let most = TimeDelta::days(VALID_MAX_DAYS);
    let in_bounds = valid_for.filter(|time| (TimeDelta::minutes(1)..=most).contains(time));
    let valid_for = in_bounds.ok_or_else(|| {
        let help = "give --valid a time such as 10d";
        Fail::usage("a vault credential counts for a minute to 365 days", help)
    })?;
    let access = access::open(agent, Need::Maintenance)?;
    let terms = CredentialTerms {
        url: args.url.clone().unwrap_or_else(|| access.url.clone()),
        places: other_places(&access),
        may_maintain: args.role == Granted::Maintenance,
        valid_for,
    };
    let vault = access.vault.vault();
    let text = access.vault.wait(vault.issue_credential(&terms, now()))?;
    let file = CredentialFile::parse(&text).map_err(strongroom::vault::Error::from)?;
    let path = target(args.to.as_deref(), &file);
    let path = std::path::absolute(&path).unwrap_or(path);
    write_private(&path, text.as_bytes())?;
    let mut document = document(&file);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("file".to_owned(), json!(path));
    }
    agent.out.result(&document, || {
        format!(
            "issued a vault credential; older ones do not count any more\n\n{}\n\n\
             Bring it to the machine and run there:\n  strongroom-agent register --credentials {}\n\
             It opens nothing by itself: a passphrase of the vault is asked for, too.",
            fields(&file, Some(&path)),
            human::quoted(&path.display().to_string()),
        )
    })?;
    Ok(Code::Done)
}

/// The places of a mirrored vault but the one that it was opened by.
fn other_places(access: &Access) -> Vec<String> {
    let places = access.vault.vault().store().places().into_iter();
    let urls = places.map(|place| place.url);
    urls.filter(|url| !is_same_place(url, &access.url))
        .collect()
}

/// The file that is named, or one in the directory that is, called as vault and day say.
fn target(to: Option<&Path>, file: &CredentialFile) -> PathBuf {
    let to = to.unwrap_or(Path::new("."));
    if !to.is_dir() {
        return to.to_owned();
    }
    let credential = &file.credential;
    let id = credential.vault_id.to_string();
    let name = credential.vault_name.as_deref().unwrap_or(&id);
    let day = credential.issued_at.format("%Y-%m-%d");
    to.join(format!("{name}-{day}.strongroom-credential"))
}

fn withdraw(agent: &Agent) -> Result<Code> {
    let access = access::open(agent, Need::Maintenance)?;
    let vault = access.vault.vault();
    access.vault.wait(vault.withdraw_credentials(now()))?;
    let document = json!({ "vault_id": access.vault_id() });
    agent.out.result(&document, || {
        "withdrew all vault credentials; machines that have registered stay as they are".to_owned()
    })?;
    Ok(Code::Done)
}

fn show(agent: &Agent, path: &Path) -> Result<Code> {
    let file = credential::read(path)?;
    file.check_time(now())
        .map_err(strongroom::vault::Error::from)?;
    agent.out.result(&document(&file), || fields(&file, None))?;
    Ok(Code::Done)
}

fn document(file: &CredentialFile) -> Value {
    let credential = &file.credential;
    json!({
        "vault_id": credential.vault_id.to_string(),
        "name": credential.vault_name,
        "url": credential.url,
        "places": credential.places,
        "role": if credential.may_maintain { "maintenance" } else { "agent" },
        "serial": credential.serial,
        "issued_at": json::time(credential.issued_at),
        "expires_at": json::time(credential.expires_at),
    })
}

fn fields(file: &CredentialFile, path: Option<&Path>) -> String {
    let credential = &file.credential;
    let role = match credential.may_maintain {
        true => "back up, restore, expire and sweep",
        false => "back up and restore",
    };
    let mut fields = Vec::new();
    fields.extend(path.map(|path| ("file", path.display().to_string())));
    fields.extend([
        ("vault", human::clean(&credential.url)),
        ("id", credential.vault_id.to_string()),
        ("permits", role.to_owned()),
        ("serial", credential.serial.to_string()),
        ("issued", human::time(credential.issued_at)),
        ("expires", human::time(credential.expires_at)),
    ]);
    human::fields(&fields)
}
