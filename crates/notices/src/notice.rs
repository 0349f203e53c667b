//! One telling of a person.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;
use strongroom_catalog::{Alert, AlertClass};

/// Who is told, and through which channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// Name of the channel.
    pub channel: String,
    /// Address of a person; `None` where the channel itself is the recipient.
    pub recipient: Option<String>,
}

impl Destination {
    /// The channel itself.
    #[must_use]
    pub fn channel(name: impl Into<String>) -> Self {
        Self {
            channel: name.into(),
            recipient: None,
        }
    }

    /// A person at the end of a channel.
    #[must_use]
    pub fn person(channel: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            channel: channel.into(),
            recipient: Some(address.into()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.channel)?;
        self.recipient
            .iter()
            .try_for_each(|recipient| write!(f, " to {recipient}"))
    }
}

/// What is told of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Telling {
    /// It is there.
    Raised,
    /// It has become worse.
    Worse,
    /// It has happened again; told of security alone.
    Again,
    /// It is over.
    Resolved,
    /// It came, and was over before it was told.
    Passed,
}

impl Telling {
    /// True when nothing is left to be done.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Resolved | Self::Passed)
    }
}

/// An alert, and what is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is told.
    pub telling: Telling,
    /// The alert as it was then.
    pub alert: Alert,
}

/// One telling of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The same for the same content to the same recipient, so that who receives it twice can tell: a process that ends
    /// between sending and noting sends once more.
    pub id: String,
    /// To whom.
    pub destination: Destination,
    /// Name of the machine that tells.
    pub machine: String,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// What is told: security first, then what is worst; empty for a test.
    pub items: Vec<Item>,
}

impl Notice {
    /// A notice of these items.
    #[must_use]
    pub fn new(
        destination: Destination,
        machine: &str,
        items: Vec<Item>,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            id: id(&destination, machine, &items, at),
            destination,
            machine: machine.to_owned(),
            at,
            items,
        }
    }

    /// A notice that tells only that notices arrive.
    #[must_use]
    pub fn test(destination: Destination, machine: &str, at: DateTime<Utc>) -> Self {
        Self::new(destination, machine, Vec::new(), at)
    }

    /// True when it tells only that notices arrive.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.items.is_empty()
    }

    /// True when one of its alerts is about security.
    #[must_use]
    pub fn is_about_security(&self) -> bool {
        let mut items = self.items.iter();
        items.any(|item| item.alert.class == AlertClass::Security)
    }
}

fn id(destination: &Destination, machine: &str, items: &[Item], at: DateTime<Utc>) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: &str| {
        hasher.update(text.as_bytes()).update(&[0]);
    };
    part(machine);
    part(&destination.to_string());
    if items.is_empty() {
        part(&at.to_rfc3339());
    }
    for Item { telling, alert } in items {
        // What is told twice differs in one of these, and a second try in none.
        part(&format!("{telling:?} {} {:?}", alert.id, alert.severity));
        if *telling == Telling::Again {
            part(&alert.seen_count.to_string());
        }
    }
    let hash = hasher.finalize().to_hex();
    hash.get(..32).unwrap_or_default().to_owned()
}
