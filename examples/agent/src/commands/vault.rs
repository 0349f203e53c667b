//! `vault`: making a vault, knowing it, managing its keys and places.

mod credential;
mod failover;
mod kit;
mod place;
mod places;
mod security;

use serde_json::{Value, json};
use strongroom::vault::format::PlaceMode;
use strongroom::vault::{InitOptions, is_same_place};

use crate::access::{self, Access, Need};
use crate::commands::key;
use crate::commands::seen::Seen;
use crate::create;
use crate::fail::{Code, Fail, Result};
use crate::output::human;
use crate::prompt;
use crate::run::Agent;
use crate::secret::Given;
use crate::values;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a vault
    Init(InitArgs),
    /// Make this machine's credential for a vault that exists; needs its passphrase once
    Attach,
    /// Tell what the vault is and how much it holds
    Status,
    /// Give the places of a vault what they lack, and the vault what only places have that it has left
    CatchUp(CatchUpArgs),
    /// Make another place decide, e.g. because the first is lost; needs the owner's passphrase
    Failover(failover::Args),
    /// Add a place to a vault in several, e.g. for one that is lost
    #[command(subcommand)]
    Place(place::Command),
    /// Issue and withdraw vault credentials, with which other machines register
    #[command(subcommand)]
    Credential(credential::Command),
    /// Write the recovery kit as a page to print
    Kit(kit::Args),
    /// Turn on that what destroys asks for a PIN, and make PINs
    #[command(subcommand)]
    Security(security::Command),
    /// Manage who can open the vault
    #[command(subcommand)]
    Key(key::Command),
}

#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// Name for people: 2 to 50 letters, digits and hyphens, a letter first
    #[arg(long, value_parser = values::vault_name)]
    name: Option<String>,
    /// Where copies are kept with --place: local (near the vault), zone (in other buildings), geo (far away, the last place
    /// gets everything later)
    #[arg(long, value_name = "KIND", default_value = "local")]
    redundancy: Redundancy,
    /// Another place for the vault, one or two of them; a vault that has none stays in one place
    #[arg(long = "place", value_name = "URL")]
    places: Vec<String>,
    /// Keep no credential on this machine: every command needs the passphrase
    #[arg(long)]
    no_local_credential: bool,
    /// Deleting is immediate and needs no passphrase
    #[arg(long)]
    no_soft_delete: bool,
    /// For how many days a deleted recovery point can be undeleted, 14 to 180
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 14,
        value_parser = clap::value_parser!(u32).range(14..=180),
        conflicts_with = "no_soft_delete"
    )]
    soft_delete_days: u32,
}

/// What copies are kept against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Redundancy {
    Local,
    Zone,
    Geo,
}

