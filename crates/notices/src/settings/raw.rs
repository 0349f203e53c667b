//! The section as it is written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::values::{
    Address, Argv, Name, Proxy, Server, Severities, Timeout, WebhookUrl, is_this_machine,
};
use super::{Command, Frequency, JOURNAL, MAIL, Mail, MailTls, Person, Settings, Webhook};
use crate::error::{Error, Result};

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    notices: Option<Section>,
    /// The proxy of everything, where a webhook names none.
    #[serde(default)]
    proxy: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(default)]
    machine: Option<String>,
    #[serde(default)]
    frequency: RawFrequency,
    #[serde(default = "yes")]
    resolutions: bool,
    #[serde(default)]
    mail: Option<Spanned<RawMail>>,
    #[serde(default)]
    webhook: Vec<RawWebhook>,
    #[serde(default)]
    command: Vec<RawCommand>,
    #[serde(default)]
    journal: RawJournal,
    #[serde(default)]
    metrics_file: Option<Spanned<PathBuf>>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum RawFrequency {
    #[default]
    Each,
    Hourly,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum RawTls {
    Implicit,
    #[default]
    Starttls,
    Off,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMail {
    server: Server,
    port: Option<u16>,
    #[serde(default)]
    tls: RawTls,
    from: Address,
    user: Option<String>,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    timeout_secs: Timeout,
    to: Vec<Spanned<RawPerson>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawPerson {
    Address(String),
    Full(FullPerson),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullPerson {
    address: String,
    #[serde(default)]
    severities: Severities,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWebhook {
    name: Spanned<Name>,
    url: WebhookUrl,
    secret_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    proxy: Option<Proxy>,
    #[serde(default)]
    timeout_secs: Timeout,
    #[serde(default)]
    severities: Severities,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCommand {
    name: Spanned<Name>,
    run: Argv,
    #[serde(default)]
    timeout_secs: Timeout,
    #[serde(default)]
    severities: Severities,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJournal {
    severities: Severities,
}

impl Default for RawJournal {
    fn default() -> Self {
        Self {
            severities: Severities(super::all_severities()),
        }
    }
}

pub(super) fn parse(text: &str, base: &Path, machine: &str) -> Result<Settings> {
    let wrong = |at: Option<usize>, message: &str| Error::Settings {
        line: at.map(|at| line_of(text, at)),
        message: message.trim_end().replace('\n', "; "),
    };
    let document: Document = toml::from_str(text)
        .map_err(|error| wrong(error.span().map(|span| span.start), error.message()))?;
    let proxy = document.proxy.as_ref().and_then(toml::Value::as_str);
    let mut settings = Settings {
        proxy: proxy.map(str::to_owned),
        ..Settings::new(machine)
    };
    let Some(section) = document.notices else {
        return Ok(settings);
    };
    check_names(&section).map_err(|(at, message)| wrong(Some(at), &message))?;
    settings.machine = section.machine.unwrap_or(settings.machine);
    settings.frequency = match section.frequency {
        RawFrequency::Each => Frequency::Each,
        RawFrequency::Hourly => Frequency::Hourly,
    };
    settings.resolutions = section.resolutions;
    settings.journal = section.journal.severities.0;
    let mail = section.mail.map(|mail| mail_of(mail, base)).transpose();
    settings.mail = mail.map_err(|(at, message)| wrong(Some(at), &message))?;
    settings.webhooks = section
        .webhook
        .into_iter()
        .map(|raw| webhook_of(raw, base))
        .collect();
    settings.commands = section.command.into_iter().map(command_of).collect();
    settings.metrics_file = section
        .metrics_file
        .map(|file| metrics_file_of(file, base))
        .transpose()
        .map_err(|(at, message)| wrong(Some(at), &message))?;
    Ok(settings)
}

/// The collector reads no other names.
fn metrics_file_of(file: Spanned<PathBuf>, base: &Path) -> Result<PathBuf, Wrong> {
    match file.get_ref().extension() {
        Some(ending) if ending == "prom" => Ok(base.join(file.into_inner())),
        _ => Err((
            file.span().start,
            "metrics_file must end with .prom".to_owned(),
        )),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.bytes().take(at);
    before.filter(|byte| *byte == b'\n').count() + 1
}

type Wrong = (usize, String);

/// What was told is noted by names: no two channels share one.
fn check_names(section: &Section) -> Result<(), Wrong> {
    let mut known = BTreeSet::from([MAIL, JOURNAL]);
    let webhooks = section.webhook.iter().map(|raw| &raw.name);
    let commands = section.command.iter().map(|raw| &raw.name);
    for name in webhooks.chain(commands) {
        let text = name.get_ref().0.as_str();
        if !known.insert(text) {
            let message = format!("there is another channel of the name {text:?}");
            return Err((name.span().start, message));
        }
    }
    Ok(())
}

fn mail_of(raw: Spanned<RawMail>, base: &Path) -> Result<Mail, Wrong> {
    let start = raw.span().start;
    let raw = raw.into_inner();
    let login = match (raw.user, raw.password_file) {
        (Some(user), Some(file)) => Some((user, base.join(file))),
        (None, None) => None,
        _ => return Err((start, "user and password_file go together".to_owned())),
    };
    let (tls, port) = match raw.tls {
        RawTls::Implicit => (MailTls::Implicit, 465),
        RawTls::Starttls => (MailTls::Starttls, 587),
        RawTls::Off => (MailTls::Off, 25),
    };
    if tls == MailTls::Off && login.is_some() && !is_this_machine(&raw.server.0) {
        return Err((start, "a password needs tls".to_owned()));
    }
    if raw.to.is_empty() {
        return Err((start, "to: at least one address is needed".to_owned()));
    }
    let mut to: Vec<Person> = Vec::new();
    for person in raw.to {
        let at = person.span().start;
        let person = person_of(person.into_inner()).map_err(|message| (at, message))?;
        if to.iter().any(|known| known.address == person.address) {
            return Err((at, format!("{:?} stands here twice", person.address)));
        }
        to.push(person);
    }
    Ok(Mail {
        server: raw.server.0,
        port: raw.port.unwrap_or(port),
        tls,
        from: raw.from.0,
        login,
        ca_file: raw.ca_file.map(|file| base.join(file)),
        timeout_secs: raw.timeout_secs.0,
        to,
    })
}

fn person_of(raw: RawPerson) -> Result<Person, String> {
    let (address, severities) = match raw {
        RawPerson::Address(address) => (address, Severities::default()),
        RawPerson::Full(person) => (person.address, person.severities),
    };
    Ok(Person {
        address: Address::try_from(address)?.0,
        severities: severities.0,
    })
}

fn webhook_of(raw: RawWebhook, base: &Path) -> Webhook {
    Webhook {
        name: raw.name.into_inner().0,
        url: raw.url.0,
        secret_file: raw.secret_file.map(|file| base.join(file)),
        ca_file: raw.ca_file.map(|file| base.join(file)),
        proxy: raw.proxy.map(|proxy| proxy.0),
        timeout_secs: raw.timeout_secs.0,
        severities: raw.severities.0,
    }
}

fn command_of(raw: RawCommand) -> Command {
    Command {
        name: raw.name.into_inner().0,
        run: raw.run.0,
        timeout_secs: raw.timeout_secs.0,
        severities: raw.severities.0,
    }
}
