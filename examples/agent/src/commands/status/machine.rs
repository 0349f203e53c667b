//! What this machine knows of itself, whether or not its vault can be reached.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use strongroom_jobs::socket::{Client, Reply, Request};

use crate::access;
use crate::commands::policy::file;
use crate::output::{human, json};
use crate::run::{Agent, now};
use crate::slots;
use crate::state::Registration;

/// Identity, registration, policy and daemon.
pub(super) struct Machine {
    host: String,
    id: Option<String>,
    state_dir: Option<String>,
    registration: Option<Registration>,
    key_slot: Option<String>,
    last_contact_at: Option<DateTime<Utc>>,
    policy: Policy,
    daemon: Option<Daemon>,
}

/// The policy that backups and housekeeping go by.
enum Policy {
    None,
    /// How many sources it names.
    Set(usize),
    /// Why it cannot be used: the daemon goes by the last good one.
    Wrong(String),
}

/// A daemon that answers.
struct Daemon {
    process: u32,
    since: DateTime<Utc>,
}

impl Machine {
    pub(super) fn of(agent: &Agent) -> Self {
        let id = agent.state.known_machine().ok().flatten();
        let vault_id = access::place(agent).ok().flatten();
        let vault_id = vault_id.and_then(|place| place.expected_id);
        let credential = vault_id
            .as_ref()
            .and_then(|id| agent.state.credential(id).ok().flatten());
        Self {
            host: agent.host(),
            id: id.map(|id| format!("{:032x}", u128::from_be_bytes(id))),
            state_dir: agent.state.dir().ok().map(|dir| dir.display().to_string()),
            registration: agent.state.registration().ok().flatten(),
            key_slot: credential.map(|credential| slots::slot_of(&credential).to_string()),
            last_contact_at: vault_id.and_then(|id| agent.state.last_contact(&id).ok().flatten()),
            policy: match file::stored(agent) {
                Ok(None) => Policy::None,
                Ok(Some(read)) => Policy::Set(read.policy.sources.len()),
                Err(fail) => Policy::Wrong(fail.message),
            },
            daemon: daemon(agent),
        }
    }

    /// It bears another name than when it registered.
    fn renamed_from(&self) -> Option<&str> {
        let registration = self.registration.as_ref();
        registration
            .map(|it| it.host.as_str())
            .filter(|host| *host != self.host)
    }

    pub(super) fn fields(&self) -> Map<String, Value> {
        let registration = self.registration.as_ref().map(|it| {
            json!({
                "vault_id": it.vault_id,
                "host": it.host,
                "serial": it.serial,
                "registered_at": json::time(it.registered_at),
                "former_hosts": it.former_hosts,
            })
        });
        let (state, sources_count) = match &self.policy {
            Policy::None => ("none", None),
            Policy::Set(count) => ("set", Some(count)),
            Policy::Wrong(_) => ("wrong", None),
        };
        let daemon = self.daemon.as_ref();
        let daemon =
            daemon.map(|it| json!({ "process": it.process, "since": json::time(it.since) }));
        let fields = [
            ("machine", json!(self.id)),
            ("host", json!(self.host)),
            ("version", json!(env!("CARGO_PKG_VERSION"))),
            ("state_dir", json!(self.state_dir)),
            ("registration", json!(registration)),
            ("renamed_from", json!(self.renamed_from())),
            ("key_slot", json!(self.key_slot)),
            (
                "last_contact_at",
                json!(self.last_contact_at.map(json::time)),
            ),
            (
                "policy",
                json!({ "state": state, "sources_count": sources_count }),
            ),
            ("daemon", json!(daemon)),
        ];
        let named = fields.into_iter();
        named
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    pub(super) fn text(&self) -> String {
        let now = now();
        let id = self.id.as_deref().unwrap_or("no id yet");
        let mut fields = vec![
            ("machine", format!("{} ({id})", human::clean(&self.host))),
            (
                "state",
                self.state_dir.clone().unwrap_or_else(|| "none".to_owned()),
            ),
            ("agent", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        if let Some(it) = &self.registration {
            let since = human::time(it.registered_at);
            fields.push((
                "registered",
                format!("{since}, as {}", human::clean(&it.host)),
            ));
        }
        fields.extend(self.key_slot.clone().map(|slot| ("key slot", slot)));
        if let Some(at) = self.last_contact_at {
            fields.push(("last contact", human::ago(at, now)));
        }
        fields.push(("policy", self.policy_text()));
        fields.push((
            "daemon",
            match &self.daemon {
                Some(it) => format!(
                    "runs since {} (process {})",
                    human::time(it.since),
                    it.process
                ),
                None => "does not run".to_owned(),
            },
        ));
        let mut text = human::fields(&fields);
        if let Some(before) = self.renamed_from() {
            text.push_str(&format!(
                "\n\nThis machine was registered as {}: backups go on; `strongroom-agent register` with a new vault \
                 credential takes down the new name.",
                human::clean(before)
            ));
        }
        text
    }

    fn policy_text(&self) -> String {
        match &self.policy {
            Policy::None => "none: nothing is scheduled and nothing expires".to_owned(),
            Policy::Set(0) => "set, for all sources".to_owned(),
            Policy::Set(count) => {
                let count = u64::try_from(*count).unwrap_or(u64::MAX);
                format!("set, {}", human::counted(count, "source"))
            }
            Policy::Wrong(why) => format!("wrong: {}", human::clean(why)),
        }
    }
}

fn daemon(agent: &Agent) -> Option<Daemon> {
    let client = Client::connect(&agent.state.socket().ok()?).ok()?;
    match client.ask(&Request::Status).ok()? {
        Reply::Status { process, since } => Some(Daemon { process, since }),
        _ => None,
    }
}
