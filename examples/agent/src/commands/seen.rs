//! What this machine knows of a vault beside what the vault says of itself: for `status`, `vault status` and `verify`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use strongroom::vault::format::PackId;
use strongroom::{Head, History, HistoryFinding};

use crate::access::Access;
use crate::fail::Result;
use crate::output::{human, json};
use crate::run::{Agent, now};
use crate::state::Drills;

/// What was seen of a vault, and what it shows now.
pub(crate) struct Seen {
    history: History,
    pub(crate) drills: Drills,
    verified: BTreeMap<PackId, DateTime<Utc>>,
}

impl Seen {
    /// Compares what the vault shows with what was seen, and remembers it; with `accept`, takes it for right.
    pub(crate) fn look(agent: &Agent, access: &Access, accept: bool) -> Result<Self> {
        let vault_id = access.vault_id();
        let before = agent.state.remembered(&vault_id)?;
        let history = access.vault.history(&before)?;
        let (after, history) = if accept {
            let accepted = history.accept(&before);
            let history = access.vault.history(&accepted)?;
            (accepted, history)
        } else {
            (history.remember(&before), history)
        };
        agent.note_unkept(agent.state.remember(&vault_id, &after));
        Ok(Self {
            history,
            drills: agent.state.drills(&vault_id)?,
            verified: agent.state.verified(&vault_id)?,
        })
    }

    /// Fields for a document.
    pub(crate) fn fields(&self) -> Map<String, Value> {
        let head = |head: &Head| {
            json!({
                "source_id": head.source.to_string(),
                "recovery_point": head.point.to_string(),
                "seq": head.seq,
            })
        };
        let time = |at: Option<&DateTime<Utc>>| json!(at.copied().map(json::time));
        let fields = [
            ("history", json!(json::findings(&self.history))),
            ("heads", self.history.heads.iter().map(head).collect()),
            ("verified_packs_count", json!(self.verified.len())),
            ("oldest_verified_at", time(self.verified.values().min())),
            ("last_verified_at", time(self.verified.values().max())),
        ];
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// The same for a person.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let ends = (self.verified.values().min(), self.verified.values().max());
        if let (Some(oldest), Some(newest)) = ends {
            let now = now();
            text.push_str(&format!(
                "\n\nthis machine has read and checked {} of the vault, the last {}, the one longest ago {}",
                human::counted(self.verified.len() as u64, "pack"),
                human::ago(*newest, now),
                human::ago(*oldest, now),
            ));
        }
        text.push_str(&history_text(&self.history));
        text
    }
}

/// What is wrong with the histories; empty when nothing is.
pub(crate) fn history_text(history: &History) -> String {
    let mut text = String::new();
    for finding in &history.findings {
        let weight = if finding.problem.is_certain() {
            "suspect history"
        } else {
            "note"
        };
        text.push_str(&format!(
            "\n\n{weight}: recovery point {}: {}",
            finding.point, finding.reason
        ));
    }
    let is_certain = |finding: &HistoryFinding| finding.problem.is_certain();
    if history.findings.iter().any(is_certain) {
        text.push_str(
            "\n\nSomebody has set the vault back, or taken something away from it. Where that was meant, \
             `strongroom-agent status --accept-history` takes what it shows now for right.",
        );
    }
    text
}
