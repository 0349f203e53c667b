//! Who wants to be told what, and how: the section `[notices]` of a TOML file.

mod raw;
mod values;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use strongroom_catalog::Severity;

use crate::error::Result;
use crate::notice::Destination;

/// Name of the channel that sends mail.
pub const MAIL: &str = "mail";
/// Name of the channel that writes to the journal of the system.
pub const JOURNAL: &str = "journal";

/// How often people are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Frequency {
    /// Of each alert, at once.
    #[default]
    Each,
    /// Of what is not over, once an hour. Security is told at once.
    Hourly,
}

/// Who wants to be told what, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Name of this machine, as notices give it.
    pub machine: String,
    /// How often people are told; the journal always gets each alert.
    pub frequency: Frequency,
    /// Whether it is told that an alert is over. Of security it is told in any case.
    pub resolutions: bool,
    /// How mail is sent.
    pub mail: Option<Mail>,
    /// Who is called by HTTP.
    pub webhooks: Vec<Webhook>,
    /// What is run.
    pub commands: Vec<Command>,
    /// What the journal gets beside security. There is no way to send security nowhere.
    pub journal: BTreeSet<Severity>,
    /// The proxy for webhooks that name none.
    pub proxy: Option<String>,
    /// Where metrics are written for Prometheus, if anywhere; ends with `.prom`.
    pub metrics_file: Option<PathBuf>,
}

/// How a connection for mail is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// From the first byte; port 465.
    Implicit,
    /// After a command that must succeed; port 587.
    Starttls,
    /// Not at all: only without a password, or within this machine; port 25.
    Off,
}

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mail {
    /// Name or address of the server.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Who sends.
    pub from: String,
    /// As whom to sign in, and the file with the password.
    pub login: Option<(String, PathBuf)>,
    /// Certificates of the only authorities to trust, PEM; without it those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long one mail may take in all, seconds.
    pub timeout_secs: u32,
    /// Who gets it.
    pub to: Vec<Person>,
}

/// Who gets mail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Person {
    /// Where it goes.
    pub address: String,
    /// Of what this person is told beside security.
    pub severities: BTreeSet<Severity>,
}

/// Who is called by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Webhook {
    /// Its name.
    pub name: String,
    /// What is called; https, or http within this machine.
    pub url: String,
    /// The file with the secret that signs what is sent.
    pub secret_file: Option<PathBuf>,
    /// Certificates of the only authorities to trust, PEM; without it those of the system.
    pub ca_file: Option<PathBuf>,
    /// The proxy on the way.
    pub proxy: Option<String>,
    /// How long a call may take in all, seconds.
    pub timeout_secs: u32,
    /// Of what it is told beside security.
    pub severities: BTreeSet<Severity>,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Command {
    /// Its name.
    pub name: String,
    /// Program and arguments; no shell.
    pub run: Vec<String>,
    /// How long it may take before it is killed, seconds.
    pub timeout_secs: u32,
    /// Of what it is told beside security.
    pub severities: BTreeSet<Severity>,
}

/// A recipient, and what it wants to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Audience {
    /// Who it is.
    pub destination: Destination,
    /// Of what it is told beside security.
    pub severities: BTreeSet<Severity>,
    /// It is no person who would be disturbed: it gets each alert at once.
    pub is_log: bool,
}

impl Settings {
    /// What holds without any settings: the journal gets everything.
    #[must_use]
    pub fn new(machine: impl Into<String>) -> Self {
        Self {
            machine: machine.into(),
            frequency: Frequency::default(),
            resolutions: true,
            mail: None,
            webhooks: Vec::new(),
            commands: Vec::new(),
            journal: all_severities(),
            proxy: None,
            metrics_file: None,
        }
    }

    /// Reads the section `[notices]` of a TOML document; other sections are not looked at. Paths are relative to `base`.
    ///
    /// # Errors
    /// [`Error::Settings`](crate::Error::Settings) with the line.
    pub fn parse(text: &str, base: &Path, machine: &str) -> Result<Self> {
        raw::parse(text, base, machine)
    }

    /// Everyone who can be told.
    #[must_use]
    pub fn destinations(&self) -> Vec<Destination> {
        let audiences = self.audiences().into_iter();
        audiences.map(|audience| audience.destination).collect()
    }

    /// Everyone who can be told, with what they want to hear.
    #[must_use]
    pub fn audiences(&self) -> Vec<Audience> {
        let mut audiences = vec![Audience {
            destination: Destination::channel(JOURNAL),
            severities: self.journal.clone(),
            is_log: true,
        }];
        let mut add = |destination, severities: &BTreeSet<Severity>| {
            audiences.push(Audience {
                destination,
                severities: severities.clone(),
                is_log: false,
            });
        };
        for person in self.mail.iter().flat_map(|mail| &mail.to) {
            let destination = Destination::person(MAIL, &person.address);
            add(destination, &person.severities);
        }
        for webhook in &self.webhooks {
            add(Destination::channel(&webhook.name), &webhook.severities);
        }
        for command in &self.commands {
            add(Destination::channel(&command.name), &command.severities);
        }
        audiences
    }
}

fn all_severities() -> BTreeSet<Severity> {
    use Severity::{Critical, Error, Informational, Warning};
    [Informational, Warning, Error, Critical].into()
}