impl Redundancy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Zone => "zone",
            Self::Geo => "geo",
        }
    }

    /// The places beside the first, with what they are for.
    fn places(self, urls: &[String]) -> Result<Vec<(String, PlaceMode)>> {
        let help = "name one or two other places with --place URL";
        if urls.len() > 2 {
            return Err(Fail::usage("a vault can be in three places at most", help));
        }
        if urls.is_empty() && self != Self::Local {
            let message = format!("redundancy {} needs another place", self.as_str());
            return Err(Fail::usage(message, help));
        }
        let last = urls.len().saturating_sub(1);
        let mode = |at| match self {
            Self::Geo if at == last => PlaceMode::Asynchronous,
            _ => PlaceMode::Synchronous,
        };
        let places = urls.iter().enumerate();
        places
            .map(|(at, url)| Ok((access::absolute(url)?, mode(at))))
            .collect()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct CatchUpArgs {
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(agent: &Agent, command: &Command) -> Result<Code> {
    match command {
        Command::Init(args) => init(agent, args),
        Command::Attach => attach(agent),
        Command::Status => status(agent),
        Command::CatchUp(args) => places::catch_up(agent, args.dry_run),
        Command::Failover(args) => failover::run(agent, args),
        Command::Place(command) => place::run(agent, command),
        Command::Credential(command) => credential::run(agent, command),
        Command::Kit(args) => kit::run(agent, args),
        Command::Security(command) => security::run(agent, command),
        Command::Key(command) => key::run(agent, command),
    }
}

fn init(agent: &Agent, args: &InitArgs) -> Result<Code> {
    let given = agent.globals.vault.as_deref();
    let help = "name the place with --vault /path/to/vault";
    let url =
        access::absolute(given.ok_or_else(|| Fail::usage("where shall the vault be?", help))?)?;
    let others = args.redundancy.places(&args.places)?;
    for (at, (place, _)) in others.iter().enumerate() {
        let before = others.iter().take(at).map(|(other, _)| other);
        if before
            .chain([&url])
            .any(|other| is_same_place(other, place))
        {
            let help = "name different places, on different disks at least";
            return Err(Fail::usage(format!("{place} is named twice"), help));
        }
    }
    let mut options = InitOptions::default();
    args.redundancy.as_str().clone_into(&mut options.redundancy);
    options.name.clone_from(&args.name);
    options.no_soft_delete = args.no_soft_delete;
    options.soft_delete_days = args.soft_delete_days;

    let passphrase = match Given::from_globals(&agent.globals)? {
        Some(given) => Some(given.for_new()?),
        None if prompt::is_possible() => Some(Given::ask_new("New passphrase")?),
        None => None,
    };
    let created = create::vault(agent, &url, &others, passphrase, &options)?;
    let access = &created.access;
    // A vault in memory has gone when this command ends.
    let is_lasting = url != create::PASSING;
    let slot = if is_lasting && !args.no_local_credential {
        Some(create::attach(agent, access)?)
    } else {
        None
    };
    let is_pinned = is_lasting && create::pin(agent, access)?;
    let kit = created.kit.as_ref().map(|kit| kit.display().to_string());
    let mut document = json!({
        "vault_id": access.vault_id(),
        "name": args.name,
        "url": url,
        "slot": slot,
        "is_default": is_pinned,
        "redundancy": args.redundancy.as_str(),
        "places": access.vault.vault().store().places().iter().map(|place| &place.url).collect::<Vec<_>>(),
    });
    if let (Some(kit), Some(fields)) = (&kit, document.as_object_mut()) {
        fields.insert("recovery_kit".to_owned(), Value::from(kit.as_str()));
    }
    agent.out.result(&document, || {
        init_text(access, kit.as_deref(), slot.is_some(), is_pinned)
    })?;
    if let (Some(kit), true) = (&kit, agent.out.quiet) {
        agent.out.note(&format!(
            "the generated passphrase is in {kit}: keep it somewhere else, too"
        ));
    }
    Ok(Code::Done)
}

fn init_text(access: &Access, kit: Option<&str>, has_credential: bool, is_pinned: bool) -> String {
    let mut fields = vec![("vault", access.url.clone()), ("id", access.vault_id())];
    fields.extend(kit.map(|kit| ("recovery kit", kit.to_owned())));
    let mut text = format!("made a vault\n\n{}\n", human::fields(&fields));
    if kit.is_some() {
        text.push_str("\nA passphrase was generated; it stands in the recovery kit. Keep it somewhere else, too: \
             `strongroom-agent vault kit --to FILE.html` makes a page to print.");
    }
    text.push_str("\nWithout a passphrase nobody can read the vault, and nobody can help.");
    if has_credential {
        text.push_str(
            "\nThis machine has a credential: its backups and restores need no passphrase.",
        );
    }
    if !is_pinned {
        text.push_str("\nThis machine uses another vault by default: name this one with --vault.");
    }
    text
}

fn attach(agent: &Agent) -> Result<Code> {
    let access = access::open(agent, Need::Passphrase)?;
    let slot = create::attach(agent, &access)?;
    let is_pinned = create::pin(agent, &access)?;
    let document = json!({
        "vault_id": access.vault_id(), "slot": slot, "url": access.url, "is_default": is_pinned,
    });
    agent.out.result(&document, || {
        let fields = [
            ("vault", access.url.clone()),
            ("id", access.vault_id()),
            ("key slot", slot),
        ];
        let mut text = format!(
            "attached: this machine opens the vault without a passphrase\n\n{}",
            human::fields(&fields)
        );
        if !is_pinned {
            text.push_str(
                "\n\nThis machine uses another vault by default: name this one with --vault.",
            );
        }
        text
    })?;
    Ok(Code::Done)
}

fn status(agent: &Agent) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let mut described = describe(&access)?;
    let seen = Seen::look(agent, &access, false)?;
    if let Some(fields) = described.as_object_mut() {
        fields.extend(seen.fields());
    }
    if agent.out.json {
        agent.out.document(&described)?;
    } else {
        let text = text(&described) + &seen.text();
        agent.out.text(&text)?;
    }
    Ok(Code::Done)
}

/// Identity, format, sizes and counts.
pub(crate) fn describe(access: &Access) -> Result<Value> {
    let status = access.vault.status()?;
    let config = access.vault.vault().config();
    Ok(json!({
        "vault_id": status.vault_id,
        "name": status.name,
        "url": access.url,
        "format": status.format,
        "redundancy": status.redundancy,
        "created_at": crate::output::json::time(config.created_at),
        "soft_delete_days": if config.no_soft_delete { 0 } else { config.soft_delete_days },
        "packs_count": status.packs_count,
        "stored_bytes": status.stored_bytes,
        "points_count": status.points_count,
        "sources": status.sources,
        "role": access.vault.vault().keys().role().to_string(),
        "opened_with": if access.passphrase.is_some() { "passphrase" } else { "credential" },
        "places": places::describe(&access.vault)?,
        "generation": access.vault.vault().store().generation(),
        "decider": access.vault.vault().store().places().first().map(|place| &place.url),
    }))
}

pub(crate) fn text(described: &Value) -> String {
    let of = |name: &str| described.get(name).cloned().unwrap_or_default();
    let word = |name: &str| human::clean(of(name).as_str().unwrap_or("-"));
    let number = |name: &str| of(name).as_u64().unwrap_or_default();
    let days = number("soft_delete_days");
    let made = chrono::DateTime::parse_from_rfc3339(&word("created_at"));
    let fields = [
        ("vault", word("url")),
        ("name", word("name")),
        ("id", word("vault_id")),
        (
            "made",
            made.map_or("-".to_owned(), |at| human::time(at.to_utc())),
        ),
        ("format", number("format").to_string()),
        ("redundancy", word("redundancy")),
        (
            "soft delete",
            if days == 0 {
                "off".to_owned()
            } else {
                format!("{days} days")
            },
        ),
        ("points", human::count(number("points_count"))),
        (
            "packs",
            format!(
                "{}, {}",
                human::count(number("packs_count")),
                human::bytes(number("stored_bytes"))
            ),
        ),
        (
            "opened with",
            format!("a {} of role {}", word("opened_with"), word("role")),
        ),
    ];
    let places = places::text(&of("places"));
    format!("{}{places}", human::fields(&fields))
}
